/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which profile has which ruleset. A ruleset's key is the set of subjects that
 * speak in its direction. When all profiles of a ruleset come to a new key
 * together, the ruleset goes with them (same id, element-wise changes);
 * otherwise those that leave get another one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/state.h"

struct ruleset_key {
	int direction;
	uint32_t hash;
	struct weir_vec subjects;
	struct portset *ports;
};

static bool ruleset_is(const void *item, const void *key)
{
	const struct ruleset *rs = item;
	const struct ruleset_key *k = key;

	return rs->pub.direction == k->direction && rs->ports == k->ports &&
	       rs->subjects.n == k->subjects.n &&
	       memcmp(rs->subjects.at, k->subjects.at, k->subjects.n * sizeof(void *)) == 0;
}

static int key_of(const struct profile *p, int direction, struct ruleset_key *k)
{
	k->direction = direction;
	k->hash = (uint32_t)direction;
	k->subjects.n = 0;
	k->ports = NULL;
	for (uint32_t i = 0; i < p->subjects.n && p->pods.n; i++) {
		struct subject *s = p->subjects.at[i];

		if (!s->n_speaking[direction])
			continue;
		if (weir_vec_push(&k->subjects, s) < 0)
			return -ENOMEM;
		k->hash += weir_hash_add(7, s->serial);
		if (direction == WEIR_INGRESS && s->n_named)
			k->ports = p->ports;
	}
	k->hash = weir_hash_pointer(k->hash, k->ports);
	return 0;
}

static int add_subject(struct weir_compiler *c, struct ruleset *rs, struct subject *s)
{
	if (weir_vec_push(&s->rulesets, rs) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->policies.n; i++) {
		if (weir_ruleset_add_policy(c, rs, s->policies.at[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int remove_subject(struct weir_compiler *c, struct ruleset *rs, struct subject *s)
{
	weir_vec_drop(&s->rulesets, rs);
	for (uint32_t i = 0; i < s->policies.n; i++) {
		if (weir_ruleset_remove_policy(c, rs, s->policies.at[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* From the subjects it has to those of the key; both are sorted by serial. */
static int move_subjects(struct weir_compiler *c, struct ruleset *rs, const struct weir_vec *to)
{
	uint32_t i = 0, j = 0;
	int r = 0;

	while (r == 0 && (i < rs->subjects.n || j < to->n)) {
		struct subject *a = i < rs->subjects.n ? rs->subjects.at[i] : NULL;
		struct subject *b = j < to->n ? to->at[j] : NULL;

		if (a == b) {
			i++;
			j++;
		} else if (!b || (a && a->serial < b->serial)) {
			r = remove_subject(c, rs, a);
			i++;
		} else {
			r = add_subject(c, rs, b);
			j++;
		}
	}
	return r;
}

static int set_key(struct weir_compiler *c, struct ruleset *rs, struct ruleset_key *k)
{
	struct weir_vec old;

	if (move_subjects(c, rs, &k->subjects) < 0)
		return -ENOMEM;
	old = rs->subjects;
	rs->subjects = k->subjects;
	k->subjects = old;
	if (rs->ports != k->ports) {
		weir_portset_put(c, rs->ports);
		rs->ports = weir_portset_ref(k->ports);
		rs->changed = WEIR_WHOLE_LINE;
	}
	rs->hash = k->hash;
	if (weir_table_add(&c->rulesets, rs->hash, rs) < 0)
		return -ENOMEM;
	rs->listed = true;
	return WEIR_QUEUE(&c->q_rulesets, rs);
}

static int touch_addresses(struct weir_compiler *c, const struct profile *p)
{
	for (uint32_t i = 0; i < p->pods.n; i++) {
		const struct pod *pod = p->pods.at[i];

		for (uint32_t j = 0; j < pod->n_claims; j++) {
			if (weir_address_touch(c, weir_address_find(c, &pod->pod->addrs[j])) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

/* Where does a profile with this key go? To the ruleset that has it; with its
 * own ruleset, when nobody stays behind; or to a new one. */
static int ruleset_for(struct weir_compiler *c, struct ruleset *now, struct ruleset_key *k,
		       struct ruleset **ret)
{
	struct ruleset *rs = NULL;

	*ret = NULL;
	if (!k->subjects.n)
		return 0;
	*ret = weir_table_find(&c->rulesets, k->hash, ruleset_is, k);
	if (*ret)
		return 0;
	if (now && now->n_moving == now->n_profiles && !now->rekeyed) {
		/* First: while no table has it, the queue does. */
		if (WEIR_QUEUE(&c->q_rulesets, now) < 0)
			return -ENOMEM;
		rs = now;
		rs->rekeyed = true;
		rs->listed = false;
		weir_table_remove(&c->rulesets, rs->hash, rs);
	} else if (weir_ruleset_new(c, k->direction, &rs) < 0) {
		return -ENOMEM;
	}
	*ret = rs;
	return set_key(c, rs, k);
}

static int assign(struct weir_compiler *c, struct profile *p, struct ruleset_key *k)
{
	struct ruleset *now = p->rulesets[k->direction], *to;

	if (key_of(p, k->direction, k) < 0)
		return -ENOMEM;
	if (now ? ruleset_is(now, k) && !now->rekeyed : !k->subjects.n)
		return 0;
	if (ruleset_for(c, now, k, &to) < 0)
		return -ENOMEM;
	if (now)
		now->n_moving--;
	if (now == to)
		return 0;
	if (now && --now->n_profiles == 0 && WEIR_QUEUE(&c->q_rulesets, now) < 0)
		return -ENOMEM;
	if (to)
		to->n_profiles++;
	p->rulesets[k->direction] = to;
	return touch_addresses(c, p);
}

static int count_moving(const struct weir_compiler *c, struct ruleset_key *k)
{
	for (uint32_t i = 0; i < c->q_profiles.n; i++) {
		struct profile *p = c->q_profiles.at[i];
		struct ruleset *now = p->rulesets[k->direction];

		if (now)
			now->n_moving = 0;
	}
	for (uint32_t i = 0; i < c->q_profiles.n; i++) {
		struct profile *p = c->q_profiles.at[i];
		struct ruleset *now = p->rulesets[k->direction];

		if (!now)
			continue;
		if (key_of(p, k->direction, k) < 0)
			return -ENOMEM;
		if (!ruleset_is(now, k))
			now->n_moving++;
	}
	return 0;
}

/* Nobody has it any more. */
static int retire(struct weir_compiler *c, struct ruleset *rs)
{
	for (uint32_t i = 0; i < rs->subjects.n; i++) {
		if (remove_subject(c, rs, rs->subjects.at[i]) < 0)
			return -ENOMEM;
	}
	rs->subjects.n = 0;
	weir_table_remove(&c->rulesets, rs->hash, rs);
	rs->listed = false;
	return 0;
}

int weir_rulesets_assign(struct weir_compiler *c)
{
	struct ruleset_key k = { 0 };
	int r = 0;

	for (k.direction = 0; k.direction < WEIR_DIRECTION_MAX && r == 0; k.direction++) {
		r = count_moving(c, &k);
		for (uint32_t i = 0; i < c->q_profiles.n && r == 0; i++)
			r = assign(c, c->q_profiles.at[i], &k);
	}
	weir_vec_free(&k.subjects);
	for (uint32_t i = 0; i < c->q_rulesets.n && r == 0; i++) {
		struct ruleset *rs = c->q_rulesets.at[i];

		rs->rekeyed = false;
		if (!rs->n_profiles && rs->subjects.n)
			r = retire(c, rs);
	}
	return r;
}
