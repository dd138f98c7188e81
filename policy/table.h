/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Open-addressing hash table of pointers with their 32-bit hashes: 12 bytes a
 * slot, no links in the items. Zeroed memory is an empty one. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir_table {
	void **items;
	uint32_t *hashes;
	uint32_t n, cap;
};

typedef bool (*weir_table_equal_fn)(const void *item, const void *key);

void *weir_table_find(const struct weir_table *t, uint32_t hash, weir_table_equal_fn equal,
		      const void *key);
int weir_table_add(struct weir_table *t, uint32_t hash, void *item);
void weir_table_remove(struct weir_table *t, uint32_t hash, const void *item);
void weir_table_free(struct weir_table *t);
/* All items, in no order: for (i = 0; (p = weir_table_next(t, &i));) */
void *weir_table_next(const struct weir_table *t, uint32_t *i);

static inline uint32_t weir_hash_add(uint32_t hash, uint64_t value)
{
	uint64_t h = (value ^ hash) * 0x9E3779B97F4A7C15ull;

	h ^= h >> 29;
	h *= 0xBF58476D1CE4E5B9ull;
	return (uint32_t)(h >> 32);
}

static inline uint32_t weir_hash_pointer(uint32_t hash, const void *p)
{
	return weir_hash_add(hash, (uintptr_t)p);
}

/* number -> pointer, the same way; 0 is no key */
struct weir_idmap {
	uint32_t *ids;
	void **values;
	uint32_t n, cap;
};

void *weir_idmap_get(const struct weir_idmap *m, uint32_t id);
int weir_idmap_set(struct weir_idmap *m, uint32_t id, void *value);
void weir_idmap_unset(struct weir_idmap *m, uint32_t id);
void weir_idmap_free(struct weir_idmap *m);
