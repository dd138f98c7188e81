/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A set of objects found by their name. Names are interned, so that a key is
 * three pointers. Open addressing: one pointer for each object and a third
 * more; the objects themselves know nothing of it.
 */
#include <stddef.h>

struct weir_key {
	const void *a, *b, *c; /* interned; unused ones are NULL */
};

struct weir_table {
	struct weir_key (*key)(const void *item); /* set by the owner */
	void **slots;
	size_t n, size;
};

void *weir_table_find(const struct weir_table *t, struct weir_key key);
/* Puts item in place of one with the same key, which becomes *ret_old (or
 * NULL). -ENOMEM changes nothing. */
int weir_table_put(struct weir_table *t, void *item, void **ret_old);
/* Takes it out; NULL when there is none. */
void *weir_table_take(struct weir_table *t, struct weir_key key);
/* Iterate: for (i = 0; (item = weir_table_next(t, &i));) */
void *weir_table_next(const struct weir_table *t, size_t *i);
/* Frees the slots, not the items. */
void weir_table_clear(struct weir_table *t);
