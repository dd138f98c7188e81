/* SPDX-License-Identifier: Apache-2.0 */
/* A ruleset takes in and lets go of policies. Only notes what that touches:
 * compile.c works it off. */
#include "policy/state.h"

#include <errno.h>
#include <stdlib.h>

int weir_ruleset_new(struct weir_compiler *c, int direction, struct ruleset **ret)
{
	struct ruleset *rs = calloc(1, sizeof(*rs));

	if (!rs)
		return -ENOMEM;
	rs->fallback = calloc(1, sizeof(*rs->fallback));
	if (!rs->fallback) {
		free(rs);
		return -ENOMEM;
	}
	rs->fallback->is_new = true;
	rs->pub.id = ++c->next_ruleset;
	rs->pub.direction = (uint8_t)direction;
	rs->changed = WEIR_WHOLE_LINE;
	if (WEIR_QUEUE(&c->q_rulesets, rs) < 0) {
		weir_ruleset_free(rs);
		return -ENOMEM;
	}
	*ret = rs;
	return 0;
}

void weir_class_slot_free(struct peer_class *k)
{
	free(k->content);
	free(k->before);
	free(k);
}

static void free_use(struct use *u)
{
	weir_rules_free(&u->rules);
	free(u);
}

void weir_ruleset_free(struct ruleset *rs)
{
	struct peer_class *k;
	struct use *u;

	for (uint32_t i = 0; (u = weir_table_next(&rs->uses, &i));)
		free_use(u);
	for (uint32_t i = 0; (k = weir_table_next(&rs->classes, &i));)
		weir_class_slot_free(k);
	weir_class_slot_free(rs->fallback);
	weir_table_free(&rs->uses);
	weir_table_free(&rs->classes);
	weir_idmap_free(&rs->members);
	weir_ids_free(&rs->dirty);
	weir_vec_free(&rs->subjects);
	weir_vec_free(&rs->policies);
	weir_rules_free(&rs->any);
	weir_vec_free(&rs->touched);
	free(rs);
}

static bool use_is(const void *item, const void *peerset)
{
	return ((const struct use *)item)->peerset == peerset;
}

static struct use *find_use(const struct ruleset *rs, const struct peerset *ps)
{
	return weir_table_find(&rs->uses, weir_hash_pointer(0, ps), use_is, ps);
}

static int use_new(struct ruleset *rs, struct peerset *ps, struct use **ret)
{
	struct use *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->peerset = ps;
	u->ruleset = rs;
	if (weir_table_add(&rs->uses, weir_hash_pointer(0, ps), u) < 0) {
		free_use(u);
		return -ENOMEM;
	}
	if (weir_vec_push(&ps->uses, u) < 0) {
		weir_table_remove(&rs->uses, weir_hash_pointer(0, ps), u);
		free_use(u);
		return -ENOMEM;
	}
	u->slot = ps->uses.n - 1;
	*ret = u;
	return 0;
}

/* Called when no class knows it any more. */
void weir_use_free(struct ruleset *rs, struct use *u)
{
	struct weir_vec *v = &u->peerset->uses;
	struct use *last = v->at[--v->n];

	v->at[u->slot] = last;
	last->slot = u->slot;
	weir_table_remove(&rs->uses, weir_hash_pointer(0, u->peerset), u);
	free_use(u);
}

void weir_ruleset_drop(struct weir_compiler *c, struct ruleset *rs)
{
	struct peer_class *k;
	struct use *u;

	for (uint32_t i = 0; (k = weir_table_next(&rs->classes, &i));)
		weir_portset_put(c, k->ports);
	c->n_classes -= rs->classes.n;
	for (uint32_t i = 0; (u = weir_table_next(&rs->uses, &i)); i = 0)
		weir_use_free(rs, u);
	weir_portset_put(c, rs->ports);
	weir_ruleset_free(rs);
}

static int add_rule(struct ruleset *rs, struct rule *rule)
{
	struct stretch reach = weir_line_reach(rule->rule);

	if (rule->any_peer) {
		rs->changed = weir_stretch_hull(rs->changed, reach);
		if (weir_rules_add(&rs->any, rule) < 0)
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < rule->n_peers; i++) {
		struct use *u = find_use(rs, rule->peers[i]);

		if (!u && use_new(rs, rule->peers[i], &u) < 0)
			return -ENOMEM;
		u->changed = weir_stretch_hull(u->changed, reach);
		u->n_named += rule->named;
		if (weir_rules_add(&u->rules, rule) < 0 || WEIR_QUEUE(&rs->touched, u) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int remove_rule(struct ruleset *rs, struct rule *rule)
{
	struct stretch reach = weir_line_reach(rule->rule);

	if (rule->any_peer) {
		rs->changed = weir_stretch_hull(rs->changed, reach);
		weir_rules_remove(&rs->any, rule);
	}
	for (uint32_t i = 0; i < rule->n_peers; i++) {
		struct use *u = find_use(rs, rule->peers[i]);

		u->changed = weir_stretch_hull(u->changed, reach);
		u->n_named -= rule->named;
		weir_rules_remove(&u->rules, rule);
		if (WEIR_QUEUE(&rs->touched, u) < 0)
			return -ENOMEM;
	}
	return 0;
}

static uint32_t place_of_policy(const struct ruleset *rs, const struct weir_policy *p)
{
	uint32_t lo = 0, hi = rs->policies.n;

	if (hi && weir_policy_compare(rs->policies.at[hi - 1], p) < 0)
		return hi;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (weir_policy_compare(rs->policies.at[mid], p) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void publish_policies(struct ruleset *rs)
{
	rs->pub.policies = (const struct weir_policy *const *)rs->policies.at;
	rs->pub.n_policies = rs->policies.n;
}

/* The first policy that isolates, and the last, change what no rule decides. */
static void count_isolating(struct ruleset *rs, const struct weir_policy *p, int sign)
{
	if (p->tier != WEIR_TIER_NETWORK_POLICY)
		return;
	rs->n_isolating += (uint32_t)sign;
	if (rs->n_isolating == (sign > 0 ? 1 : 0))
		rs->changed = WEIR_WHOLE_LINE;
}

/* A sum over the policies: equal when the same ones are there with the same
 * precedence, whatever objects hold them. */
static uint64_t print_of(const struct weir_policy *p)
{
	uint32_t h = weir_hash_pointer(weir_hash_pointer(17, p->name), p->kind);
	uint32_t g = weir_hash_pointer(19, p->namespace_);

	g = weir_hash_add(weir_hash_add(g, p->tier), (uint32_t)p->priority);
	return (uint64_t)weir_hash_add(h, g) << 32 | weir_hash_add(g, h);
}

int weir_ruleset_add_policy(struct weir_compiler *c, struct ruleset *rs, struct policy *p)
{
	int d = rs->pub.direction;

	if (!weir_policy_speaks(c, p->policy, d))
		return 0;
	if (weir_vec_insert(&rs->policies, place_of_policy(rs, p->policy), (void *)p->policy) < 0)
		return -ENOMEM;
	publish_policies(rs);
	count_isolating(rs, p->policy, 1);
	rs->print += print_of(p->policy);
	for (uint32_t i = 0; i < p->policy->n_rules[d]; i++) {
		if (add_rule(rs, &p->force->rules[d][i]) < 0)
			return -ENOMEM;
	}
	return WEIR_QUEUE(&c->q_rulesets, rs);
}

int weir_ruleset_remove_policy(struct weir_compiler *c, struct ruleset *rs, struct policy *p)
{
	int d = rs->pub.direction;
	uint32_t pos = place_of_policy(rs, p->policy);

	if (!weir_policy_speaks(c, p->policy, d) || pos == rs->policies.n ||
	    rs->policies.at[pos] != p->policy)
		return 0;
	weir_vec_remove_at(&rs->policies, pos);
	publish_policies(rs);
	count_isolating(rs, p->policy, -1);
	rs->print -= print_of(p->policy);
	for (uint32_t i = 0; i < p->policy->n_rules[d]; i++) {
		if (remove_rule(rs, &p->force->rules[d][i]) < 0)
			return -ENOMEM;
	}
	return WEIR_QUEUE(&c->q_rulesets, rs);
}
