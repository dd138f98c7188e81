/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stable part of the table. A packet between pods passes forward (egress of
 * its source, then ingress of its destination), one from a pod to its own node
 * passes input (egress only). What the node itself sends to its pods is always
 * let in: on output nothing is judged, but what is left of connections that a
 * change of policy has ended (ended.c) passes no chain. The ct expressions here
 * switch connection tracking on for local output too.
 */
#include "backends/nftables/skeleton.h"

#include <netinet/in.h> /* before the kernel's own */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>

#include "backends/flow/prefix.h"

static const char *const directions[] = {
	[WEIR_INGRESS] = "ingress",
	[WEIR_EGRESS] = "egress",
};
static const char *const pending[] = {
	[WEIR_INGRESS] = "pending_ingress",
	[WEIR_EGRESS] = "pending_egress",
};

void nft_dispatch_set(int kind, int f, char *ret)
{
	static const char *const names[] = {
		[WEIR_INGRESS] = "ingress", [WEIR_EGRESS] = "egress",	 [NFT_SELF] = "self",
		[NFT_GUARD] = "guard",	    [NFT_RESOLVER] = "resolver",
	};

	snprintf(ret, NFT_NAME_LEN, "%s%c", names[kind], f == NFT_V4 ? '4' : '6');
}

/* Replies, errors about known connections, neighbour discovery. */
static void render_first(struct nft_rules *rules, const char *chain)
{
	static const uint8_t icmp[] = { WEIR_PROTO_ICMP, WEIR_PROTO_ICMPV6 };

	nft_rule_begin(rules, chain);
	nft_match_ct_state(rules, NFT_STATE_BIT(IP_CT_ESTABLISHED));
	nft_verdict(rules, NF_ACCEPT, NULL);
	for (size_t i = 0; i < sizeof(icmp); i++) {
		nft_rule_begin(rules, chain);
		nft_match_ct_state(rules, NFT_STATE_BIT(IP_CT_RELATED));
		nft_match_l4proto(rules, icmp[i]);
		nft_verdict(rules, NF_ACCEPT, NULL);
	}
	nft_rule_begin(rules, chain);
	nft_match_family(rules, AF_INET6);
	nft_match_hoplimit(rules, 255);
	nft_match_l4proto(rules, WEIR_PROTO_ICMPV6);
	nft_match_icmp_types(rules, 133, 137);
	nft_verdict(rules, NF_ACCEPT, NULL);
}

static void render_forward(struct nft_rules *rules)
{
	char set[NFT_NAME_LEN];

	render_first(rules, "forward");
	nft_rule_begin(rules, "forward");
	nft_verdict(rules, NFT_JUMP, "ended");
	for (int f = 0; f < NFT_FAMILIES; f++) {
		nft_dispatch_set(NFT_SELF, f, set);
		nft_rule_begin(rules, "forward");
		nft_match_addr_pair_set(rules, nft_family(f), set);
		nft_verdict(rules, NF_ACCEPT, NULL);
	}
	nft_rule_begin(rules, "forward");
	nft_verdict(rules, NFT_JUMP, "egress");
	nft_rule_begin(rules, "forward");
	nft_verdict(rules, NFT_JUMP, "ingress");
}

static void render_input(struct nft_rules *rules)
{
	nft_rule_begin(rules, "input");
	nft_match_loopback(rules);
	nft_verdict(rules, NF_ACCEPT, NULL);
	render_first(rules, "input");
	nft_rule_begin(rules, "input");
	nft_verdict(rules, NFT_JUMP, "ended");
	nft_rule_begin(rules, "input");
	nft_verdict(rules, NFT_JUMP, "egress");
}

/* Endpoints by map; an address of the guard ranges that is none is a pod whose
 * policy is not known yet. */
static void render_dispatch(int direction, uint16_t nflog_group, struct nft_rules *rules)
{
	char name[NFT_NAME_LEN], prefix[WEIR_DENIED_PREFIX_STRLEN];
	bool source = direction == WEIR_EGRESS;

	for (int f = 0; f < NFT_FAMILIES; f++) {
		nft_dispatch_set(direction, f, name);
		nft_rule_begin(rules, directions[direction]);
		nft_addr_vmap(rules, nft_family(f), source, name);
	}
	for (int f = 0; f < NFT_FAMILIES; f++) {
		nft_dispatch_set(NFT_GUARD, f, name);
		nft_rule_begin(rules, directions[direction]);
		nft_match_addr_set(rules, nft_family(f), source, name);
		nft_verdict(rules, NFT_GOTO, pending[direction]);
	}
	nft_rule_begin(rules, pending[direction]);
	nft_count(rules);
	nft_log(rules, weir_denied_prefix_format(direction, 0, prefix), nflog_group);
	nft_verdict(rules, NF_DROP, NULL);
}

void nft_render_skeleton(uint16_t nflog_group, struct nft_objects *o, struct nft_rules *rules)
{
	static const uint8_t set_kinds[] = {
		[WEIR_INGRESS] = NFT_SET_ADDR_VMAP, [WEIR_EGRESS] = NFT_SET_ADDR_VMAP,
		[NFT_SELF] = NFT_SET_ADDR_PAIRS,    [NFT_GUARD] = NFT_SET_PREFIXES,
		[NFT_RESOLVER] = NFT_SET_PREFIXES,
	};
	char name[NFT_NAME_LEN];

	for (int kind = 0; kind < NFT_DISPATCH_KINDS; kind++) {
		for (int f = 0; f < NFT_FAMILIES; f++) {
			nft_dispatch_set(kind, f, name);
			nft_objects_add_set(o, set_kinds[kind], nft_family(f), name);
		}
	}
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		nft_objects_add_chain(o, pending[d], -1, "address of a pod that is not known yet");
		nft_objects_add_chain(o, directions[d], -1, NULL);
		render_dispatch(d, nflog_group, rules);
	}
	nft_render_ended(o, rules);
	nft_objects_add_chain(o, "forward", NF_INET_FORWARD, "pods to pods and beyond");
	render_forward(rules);
	nft_objects_add_chain(o, "input", NF_INET_LOCAL_IN, "pods to their own node");
	render_input(rules);
}

void nft_render_endpoint(const struct nft_model *m, const struct nft_endpoint *e, int direction,
			 struct nft_elems *ret)
{
	const struct nft_ruleset *r = nft_model_ruleset(m, e->rulesets[direction]);
	struct nft_target t = nft_endpoint_target(r);
	struct nft_elem *added = nft_elems_add(ret, e->addr.bytes, weir_addr_size(&e->addr), &t);

	if (added)
		added->comment = e->comment;
}

void nft_render_self(const struct nft_endpoint *e, struct nft_elems *ret)
{
	size_t size = weir_addr_size(&e->addr);
	uint8_t key[32];

	memcpy(key, e->addr.bytes, size);
	memcpy(key + size, e->addr.bytes, size);
	nft_elems_add(ret, key, 2 * size, NULL);
}

static void render_ranges(const struct nft_intervals *ranges, int f, struct nft_elems *ret)
{
	for (size_t i = 0; i < ranges->n; i++)
		nft_elems_add_range(ret, ranges->items[i].first, ranges->items[i].last,
				    f == NFT_V4 ? 4 : 16, NULL);
}

void nft_render_dispatch(const struct nft_model *m, int kind, int f, struct nft_elems *ret)
{
	if (kind == NFT_GUARD)
		render_ranges(&m->guards[f], f, ret);
	if (kind == NFT_RESOLVER)
		render_ranges(&m->resolvers[f], f, ret);
	for (size_t i = 0; i < m->n_endpoints && kind < NFT_GUARD; i++) {
		if (nft_family_index(&m->endpoints[i].addr) != f)
			continue;
		if (kind == NFT_SELF)
			nft_render_self(&m->endpoints[i], ret);
		else
			nft_render_endpoint(m, &m->endpoints[i], kind, ret);
	}
	nft_elems_sort(ret);
}
