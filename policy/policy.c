/* SPDX-License-Identifier: Apache-2.0 */
/* Rules in force: a policy that selects a local pod holds its peer sets.
 * Policies that select none cost their decoded form and one record. */
#include "policy/state.h"

#include <errno.h>
#include <stdlib.h>

static int take_peerset(struct policy *p, struct rule *r, struct peerset *ps)
{
	/* A rule may name the same peer twice. */
	for (uint32_t i = 0; i < r->n_peers; i++) {
		if (r->peers[i] == ps)
			return 0;
	}
	p->peers[p->n_peers++] = ps;
	r->n_peers++;
	ps->refs++;
	return 0;
}

static int activate_rule(struct weir_compiler *c, struct policy *p, struct rule *r,
			 const struct weir_rule *rule)
{
	struct peerset *ps;

	*r = (struct rule){
		.rule = rule,
		.policy = p,
		.peers = p->peers + p->n_peers,
		.index = rule->index,
		.tier = p->policy->tier,
		.any_peer = rule->any_peer,
	};
	for (uint32_t i = 0; i < rule->n_ports; i++)
		r->named |= rule->ports[i].name != NULL;
	for (uint32_t i = 0; i < rule->n_peers && !rule->any_peer; i++) {
		if (weir_peerset_get(c, p, &rule->peers[i], &ps) < 0)
			return -ENOMEM;
		take_peerset(p, r, ps);
	}
	if (!rule->any_peer || !r->named || rule->direction != WEIR_EGRESS)
		return 0;
	/* What a name means differs by destination, so these pods must be named. */
	if (weir_peerset_universe(c, &ps) < 0)
		return -ENOMEM;
	return take_peerset(p, r, ps);
}

static uint32_t count_peers(const struct weir_policy *p)
{
	uint32_t n = 1;

	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		for (uint32_t i = 0; i < p->n_rules[d]; i++)
			n += p->rules[d][i].any_peer ? 1 : p->rules[d][i].n_peers;
	}
	return n;
}

int weir_policy_activate(struct weir_compiler *c, struct policy *p)
{
	const struct weir_policy *policy = p->policy;

	if (p->active)
		return 0;
	p->peers = malloc(count_peers(policy) * sizeof(*p->peers));
	p->n_peers = 0;
	p->active = true;
	if (!p->peers)
		return -ENOMEM;
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		if (!weir_policy_speaks(policy, d) || !policy->n_rules[d])
			continue;
		p->rules[d] = calloc(policy->n_rules[d], sizeof(*p->rules[d]));
		if (!p->rules[d])
			return -ENOMEM;
		for (uint32_t i = 0; i < policy->n_rules[d]; i++) {
			if (activate_rule(c, p, &p->rules[d][i], &policy->rules[d][i]) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static void free_rules(struct policy *p)
{
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		free(p->rules[d]);
		p->rules[d] = NULL;
	}
	free(p->peers);
	p->peers = NULL;
	p->n_peers = 0;
	p->active = false;
}

void weir_policy_deactivate(struct weir_compiler *c, struct policy *p)
{
	for (uint32_t i = 0; i < p->n_peers; i++)
		weir_peerset_put(c, p->peers[i]);
	free_rules(p);
}

void weir_policy_record_free(struct policy *p)
{
	free_rules(p);
	free(p);
}
