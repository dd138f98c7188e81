/* SPDX-License-Identifier: Apache-2.0 */
/* The peers of rules in force, each once however many rules name it, with the
 * identities that are in it. */
#include "policy/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct wanted {
	const struct space *space; /* fixed */
	const struct weir_peer *peer;
	const struct weir_selector *namespaces, *labels;
	struct named *prefix, **except;
};

static bool peerset_is(const void *item, const void *key)
{
	const struct peerset *p = item;
	const struct wanted *w = key;

	if (p->kind != w->peer->kind)
		return false;
	if (p->kind == WEIR_PEER_DOMAINS)
		return weir_names_are(p->names, w->peer);
	if (p->kind != WEIR_PEER_PREFIX)
		return weir_selection_is(&p->selection, w->space, w->namespaces, w->labels);
	return p->prefix == w->prefix && p->n_except == w->peer->n_except &&
	       (!p->n_except ||
		memcmp(p->except, w->except, p->n_except * sizeof(*p->except)) == 0);
}

static uint32_t hash_prefix_peer(const struct wanted *w)
{
	uint32_t h = weir_hash_pointer(11, w->prefix);

	for (uint32_t i = 0; i < w->peer->n_except; i++)
		h = weir_hash_pointer(h, w->except[i]);
	return h;
}

void weir_peerset_free(struct peerset *p)
{
	weir_selection_free(&p->selection);
	weir_ids_free(&p->members);
	weir_vec_free(&p->uses);
	weir_names_free(p->names);
	free(p->except);
	free(p);
}

static int peerset_add(struct weir_compiler *c, struct peerset *p, uint32_t hash)
{
	p->hash = hash;
	p->is_new = true;
	if (weir_table_add(&c->peersets, hash, p) < 0) {
		weir_peerset_free(p);
		return -ENOMEM;
	}
	if (WEIR_QUEUE(&c->q_peersets, p) < 0 || weir_vec_push(&c->new_peersets, p) < 0)
		return -ENOMEM;
	return 0;
}

/* Pods, or nodes: what has labels. */
static int get_labelled(struct weir_compiler *c, struct wanted *w, struct peerset **ret)
{
	uint32_t hash = weir_selection_hash(w->space, w->namespaces, w->labels);
	struct peerset *p = weir_table_find(&c->peersets, hash, peerset_is, w);

	*ret = p;
	if (p)
		return 0;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->kind = w->peer->kind;
	if (weir_selection_init(&p->selection, (struct space *)w->space, w->namespaces, w->labels) <
	    0) {
		weir_peerset_free(p);
		return -ENOMEM;
	}
	if (peerset_add(c, p, hash) < 0)
		return -ENOMEM;
	if (p->selection.space)
		p->selection.space->n_peersets++;
	*ret = p;
	return weir_index_add(&c->peer_index, &p->selection);
}

static int get_pods(struct weir_compiler *c, const struct space *space,
		    const struct weir_peer *peer, struct peerset **ret)
{
	struct wanted w = { space, peer, &peer->namespaces, &peer->pods, NULL, NULL };

	return get_labelled(c, &w, ret);
}

static int get_nodes(struct weir_compiler *c, const struct weir_peer *peer, struct peerset **ret)
{
	static const struct weir_selector everything;
	struct wanted w = { c->nodes, peer, &everything, &peer->nodes, NULL, NULL };

	return get_labelled(c, &w, ret);
}

static int get_prefix(struct weir_compiler *c, struct wanted *w, struct peerset **ret)
{
	const struct weir_peer *peer = w->peer;
	uint32_t hash;
	struct peerset *p;

	if (weir_named_get(c, &peer->prefix, &w->prefix) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < peer->n_except; i++) {
		if (weir_named_get(c, &peer->except[i], &w->except[i]) < 0)
			return -ENOMEM;
	}
	hash = hash_prefix_peer(w);
	p = weir_table_find(&c->peersets, hash, peerset_is, w);
	if (p) {
		weir_named_put(c, w->prefix);
		for (uint32_t i = 0; i < peer->n_except; i++)
			weir_named_put(c, w->except[i]);
		*ret = p;
		return 0;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->kind = WEIR_PEER_PREFIX;
	p->prefix = w->prefix;
	p->except = weir_take(w->except);
	p->n_except = peer->n_except;
	*ret = p;
	if (peerset_add(c, p, hash) < 0)
		return -ENOMEM;
	return weir_vec_push(&p->prefix->peersets, p);
}

static int get_domains(struct weir_compiler *c, const struct weir_peer *peer, struct peerset **ret)
{
	struct wanted w = { .peer = peer };
	uint32_t hash = weir_names_hash(peer);
	struct peerset *p = weir_table_find(&c->peersets, hash, peerset_is, &w);

	*ret = p;
	if (p)
		return 0;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->kind = WEIR_PEER_DOMAINS;
	*ret = p;
	if (weir_names_enter(c, p, peer) < 0) {
		weir_peerset_free(p);
		return -ENOMEM;
	}
	return peerset_add(c, p, hash);
}

/* The set of a peer of this policy; whoever keeps it counts itself in refs.
 * NULL: a peer that matches nothing. */
int weir_peerset_get(struct weir_compiler *c, const struct policy *policy,
		     const struct weir_peer *peer, struct peerset **ret)
{
	bool own = peer->own_namespace && policy->space != c->cluster;
	struct wanted w = { .peer = peer };
	int r = 0;

	*ret = NULL;
	switch ((enum weir_peer_kind)peer->kind) {
	case WEIR_PEER_PODS:
		return get_pods(c, own ? policy->space : NULL, peer, ret);
	case WEIR_PEER_NODES:
		return get_nodes(c, peer, ret);
	case WEIR_PEER_PREFIX:
		w.except = calloc(peer->n_except + 1u, sizeof(*w.except));
		if (!w.except)
			return -ENOMEM;
		r = get_prefix(c, &w, ret);
		free(w.except);
		break;
	case WEIR_PEER_DOMAINS:
		return get_domains(c, peer, ret);
	case WEIR_PEER_KIND_MAX:
		break;
	}
	return r;
}

/* Every pod of the cluster. */
int weir_peerset_universe(struct weir_compiler *c, struct peerset **ret)
{
	static const struct weir_peer everything = { .kind = WEIR_PEER_PODS };

	return get_pods(c, NULL, &everything, ret);
}

void weir_peerset_put(struct weir_compiler *c, struct peerset *p)
{
	/* Without memory it is just not swept until somebody queues it again. */
	if (--p->refs == 0)
		(void)WEIR_QUEUE(&c->q_peersets, p);
}

/* --- members -------------------------------------------------------------------- */

static bool has_prefix(const struct peerset *p, const struct named *n)
{
	if (!weir_prefix_covers(&p->prefix->node.key, &n->node.key))
		return false;
	for (uint32_t i = 0; i < p->n_except; i++) {
		if (weir_prefix_covers(&p->except[i]->node.key, &n->node.key))
			return false;
	}
	return true;
}

bool weir_peerset_has(const struct weir_compiler *c, const struct peerset *p,
		      const struct identity *i)
{
	uint32_t pos;

	if (p->kind == WEIR_PEER_PREFIX)
		return has_prefix(p, i->prefix);
	if (p->kind == WEIR_PEER_DOMAINS)
		return weir_vec_search(&p->names->prefixes, i->prefix, &pos);
	return i->space && weir_selection_matches(c, &p->selection, i->space, i->labels);
}

static int touch_uses(struct weir_compiler *c, const struct peerset *p, uint32_t id)
{
	for (uint32_t i = 0; i < p->uses.n; i++) {
		struct ruleset *rs = ((struct use *)p->uses.at[i])->ruleset;

		if (weir_ids_push(&rs->dirty, id) < 0 || WEIR_QUEUE(&c->q_rulesets, rs) < 0)
			return -ENOMEM;
	}
	return 0;
}

int weir_peerset_join(struct weir_compiler *c, struct peerset *p, struct identity *i)
{
	uint32_t pos;

	if (weir_vec_search(&i->peersets, p, &pos))
		return 0;
	if (weir_vec_insert(&i->peersets, pos, p) < 0 || weir_ids_add(&p->members, i->id) < 0)
		return -ENOMEM;
	return touch_uses(c, p, i->id);
}

int weir_peerset_part(struct weir_compiler *c, struct peerset *p, struct identity *i)
{
	uint32_t pos;

	if (!weir_vec_search(&i->peersets, p, &pos))
		return 0;
	weir_vec_remove_at(&i->peersets, pos);
	weir_ids_remove(&p->members, i->id);
	return touch_uses(c, p, i->id);
}

static int try_identity(struct weir_compiler *c, struct peerset *p, struct identity *i)
{
	if (i->is_new || !weir_identity_in_use(i) || !weir_peerset_has(c, p, i))
		return 0;
	return weir_peerset_join(c, p, i);
}

int weir_peerset_join_named(struct weir_compiler *c, struct peerset *p, struct named *n)
{
	int r = 0;

	for (struct identity *i = n->identities; i && r == 0; i = i->next_in_prefix)
		r = try_identity(c, p, i);
	return r;
}

int weir_peerset_part_named(struct weir_compiler *c, struct peerset *p, struct named *n)
{
	int r = 0;

	for (struct identity *i = n->identities; i && r == 0; i = i->next_in_prefix)
		r = weir_peerset_part(c, p, i);
	return r;
}

struct try_within {
	struct weir_compiler *c;
	struct peerset *peerset;
};

static int try_named(void *data, struct weir_trie_node *node)
{
	struct try_within *t = data;

	return weir_peerset_join_named(t->c, t->peerset, (struct named *)node);
}

static int match_new(struct weir_compiler *c, struct peerset *p)
{
	struct try_within within = { c, p };
	int r = 0;

	if (p->kind == WEIR_PEER_PREFIX)
		return weir_trie_walk(&c->prefixes, &p->prefix->node.key, try_named, &within);
	if (p->kind == WEIR_PEER_DOMAINS) {
		for (uint32_t i = 0; i < p->names->prefixes.n && r == 0; i++)
			r = weir_peerset_join_named(c, p, p->names->prefixes.at[i]);
		return r;
	}
	if (p->selection.space) {
		struct identity *i = p->selection.space->identities;

		for (; i && r == 0; i = i->next_in_space)
			r = try_identity(c, p, i);
		return r;
	}
	for (uint32_t id = 1; id < c->by_id.n && r == 0; id++) {
		if (c->by_id.at[id])
			r = try_identity(c, p, c->by_id.at[id]);
	}
	return r;
}

/* New sets against the identities that were there; new identities have looked
 * for their sets themselves. */
int weir_peersets_match_new(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->new_peersets.n; i++) {
		struct peerset *p = c->new_peersets.at[i];
		int r = p->refs ? match_new(c, p) : 0;

		if (r < 0)
			return r;
		p->is_new = false;
	}
	c->new_peersets.n = 0;
	return 0;
}

static int drop_members(struct weir_compiler *c, struct peerset *p)
{
	while (p->members.n) {
		uint32_t id = p->members.at[p->members.n - 1];

		if (weir_peerset_part(c, p, weir_identity_by_id(c, id)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int retire(struct weir_compiler *c, struct peerset *p)
{
	if (drop_members(c, p) < 0 || weir_vec_push(&c->dead_peersets, p) < 0)
		return -ENOMEM;
	weir_table_remove(&c->peersets, p->hash, p);
	if (p->kind == WEIR_PEER_DOMAINS)
		return weir_names_leave(c, p);
	if (p->kind != WEIR_PEER_PREFIX) {
		struct space *space = p->selection.space;

		weir_index_remove(&c->peer_index, &p->selection);
		if (space && --space->n_peersets == 0 && WEIR_QUEUE(&c->q_spaces, space) < 0)
			return -ENOMEM;
	} else {
		weir_vec_drop(&p->prefix->peersets, p);
		weir_named_put(c, p->prefix);
		for (uint32_t j = 0; j < p->n_except; j++)
			weir_named_put(c, p->except[j]);
	}
	return 0;
}

/* Sets that no rule in force names any more lose their members and prefixes. */
int weir_peersets_retire(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->q_peersets.n; i++) {
		struct peerset *p = c->q_peersets.at[i];

		p->queued = false;
		if (!p->refs && retire(c, p) < 0)
			return -ENOMEM;
	}
	c->q_peersets.n = 0;
	return 0;
}

/* Once no ruleset has a use of them. */
void weir_peersets_sweep(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->dead_peersets.n; i++)
		weir_peerset_free(c->dead_peersets.at[i]);
	c->dead_peersets.n = 0;
}
