/* SPDX-License-Identifier: Apache-2.0 */
/* Prefixes that rules in force name. Each has an identity for what is in it
 * and is no pod; 0.0.0.0/0 and ::/0 are always there. */
#include "policy/state.h"

#include <errno.h>
#include <stdlib.h>

/* With one more reference. A new one is in force from weir_named_toggle on. */
int weir_named_get(struct weir_compiler *c, const struct weir_prefix *key, struct named **ret)
{
	struct named *n = (struct named *)weir_trie_find(&c->prefixes, key);

	if (!n) {
		n = calloc(1, sizeof(*n));
		if (!n)
			return -ENOMEM;
		n->node.key = weir_prefix_of(&key->addr, key->len);
		if (weir_trie_insert(&c->prefixes, &n->node) < 0) {
			free(n);
			return -ENOMEM;
		}
	}
	n->refs++;
	*ret = n;
	return n->in_force ? 0 : WEIR_QUEUE(&c->q_named, n);
}

void weir_named_put(struct weir_compiler *c, struct named *n)
{
	/* Without memory it stays in force until it is next released. */
	if (--n->refs == 0)
		(void)WEIR_QUEUE(&c->q_named, n);
}

void weir_named_free(struct named *n)
{
	weir_vec_free(&n->peersets);
	free(n);
}

/* The deepest one in force that covers key. */
struct named *weir_named_of(const struct weir_compiler *c, const struct weir_prefix *key)
{
	struct weir_trie_node *n = weir_trie_widest(&c->prefixes, key);
	struct named *best = NULL;

	for (; n; n = weir_trie_narrower(n, key)) {
		if (!n->glue && ((struct named *)n)->in_force)
			best = (struct named *)n;
	}
	return best;
}

static int toggle(struct weir_compiler *c, struct named *n)
{
	n->in_force = n->refs > 0;
	c->n_prefixes += n->in_force ? 1u : -1u;
	if (!n->dirty) {
		if (weir_vec_push(&c->dirty_named, n) < 0)
			return -ENOMEM;
		n->dirty = true;
	}
	if (n->in_force && weir_identity_get(c, NULL, NULL, NULL, n, &n->identity) < 0)
		return -ENOMEM;
	if (!n->in_force && weir_identity_queue(c, n->identity) < 0)
		return -ENOMEM;
	return 0;
}

/* Whose deepest prefix may be another one now? That of one address is there for
 * that one only; names of domains come into force so, again and again. */
static int retrace(struct weir_compiler *c)
{
	int r = 0;

	for (uint32_t i = 0; i < c->dirty_named.n && r == 0; i++) {
		const struct weir_prefix *key = &((struct named *)c->dirty_named.at[i])->node.key;

		if (key->len < weir_addr_bits(&key->addr))
			return weir_addresses_retrace(c);
		r = weir_address_retrace(c, &key->addr);
	}
	return r;
}

int weir_named_toggle(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->q_named.n; i++) {
		struct named *n = c->q_named.at[i];

		n->queued = false;
		if (n->in_force != (n->refs > 0) && toggle(c, n) < 0)
			return -ENOMEM;
		if (!n->in_force && !n->dirty && weir_trie_remove(&c->prefixes, &n->node) == 0)
			weir_named_free(n); /* came and went between two commits */
	}
	c->q_named.n = 0;
	return retrace(c);
}

/* Once the changes are told. */
void weir_named_sweep(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->dirty_named.n; i++) {
		struct named *n = c->dirty_named.at[i];

		n->dirty = false;
		n->committed = n->in_force ? n->identity->id : WEIR_IDENTITY_NONE;
		if (n->in_force || n->refs || n->identities)
			continue;
		if (weir_trie_remove(&c->prefixes, &n->node) == 0)
			weir_named_free(n);
	}
	c->dirty_named.n = 0;
}
