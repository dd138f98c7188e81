/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name's addresses come and go with their time to live, and that ends no connection:
 * whoever resolved the name when it connected did what the policy allows. Called by
 * rejudge.c for connections that are denied. What allowed a connection is known from the
 * moment when weird saw it first: one that began before weird did, to an address whose
 * time is over by now, has nothing to show.
 */
#include "daemon/flow/spare.h"

#include "daemon/cluster/cluster.h"
#include "daemon/flow/sides.h"

static bool takes_port(const struct weir_rule *rule, const struct weir_connection *c)
{
	for (uint16_t i = 0; i < rule->n_ports; i++) {
		const struct weir_port *p = &rule->ports[i];

		if (!p->name && p->protocol == c->protocol && c->dport >= p->first &&
		    c->dport <= p->last)
			return true;
	}
	return rule->any_port;
}

/* The rule of that decision, as it is now; NULL: there is none that says the same. */
static const struct weir_rule *rule_of(const struct weir_world *world,
				       const struct weir_flow_side_key *was)
{
	const struct weir_record_policy *name = &was->policies[0];
	const struct weir_policy *policy;
	const struct weir_rule *rule;

	if (was->verdict != WEIR_ALLOWED || was->rule < 0 || !was->names)
		return NULL;
	policy = weir_cluster_policy(world->cluster, name->kind, name->namespace_, name->name);
	if (!policy || was->rule >= policy->n_rules[WEIR_EGRESS])
		return NULL;
	rule = &policy->rules[WEIR_EGRESS][was->rule];
	return rule->action == WEIR_ACCEPT && weir_flow_rule_names(rule) == was->names ? rule
										       : NULL;
}

static bool still_selects(const struct weir_world *world, const struct weir_policy *policy,
			  const struct weir_addr *src)
{
	const struct weir_pod *pod = weir_cluster_pod_by_addr(world->cluster, src);
	const struct weir_ruleset *r =
		pod && pod->local ? weir_compiler_ruleset_of(world->compiler, pod, WEIR_EGRESS)
				  : NULL;

	for (uint32_t i = 0; r && i < r->n_policies; i++)
		if (r->policies[i] == policy)
			return true;
	return false;
}

/* Would a be asked before b? */
static bool comes_before(const struct weir_rule *a, const struct weir_rule *b)
{
	int order = weir_policy_compare(a->policy, b->policy);

	return order ? order < 0 : a->index < b->index;
}

bool weir_flow_spared(const struct weir_world *world, const struct weir_connection *connection,
		      const struct weir_annotation *began, const struct weir_judgement *now)
{
	const struct weir_decision *denied = &now->sides[WEIR_EGRESS];
	const struct weir_flow_side *was = began->sides ? began->sides->at[WEIR_EGRESS] : NULL;
	const struct weir_rule *rule = was ? rule_of(world, &was->key) : NULL;

	if (!rule || now->sides[WEIR_INGRESS].verdict == WEIR_DENIED)
		return false;
	if (denied->reason == WEIR_REASON_RULE && comes_before(denied->rule, rule))
		return false;
	return takes_port(rule, connection) && still_selects(world, rule->policy, &connection->src);
}
