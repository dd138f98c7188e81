/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A path-compressed binary trie over prefixes of both families. Nodes are
 * members of the caller's structures; the trie allocates only the nodes
 * between them ("glue"), which callers skip.
 */
#include <stdbool.h>

#include "weir/addr.h"

struct weir_trie_node {
	struct weir_prefix key;
	bool glue;
	struct weir_trie_node *child[2];
};

struct weir_trie {
	struct weir_trie_node *root[2]; /* IPv4, IPv6 */
};

/* The node with exactly this key, or NULL. */
struct weir_trie_node *weir_trie_find(const struct weir_trie *t, const struct weir_prefix *key);
/* node->key is set and not in the trie yet. */
int weir_trie_insert(struct weir_trie *t, struct weir_trie_node *node);
/* -ENOMEM (a node with two children leaves glue): it is still in there. */
int weir_trie_remove(struct weir_trie *t, struct weir_trie_node *node);
/* The nodes that cover key, from the widest on (glue among them):
 * for (n = weir_trie_widest(t, key); n; n = weir_trie_narrower(n, key)) */
struct weir_trie_node *weir_trie_widest(const struct weir_trie *t, const struct weir_prefix *key);
struct weir_trie_node *weir_trie_narrower(const struct weir_trie_node *n,
					  const struct weir_prefix *key);
/* Calls fn for each node within key, in ascending order; ends at non-zero. */
int weir_trie_walk(const struct weir_trie *t, const struct weir_prefix *key,
		   int (*fn)(void *data, struct weir_trie_node *node), void *data);
/* Frees the glue, and hands the nodes to free_node. */
void weir_trie_clear(struct weir_trie *t, void (*free_node)(struct weir_trie_node *node));
