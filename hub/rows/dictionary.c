/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words by number, and numbers by word. Words lie in blocks that never move,
 * so that the thread that stores reads without a lock what it was told of
 * while the one that receives adds.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/rows/row.h"
#include "weir/cleanup.h"

#define BLOCK	  1024u
#define BLOCKS	  (WEIR_DICTIONARY_MAX / BLOCK)
#define SLOTS_MIN 1024u

struct kind {
	struct weir_word **blocks[BLOCKS];
	uint32_t n;
	uint32_t *slots, *hashes; /* open addressing; number of the word, 0: free */
	uint32_t n_slots;
};

struct weir_dictionary {
	struct kind kinds[WEIR_WORD_KINDS];
	uint64_t id;
};

static uint32_t hash_of(const uint8_t *bytes, size_t len)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * 0x100000001b3ull;
	return (uint32_t)(h ^ h >> 32);
}

int weir_dictionary_new(struct weir_dictionary **ret)
{
	struct weir_dictionary *d = calloc(1, sizeof(*d));

	static _Atomic uint64_t made;

	if (!d)
		return -ENOMEM;
	d->id = ++made;
	*ret = d;
	return 0;
}

static void clear_kind(struct kind *k)
{
	for (uint32_t i = 0; i < k->n; i++)
		free(k->blocks[i / BLOCK][i % BLOCK]);
	for (uint32_t i = 0; i < BLOCKS; i++)
		free(k->blocks[i]);
	free(k->slots);
	free(k->hashes);
}

void weir_dictionary_free(struct weir_dictionary **d)
{
	if (!*d)
		return;
	for (int k = 0; k < WEIR_WORD_KINDS; k++)
		clear_kind(&(*d)->kinds[k]);
	free(weir_take(*d));
}

static struct weir_word *word(const struct kind *k, uint32_t number)
{
	return k->blocks[(number - 1) / BLOCK][(number - 1) % BLOCK];
}

const struct weir_word *weir_dictionary_get(const struct weir_dictionary *d,
					    enum weir_word_kind kind, uint32_t number)
{
	const struct kind *k = &d->kinds[kind];

	return number && number <= k->n ? word(k, number) : NULL;
}

uint64_t weir_dictionary_id(const struct weir_dictionary *d)
{
	return d->id;
}

uint32_t weir_dictionary_count(const struct weir_dictionary *d, enum weir_word_kind kind)
{
	return d->kinds[kind].n;
}

/* The slot of these bytes, or the free one where they belong. */
static uint32_t find(const struct kind *k, uint32_t hash, const uint8_t *bytes, size_t len)
{
	uint32_t i = hash & (k->n_slots - 1);

	for (; k->slots[i]; i = (i + 1) & (k->n_slots - 1)) {
		const struct weir_word *w = k->hashes[i] == hash ? word(k, k->slots[i]) : NULL;

		if (w && w->len == len && memcmp(w->bytes, bytes, len) == 0)
			break;
	}
	return i;
}

static int grow_slots(struct kind *k)
{
	uint32_t n = k->n_slots ? k->n_slots * 2 : SLOTS_MIN, at;
	uint32_t *slots = calloc(n, sizeof(*slots)), *hashes = calloc(n, sizeof(*hashes));

	if (!slots || !hashes) {
		free(slots);
		free(hashes);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < k->n_slots; i++) {
		if (!k->slots[i])
			continue;
		for (at = k->hashes[i] & (n - 1); slots[at]; at = (at + 1) & (n - 1))
			;
		slots[at] = k->slots[i];
		hashes[at] = k->hashes[i];
	}
	free(k->slots);
	free(k->hashes);
	k->slots = slots;
	k->hashes = hashes;
	k->n_slots = n;
	return 0;
}

static int append(struct kind *k, const uint8_t *bytes, size_t len)
{
	struct weir_word ***block = &k->blocks[k->n / BLOCK];
	struct weir_word *w;

	if (!*block)
		*block = calloc(BLOCK, sizeof(struct weir_word *));
	w = *block ? malloc(sizeof(*w) + len) : NULL;
	if (!w)
		return -ENOMEM;
	w->len = (uint32_t)len;
	memcpy(w->bytes, bytes, len);
	(*block)[k->n % BLOCK] = w;
	k->n++;
	return 0;
}

int weir_dictionary_add(struct weir_dictionary *d, enum weir_word_kind kind, const uint8_t *bytes,
			size_t len, uint32_t *ret)
{
	struct kind *k = &d->kinds[kind];
	uint32_t hash = hash_of(bytes, len), at;

	if (k->n >= k->n_slots / 2 && grow_slots(k) < 0)
		return -ENOMEM;
	at = find(k, hash, bytes, len);
	if (!k->slots[at]) {
		if (k->n == WEIR_DICTIONARY_MAX)
			return -ENOSPC;
		if (append(k, bytes, len) < 0)
			return -ENOMEM;
		k->slots[at] = k->n;
		k->hashes[at] = hash;
	}
	*ret = k->slots[at];
	return 0;
}
