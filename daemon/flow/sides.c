/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interned decisions. A decision of the compiler points to policies that may
 * be gone a moment later; these hold references to the pool's strings and
 * outlive them. Called by annotate.c.
 */
#include "daemon/flow/sides.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static void add_policy(struct weir_flow_side_key *key, const struct weir_policy *policy)
{
	if (key->n_policies == WEIR_RECORD_POLICIES_MAX) {
		key->n_more++;
		return;
	}
	key->policies[key->n_policies++] =
		(struct weir_record_policy){ policy->kind, policy->namespace_, policy->name };
}

uint32_t weir_flow_rule_names(const struct weir_rule *rule)
{
	uint32_t names = 0;

	for (uint16_t i = 0; i < rule->n_peers; i++) {
		const struct weir_peer *p = &rule->peers[i];

		for (uint16_t k = 0; p->kind == WEIR_PEER_DOMAINS && k < p->n_names; k++)
			names = (names * 31 + weir_hash_bytes(p->names[k], strlen(p->names[k]))) |
				1;
	}
	return names;
}

/* Padding is 0, so that equal keys are equal memory. Returns its length. */
static unsigned make_key(const struct weir_decision *d, struct weir_flow_side_key *key)
{
	const struct weir_rule *rule = d->reason == WEIR_REASON_RULE ? d->rule : NULL;

	memset(key, 0, sizeof(*key));
	key->rule = -1;
	key->verdict = d->verdict;
	key->reason = d->reason;
	if (rule) {
		key->rule = rule->index;
		key->rule_name = rule->name;
		key->names = weir_flow_rule_names(rule);
		key->form = rule->policy->form;
		key->tier = rule->policy->tier;
		add_policy(key, rule->policy);
	} else if (d->reason == WEIR_REASON_ISOLATED && d->ruleset) {
		key->tier = WEIR_TIER_NETWORK_POLICY;
		for (uint32_t i = 0; i < d->ruleset->n_policies; i++) {
			const struct weir_policy *p = d->ruleset->policies[i];

			if (p->isolates[d->ruleset->direction])
				add_policy(key, p);
		}
	}
	return (unsigned)(offsetof(struct weir_flow_side_key, policies) +
			  key->n_policies * sizeof(key->policies[0]));
}

static struct weir_flow_side *make(struct weir_flow_side **table,
				   const struct weir_flow_side_key *key, unsigned len)
{
	struct weir_flow_side *side = malloc(offsetof(struct weir_flow_side, key) + len);

	if (!side)
		return NULL;
	memset(side, 0, offsetof(struct weir_flow_side, key));
	memcpy(&side->key, key, len);
	side->keylen = len;
	weir_string_ref(key->rule_name);
	for (unsigned i = 0; i < key->n_policies; i++) {
		weir_string_ref(key->policies[i].kind);
		weir_string_ref(key->policies[i].namespace_);
		weir_string_ref(key->policies[i].name);
	}
	HASH_ADD_KEYPTR(hh, *table, &side->key, len, side);
	return side;
}

static struct weir_flow_side *get_side(struct weir_flow_side **table,
				       const struct weir_decision *decision)
{
	struct weir_flow_side_key key;
	struct weir_flow_side *side;
	unsigned len = make_key(decision, &key);

	HASH_FIND(hh, *table, &key, len, side);
	if (!side)
		side = make(table, &key, len);
	if (side)
		side->refs++;
	return side;
}

static void put_side(struct weir_flow_side **table, struct weir_pool *pool,
		     struct weir_flow_side *side)
{
	if (!side || --side->refs)
		return;
	HASH_DEL(*table, side);
	weir_pool_put_string(pool, side->key.rule_name);
	for (unsigned i = 0; i < side->key.n_policies; i++) {
		weir_pool_put_string(pool, side->key.policies[i].kind);
		weir_pool_put_string(pool, side->key.policies[i].namespace_);
		weir_pool_put_string(pool, side->key.policies[i].name);
	}
	free(side);
}

static void fill_side(const struct weir_flow_side *side, struct weir_record_side *ret)
{
	*ret = (struct weir_record_side){ .reason = WEIR_REASON_NOT_ENDPOINT, .rule = -1 };
	if (!side)
		return;
	ret->verdict = side->key.verdict;
	ret->reason = side->key.reason;
	ret->tier = side->key.tier;
	ret->form = side->key.form;
	ret->rule = side->key.rule;
	ret->rule_name = side->key.rule_name;
	ret->n_policies = side->key.n_policies;
	ret->n_more = side->key.n_more;
	ret->policies = side->key.policies;
}

/* --- both sides --------------------------------------------------------------------- */

static void put_both(struct weir_flow_verdicts *v, struct weir_pool *pool,
		     struct weir_flow_side *const at[WEIR_DIRECTION_MAX])
{
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++)
		put_side(&v->sides, pool, at[d]);
}

/* Takes over the references in at. */
static struct weir_flow_sides *make_pair(struct weir_flow_verdicts *v,
					 struct weir_flow_side *const at[WEIR_DIRECTION_MAX])
{
	struct weir_flow_sides *pair = calloc(1, sizeof(*pair));

	if (!pair)
		return NULL;
	memcpy(pair->at, at, sizeof(pair->at));
	HASH_ADD(hh, v->pairs, at, sizeof(pair->at), pair);
	return pair;
}

struct weir_flow_sides *weir_flow_sides_get(struct weir_flow_verdicts *v, struct weir_pool *pool,
					    const struct weir_decision *egress,
					    const struct weir_decision *ingress)
{
	struct weir_flow_side *at[WEIR_DIRECTION_MAX] = {
		[WEIR_EGRESS] = get_side(&v->sides, egress),
		[WEIR_INGRESS] = get_side(&v->sides, ingress),
	};
	struct weir_flow_sides *pair, *made = NULL;

	HASH_FIND(hh, v->pairs, at, sizeof(at), pair);
	if (!pair)
		pair = made = make_pair(v, at);
	if (!made)
		put_both(v, pool, at);
	if (pair)
		pair->refs++;
	return pair;
}

void weir_flow_sides_put(struct weir_flow_verdicts *v, struct weir_pool *pool,
			 struct weir_flow_sides *sides)
{
	if (!sides || --sides->refs)
		return;
	HASH_DEL(v->pairs, sides);
	put_both(v, pool, sides->at);
	free(sides);
}

void weir_flow_sides_fill(const struct weir_flow_sides *sides, struct weir_record_side *ret_egress,
			  struct weir_record_side *ret_ingress)
{
	fill_side(sides ? sides->at[WEIR_EGRESS] : NULL, ret_egress);
	fill_side(sides ? sides->at[WEIR_INGRESS] : NULL, ret_ingress);
}

void weir_flow_verdicts_clear(struct weir_flow_verdicts *v)
{
	HASH_CLEAR(hh, v->sides);
	HASH_CLEAR(hh, v->pairs);
}
