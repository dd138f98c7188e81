/* SPDX-License-Identifier: Apache-2.0 */
/* Rules in force: a policy that selects a local pod holds its peer sets.
 * Policies that select none cost their decoded form and one record. */
#include "policy/state.h"

#include <errno.h>
#include <stdlib.h>

static void take_peerset(struct force *f, struct rule *r, struct peerset *ps)
{
	/* A rule may name the same peer twice. */
	for (uint32_t i = 0; i < r->n_peers; i++) {
		if (r->peers[i] == ps)
			return;
	}
	f->peers[f->n_peers++] = ps;
	r->n_peers++;
	ps->refs++;
}

static int activate_rule(struct weir_compiler *c, struct policy *p, struct rule *r,
			 const struct weir_rule *rule)
{
	struct peerset *ps;

	*r = (struct rule){
		.rule = rule,
		.policy = p,
		.peers = p->force->peers + p->force->n_peers,
		.index = rule->index,
		.tier = p->policy->tier,
		.any_peer = rule->any_peer,
	};
	for (uint32_t i = 0; i < rule->n_ports; i++)
		r->named |= rule->ports[i].name != NULL;
	for (uint32_t i = 0; i < rule->n_peers && !rule->any_peer; i++) {
		if (weir_peerset_get(c, p, &rule->peers[i], &ps) < 0)
			return -ENOMEM;
		if (ps)
			take_peerset(p->force, r, ps);
	}
	if (!rule->any_peer || !r->named || rule->direction != WEIR_EGRESS)
		return 0;
	/* What a name means differs by destination, so these pods must be named. */
	if (weir_peerset_universe(c, &ps) < 0)
		return -ENOMEM;
	take_peerset(p->force, r, ps);
	return 0;
}

/* Room for all rules, and for all their peers behind them. */
static struct force *force_new(const struct weir_policy *p)
{
	uint32_t n_rules = 0, n_peers = 0;
	struct force *f;

	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		n_rules += p->n_rules[d];
		for (uint32_t i = 0; i < p->n_rules[d]; i++)
			n_peers += p->rules[d][i].any_peer ? 1 : p->rules[d][i].n_peers;
	}
	f = calloc(1, sizeof(*f) + n_rules * sizeof(*f->room) + n_peers * sizeof(*f->peers));
	if (!f)
		return NULL;
	f->rules[WEIR_INGRESS] = f->room;
	f->rules[WEIR_EGRESS] = f->room + p->n_rules[WEIR_INGRESS];
	f->peers = (struct peerset **)(f->room + n_rules);
	return f;
}

int weir_policy_activate(struct weir_compiler *c, struct policy *p)
{
	const struct weir_policy *policy = p->policy;

	if (p->force)
		return 0;
	p->force = force_new(policy);
	if (!p->force)
		return -ENOMEM;
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		for (uint32_t i = 0; weir_policy_speaks(c, policy, d) && i < policy->n_rules[d];
		     i++) {
			if (activate_rule(c, p, &p->force->rules[d][i], &policy->rules[d][i]) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

void weir_policy_deactivate(struct weir_compiler *c, struct policy *p)
{
	for (uint32_t i = 0; p->force && i < p->force->n_peers; i++)
		weir_peerset_put(c, p->force->peers[i]);
	free(weir_take(p->force));
}

void weir_policy_record_free(struct policy *p)
{
	free(p->force);
	free(p);
}
