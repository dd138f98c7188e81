/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing; removal shifts back, so there are no
 * tombstones. Used all over policy/; knows nothing of policies. */
#include "policy/table.h"

#include <errno.h>
#include <stdlib.h>

void *weir_table_find(const struct weir_table *t, uint32_t hash, weir_table_equal_fn equal,
		      const void *key)
{
	uint32_t mask = t->cap - 1;

	if (!t->cap)
		return NULL;
	for (uint32_t i = hash & mask; t->items[i]; i = (i + 1) & mask) {
		if (t->hashes[i] == hash && equal(t->items[i], key))
			return t->items[i];
	}
	return NULL;
}

static void place(struct weir_table *t, uint32_t hash, void *item)
{
	uint32_t mask = t->cap - 1, i = hash & mask;

	while (t->items[i])
		i = (i + 1) & mask;
	t->items[i] = item;
	t->hashes[i] = hash;
}

static int resize(struct weir_table *t, uint32_t cap)
{
	struct weir_table bigger = {.n = t->n, .cap = cap};

	bigger.items = calloc(cap, sizeof(*bigger.items) + sizeof(*bigger.hashes));
	if (!bigger.items)
		return -ENOMEM;
	bigger.hashes = (uint32_t *)(bigger.items + cap);
	for (uint32_t i = 0; i < t->cap; i++) {
		if (t->items[i])
			place(&bigger, t->hashes[i], t->items[i]);
	}
	free(t->items);
	*t = bigger;
	return 0;
}

int weir_table_add(struct weir_table *t, uint32_t hash, void *item)
{
	if ((t->n + 1) * 4 > t->cap * 3 && resize(t, t->cap ? t->cap * 2 : 4) < 0)
		return -ENOMEM;
	place(t, hash, item);
	t->n++;
	return 0;
}

void weir_table_remove(struct weir_table *t, uint32_t hash, const void *item)
{
	uint32_t mask = t->cap - 1, hole, i;

	if (!t->cap)
		return;
	for (hole = hash & mask; t->items[hole] != item; hole = (hole + 1) & mask) {
		if (!t->items[hole])
			return;
	}
	for (i = (hole + 1) & mask; t->items[i]; i = (i + 1) & mask) {
		if (((i - (t->hashes[i] & mask)) & mask) < ((i - hole) & mask))
			continue;
		t->items[hole] = t->items[i];
		t->hashes[hole] = t->hashes[i];
		hole = i;
	}
	t->items[hole] = NULL;
	t->n--;
}

void *weir_table_next(const struct weir_table *t, uint32_t *i)
{
	while (*i < t->cap) {
		void *item = t->items[(*i)++];

		if (item)
			return item;
	}
	return NULL;
}

void weir_table_free(struct weir_table *t)
{
	free(t->items);
	*t = (struct weir_table){0};
}

static uint32_t slot_of(const struct weir_idmap *m, uint32_t id)
{
	uint32_t mask = m->cap - 1, i = (id * 0x9E3779B1u) >> 7 & mask;

	while (m->ids[i] && m->ids[i] != id)
		i = (i + 1) & mask;
	return i;
}

void *weir_idmap_get(const struct weir_idmap *m, uint32_t id)
{
	uint32_t i;

	if (!m->cap)
		return NULL;
	i = slot_of(m, id);
	return m->ids[i] ? m->values[i] : NULL;
}

static int resize_ids(struct weir_idmap *m, uint32_t cap)
{
	struct weir_idmap bigger = {.n = m->n, .cap = cap};

	bigger.values = calloc(cap, sizeof(*bigger.values) + sizeof(*bigger.ids));
	if (!bigger.values)
		return -ENOMEM;
	bigger.ids = (uint32_t *)(bigger.values + cap);
	for (uint32_t i = 0; i < m->cap; i++) {
		uint32_t j;

		if (!m->ids[i])
			continue;
		j = slot_of(&bigger, m->ids[i]);
		bigger.ids[j] = m->ids[i];
		bigger.values[j] = m->values[i];
	}
	free(m->values);
	*m = bigger;
	return 0;
}

int weir_idmap_set(struct weir_idmap *m, uint32_t id, void *value)
{
	uint32_t i;

	if ((m->n + 1) * 4 > m->cap * 3 && resize_ids(m, m->cap ? m->cap * 2 : 4) < 0)
		return -ENOMEM;
	i = slot_of(m, id);
	m->n += !m->ids[i];
	m->ids[i] = id;
	m->values[i] = value;
	return 0;
}

void weir_idmap_unset(struct weir_idmap *m, uint32_t id)
{
	uint32_t mask = m->cap - 1, hole, i;

	if (!m->cap)
		return;
	hole = slot_of(m, id);
	if (!m->ids[hole])
		return;
	m->n--;
	m->ids[hole] = 0;
	for (i = (hole + 1) & mask; m->ids[i]; i = (i + 1) & mask) {
		uint32_t moved = m->ids[i], j;

		m->ids[i] = 0;
		j = slot_of(m, moved);
		m->ids[j] = moved;
		m->values[j] = m->values[i];
	}
}

void weir_idmap_free(struct weir_idmap *m)
{
	free(m->values);
	*m = (struct weir_idmap){0};
}
