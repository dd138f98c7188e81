/* SPDX-License-Identifier: Apache-2.0 */
/* The judgement of a connection between any two pods: for a pod that is not
 * of this node, its policies are compiled here and now, for this one peer. */
#include <errno.h>
#include <stdlib.h>

#include "policy/judge.h"

struct side {
	struct weir_ruleset ruleset;
	const struct weir_policy **policies;
	struct weir_class *content;
};

struct weir_explanation {
	struct weir_judgement judgement;
	struct side sides[WEIR_DIRECTION_MAX];
};

const struct weir_judgement *weir_explanation_judgement(const struct weir_explanation *e)
{
	return &e->judgement;
}

void weir_explanation_free(struct weir_explanation **e)
{
	if (!*e)
		return;
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		free((*e)->sides[d].policies);
		free((*e)->sides[d].content);
	}
	free(*e);
	*e = NULL;
}

static int compare_policies(const void *a, const void *b)
{
	return weir_policy_compare(*(const struct weir_policy *const *)a,
				   *(const struct weir_policy *const *)b);
}

static void take_selecting(const struct weir_compiler *c, const struct space *from,
			   const struct weir_pod *pod, int direction, struct side *side)
{
	const struct space *space = weir_space_find(c, pod->namespace_);

	for (uint32_t i = 0; i < from->policies.n; i++) {
		const struct policy *p = from->policies.at[i];

		if (weir_policy_speaks(c, p->policy, direction) &&
		    weir_policy_subject_matches(c, p, space, pod->labels))
			side->policies[side->ruleset.n_policies++] = p->policy;
	}
}

/* The policies that select the pod, in order of precedence. */
static int select_policies(const struct weir_compiler *c, const struct weir_pod *pod, int direction,
			   struct side *side)
{
	const struct space *space = weir_space_find(c, pod->namespace_);
	uint32_t n = space->policies.n + c->cluster->policies.n;

	side->policies = malloc((n + 1u) * sizeof(*side->policies));
	if (!side->policies)
		return -ENOMEM;
	take_selecting(c, c->cluster, pod, direction, side);
	take_selecting(c, space, pod, direction, side);
	n = side->ruleset.n_policies;
	if (n)
		qsort(side->policies, n, sizeof(*side->policies), compare_policies);
	side->ruleset.direction = (uint8_t)direction;
	side->ruleset.policies = side->policies;
	return 0;
}

static bool prefix_peer_has(const struct weir_peer *peer, const struct weir_addr *addr)
{
	if (!weir_prefix_contains(&peer->prefix, addr))
		return false;
	for (uint32_t i = 0; i < peer->n_except; i++) {
		if (weir_prefix_contains(&peer->except[i], addr))
			return false;
	}
	return true;
}

static bool pods_peer_has(const struct weir_compiler *c, const struct weir_policy *policy,
			  const struct weir_peer *peer, const struct weir_pod *other)
{
	if (!other)
		return false;
	if (peer->own_namespace && policy->namespace_) {
		if (other->namespace_ != policy->namespace_)
			return false;
	} else if (!weir_space_matches(c, weir_space_find(c, other->namespace_),
				       &peer->namespaces)) {
		return false;
	}
	return weir_selector_matches(&peer->pods, other->labels);
}

static bool peer_has(const struct weir_compiler *c, const struct weir_policy *policy,
		     const struct weir_peer *peer, const struct weir_addr *addr,
		     const struct weir_pod *other)
{
	switch ((enum weir_peer_kind)peer->kind) {
	case WEIR_PEER_PODS:
		return pods_peer_has(c, policy, peer, other);
	case WEIR_PEER_PREFIX:
		return prefix_peer_has(peer, addr);
	case WEIR_PEER_NODES:
		return weir_node_peer_has(c, peer, addr);
	case WEIR_PEER_DOMAINS:
		return weir_domain_peer_has(c, peer, addr);
	case WEIR_PEER_KIND_MAX:
		break;
	}
	return false;
}

static bool rule_has(const struct weir_compiler *c, const struct weir_rule *rule,
		     const struct weir_addr *addr, const struct weir_pod *other)
{
	for (uint32_t i = 0; i < rule->n_peers && !rule->any_peer; i++) {
		if (peer_has(c, rule->policy, &rule->peers[i], addr, other))
			return true;
	}
	return rule->any_peer;
}

static int gather(const struct weir_compiler *c, const struct side *side,
		  const struct weir_addr *addr, const struct weir_pod *other, struct scratch *s,
		  bool *ret_isolated)
{
	uint64_t rank = 0;

	*ret_isolated = false;
	for (uint32_t i = 0; i < side->ruleset.n_policies; i++) {
		const struct weir_policy *p = side->policies[i];

		*ret_isolated |= p->tier == WEIR_TIER_NETWORK_POLICY;
		for (uint32_t j = 0; j < p->n_rules[side->ruleset.direction]; j++) {
			const struct weir_rule *rule = &p->rules[side->ruleset.direction][j];

			if (rule_has(c, rule, addr, other) && weir_scratch_add(s, rule, ++rank) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static int compile_side(const struct weir_compiler *c, const struct weir_pod *pod,
			const struct weir_addr *addr, struct side *side)
{
	WEIR_CLEANUP(weir_scratch_free) struct scratch *s = weir_scratch_new();
	const struct pod *at = weir_pod_at(c, addr);
	const struct weir_pod *other = at ? at->pod : NULL;
	const struct weir_pod *serves = side->ruleset.direction == WEIR_EGRESS ? other : pod;
	const struct portset *ports = serves ? weir_portset_find(c, serves) : NULL;
	bool isolated;

	if (!s)
		return -ENOMEM;
	weir_scratch_begin(s, WEIR_WHOLE_LINE);
	if (gather(c, side, addr, other, s, &isolated) < 0 ||
	    weir_class_build(s, isolated, ports, NULL, &side->content) < 0)
		return -ENOMEM;
	side->ruleset.fallback = side->content;
	return 0;
}

static int explain_side(const struct weir_compiler *c, const struct weir_connection *conn,
			int direction, struct weir_explanation *e)
{
	const struct weir_addr *own = direction == WEIR_EGRESS ? &conn->src : &conn->dst;
	const struct weir_addr *peer = direction == WEIR_EGRESS ? &conn->dst : &conn->src;
	struct weir_decision *decision = &e->judgement.sides[direction];
	const struct pod *pod = weir_pod_at(c, own);
	struct side *side = &e->sides[direction];

	weir_judge_side(c, conn, direction, decision);
	if (!pod || weir_pod_profile(pod))
		return 0;
	decision->reason = WEIR_REASON_NO_POLICY;
	if (select_policies(c, pod->pod, direction, side) < 0)
		return -ENOMEM;
	if (!side->ruleset.n_policies)
		return 0;
	if (compile_side(c, pod->pod, peer, side) < 0)
		return -ENOMEM;
	decision->ruleset = &side->ruleset;
	weir_class_decide(side->content, conn, decision);
	return 0;
}

int weir_compiler_explain(const struct weir_compiler *c, const struct weir_connection *conn,
			  struct weir_explanation **ret, struct weir_error *err)
{
	WEIR_CLEANUP(weir_explanation_free) struct weir_explanation *e = calloc(1, sizeof(*e));

	if (!e)
		return weir_error_set(err, ENOMEM, "explain: out of memory");
	if (!weir_judge_self(c, conn, &e->judgement)) {
		for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
			if (explain_side(c, conn, d, e) < 0)
				return weir_error_set(err, ENOMEM, "explain: out of memory");
		}
		weir_judge_both(&e->judgement);
	}
	*ret = weir_take(e);
	return 0;
}
