/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluation over the compiled tables, as a data plane does it: endpoint ->
 * ruleset, peer -> class, class + port -> verdict. And what weirctl lists. */
#include "policy/judge.h"

#include <errno.h>
#include <string.h>

const struct weir_port_verdict *weir_class_port(const struct weir_class *k, uint8_t protocol,
						uint16_t port)
{
	uint32_t lo = 0, hi = k->n_ports;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		const struct weir_port_verdict *v = &k->ports[mid];

		if (v->protocol < protocol || (v->protocol == protocol && v->last < port))
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == k->n_ports || k->ports[lo].protocol != protocol || k->ports[lo].first > port)
		return NULL;
	return &k->ports[lo];
}

void weir_class_decide(const struct weir_class *k, const struct weir_connection *conn,
		       struct weir_decision *ret)
{
	const struct weir_port_verdict *v = weir_class_port(k, conn->protocol, conn->dport);

	ret->verdict = v ? v->verdict : k->verdict;
	ret->rule = v ? v->rule : k->rule;
	if (ret->rule)
		ret->reason = WEIR_REASON_RULE;
	else
		ret->reason =
			ret->verdict == WEIR_DENIED ? WEIR_REASON_ISOLATED : WEIR_REASON_NO_POLICY;
}

const struct pod *weir_pod_at(const struct weir_compiler *c, const struct weir_addr *addr)
{
	const struct address *a = weir_address_find(c, addr);

	return a ? weir_address_pod(a) : NULL;
}

const struct identity *weir_identity_at(const struct weir_compiler *c, const struct weir_addr *addr)
{
	const struct address *a = weir_address_find(c, addr);
	struct weir_prefix key = weir_prefix_of_one(addr);
	const struct named *n;

	if (a && a->identity)
		return a->identity;
	n = weir_named_of(c, &key);
	return n ? n->identity : NULL;
}

static const struct weir_class *class_of(const struct ruleset *rs, uint32_t identity)
{
	const struct peer_class *k = weir_idmap_get(&rs->members, identity);

	return k ? k->content : rs->pub.fallback;
}

static const struct weir_addr *side_of(const struct weir_connection *conn, int direction,
				       bool other)
{
	return (direction == WEIR_EGRESS) != other ? &conn->src : &conn->dst;
}

void weir_judge_side(const struct weir_compiler *c, const struct weir_connection *conn,
		     int direction, struct weir_decision *ret)
{
	const struct pod *pod = weir_pod_at(c, side_of(conn, direction, false));
	const struct identity *peer = weir_identity_at(c, side_of(conn, direction, true));
	const struct profile *profile;
	const struct ruleset *rs;

	*ret = (struct weir_decision){ .verdict = WEIR_ALLOWED,
				       .reason = WEIR_REASON_NOT_ENDPOINT };
	profile = pod ? weir_pod_profile(pod) : NULL;
	if (!profile)
		return;
	ret->reason = WEIR_REASON_NO_POLICY;
	rs = profile->rulesets[direction];
	if (!rs)
		return;
	ret->ruleset = &rs->pub;
	weir_class_decide(class_of(rs, peer ? peer->id : WEIR_IDENTITY_NONE), conn, ret);
}

bool weir_judge_self(const struct weir_compiler *c, const struct weir_connection *conn,
		     struct weir_judgement *ret)
{
	const struct weir_decision self = { .verdict = WEIR_ALLOWED, .reason = WEIR_REASON_SELF };

	if (weir_addr_compare(&conn->src, &conn->dst) != 0 || !weir_pod_at(c, &conn->src))
		return false;
	*ret = (struct weir_judgement){ .verdict = WEIR_ALLOWED, .sides = { self, self } };
	return true;
}

void weir_judge_both(struct weir_judgement *j)
{
	j->verdict = WEIR_ALLOWED;
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		if (j->sides[d].verdict == WEIR_DENIED)
			j->verdict = WEIR_DENIED;
	}
}

void weir_compiler_judge(const struct weir_compiler *c, const struct weir_connection *conn,
			 struct weir_judgement *ret)
{
	if (weir_judge_self(c, conn, ret))
		return;
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++)
		weir_judge_side(c, conn, d, &ret->sides[d]);
	weir_judge_both(ret);
}

/* --- what is in there -------------------------------------------------------------- */

int weir_compiler_identities(const struct weir_compiler *c,
			     int (*fn)(void *data, const struct weir_identity_info *info),
			     void *data)
{
	int r = 0;

	for (uint32_t id = 1; id < c->by_id.n && r == 0; id++) {
		const struct identity *i = c->by_id.at[id];
		struct weir_identity_info info;

		if (!i)
			continue;
		info = (struct weir_identity_info){
			.id = id,
			.namespace_ = i->space ? i->space->name : NULL,
			.labels = i->labels,
			.prefix = i->prefix->node.key,
			.n_addresses = i->n_addresses,
		};
		r = fn(data, &info);
	}
	return r;
}

const struct weir_pod *weir_compiler_pod_at(const struct weir_compiler *c,
					    const struct weir_addr *addr)
{
	const struct pod *pod = c->broken ? NULL : weir_pod_at(c, addr);

	return pod ? pod->pod : NULL;
}

uint32_t weir_compiler_identity_of(const struct weir_compiler *c, const struct weir_addr *addr)
{
	const struct identity *i = weir_identity_at(c, addr);

	return i ? i->id : WEIR_IDENTITY_NONE;
}

const struct weir_ruleset *weir_compiler_ruleset_of(const struct weir_compiler *c,
						    const struct weir_pod *pod,
						    enum weir_direction direction)
{
	const struct pod *p = weir_compiler_pod(c, pod);
	const struct profile *profile = p ? weir_pod_profile(p) : NULL;

	return profile && profile->rulesets[direction] ? &profile->rulesets[direction]->pub : NULL;
}

const struct weir_class *weir_compiler_class_of(const struct weir_compiler *c,
						const struct weir_ruleset *ruleset,
						uint32_t identity)
{
	return class_of((const struct ruleset *)ruleset, identity);
}

uint32_t weir_compiler_selected(const struct weir_compiler *c, const struct weir_policy *policy)
{
	const struct policy *p = weir_compiler_policy(c, policy);
	uint32_t n = 0;

	for (uint32_t i = 0; p && p->subject && i < p->subject->profiles.n; i++)
		n += ((struct profile *)p->subject->profiles.at[i])->pods.n;
	return n;
}

void weir_compiler_stats(const struct weir_compiler *c, struct weir_compiler_stats *ret)
{
	*ret = (struct weir_compiler_stats){
		.namespaces = c->namespaces.n,
		.pods = c->pods.n,
		.endpoints = c->n_endpoints,
		.policies = c->policies.n,
		.identities = c->identities.n,
		.prefixes = c->n_prefixes,
		.rulesets = c->rulesets.n,
		.classes = c->n_classes + c->rulesets.n, /* each has a fallback */
		.commits = c->commits,
		.compiled_rulesets = c->compiled_rulesets,
	};
}
