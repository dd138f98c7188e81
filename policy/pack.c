/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that stay are kept in one block of memory each: tens of thousands of
 * policies are mostly the overhead of their parts otherwise. Made once, when
 * all parts are known; the parts are not touched.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/object.h"
#include "weir/policy.h"

/* Without memory yet (at is NULL) it only measures: parts stay where they are. */
struct block {
	char *at;
	size_t used;
};

static void *put(struct block *b, void *part, size_t size)
{
	void *to = part;

	if (!size)
		return NULL;
	if (b->at) {
		to = b->at + b->used;
		memcpy(to, part, size);
	}
	b->used += (size + 7) & ~(size_t)7;
	return to;
}

static void put_selector(struct block *b, struct weir_selector *s)
{
	s->requirements = put(b, s->requirements, s->n * sizeof(*s->requirements));
	for (unsigned i = 0; i < s->n; i++) {
		struct weir_requirement *q = &s->requirements[i];

		q->values = put(b, q->values, q->n_values * sizeof(*q->values));
	}
}

static void put_peer(struct block *b, struct weir_peer *peer)
{
	switch ((enum weir_peer_kind)peer->kind) {
	case WEIR_PEER_PODS:
		put_selector(b, &peer->namespaces);
		put_selector(b, &peer->pods);
		break;
	case WEIR_PEER_PREFIX:
		peer->except = put(b, peer->except, peer->n_except * sizeof(*peer->except));
		break;
	case WEIR_PEER_NODES:
		put_selector(b, &peer->nodes);
		break;
	case WEIR_PEER_DOMAINS:
		peer->names = put(b, peer->names, peer->n_names * sizeof(*peer->names));
		break;
	case WEIR_PEER_KIND_MAX:
		break;
	}
}

static void put_rule(struct block *b, struct weir_rule *rule)
{
	rule->peers = put(b, rule->peers, rule->n_peers * sizeof(*rule->peers));
	rule->ports = put(b, rule->ports, rule->n_ports * sizeof(*rule->ports));
	for (unsigned i = 0; i < rule->n_peers; i++)
		put_peer(b, &rule->peers[i]);
}

static struct weir_policy *put_policy(struct block *b, struct weir_policy *p)
{
	p = put(b, p, sizeof(*p));
	put_selector(b, &p->namespaces);
	put_selector(b, &p->pods);
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		p->rules[d] = put(b, p->rules[d], p->n_rules[d] * sizeof(*p->rules[d]));
		for (unsigned i = 0; i < p->n_rules[d]; i++) {
			p->rules[d][i].policy = p;
			put_rule(b, &p->rules[d][i]);
		}
	}
	return p;
}

int weir_policy_pack(struct weir_policy *loose, struct weir_policy **ret)
{
	struct block b = { 0 };

	put_policy(&b, loose);
	b = (struct block){ .at = malloc(b.used) };
	if (!b.at)
		return -ENOMEM;
	*ret = put_policy(&b, loose);
	return 0;
}

int weir_pod_pack(const struct weir_pod *loose, struct weir_pod **ret)
{
	size_t addrs = loose->n_addrs * sizeof(*loose->addrs);
	struct weir_pod *pod = malloc(sizeof(*pod) + addrs);

	if (!pod)
		return -ENOMEM;
	*pod = *loose;
	pod->addrs = addrs ? memcpy(pod + 1, loose->addrs, addrs) : NULL;
	*ret = pod;
	return 0;
}
