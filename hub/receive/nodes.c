/* SPDX-License-Identifier: Apache-2.0 */
/* Two sorted arrays over the same nodes: by cluster and name, and by key. Under
 * the lock of the registry; used by it alone. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/receive/internal.h"
#include "weir/cleanup.h"

static int order_names(const struct weir_link_node *n, const char *cluster, const char *node)
{
	int order = strcmp(n->state.cluster, cluster);

	return order ? order : strcmp(n->state.node, node);
}

static int order(const struct weir_link_node *n, const char *cluster, const char *name)
{
	return cluster ? order_names(n, cluster, name) : strcmp(n->state.key, name);
}

/* The first that is not below; cluster NULL: name is a key. */
static size_t place(struct weir_link_node *const *items, size_t n, const char *cluster,
		    const char *name)
{
	size_t low = 0, high = n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (order(items[mid], cluster, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct weir_link_node *weir_nodes_by_key(const struct weir_nodes *t, const char *key)
{
	size_t at = place(t->by_key, t->n_keys, NULL, key);

	return at < t->n_keys && order(t->by_key[at], NULL, key) == 0 ? t->by_key[at] : NULL;
}

struct weir_link_node *weir_nodes_by_name(const struct weir_nodes *t, const char *cluster,
					  const char *node)
{
	size_t at = place(t->by_name, t->n, cluster, node);

	return at < t->n && order(t->by_name[at], cluster, node) == 0 ? t->by_name[at] : NULL;
}

static void insert(struct weir_link_node **items, size_t n, size_t at, struct weir_link_node *node)
{
	memmove(items + at + 1, items + at, (n - at) * sizeof(struct weir_link_node *));
	items[at] = node;
}

int weir_nodes_add(struct weir_nodes *t, const char *cluster, const char *node,
		   struct weir_link_node **ret)
{
	struct weir_link_node *n;
	void *names, *keys;

	if (t->n >= t->max)
		return -ENOSPC;
	names = realloc(t->by_name, (t->n + 1) * sizeof(struct weir_link_node *));
	if (names)
		t->by_name = names;
	keys = realloc(t->by_key, (t->n + 1) * sizeof(struct weir_link_node *));
	if (keys)
		t->by_key = keys;
	n = names && keys ? calloc(1, sizeof(*n)) : NULL;
	if (!n)
		return -ENOMEM;
	strncpy(n->state.cluster, cluster, sizeof(n->state.cluster) - 1);
	strncpy(n->state.node, node, sizeof(n->state.node) - 1);
	n->session.peer.fd = -1;
	insert(t->by_name, t->n, place(t->by_name, t->n, cluster, node), n);
	t->n++;
	*ret = n;
	return 0;
}

void weir_nodes_set_key(struct weir_nodes *t, struct weir_link_node *n, const char *key)
{
	size_t at;

	if (weir_nodes_by_key(t, n->state.key) == n) {
		at = place(t->by_key, t->n_keys--, NULL, n->state.key);
		memmove(t->by_key + at, t->by_key + at + 1,
			(t->n_keys - at) * sizeof(struct weir_link_node *));
	}
	if (!key)
		return; /* the name of the key stays, for people */
	memcpy(n->state.key, key, sizeof(n->state.key));
	insert(t->by_key, t->n_keys, place(t->by_key, t->n_keys, NULL, key), n);
	t->n_keys++;
}

void weir_nodes_clear(struct weir_nodes *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->by_name[i]);
	free(t->by_name);
	free(t->by_key);
	*t = (struct weir_nodes){ 0 };
}
