/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of NetworkPolicy v1 and of ClusterNetworkPolicy v1alpha2 as their
 * API documentation words them, each in a function of its own. Must not call anything of policy/:
 * an error shared with the compiler would go unseen. Strings are compared as strings and addresses
 * bit by bit, although interning would allow less.
 */
#include "tests/oracle/oracle.h"

#include <string.h>

#define NAME_LABEL "kubernetes.io/metadata.name"

static bool same_addr(const struct weir_addr *a, const struct weir_addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, weir_addr_size(a)) == 0;
}

/* A pod on the host's network has no address of its own, and that of a pod
 * that has ended may be somebody else's. */
static const struct weir_pod *pod_of(const struct oracle_world *w, const struct weir_addr *a)
{
	for (size_t i = 0; i < w->n_pods; i++) {
		const struct weir_pod *p = w->pods[i];

		if (p->host_network || p->finished)
			continue;
		for (size_t j = 0; j < p->n_addrs; j++)
			if (same_addr(&p->addrs[j], a))
				return p;
	}
	return NULL;
}

/* --- selectors ------------------------------------------------------------- */

static const char *value_of(const struct weir_labels *labels, const char *key)
{
	for (uint32_t i = 0; labels && i < labels->n; i++)
		if (strcmp(labels->items[i].key, key) == 0)
			return labels->items[i].value;
	return NULL;
}

static bool among(const struct weir_requirement *q, const char *value)
{
	for (unsigned i = 0; i < q->n_values; i++)
		if (strcmp(q->values[i], value) == 0)
			return true;
	return false;
}

/* NotIn holds for an object that lacks the key. */
static bool requirement_holds(const struct weir_requirement *q, const char *value)
{
	switch (q->op) {
	case WEIR_IN:
		return value && among(q, value);
	case WEIR_NOT_IN:
		return !value || !among(q, value);
	case WEIR_EXISTS:
		return value;
	case WEIR_DOES_NOT_EXIST:
		return !value;
	}
	return false;
}

static bool selects_labels(const struct weir_selector *s, const struct weir_labels *labels)
{
	for (unsigned i = 0; i < s->n; i++)
		if (!requirement_holds(&s->requirements[i],
				       value_of(labels, s->requirements[i].key)))
			return false;
	return true;
}

/* The API server gives every namespace a label with its name, so a namespace
 * that is not known yet has at least that one. */
static bool selects_namespace(const struct oracle_world *w, const struct weir_selector *s,
			      const char *name)
{
	for (size_t i = 0; i < w->n_namespaces; i++)
		if (strcmp(w->namespaces[i]->name, name) == 0)
			return selects_labels(s, w->namespaces[i]->labels);
	for (unsigned i = 0; i < s->n; i++) {
		const struct weir_requirement *q = &s->requirements[i];

		if (!requirement_holds(q, strcmp(q->key, NAME_LABEL) == 0 ? name : NULL))
			return false;
	}
	return true;
}

/* --- peers ------------------------------------------------------------------ */

static bool in_block(const struct weir_prefix *block, const struct weir_addr *a)
{
	if (block->addr.family != a->family)
		return false;
	for (unsigned bit = 0; bit < block->len; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		if ((block->addr.bytes[bit / 8] & mask) != (a->bytes[bit / 8] & mask))
			return false;
	}
	return true;
}

static bool peer_is_block_with(const struct weir_peer *peer, const struct weir_addr *a)
{
	for (unsigned i = 0; i < peer->n_except; i++)
		if (in_block(&peer->except[i], a))
			return false;
	return in_block(&peer->prefix, a);
}

/* Its address is in the node's status; pods that share it have no say. */
static bool peer_is_node_with(const struct oracle_world *w, const struct weir_peer *peer,
			      const struct weir_addr *a)
{
	for (size_t i = 0; i < w->n_nodes; i++) {
		const struct weir_node *n = w->nodes[i];

		for (size_t j = 0; j < n->n_addrs; j++)
			if (same_addr(&n->addrs[j], a) && selects_labels(&peer->nodes, n->labels))
				return true;
	}
	return false;
}

static bool peer_is_pod(const struct oracle_world *w, const struct weir_policy *policy,
			const struct weir_peer *peer, const struct weir_pod *pod)
{
	if (!pod || !selects_labels(&peer->pods, pod->labels))
		return false;
	return peer->own_namespace ? strcmp(pod->namespace_, policy->namespace_) == 0
				   : selects_namespace(w, &peer->namespaces, pod->namespace_);
}

/* Label by label from the right, as names are read; a star stands for one or more. */
static bool name_is(const char *name, const char *pattern)
{
	const char *n = name + strlen(name), *p = pattern + strlen(pattern);

	while (p > pattern && n > name && p[-1] == n[-1]) {
		p--;
		n--;
	}
	if (p == pattern)
		return n == name;
	return p == pattern + 1 && *pattern == '*' && n > name;
}

static bool peer_is_name_of(const struct oracle_world *w, const struct weir_peer *peer,
			    const struct weir_addr *a)
{
	for (size_t i = 0; i < w->n_domains; i++) {
		const struct weir_domain *d = w->domains[i];
		bool known = false, meant = false;

		for (uint32_t j = 0; j < d->n_addrs; j++)
			known |= same_addr(&d->addrs[j], a);
		for (uint32_t j = 0; j < peer->n_names; j++)
			meant |= name_is(d->name, peer->names[j]);
		if (known && meant)
			return true;
	}
	return false;
}

static bool peer_is(const struct oracle_world *w, const struct weir_policy *policy,
		    const struct weir_peer *peer, const struct weir_addr *a)
{
	const struct weir_pod *pod = pod_of(w, a);

	switch (peer->kind) {
	case WEIR_PEER_PODS:
		return peer_is_pod(w, policy, peer, pod);
	case WEIR_PEER_PREFIX:
		return peer_is_block_with(peer, a);
	case WEIR_PEER_NODES:
		return !pod && peer_is_node_with(w, peer, a);
	}
	return peer_is_name_of(w, peer, a);
}

/* --- ports ------------------------------------------------------------------ */

/* A name means what the pod that is connected to calls by it. */
static bool port_is(const struct weir_port *port, const struct weir_pod *dst,
		    const struct oracle_connection *c)
{
	if (port->protocol != c->protocol)
		return false;
	if (!port->name)
		return c->port >= port->first && c->port <= port->last;
	for (unsigned i = 0; dst && dst->workload && i < dst->workload->n_ports; i++)
		if (dst->workload->ports[i].protocol == c->protocol &&
		    dst->workload->ports[i].port == c->port &&
		    strcmp(dst->workload->ports[i].name, port->name) == 0)
			return true;
	return false;
}

/* --- rules and policies ------------------------------------------------------- */

static bool rule_matches(const struct oracle_world *w, const struct weir_policy *policy,
			 const struct weir_rule *rule, const struct weir_addr *other,
			 const struct oracle_connection *c)
{
	const struct weir_pod *dst = pod_of(w, &c->dst);
	bool peer = rule->any_peer, port = rule->any_port;

	for (unsigned i = 0; !peer && i < rule->n_peers; i++)
		peer = peer_is(w, policy, &rule->peers[i], other);
	for (unsigned i = 0; !port && i < rule->n_ports; i++)
		port = port_is(&rule->ports[i], dst, c);
	return peer && port;
}

enum opinion { NONE, ALLOWS, DENIES };

/* A pod that some policies isolate in this direction takes what any of them
 * allows, and nothing else. */
static enum opinion namespace_policies(const struct oracle_world *w, const struct weir_pod *pod,
				       enum weir_direction d, const struct weir_addr *other,
				       const struct oracle_connection *c)
{
	enum opinion opinion = NONE;

	for (size_t i = 0; i < w->n_policies; i++) {
		const struct weir_policy *p = w->policies[i];

		if (p->staged || !p->namespace_ || !p->isolates[d] ||
		    strcmp(p->namespace_, pod->namespace_) != 0 ||
		    !selects_labels(&p->pods, pod->labels))
			continue;
		opinion = DENIES;
		for (unsigned j = 0; j < p->n_rules[d]; j++)
			if (rule_matches(w, p, &p->rules[d][j], other, c))
				return ALLOWS;
	}
	return opinion;
}

/* Lower numbers first, then by name. */
static bool comes_before(const struct weir_policy *a, const struct weir_policy *b)
{
	int r = strcmp(a->name, b->name);

	if (a->priority != b->priority)
		return a->priority < b->priority;
	return r ? r < 0 : strcmp(a->kind, b->kind) < 0;
}

/* The policy of the tier that is asked after this one (NULL: the first). */
static const struct weir_policy *next_policy(const struct oracle_world *w, enum weir_tier tier,
					     const struct weir_policy *after)
{
	const struct weir_policy *best = NULL;

	for (size_t i = 0; i < w->n_policies; i++) {
		const struct weir_policy *p = w->policies[i];

		if (p->tier == tier && !p->staged && (!after || comes_before(after, p)) &&
		    (!best || comes_before(p, best)))
			best = p;
	}
	return best;
}

/* The first rule that matches decides; a Pass leaves the tier. */
static enum opinion cluster_policies(const struct oracle_world *w, enum weir_tier tier,
				     const struct weir_pod *pod, enum weir_direction d,
				     const struct weir_addr *other,
				     const struct oracle_connection *c)
{
	const struct weir_policy *p = NULL;

	while ((p = next_policy(w, tier, p))) {
		if (!selects_namespace(w, &p->namespaces, pod->namespace_) ||
		    !selects_labels(&p->pods, pod->labels))
			continue;
		for (unsigned j = 0; j < p->n_rules[d]; j++) {
			const struct weir_rule *rule = &p->rules[d][j];

			if (!rule_matches(w, p, rule, other, c))
				continue;
			if (rule->action == WEIR_PASS)
				return NONE;
			return rule->action == WEIR_ACCEPT ? ALLOWS : DENIES;
		}
	}
	return NONE;
}

static bool side_allows(const struct oracle_world *w, const struct weir_pod *pod,
			enum weir_direction d, const struct weir_addr *other,
			const struct oracle_connection *c)
{
	enum opinion opinion = cluster_policies(w, WEIR_TIER_ADMIN, pod, d, other, c);

	if (opinion == NONE)
		opinion = namespace_policies(w, pod, d, other, c);
	if (opinion == NONE)
		opinion = cluster_policies(w, WEIR_TIER_BASELINE, pod, d, other, c);
	return opinion != DENIES;
}

static bool is_node(const struct oracle_world *w, const struct weir_addr *a)
{
	for (size_t i = 0; i < w->n_node; i++)
		if (same_addr(&w->node[i], a))
			return true;
	return false;
}

void oracle_judge(const struct oracle_world *w, const struct oracle_connection *c,
		  struct oracle_answer *ret)
{
	const struct weir_pod *src = pod_of(w, &c->src), *dst = pod_of(w, &c->dst);

	*ret = (struct oracle_answer){ true, true };
	if (src && same_addr(&c->src, &c->dst))
		return; /* a pod may talk to itself */
	if (src)
		ret->egress = side_allows(w, src, WEIR_EGRESS, &c->dst, c);
	if (dst && !is_node(w, &c->src)) /* kubelet's probes always reach the pods */
		ret->ingress = side_allows(w, dst, WEIR_INGRESS, &c->src, c);
}
