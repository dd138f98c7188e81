/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing; removal shifts back, so there are no
 * tombstones. Used all over policy/; knows nothing of policies. */
#include "policy/table.h"

#include <errno.h>
#include <stdlib.h>

enum { CAP_MIN = 4 };

/* Any capacity will do, so that tables grow by half and not by all of it. */
static uint32_t home(uint32_t hash, uint32_t cap)
{
	return (uint32_t)((uint64_t)hash * cap >> 32);
}

static uint32_t next(uint32_t i, uint32_t cap)
{
	return i + 1 == cap ? 0 : i + 1;
}

/* How far behind from is to, going round? */
static uint32_t distance(uint32_t from, uint32_t to, uint32_t cap)
{
	return to >= from ? to - from : to + cap - from;
}

static bool is_full(uint32_t n, uint32_t cap)
{
	return ((uint64_t)n + 1) * 5 > (uint64_t)cap * 4;
}

static uint32_t larger(uint32_t cap)
{
	return cap ? cap + cap / 2 : CAP_MIN;
}

void *weir_table_find(const struct weir_table *t, uint32_t hash, weir_table_equal_fn equal,
		      const void *key)
{
	if (!t->cap)
		return NULL;
	for (uint32_t i = home(hash, t->cap); t->items[i]; i = next(i, t->cap)) {
		if (t->hashes[i] == hash && equal(t->items[i], key))
			return t->items[i];
	}
	return NULL;
}

static void place(struct weir_table *t, uint32_t hash, void *item)
{
	uint32_t i = home(hash, t->cap);

	while (t->items[i])
		i = next(i, t->cap);
	t->items[i] = item;
	t->hashes[i] = hash;
}

static int resize(struct weir_table *t, uint32_t cap)
{
	struct weir_table bigger = { .n = t->n, .cap = cap };

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
	if (is_full(t->n, t->cap) && resize(t, larger(t->cap)) < 0)
		return -ENOMEM;
	place(t, hash, item);
	t->n++;
	return 0;
}

void weir_table_remove(struct weir_table *t, uint32_t hash, const void *item)
{
	uint32_t cap = t->cap, hole, i;

	if (!cap)
		return;
	for (hole = home(hash, cap); t->items[hole] != item; hole = next(hole, cap)) {
		if (!t->items[hole])
			return;
	}
	for (i = next(hole, cap); t->items[i]; i = next(i, cap)) {
		if (distance(home(t->hashes[i], cap), i, cap) < distance(hole, i, cap))
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
	*t = (struct weir_table){ 0 };
}

static uint32_t slot_of(const struct weir_idmap *m, uint32_t id)
{
	uint32_t i = home(id * 0x9E3779B1u, m->cap);

	while (m->ids[i] && m->ids[i] != id)
		i = next(i, m->cap);
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
	struct weir_idmap bigger = { .n = m->n, .cap = cap };

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

	if (is_full(m->n, m->cap) && resize_ids(m, larger(m->cap)) < 0)
		return -ENOMEM;
	i = slot_of(m, id);
	m->n += !m->ids[i];
	m->ids[i] = id;
	m->values[i] = value;
	return 0;
}

void weir_idmap_unset(struct weir_idmap *m, uint32_t id)
{
	uint32_t hole, i;

	if (!m->cap)
		return;
	hole = slot_of(m, id);
	if (!m->ids[hole])
		return;
	m->n--;
	m->ids[hole] = 0;
	for (i = next(hole, m->cap); m->ids[i]; i = next(i, m->cap)) {
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
	*m = (struct weir_idmap){ 0 };
}
