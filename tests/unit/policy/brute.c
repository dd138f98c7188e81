/* SPDX-License-Identifier: Apache-2.0 */
/* Judges a connection by reading all objects, as the specifications word it: no index, no
 * class, nothing that policy/ computes but selectors, prefixes and the order of policies. */
#include "tests/unit/policy/brute.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As the comment of weir_pod_compare_claims() words it. */
static bool has_better_claim(const struct weir_pod *a, const struct weir_pod *b)
{
	int r = a->endpoint - b->endpoint;

	r = r ?: (int)a->since - (int)b->since;
	r = r ?: b->terminating - a->terminating;
	r = r ?: (int)a->created - (int)b->created;
	r = r ?: strcmp(a->namespace_, b->namespace_);
	return (r ?: strcmp(a->name, b->name)) > 0;
}

static const struct weir_pod *pod_at(const struct objects *o, const struct weir_addr *a)
{
	const struct weir_pod *best = NULL;

	for (size_t i = 0; i < o->n_pods; i++) {
		const struct weir_pod *p = o->pods[i];

		if (p->host_network || p->finished || p->gone ||
		    (best && !has_better_claim(p, best)))
			continue;
		for (size_t j = 0; j < p->n_addrs; j++) {
			if (weir_addr_compare(&p->addrs[j], a) == 0)
				best = p;
		}
	}
	return best;
}

/* Of nodes that share an address, the one whose name comes first has it. */
static const struct weir_node *node_at(const struct objects *o, const struct weir_addr *a)
{
	const struct weir_node *best = NULL;

	for (size_t i = 0; i < o->n_nodes; i++) {
		const struct weir_node *n = o->nodes[i];

		for (size_t j = 0; j < n->n_addrs; j++) {
			if (weir_addr_compare(&n->addrs[j], a) == 0 &&
			    (!best || strcmp(n->name, best->name) < 0))
				best = n;
		}
	}
	return best;
}

static bool ns_matches(struct bag *b, const struct objects *o, const char *name,
		       const struct weir_selector *s)
{
	char text[256];

	for (size_t i = 0; i < o->n_namespaces; i++) {
		if (o->namespaces[i]->name == name)
			return weir_selector_matches(s, o->namespaces[i]->labels);
	}
	snprintf(text, sizeof(text), "kubernetes.io/metadata.name=%s", name);
	return weir_selector_matches(s, make_labels(b, text));
}

static bool selects(struct bag *b, const struct objects *o, const struct weir_policy *p,
		    const struct weir_pod *pod)
{
	if (p->namespace_ ? p->namespace_ != pod->namespace_
			  : !ns_matches(b, o, pod->namespace_, &p->namespaces))
		return false;
	return weir_selector_matches(&p->pods, pod->labels);
}

static bool domain_has(const struct weir_domain *d, const char *pattern, const struct weir_addr *a)
{
	size_t len = strlen(d->name), end = strlen(pattern) - 1;

	if (*pattern != '*' ? strcmp(d->name, pattern) != 0
			    : len <= end || strcmp(d->name + len - end, pattern + 1) != 0)
		return false;
	for (uint32_t i = 0; i < d->n_addrs; i++) {
		if (weir_addr_compare(&d->addrs[i], a) == 0)
			return true;
	}
	return false;
}

static bool names_have(const struct objects *o, const struct weir_peer *peer,
		       const struct weir_addr *a)
{
	for (size_t i = 0; i < o->n_domains * peer->n_names; i++) {
		if (domain_has(o->domains[i / peer->n_names], peer->names[i % peer->n_names], a))
			return true;
	}
	return false;
}

static bool peer_has(struct bag *b, const struct objects *o, const struct weir_policy *p,
		     const struct weir_peer *peer, const struct weir_addr *a)
{
	const struct weir_pod *pod = pod_at(o, a);

	if (peer->kind == WEIR_PEER_PREFIX) {
		for (size_t i = 0; i < peer->n_except; i++) {
			if (weir_prefix_contains(&peer->except[i], a))
				return false;
		}
		return weir_prefix_contains(&peer->prefix, a);
	}
	if (peer->kind == WEIR_PEER_DOMAINS)
		return names_have(o, peer, a);
	if (peer->kind == WEIR_PEER_NODES) {
		const struct weir_node *node = pod ? NULL : node_at(o, a);

		return node && weir_selector_matches(&peer->nodes, node->labels);
	}
	if (!pod)
		return false;
	if (peer->own_namespace ? pod->namespace_ != p->namespace_
				: !ns_matches(b, o, pod->namespace_, &peer->namespaces))
		return false;
	return weir_selector_matches(&peer->pods, pod->labels);
}

static bool port_has(const struct weir_port *p, const struct weir_pod *dst,
		     const struct weir_connection *c)
{
	if (p->protocol != c->protocol)
		return false;
	if (!p->name)
		return p->first <= c->dport && c->dport <= p->last;
	for (size_t i = 0; dst && dst->workload && i < dst->workload->n_ports; i++) {
		const struct weir_named_port *q = &dst->workload->ports[i];

		if (q->name == p->name && q->protocol == c->protocol && q->port == c->dport)
			return true;
	}
	return false;
}

static bool rule_has(struct bag *b, const struct objects *o, const struct weir_rule *r,
		     const struct weir_connection *c)
{
	const struct weir_addr *other = r->direction == WEIR_INGRESS ? &c->src : &c->dst;
	const struct weir_pod *dst = pod_at(o, &c->dst);
	bool peer = r->any_peer, port = r->any_port;

	for (size_t i = 0; i < r->n_peers && !peer; i++)
		peer = peer_has(b, o, r->policy, &r->peers[i], other);
	for (size_t i = 0; i < r->n_ports && !port; i++)
		port = port_has(&r->ports[i], dst, c);
	return peer && port;
}

static int compare(const void *a, const void *b)
{
	return weir_policy_compare(*(const struct weir_policy *const *)a,
				   *(const struct weir_policy *const *)b);
}

/* The first rule of the tier that matches; NULL: none. */
static const struct weir_rule *first_rule(struct bag *b, const struct objects *o,
					  const struct weir_policy **sorted, size_t n,
					  unsigned tier, int d, const struct weir_connection *c)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; sorted[i]->tier == tier && j < sorted[i]->n_rules[d]; j++) {
			if (rule_has(b, o, &sorted[i]->rules[d][j], c))
				return &sorted[i]->rules[d][j];
		}
	}
	return NULL;
}

static void decide(struct bag *b, const struct objects *o, const struct weir_connection *c, int d,
		   struct weir_decision *ret)
{
	const struct weir_pod *pod = pod_at(o, d == WEIR_INGRESS ? &c->dst : &c->src);
	const struct weir_policy **sorted = calloc(o->n_policies + 1, sizeof(*sorted));
	bool isolated = false;
	size_t n = 0;

	*ret = (struct weir_decision){ .verdict = WEIR_ALLOWED };
	for (size_t i = 0; pod && pod->local && i < o->n_policies; i++) {
		const struct weir_policy *p = o->policies[i];

		if (p->staged || !selects(b, o, p, pod))
			continue;
		if (p->tier == WEIR_TIER_NETWORK_POLICY && !p->isolates[d])
			continue;
		isolated |= p->tier == WEIR_TIER_NETWORK_POLICY;
		sorted[n++] = p;
	}
	if (n)
		qsort(sorted, n, sizeof(*sorted), compare);
	for (unsigned tier = 0; tier < WEIR_TIER_MAX; tier++) {
		const struct weir_rule *r = first_rule(b, o, sorted, n, tier, d, c);

		if (r && r->action != WEIR_PASS) {
			ret->rule = r;
			ret->verdict = r->action == WEIR_ACCEPT ? WEIR_ALLOWED : WEIR_DENIED;
			break;
		}
		if (tier == WEIR_TIER_NETWORK_POLICY && isolated) {
			ret->verdict = WEIR_DENIED;
			break;
		}
	}
	free(sorted);
}

void brute_force(struct bag *b, const struct objects *o, const struct weir_connection *conn,
		 struct weir_judgement *ret)
{
	*ret = (struct weir_judgement){ .verdict = WEIR_ALLOWED };
	if (weir_addr_compare(&conn->src, &conn->dst) == 0 && pod_at(o, &conn->src))
		return;
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		decide(b, o, conn, d, &ret->sides[d]);
		if (ret->sides[d].verdict == WEIR_DENIED)
			ret->verdict = WEIR_DENIED;
	}
}
