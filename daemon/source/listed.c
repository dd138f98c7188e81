/* SPDX-License-Identifier: Apache-2.0 */
/* The names that a list has named so far: a set of interned words, so that the
 * sweep after it compares pointers. Called by kubernetes.c. */
#include <stdlib.h>

#include "daemon/source/kubernetes.h"
#include "weir/cleanup.h"

struct listed_name {
	const char *ns, *name; /* interned, with a reference each */
};

static struct weir_name key_of(const void *item)
{
	const struct listed_name *n = item;

	return (struct weir_name){ n->name, n->ns, NULL };
}

static void free_name(struct weir_listed *l, struct listed_name *n)
{
	weir_pool_put_string(l->pool, n->ns);
	weir_pool_put_string(l->pool, n->name);
	free(n);
}

void weir_listed_begin(struct weir_listed *l, struct weir_pool *pool)
{
	weir_listed_end(l);
	*l = (struct weir_listed){ .pool = pool, .names = { .key = key_of } };
}

void weir_listed_add(struct weir_listed *l, const char *ns, const char *name)
{
	struct listed_name *n;
	void *old = NULL;

	if (!l->pool || !name || !weir_pool_find(l->pool, name))
		return;
	n = malloc(sizeof(*n));
	if (!n) {
		l->failed = true;
		return;
	}
	n->ns = ns ? weir_pool_string(l->pool, ns) : NULL;
	n->name = weir_pool_string(l->pool, name);
	if (!n->name || !ns != !n->ns || weir_registry_put(&l->names, n, &old) < 0) {
		l->failed = true;
		free_name(l, n);
	}
	if (old)
		free_name(l, old);
}

bool weir_listed_has(const struct weir_listed *l, const char *ns, const char *name)
{
	struct weir_name key = { weir_pool_find(l->pool, name),
				 ns ? weir_pool_find(l->pool, ns) : NULL, NULL };

	return key.a && !ns == !key.b && weir_registry_find(&l->names, key);
}

bool weir_listed_failed(const struct weir_listed *l)
{
	return l->failed;
}

void weir_listed_end(struct weir_listed *l)
{
	struct listed_name *n;

	for (size_t i = 0; l->pool && (n = weir_registry_next(&l->names, &i));)
		free_name(l, n);
	weir_registry_clear(&l->names);
	*l = (struct weir_listed){ 0 };
}
