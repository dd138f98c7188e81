/* SPDX-License-Identifier: Apache-2.0 */
/* The hash table of cluster.c: linear probing, removal by moving back. */
#include "daemon/cluster/registry.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#define SIZE_MIN 16

static uint64_t mix(uint64_t h, const void *p)
{
	h = (h ^ (uintptr_t)p) * 0x9e3779b97f4a7c15ull;
	return h ^ (h >> 32);
}

static size_t home(const struct weir_registry *t, struct weir_name key)
{
	return mix(mix(mix(0, key.a), key.b), key.c) & (t->size - 1);
}

static int same(struct weir_name x, struct weir_name y)
{
	return x.a == y.a && x.b == y.b && x.c == y.c;
}

/* The slot of the key, or the free one where it would go. */
static size_t slot_of(const struct weir_registry *t, struct weir_name key)
{
	size_t i = home(t, key);

	while (t->slots[i] && !same(t->key(t->slots[i]), key))
		i = (i + 1) & (t->size - 1);
	return i;
}

void *weir_registry_find(const struct weir_registry *t, struct weir_name key)
{
	return t->size ? t->slots[slot_of(t, key)] : NULL;
}

static int grow(struct weir_registry *t)
{
	struct weir_registry bigger = { .key = t->key, .n = t->n };

	if (t->size && (t->n + 1) * 4 <= t->size * 3)
		return 0;
	bigger.size = t->size ? t->size * 2 : SIZE_MIN;
	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < t->size; i++) {
		if (t->slots[i])
			bigger.slots[slot_of(&bigger, t->key(t->slots[i]))] = t->slots[i];
	}
	free(t->slots);
	*t = bigger;
	return 0;
}

int weir_registry_put(struct weir_registry *t, void *item, void **ret_old)
{
	size_t i;

	if (!weir_registry_find(t, t->key(item)) && grow(t) < 0)
		return -ENOMEM;
	i = slot_of(t, t->key(item));
	*ret_old = t->slots[i];
	t->n += !t->slots[i];
	t->slots[i] = item;
	return 0;
}

void *weir_registry_take(struct weir_registry *t, struct weir_name key)
{
	size_t hole, i, mask = t->size - 1;
	void *item = weir_registry_find(t, key);

	if (!item)
		return NULL;
	hole = slot_of(t, key);
	for (i = (hole + 1) & mask; t->slots[i]; i = (i + 1) & mask) {
		/* may it move back to the hole, that is: is its home not after the hole? */
		if (((i - home(t, t->key(t->slots[i]))) & mask) >= ((i - hole) & mask)) {
			t->slots[hole] = t->slots[i];
			hole = i;
		}
	}
	t->slots[hole] = NULL;
	t->n--;
	return item;
}

void *weir_registry_next(const struct weir_registry *t, size_t *i)
{
	while (*i < t->size) {
		void *item = t->slots[(*i)++];

		if (item)
			return item;
	}
	return NULL;
}

void weir_registry_clear(struct weir_registry *t)
{
	free(t->slots);
	*t = (struct weir_registry){ .key = t->key };
}
