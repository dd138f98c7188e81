/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes as peers: their addresses, by their labels. They share the tables of
 * addresses and identities with pods, in a space of their own, where no
 * selector of namespaces can see them. While no rule in force names nodes their
 * addresses have no identity, so that they cost a data plane nothing.
 */
#include "policy/state.h"

#include <errno.h>
#include <stdlib.h>

static bool node_is(const void *item, const void *name)
{
	return weir_node_of(item)->name == name;
}

static uint32_t hash_node(const struct weir_node *node)
{
	return weir_hash_pointer(31, node->name);
}

static struct pod *find_node(const struct weir_compiler *c, const struct weir_node *node)
{
	return weir_table_find(&c->nodes_by_name, hash_node(node), node_is, node->name);
}

void weir_node_record_free(struct pod *p)
{
	free((char *)p - offsetof(struct node, pod));
}

int weir_compiler_add_node(struct weir_compiler *c, const struct weir_node *node)
{
	struct node *n;

	if (find_node(c, node))
		return -EEXIST;
	n = calloc(1, sizeof(*n) + node->n_addrs * sizeof(*n->pod.below));
	if (!n)
		return -ENOMEM;
	n->node = node;
	n->pod.n_claims = node->n_addrs;
	if (weir_vec_push(&c->added_nodes, &n->pod) < 0) {
		free(n);
		return -ENOMEM;
	}
	if (weir_table_add(&c->nodes_by_name, hash_node(node), &n->pod) < 0) {
		c->added_nodes.n--;
		free(n);
		return -ENOMEM;
	}
	return 0;
}

int weir_compiler_remove_node(struct weir_compiler *c, const struct weir_node *node)
{
	struct pod *p = find_node(c, node);

	if (!p)
		return -ENOENT;
	if (p->committed && weir_vec_push(&c->removed_nodes, p) < 0)
		return -ENOMEM;
	weir_table_remove(&c->nodes_by_name, hash_node(node), p);
	if (!p->committed) {
		weir_vec_remove(&c->added_nodes, p);
		weir_node_record_free(p);
	}
	return 0;
}

/* --- within a commit ------------------------------------------------------------ */

int weir_nodes_take(struct weir_compiler *c)
{
	while (c->removed_nodes.n) {
		struct pod *p = c->removed_nodes.at[c->removed_nodes.n - 1];

		if (weir_address_release(c, p) < 0)
			return -ENOMEM;
		weir_node_record_free(p);
		c->removed_nodes.n--;
	}
	return 0;
}

int weir_nodes_put(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->added_nodes.n; i++) {
		struct pod *p = c->added_nodes.at[i];

		p->committed = true;
		if (weir_address_claim(c, p) < 0)
			return -ENOMEM;
	}
	c->added_nodes.n = 0;
	return 0;
}

int weir_nodes_toggle(struct weir_compiler *c)
{
	bool named = c->nodes->n_peersets > 0;
	struct pod *p;

	if (named == c->nodes_named)
		return 0;
	c->nodes_named = named;
	for (uint32_t i = 0; (p = weir_table_next(&c->nodes_by_name, &i));) {
		for (uint32_t j = 0; j < p->n_claims; j++) {
			if (weir_address_touch(
				    c, weir_address_find(c, &weir_node_of(p)->addrs[j])) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

/* --- look-up -------------------------------------------------------------------- */

bool weir_node_peer_has(const struct weir_compiler *c, const struct weir_peer *peer,
			const struct weir_addr *addr)
{
	const struct address *a = weir_address_find(c, addr);

	if (!a || !a->top || a->top->pod)
		return false;
	return weir_selector_matches(&peer->nodes, weir_node_of(a->top)->labels);
}
