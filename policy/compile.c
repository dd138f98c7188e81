/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ruleset that something has touched is brought up to date: identities that
 * may be in another class are looked at, classes whose rules are others are
 * made anew, and what comes out differently than in the last commit is a
 * change. Everything else is not looked at.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/state.h"

struct class_key {
	uint32_t hash, n;
	struct portset *ports;
	struct use **uses;
};

static bool class_is(const void *item, const void *key)
{
	const struct peer_class *k = item;
	const struct class_key *w = key;

	return k->ports == w->ports && k->n_uses == w->n &&
	       memcmp(k->uses, w->uses, w->n * sizeof(*w->uses)) == 0;
}

static bool use_is(const void *item, const void *peerset)
{
	return ((const struct use *)item)->peerset == peerset;
}

/* In which of the ruleset's peer sets is it? */
static int key_of(const struct ruleset *rs, const struct identity *i, struct weir_vec *room,
		  struct class_key *ret)
{
	struct class_key k = { 0 };

	room->n = 0;
	for (uint32_t n = 0; i && n < i->peersets.n; n++) {
		const void *ps = i->peersets.at[n];
		struct use *u = weir_table_find(&rs->uses, weir_hash_pointer(0, ps), use_is, ps);

		if (!u || !u->in_force)
			continue;
		if (weir_vec_push(room, u) < 0)
			return -ENOMEM;
		k.hash = weir_hash_pointer(k.hash, u);
		if (u->by_ports)
			k.ports = i->ports;
	}
	k.hash = weir_hash_pointer(k.hash, k.ports);
	k.n = room->n;
	k.uses = (struct use **)room->at;
	*ret = k;
	return 0;
}

static int class_for(struct weir_compiler *c, struct ruleset *rs, const struct class_key *key,
		     struct peer_class **ret)
{
	struct peer_class *k;

	*ret = NULL;
	if (!key->n)
		return 0;
	*ret = weir_table_find(&rs->classes, key->hash, class_is, key);
	if (*ret)
		return 0;
	k = calloc(1, sizeof(*k) + key->n * sizeof(*k->uses));
	if (!k)
		return -ENOMEM;
	k->hash = key->hash;
	k->ports = key->ports;
	k->n_uses = key->n;
	k->is_new = true;
	memcpy(k->uses, key->uses, key->n * sizeof(*k->uses));
	if (weir_table_add(&rs->classes, k->hash, k) < 0) {
		free(k);
		return -ENOMEM;
	}
	weir_portset_ref(k->ports);
	c->n_classes++;
	*ret = k;
	return 0;
}

/* --- which identities, and which classes --------------------------------------- */

static int dirty_members(struct ruleset *rs, const struct peerset *ps)
{
	for (uint32_t i = 0; i < ps->members.n; i++) {
		if (weir_ids_push(&rs->dirty, ps->members.at[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Uses that came or went concern all identities in their peer set. */
static int settle_uses(struct ruleset *rs)
{
	for (uint32_t i = 0; i < rs->touched.n; i++) {
		struct use *u = rs->touched.at[i];
		bool in_force = u->rules.n > 0;
		bool by_ports = rs->pub.direction == WEIR_EGRESS && u->n_named > 0;

		if ((in_force != u->in_force || by_ports != u->by_ports) &&
		    dirty_members(rs, u->peerset) < 0)
			return -ENOMEM;
		u->in_force = in_force;
		u->by_ports = by_ports;
	}
	return 0;
}

struct move {
	uint32_t identity;
	struct peer_class *from; /* NULL: not named */
};

struct moves {
	struct move *at;
	uint32_t n, cap;
};

static int add_move(struct moves *m, uint32_t identity, struct peer_class *from)
{
	if (m->n == m->cap) {
		uint32_t cap = m->cap ? m->cap * 2 : 16;
		struct move *p = realloc(m->at, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		m->at = p;
		m->cap = cap;
	}
	m->at[m->n++] = (struct move){ identity, from };
	return 0;
}

static int move_identities(struct weir_compiler *c, struct ruleset *rs, struct moves *moves)
{
	struct weir_vec room = { 0 };
	int r = 0;

	weir_ids_sort(&rs->dirty);
	for (uint32_t n = 0; n < rs->dirty.n && r == 0; n++) {
		uint32_t id = rs->dirty.at[n];
		struct peer_class *from = weir_idmap_get(&rs->members, id), *to = NULL;
		struct class_key key;

		r = key_of(rs, weir_identity_by_id(c, id), &room, &key);
		if (r == 0)
			r = class_for(c, rs, &key, &to);
		if (r == 0)
			r = add_move(moves, id, from);
		if (r < 0 || from == to)
			continue;
		if (to)
			r = weir_idmap_set(&rs->members, id, to);
		else
			weir_idmap_unset(&rs->members, id);
		if (r == 0 && to)
			to->n_members++;
		if (r == 0 && from)
			from->n_members--;
	}
	weir_vec_free(&room);
	return r;
}

/* --- contents ---------------------------------------------------------------------- */

static int gather(struct scratch *s, const struct rule_list *rules, bool any, struct stretch part)
{
	for (uint32_t i = 0; i < rules->n; i++) {
		const struct rule_place *p = &rules->at[i];

		if (weir_stretch_empty(weir_stretch_common(p->reach, part)) ||
		    p->rule->any_peer != any)
			continue;
		if (weir_scratch_add(s, p->rule->rule, weir_rule_rank(p->rule)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static bool same_name(const struct weir_policy *a, const struct weir_policy *b)
{
	return a->name == b->name && a->namespace_ == b->namespace_ && a->kind == b->kind;
}

bool weir_policy_same(const struct weir_policy *a, const struct weir_policy *b)
{
	return a == b || same_name(a, b);
}

static bool same_rule(const struct weir_rule *a, const struct weir_rule *b)
{
	if (a == b)
		return true;
	if (!a || !b)
		return false;
	return a->index == b->index && a->direction == b->direction && a->action == b->action &&
	       a->name == b->name && weir_policy_same(a->policy, b->policy);
}

bool weir_class_same(const struct weir_class *a, const struct weir_class *b)
{
	if (a->verdict != b->verdict || a->n_ports != b->n_ports || !same_rule(a->rule, b->rule))
		return false;
	for (uint32_t i = 0; i < a->n_ports; i++) {
		const struct weir_port_verdict *p = &a->ports[i], *q = &b->ports[i];

		if (p->first != q->first || p->last != q->last || p->protocol != q->protocol ||
		    p->verdict != q->verdict || !same_rule(p->rule, q->rule))
			return false;
	}
	return true;
}

static int paint(struct weir_compiler *c, const struct ruleset *rs, const struct peer_class *k,
		 struct stretch part, struct weir_class **ret)
{
	const struct portset *ports = rs->pub.direction == WEIR_INGRESS ? rs->ports : k->ports;

	weir_scratch_begin(c->scratch, part);
	if (gather(c->scratch, &rs->any, true, part) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < k->n_uses; i++) {
		if (gather(c->scratch, &k->uses[i]->rules, false, part) < 0)
			return -ENOMEM;
	}
	return weir_class_build(c->scratch, rs->n_isolating > 0, ports, k->content, ret);
}

static int build(struct weir_compiler *c, struct ruleset *rs, struct peer_class *k,
		 struct stretch part)
{
	struct weir_class *content;

	if (paint(c, rs, k, part, &content) < 0)
		return -ENOMEM;
	if (!k->content || weir_class_same(k->content, content)) {
		free(k->content); /* equal, but its rules may be older objects */
	} else {
		k->before = k->content;
		k->changed = true;
	}
	k->content = content;
	return 0;
}

/* Where rules that concern this class have come or gone. */
static struct stretch stale_part(const struct ruleset *rs, const struct peer_class *k)
{
	struct stretch part = k->is_new ? WEIR_WHOLE_LINE : rs->changed;

	for (uint32_t i = 0; i < k->n_uses; i++)
		part = weir_stretch_hull(part, k->uses[i]->changed);
	return part;
}

static int build_stale(struct weir_compiler *c, struct ruleset *rs, bool *ret_changed)
{
	bool any = rs->touched.n || !weir_stretch_empty(rs->changed);
	struct stretch part = stale_part(rs, rs->fallback);
	struct peer_class *k;

	*ret_changed = false;
	if (!weir_stretch_empty(part) && build(c, rs, rs->fallback, part) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; (k = weir_table_next(&rs->classes, &i));) {
		if (!k->n_members || !(k->is_new || any))
			continue;
		part = stale_part(rs, k);
		if (!weir_stretch_empty(part) && build(c, rs, k, part) < 0)
			return -ENOMEM;
		*ret_changed |= k->changed;
	}
	return 0;
}

/* --- what has changed -------------------------------------------------------------- */

/* Identities that stay in a class which now says something else. */
static int add_stayers(struct ruleset *rs, struct moves *moves)
{
	for (uint32_t i = 0; i < rs->members.cap; i++) {
		uint32_t id = rs->members.ids[i];
		struct peer_class *k = rs->members.values[i];

		if (id && k->changed && !weir_ids_has(&rs->dirty, id) && add_move(moves, id, k) < 0)
			return -ENOMEM;
	}
	return 0;
}

int weir_compare_peers(const void *a, const void *b)
{
	const struct weir_class_change *p = a, *q = b;

	return p->identity < q->identity ? -1 : p->identity > q->identity;
}

static int list_peers(const struct ruleset *rs, const struct moves *moves,
		      struct weir_ruleset_change *ret)
{
	ret->peers = moves->n ? malloc(moves->n * sizeof(*ret->peers)) : NULL;
	if (moves->n && !ret->peers)
		return -ENOMEM;
	for (uint32_t i = 0; i < moves->n; i++) {
		const struct move *m = &moves->at[i];
		const struct peer_class *to = weir_idmap_get(&rs->members, m->identity);
		const struct weir_class *old = NULL, *now = to ? to->content : NULL;

		if (m->from)
			old = m->from->before ? m->from->before : m->from->content;
		if (old == now || (old && now && weir_class_same(old, now)))
			continue;
		ret->peers[ret->n_peers++] = (struct weir_class_change){ m->identity, now };
	}
	if (ret->n_peers)
		qsort(ret->peers, ret->n_peers, sizeof(*ret->peers), weir_compare_peers);
	return 0;
}

static void drop_class(struct weir_compiler *c, struct ruleset *rs, struct peer_class *k)
{
	weir_table_remove(&rs->classes, k->hash, k);
	weir_portset_put(c, k->ports);
	weir_class_slot_free(k);
	c->n_classes--;
}

static void settle_class(struct peer_class *k)
{
	free(k->before);
	k->before = NULL;
	k->is_new = k->changed = false;
}

/* Forget what was only needed to tell the difference. */
static int sweep(struct weir_compiler *c, struct ruleset *rs)
{
	struct weir_vec empty = { 0 };
	struct peer_class *k;
	int r = 0;

	settle_class(rs->fallback);
	for (uint32_t i = 0; r == 0 && (k = weir_table_next(&rs->classes, &i));) {
		settle_class(k);
		if (!k->n_members)
			r = weir_vec_push(&empty, k);
	}
	for (uint32_t i = 0; i < empty.n; i++)
		drop_class(c, rs, empty.at[i]);
	weir_vec_free(&empty);
	for (uint32_t i = 0; i < rs->touched.n; i++) {
		struct use *u = rs->touched.at[i];

		u->queued = false;
		u->changed = (struct stretch){ 0 };
		if (!u->in_force)
			weir_use_free(rs, u);
	}
	weir_vec_free(&rs->touched);
	weir_ids_free(&rs->dirty);
	rs->changed = (struct stretch){ 0 };
	return r;
}

static int compile(struct weir_compiler *c, struct ruleset *rs, struct moves *moves,
		   struct weir_ruleset_change *ret, bool *ret_changed)
{
	bool stayers;

	if (settle_uses(rs) < 0 || move_identities(c, rs, moves) < 0 ||
	    build_stale(c, rs, &stayers) < 0)
		return -ENOMEM;
	if ((stayers && add_stayers(rs, moves) < 0) || list_peers(rs, moves, ret) < 0)
		return -ENOMEM;
	ret->id = rs->pub.id;
	ret->ruleset = &rs->pub;
	ret->is_new = !rs->committed;
	*ret_changed = ret->n_peers || ret->is_new || rs->fallback->changed ||
		       rs->print != rs->committed_print;
	rs->committed_print = rs->print;
	rs->committed = true;
	c->compiled_rulesets++;
	rs->pub.fallback = rs->fallback->content;
	return 0;
}

/* *ret_changed: whether it is worth telling. */
int weir_ruleset_compile(struct weir_compiler *c, struct ruleset *rs,
			 struct weir_ruleset_change *ret, bool *ret_changed)
{
	struct moves moves = { 0 };
	int r = compile(c, rs, &moves, ret, ret_changed);

	free(moves.at);
	return sweep(c, rs) < 0 ? -ENOMEM : r;
}
