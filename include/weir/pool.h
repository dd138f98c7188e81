/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Interned strings, label sets and blocks: equal content, equal pointer, stored
 * once, counted. Ten thousand pods share the words of their labels, and a selector
 * compares pointers. Not thread-safe: one pool belongs to one owner.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir_pool;

int weir_pool_new(struct weir_pool **ret);
/* Frees the pool and whatever is still interned in it. */
void weir_pool_free(struct weir_pool **pool);

/* The one copy of these bytes (no NUL among them), with one more reference;
 * NULL when memory is short. */
const char *weir_pool_string_n(struct weir_pool *pool, const char *s, size_t len);
const char *weir_pool_string(struct weir_pool *pool, const char *s);
/* Another reference to a string that is already interned. NULL gives NULL. */
const char *weir_string_ref(const char *interned);
/* Drop one reference; NULL is fine. */
void weir_pool_put_string(struct weir_pool *pool, const char *interned);
/* The pointer if s is interned already, else NULL; takes no reference. */
const char *weir_pool_find(const struct weir_pool *pool, const char *s);

struct weir_label {
	const char *key;   /* interned */
	const char *value; /* interned */
};

/* An interned label set, sorted by the bytes of the keys, each key once. */
struct weir_labels {
	uint32_t refs;
	uint32_t n;
	uint32_t hash;
	struct weir_label items[];
};

/* The one set with these pairs (plain C strings, any order; of a key that
 * comes twice the last wins); one more reference. NULL when memory is short. */
struct weir_label_input {
	const char *key, *value;
};
const struct weir_labels *weir_pool_labels(struct weir_pool *pool,
					   const struct weir_label_input *pairs, size_t n);
const struct weir_labels *weir_labels_ref(const struct weir_labels *labels);
void weir_pool_put_labels(struct weir_pool *pool, const struct weir_labels *labels);
/* Value of an interned key (compared by pointer), NULL when absent. */
const char *weir_labels_get(const struct weir_labels *labels, const char *interned_key);

/* The one copy of these bytes, aligned as malloc does, with one more reference;
 * NULL when memory is short. Padding counts: let it be zero. *ret_new: there was
 * none before. */
const void *weir_pool_block(struct weir_pool *pool, const void *bytes, size_t len, bool *ret_new);
const void *weir_block_ref(const void *block);
/* last is told before the last reference goes: what is in it may be interned, too. */
void weir_pool_put_block(struct weir_pool *pool, const void *block,
			 void (*last)(struct weir_pool *pool, const void *block));

size_t weir_pool_bytes(const struct weir_pool *pool);
