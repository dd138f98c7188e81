/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries that thousands of records of a batch share, stored once. The bytes
 * are the encoder's; nothing here knows what they mean.
 */
#include "lib/wire/intern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ENTRIES 256u
#define FIRST_BYTES   4096u

static uint32_t hash_bytes(const uint8_t *p, size_t len)
{
	uint64_t h = 0x9e3779b97f4a7c15ull ^ len, word;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		h = (h ^ word) * 0xff51afd7ed558ccdull;
		h ^= h >> 32;
	}
	word = 0;
	memcpy(&word, p, len);
	h = (h ^ word) * 0xc4ceb9fe1a85ec53ull;
	return (uint32_t)(h ^ h >> 29);
}

static uint32_t start_of(const struct weir_intern *t, uint32_t id)
{
	return id ? t->ends[id - 1] : 0;
}

static int grow_bytes(struct weir_intern *t, size_t len)
{
	size_t size = t->size ? t->size : FIRST_BYTES;
	uint8_t *bytes;

	if (len > UINT32_MAX / 2 - t->len)
		return -ENOMEM;
	while (size < t->len + len)
		size *= 2;
	if (size == t->size)
		return 0;
	bytes = realloc(t->bytes, size);
	if (!bytes)
		return -ENOMEM;
	t->bytes = bytes;
	t->size = size;
	return 0;
}

static void put_slot(uint32_t *slots, uint32_t n_slots, uint32_t hash, uint32_t id)
{
	uint32_t i = hash & (n_slots - 1);

	while (slots[i])
		i = (i + 1) & (n_slots - 1);
	slots[i] = id + 1;
}

static int grow_entries(struct weir_intern *t)
{
	uint32_t max = t->max ? t->max * 2 : FIRST_ENTRIES;
	uint32_t *ends, *hashes, *slots;

	if (t->n < t->max)
		return 0;
	ends = realloc(t->ends, max * sizeof(*ends));
	if (!ends)
		return -ENOMEM;
	t->ends = ends;
	hashes = realloc(t->hashes, max * sizeof(*hashes));
	if (!hashes)
		return -ENOMEM;
	t->hashes = hashes;
	slots = calloc(max * 2, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (uint32_t id = 0; id < t->n; id++)
		put_slot(slots, max * 2, hashes[id], id);
	free(t->slots);
	t->slots = slots;
	t->n_slots = max * 2;
	t->max = max;
	return 0;
}

static int find(const struct weir_intern *t, const void *bytes, size_t len, uint32_t hash,
		uint32_t *ret_id)
{
	uint32_t mask = t->n_slots - 1, start, id;

	for (uint32_t i = hash & mask; t->n_slots && t->slots[i]; i = (i + 1) & mask) {
		id = t->slots[i] - 1;
		start = start_of(t, id);
		if (t->hashes[id] != hash || t->ends[id] - start != len ||
		    memcmp(t->bytes + start, bytes, len) != 0)
			continue;
		*ret_id = id;
		return 0;
	}
	return -ENOENT;
}

int weir_intern_add(struct weir_intern *t, const void *bytes, size_t len, uint32_t *ret_id)
{
	uint32_t hash = hash_bytes(bytes, len);

	if (find(t, bytes, len, hash, ret_id) == 0)
		return 0;
	if (grow_entries(t) < 0 || grow_bytes(t, len) < 0)
		return -ENOMEM;
	memcpy(t->bytes + t->len, bytes, len);
	t->len += len;
	t->ends[t->n] = (uint32_t)t->len;
	t->hashes[t->n] = hash;
	put_slot(t->slots, t->n_slots, hash, t->n);
	*ret_id = t->n++;
	return 0;
}

void weir_intern_reset(struct weir_intern *t)
{
	if (t->n)
		memset(t->slots, 0, t->n_slots * sizeof(*t->slots));
	t->n = 0;
	t->len = 0;
}

void weir_intern_free(struct weir_intern *t)
{
	free(t->bytes);
	free(t->ends);
	free(t->hashes);
	free(t->slots);
	*t = (struct weir_intern){ 0 };
}
