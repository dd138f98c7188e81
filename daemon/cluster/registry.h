/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A set of objects found by their name. Names are interned, so that a key is
 * three pointers. Open addressing: one pointer for each object and a third
 * more; the objects themselves know nothing of it.
 */
#include <stddef.h>

struct weir_name {
	const void *a, *b, *c; /* interned; unused ones are NULL */
};

struct weir_registry {
	struct weir_name (*key)(const void *item); /* set by the owner */
	void **slots;
	size_t n, size;
};

void *weir_registry_find(const struct weir_registry *t, struct weir_name key);
/* Puts item in place of one with the same key, which becomes *ret_old (or
 * NULL). -ENOMEM changes nothing, and never comes where one is replaced. */
int weir_registry_put(struct weir_registry *t, void *item, void **ret_old);
/* Takes it out; NULL when there is none. */
void *weir_registry_take(struct weir_registry *t, struct weir_name key);
/* Iterate: for (i = 0; (item = weir_registry_next(t, &i));) */
void *weir_registry_next(const struct weir_registry *t, size_t *i);
/* Frees the slots, not the items. */
void weir_registry_clear(struct weir_registry *t);
