/* SPDX-License-Identifier: Apache-2.0 */
/* Identities: addresses that no peer can tell apart. Numbers are given again
 * only when all others have been, oldest first, so that a packet under way
 * hardly ever meets a number with a new meaning. */
#include "policy/state.h"

#include <errno.h>
#include <stdlib.h>

struct wanted {
	const struct space *space;
	const struct weir_labels *labels;
	const struct portset *ports;
	const struct named *prefix;
};

static bool identity_is(const void *item, const void *key)
{
	const struct identity *i = item;
	const struct wanted *w = key;

	return i->labels == w->labels && i->space == w->space && i->ports == w->ports &&
	       i->prefix == w->prefix;
}

static uint32_t hash_wanted(const struct wanted *w)
{
	uint32_t h = weir_hash_pointer(13, w->space);

	h = weir_hash_pointer(h, w->labels);
	h = weir_hash_pointer(h, w->ports);
	return weir_hash_pointer(h, w->prefix);
}

struct identity *weir_identity_by_id(const struct weir_compiler *c, uint32_t id)
{
	return id < c->by_id.n ? c->by_id.at[id] : NULL;
}

bool weir_identity_in_use(const struct identity *i)
{
	return i->space ? i->n_addresses > 0 : i->prefix->in_force;
}

int weir_identity_queue(struct weir_compiler *c, struct identity *i)
{
	return WEIR_QUEUE(&c->q_identities, i);
}

static void link_up(struct identity *i)
{
	if (i->space) {
		i->next_in_space = i->space->identities;
		i->space->identities = i;
	}
	i->next_in_prefix = i->prefix->identities;
	i->link_in_prefix = &i->prefix->identities;
	if (i->next_in_prefix)
		i->next_in_prefix->link_in_prefix = &i->next_in_prefix;
	i->prefix->identities = i;
}

/* A namespace has few: they are looked through. A prefix may have them all. */
static void unlink_from_all(struct identity *i)
{
	struct identity **at = i->space ? &i->space->identities : NULL;

	while (at && *at && *at != i)
		at = &(*at)->next_in_space;
	if (at && *at)
		*at = i->next_in_space;
	*i->link_in_prefix = i->next_in_prefix;
	if (i->next_in_prefix)
		i->next_in_prefix->link_in_prefix = i->link_in_prefix;
}

enum { REUSE_FROM = 4096 }; /* so many freed numbers are kept back */

static int give_number(struct weir_compiler *c, struct identity *i)
{
	if (c->free_ids.n - c->free_head > REUSE_FROM) {
		i->id = c->free_ids.at[c->free_head++];
		c->by_id.at[i->id] = i;
		return 0;
	}
	if (!c->by_id.n && weir_vec_push(&c->by_id, NULL) < 0)
		return -ENOMEM;
	i->id = c->by_id.n;
	return weir_vec_push(&c->by_id, i);
}

static int take_back_number(struct weir_compiler *c, uint32_t id)
{
	struct weir_ids *v = &c->free_ids;

	c->by_id.at[id] = NULL;
	if (c->free_head > v->n / 2) {
		for (uint32_t i = c->free_head; i < v->n; i++)
			v->at[i - c->free_head] = v->at[i];
		v->n -= c->free_head;
		c->free_head = 0;
	}
	return weir_ids_push(v, id);
}

int weir_identity_get(struct weir_compiler *c, struct space *space,
		      const struct weir_labels *labels, struct portset *ports, struct named *prefix,
		      struct identity **ret)
{
	struct wanted w = { space, labels, ports, prefix };
	uint32_t hash = hash_wanted(&w);
	struct identity *i = weir_table_find(&c->identities, hash, identity_is, &w);

	*ret = i;
	if (i)
		return 0;
	i = calloc(1, sizeof(*i));
	if (!i)
		return -ENOMEM;
	*i = (struct identity){
		.space = space, .labels = labels, .prefix = prefix, .hash = hash, .is_new = true
	};
	if (weir_table_add(&c->identities, hash, i) < 0) {
		free(i);
		return -ENOMEM;
	}
	i->ports = weir_portset_ref(ports);
	link_up(i);
	if (give_number(c, i) < 0 || weir_vec_push(&c->new_identities, i) < 0)
		return -ENOMEM;
	*ret = i;
	return 0;
}

void weir_identity_free(struct identity *i)
{
	weir_vec_free(&i->peersets);
	free(i);
}

struct join {
	struct weir_compiler *c;
	struct identity *identity;
	uint32_t stamp;
};

static int join_peerset(void *data, struct selection *s)
{
	struct join *j = data;
	struct peerset *p = (struct peerset *)s;

	return weir_peerset_join(j->c, p, j->identity);
}

static int join_prefixes(struct join *j)
{
	const struct weir_prefix *key = &j->identity->prefix->node.key;
	struct weir_trie_node *n = weir_trie_widest(&j->c->prefixes, key);

	for (; n; n = weir_trie_narrower(n, key)) {
		struct named *named = (struct named *)n;

		for (uint32_t i = 0; !n->glue && i < named->peersets.n; i++) {
			struct peerset *p = named->peersets.at[i];

			if (weir_peerset_has(j->c, p, j->identity) &&
			    weir_peerset_join(j->c, p, j->identity) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static int join_all(struct weir_compiler *c, struct identity *i)
{
	struct join j = { .c = c, .identity = i };

	if (join_prefixes(&j) < 0)
		return -ENOMEM;
	if (!i->space)
		return 0;
	return weir_index_match(c, &c->peer_index, i->space, i->labels, join_peerset, &j);
}

/* Keep those that still match, so that rulesets hear of differences only. */
static int part_changed(struct weir_compiler *c, struct identity *i, bool all)
{
	for (uint32_t n = i->peersets.n; n-- > 0;) {
		struct peerset *p = i->peersets.at[n];

		if (!all && weir_peerset_has(c, p, i))
			continue;
		if (weir_peerset_part(c, p, i) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* New identities look for their sets; those whose namespace has other labels
 * look again; those that nothing has any more leave. */
int weir_identities_match(struct weir_compiler *c)
{
	for (uint32_t n = 0; n < c->q_identities.n; n++) {
		struct identity *i = c->q_identities.at[n];
		bool in_use = weir_identity_in_use(i);

		if (i->is_new)
			continue;
		if (part_changed(c, i, !in_use) < 0)
			return -ENOMEM;
		if (in_use && join_all(c, i) < 0)
			return -ENOMEM;
	}
	for (uint32_t n = 0; n < c->new_identities.n; n++) {
		struct identity *i = c->new_identities.at[n];

		if (weir_identity_in_use(i) && join_all(c, i) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void identity_drop(struct weir_compiler *c, struct identity *i)
{
	if (i->prefix->identity == i)
		i->prefix->identity = NULL;
	unlink_from_all(i);
	weir_table_remove(&c->identities, i->hash, i);
	weir_portset_put(c, i->ports);
	/* Without memory the number is not used again. */
	(void)take_back_number(c, i->id);
	if (i->space)
		(void)WEIR_QUEUE(&c->q_spaces, i->space);
	weir_identity_free(i);
}

void weir_identities_sweep(struct weir_compiler *c)
{
	for (uint32_t n = 0; n < c->new_identities.n; n++) {
		struct identity *i = c->new_identities.at[n];

		i->is_new = false;
		if (!weir_identity_in_use(i))
			(void)weir_identity_queue(c, i);
	}
	c->new_identities.n = 0;
	for (uint32_t n = 0; n < c->q_identities.n; n++) {
		struct identity *i = c->q_identities.at[n];

		i->queued = false;
		if (!weir_identity_in_use(i))
			identity_drop(c, i);
	}
	c->q_identities.n = 0;
}
