/* SPDX-License-Identifier: Apache-2.0 */
/* Prefixes: which ones cover an address. Holds the prefixes that policies name. */
#include "policy/trie.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static unsigned root_of(const struct weir_prefix *p)
{
	return p->addr.family == AF_INET6;
}

static unsigned bit_at(const struct weir_prefix *p, unsigned i)
{
	return p->addr.bytes[i / 8] >> (7 - i % 8) & 1;
}

static uint64_t half(const struct weir_prefix *p, unsigned i)
{
	uint64_t v;

	memcpy(&v, p->addr.bytes + 8 * i, sizeof(v));
	return be64toh(v);
}

/* How many leading bits the two have in common, at most the shorter length. */
static unsigned common_bits(const struct weir_prefix *a, const struct weir_prefix *b)
{
	unsigned most = a->len < b->len ? a->len : b->len, n;
	uint64_t x = half(a, 0) ^ half(b, 0);

	if (x) {
		n = (unsigned)__builtin_clzll(x);
	} else {
		x = half(a, 1) ^ half(b, 1);
		n = x ? 64 + (unsigned)__builtin_clzll(x) : 128;
	}
	return n < most ? n : most;
}

static bool covers(const struct weir_trie_node *n, const struct weir_prefix *key)
{
	return n->key.len <= key->len && common_bits(&n->key, key) == n->key.len;
}

struct weir_trie_node *weir_trie_widest(const struct weir_trie *t, const struct weir_prefix *key)
{
	struct weir_trie_node *n = t->root[root_of(key)];

	return n && covers(n, key) ? n : NULL;
}

struct weir_trie_node *weir_trie_narrower(const struct weir_trie_node *n,
					  const struct weir_prefix *key)
{
	struct weir_trie_node *next;

	if (n->key.len >= key->len)
		return NULL;
	next = n->child[bit_at(key, n->key.len)];
	return next && covers(next, key) ? next : NULL;
}

struct weir_trie_node *weir_trie_find(const struct weir_trie *t, const struct weir_prefix *key)
{
	struct weir_trie_node *n = weir_trie_widest(t, key);

	while (n && n->key.len < key->len)
		n = weir_trie_narrower(n, key);
	return n && !n->glue ? n : NULL;
}

static struct weir_trie_node *glue_new(const struct weir_prefix *key, unsigned len)
{
	struct weir_trie_node *g = calloc(1, sizeof(*g));

	if (g) {
		g->key = weir_prefix_of(&key->addr, (uint8_t)len);
		g->glue = true;
	}
	return g;
}

/* node goes to *at, above or beside what is there. */
static int split(struct weir_trie_node **at, struct weir_trie_node *node, unsigned common)
{
	struct weir_trie_node *old = *at, *g;

	if (common == node->key.len) {
		node->child[bit_at(&old->key, common)] = old;
		*at = node;
		return 0;
	}
	g = glue_new(&node->key, common);
	if (!g)
		return -ENOMEM;
	g->child[bit_at(&old->key, common)] = old;
	g->child[bit_at(&node->key, common)] = node;
	*at = g;
	return 0;
}

int weir_trie_insert(struct weir_trie *t, struct weir_trie_node *node)
{
	struct weir_trie_node **at = &t->root[root_of(&node->key)];

	node->glue = false;
	node->child[0] = node->child[1] = NULL;
	while (*at) {
		struct weir_trie_node *n = *at;
		unsigned common = common_bits(&n->key, &node->key);

		if (common < n->key.len)
			return split(at, node, common);
		if (n->key.len == node->key.len) { /* glue at its place */
			memcpy(node->child, n->child, sizeof(node->child));
			free(n);
			break;
		}
		at = &n->child[bit_at(&node->key, n->key.len)];
	}
	*at = node;
	return 0;
}

/* A glue node with fewer than two children is not needed. */
static void shrink(struct weir_trie_node **at)
{
	struct weir_trie_node *n = *at;

	if (!n || !n->glue || (n->child[0] && n->child[1]))
		return;
	*at = n->child[0] ? n->child[0] : n->child[1];
	free(n);
}

int weir_trie_remove(struct weir_trie *t, struct weir_trie_node *node)
{
	struct weir_trie_node **at = &t->root[root_of(&node->key)], **above = NULL;

	while (*at && *at != node) {
		above = at;
		at = &(*at)->child[bit_at(&node->key, (*at)->key.len)];
	}
	if (!*at)
		return 0;
	if (node->child[0] && node->child[1]) {
		struct weir_trie_node *g = glue_new(&node->key, node->key.len);

		if (!g)
			return -ENOMEM;
		memcpy(g->child, node->child, sizeof(g->child));
		*at = g;
		return 0;
	}
	*at = node->child[0] ? node->child[0] : node->child[1];
	if (above)
		shrink(above);
	return 0;
}

static int walk(struct weir_trie_node *n, int (*fn)(void *, struct weir_trie_node *), void *data)
{
	int r = 0;

	while (n && !r) {
		struct weir_trie_node *right = n->child[1];

		if (!n->glue)
			r = fn(data, n);
		if (!r && n->child[0])
			r = walk(n->child[0], fn, data);
		n = right;
	}
	return r;
}

int weir_trie_walk(const struct weir_trie *t, const struct weir_prefix *key,
		   int (*fn)(void *data, struct weir_trie_node *node), void *data)
{
	struct weir_trie_node *n = t->root[root_of(key)];

	while (n && n->key.len < key->len) {
		if (!covers(n, key))
			return 0;
		n = n->child[bit_at(key, n->key.len)];
	}
	if (!n || common_bits(&n->key, key) < key->len)
		return 0;
	return walk(n, fn, data);
}

static void clear(struct weir_trie_node *n, void (*free_node)(struct weir_trie_node *node))
{
	if (!n)
		return;
	clear(n->child[0], free_node);
	clear(n->child[1], free_node);
	if (n->glue)
		free(n);
	else
		free_node(n);
}

void weir_trie_clear(struct weir_trie *t, void (*free_node)(struct weir_trie_node *node))
{
	clear(t->root[0], free_node);
	clear(t->root[1], free_node);
	*t = (struct weir_trie){ 0 };
}
