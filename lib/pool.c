/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interned strings and label sets. Both live in one kind of open-addressing
 * table (linear probing, deletion by shifting back, so no tombstones); the
 * count of references stands in front of the bytes.
 */
#include "weir/pool.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

struct string {
	uint32_t refs;
	uint32_t hash;
	char text[];
};

struct block {
	uint32_t refs;
	uint32_t hash;
	size_t len;
	max_align_t bytes[];
};

struct table {
	void **slots;
	uint32_t size; /* a power of two, or 0 */
	uint32_t used;
	uint32_t (*hash)(const void *entry);
};

struct weir_pool {
	struct table strings, labels, blocks;
	size_t bytes;
};

#define TABLE_MIN 64

static struct string *string_of(const char *interned)
{
	return (struct string *)(void *)((char *)(uintptr_t)interned -
					 offsetof(struct string, text));
}

static uint32_t hash_bytes(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t h = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 16777619u;
	return h ^ (h >> 15);
}

static uint32_t string_hash(const void *entry)
{
	return ((const struct string *)entry)->hash;
}

static uint32_t labels_hash(const void *entry)
{
	return ((const struct weir_labels *)entry)->hash;
}

static uint32_t block_hash(const void *entry)
{
	return ((const struct block *)entry)->hash;
}

static int table_grow(struct table *t)
{
	uint32_t size = t->size ? t->size * 2 : TABLE_MIN;
	void **slots = calloc(size, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->size; i++) {
		uint32_t at;

		if (!t->slots[i])
			continue;
		at = t->hash(t->slots[i]) & (size - 1);
		while (slots[at])
			at = (at + 1) & (size - 1);
		slots[at] = t->slots[i];
	}
	free(t->slots);
	t->slots = slots;
	t->size = size;
	return 0;
}

static int table_insert(struct table *t, void *entry)
{
	uint32_t at;

	if ((t->used + 1) * 4 > t->size * 3 && table_grow(t) < 0)
		return -ENOMEM;
	at = t->hash(entry) & (t->size - 1);
	while (t->slots[at])
		at = (at + 1) & (t->size - 1);
	t->slots[at] = entry;
	t->used++;
	return 0;
}

/* Close the gap at hole: move back whatever would not be found any more. */
static void table_close_gap(struct table *t, uint32_t hole)
{
	uint32_t mask = t->size - 1;

	for (uint32_t i = (hole + 1) & mask; t->slots[i]; i = (i + 1) & mask) {
		uint32_t home = t->hash(t->slots[i]) & mask;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		t->slots[hole] = t->slots[i];
		hole = i;
	}
	t->slots[hole] = NULL;
}

static void table_remove(struct table *t, const void *entry)
{
	uint32_t at = t->hash(entry) & (t->size - 1);

	while (t->slots[at] != entry)
		at = (at + 1) & (t->size - 1);
	table_close_gap(t, at);
	t->used--;
}

static void table_clear(struct table *t)
{
	for (uint32_t i = 0; i < t->size; i++)
		free(t->slots[i]);
	free(t->slots);
}

int weir_pool_new(struct weir_pool **ret)
{
	struct weir_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return -ENOMEM;
	pool->strings.hash = string_hash;
	pool->labels.hash = labels_hash;
	pool->blocks.hash = block_hash;
	*ret = pool;
	return 0;
}

void weir_pool_free(struct weir_pool **pool)
{
	if (!*pool)
		return;
	table_clear(&(*pool)->strings);
	table_clear(&(*pool)->labels);
	table_clear(&(*pool)->blocks);
	free(*pool);
	*pool = NULL;
}

size_t weir_pool_bytes(const struct weir_pool *pool)
{
	return pool->bytes +
	       (pool->strings.size + pool->labels.size + pool->blocks.size) * sizeof(void *);
}

/* --- strings -------------------------------------------------------------- */

static struct string *find_string(const struct weir_pool *pool, const char *s, size_t len,
				  uint32_t hash)
{
	const struct table *t = &pool->strings;

	if (!t->size)
		return NULL;
	for (uint32_t i = hash & (t->size - 1); t->slots[i]; i = (i + 1) & (t->size - 1)) {
		struct string *e = t->slots[i];

		if (e->hash == hash && strncmp(e->text, s, len) == 0 && !e->text[len])
			return e;
	}
	return NULL;
}

const char *weir_pool_string_n(struct weir_pool *pool, const char *s, size_t len)
{
	uint32_t hash = hash_bytes(s, len);
	struct string *e = find_string(pool, s, len, hash);

	if (e) {
		e->refs++;
		return e->text;
	}
	e = malloc(sizeof(*e) + len + 1);
	if (!e)
		return NULL;
	e->refs = 1;
	e->hash = hash;
	memcpy(e->text, s, len);
	e->text[len] = 0;
	if (table_insert(&pool->strings, e) < 0) {
		free(e);
		return NULL;
	}
	pool->bytes += sizeof(*e) + len + 1;
	return e->text;
}

const char *weir_pool_string(struct weir_pool *pool, const char *s)
{
	return weir_pool_string_n(pool, s, strlen(s));
}

const char *weir_string_ref(const char *interned)
{
	if (interned)
		string_of(interned)->refs++;
	return interned;
}

void weir_pool_put_string(struct weir_pool *pool, const char *interned)
{
	struct string *e;

	if (!interned)
		return;
	e = string_of(interned);
	if (--e->refs)
		return;
	table_remove(&pool->strings, e);
	pool->bytes -= sizeof(*e) + strlen(e->text) + 1;
	free(e);
}

const char *weir_pool_find(const struct weir_pool *pool, const char *s)
{
	size_t len = strlen(s);
	struct string *e = find_string(pool, s, len, hash_bytes(s, len));

	return e ? e->text : NULL;
}

/* --- label sets ----------------------------------------------------------- */

static int compare_keys(const void *a, const void *b)
{
	const struct weir_label *x = a, *y = b;

	return strcmp(x->key, y->key);
}

static void put_items(struct weir_pool *pool, struct weir_labels *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		weir_pool_put_string(pool, l->items[i].key);
		weir_pool_put_string(pool, l->items[i].value);
	}
}

/* The value of a key that is there already is replaced. */
static bool replace_value(struct weir_pool *pool, struct weir_labels *l, const char *key,
			  const char *value)
{
	for (uint32_t i = 0; i < l->n; i++) {
		if (l->items[i].key != key)
			continue;
		weir_pool_put_string(pool, key);
		weir_pool_put_string(pool, l->items[i].value);
		l->items[i].value = value;
		return true;
	}
	return false;
}

static int intern_items(struct weir_pool *pool, const struct weir_label_input *pairs, size_t n,
			struct weir_labels *l)
{
	for (size_t i = 0; i < n; i++) {
		const char *key = weir_pool_string(pool, pairs[i].key);
		const char *value = weir_pool_string(pool, pairs[i].value);

		if (!key || !value) {
			weir_pool_put_string(pool, key);
			weir_pool_put_string(pool, value);
			return -ENOMEM;
		}
		if (!replace_value(pool, l, key, value))
			l->items[l->n++] = (struct weir_label){ key, value };
	}
	qsort(l->items, l->n, sizeof(l->items[0]), compare_keys);
	l->hash = 2166136261u;
	for (uint32_t i = 0; i < l->n; i++) {
		l->hash = (l->hash ^ string_of(l->items[i].key)->hash) * 16777619u;
		l->hash = (l->hash ^ string_of(l->items[i].value)->hash) * 16777619u;
	}
	l->hash ^= l->hash >> 15;
	return 0;
}

static struct weir_labels *find_labels(const struct weir_pool *pool, const struct weir_labels *like)
{
	const struct table *t = &pool->labels;

	if (!t->size)
		return NULL;
	for (uint32_t i = like->hash & (t->size - 1); t->slots[i]; i = (i + 1) & (t->size - 1)) {
		struct weir_labels *l = t->slots[i];

		if (l->hash == like->hash && l->n == like->n &&
		    memcmp(l->items, like->items, l->n * sizeof(l->items[0])) == 0)
			return l;
	}
	return NULL;
}

const struct weir_labels *weir_pool_labels(struct weir_pool *pool,
					   const struct weir_label_input *pairs, size_t n)
{
	struct weir_labels *there, *l = malloc(sizeof(*l) + n * sizeof(l->items[0]));

	if (!l)
		return NULL;
	*l = (struct weir_labels){ .refs = 1 };
	if (intern_items(pool, pairs, n, l) < 0)
		goto fail;
	there = find_labels(pool, l);
	if (there) {
		put_items(pool, l);
		free(l);
		there->refs++;
		return there;
	}
	if (table_insert(&pool->labels, l) < 0)
		goto fail;
	pool->bytes += sizeof(*l) + l->n * sizeof(l->items[0]);
	return l;
fail:
	put_items(pool, l);
	free(l);
	return NULL;
}

const struct weir_labels *weir_labels_ref(const struct weir_labels *labels)
{
	if (labels)
		((struct weir_labels *)(uintptr_t)labels)->refs++;
	return labels;
}

void weir_pool_put_labels(struct weir_pool *pool, const struct weir_labels *labels)
{
	struct weir_labels *l = (struct weir_labels *)(uintptr_t)labels;

	if (!l || --l->refs)
		return;
	table_remove(&pool->labels, l);
	pool->bytes -= sizeof(*l) + l->n * sizeof(l->items[0]);
	put_items(pool, l);
	free(l);
}

const char *weir_labels_get(const struct weir_labels *labels, const char *interned_key)
{
	for (uint32_t i = 0; labels && i < labels->n; i++)
		if (labels->items[i].key == interned_key)
			return labels->items[i].value;
	return NULL;
}

/* --- blocks --------------------------------------------------------------- */

static struct block *block_of(const void *bytes)
{
	return (struct block *)(void *)((char *)(uintptr_t)bytes - offsetof(struct block, bytes));
}

static struct block *find_block(const struct weir_pool *pool, const void *bytes, size_t len,
				uint32_t hash)
{
	const struct table *t = &pool->blocks;

	if (!t->size)
		return NULL;
	for (uint32_t i = hash & (t->size - 1); t->slots[i]; i = (i + 1) & (t->size - 1)) {
		struct block *b = t->slots[i];

		if (b->hash == hash && b->len == len && memcmp(b->bytes, bytes, len) == 0)
			return b;
	}
	return NULL;
}

const void *weir_pool_block(struct weir_pool *pool, const void *bytes, size_t len, bool *ret_new)
{
	uint32_t hash = hash_bytes(bytes, len);
	struct block *b = find_block(pool, bytes, len, hash);

	*ret_new = !b;
	if (b) {
		b->refs++;
		return b->bytes;
	}
	b = malloc(sizeof(*b) + len);
	if (!b)
		return NULL;
	*b = (struct block){ .refs = 1, .hash = hash, .len = len };
	memcpy(b->bytes, bytes, len);
	if (table_insert(&pool->blocks, b) < 0) {
		free(b);
		return NULL;
	}
	pool->bytes += sizeof(*b) + len;
	return b->bytes;
}

const void *weir_block_ref(const void *block)
{
	if (block)
		block_of(block)->refs++;
	return block;
}

void weir_pool_put_block(struct weir_pool *pool, const void *block,
			 void (*last)(struct weir_pool *pool, const void *block))
{
	struct block *b;

	if (!block)
		return;
	b = block_of(block);
	if (--b->refs)
		return;
	table_remove(&pool->blocks, b);
	pool->bytes -= sizeof(*b) + b->len;
	if (last)
		last(pool, block);
	free(b);
}
