/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of anti-spoofing. "accept" means: the other hooks judge it. Nearly all
 * packets leave at one of the first rules of their interface; only what those do
 * not know goes on to the chains that all share. Pure; called by spoof.c and verify.c.
 */
#include "backends/nftables/spoof.h"

#include <netinet/in.h> /* before the kernel's own */

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/flow/prefix.h"
#include "weir/cleanup.h"

/* Before flow tables, which take packets past everything. */
#define PRIORITY -400

/* Types of ICMPv6 (RFC 4861, 2710, 3810). */
enum {
	MLD_REPORT = 131,
	MLD_DONE = 132,
	ROUTER_SOLICIT = 133,
	ROUTER_ADVERT = 134,
	NEIGHBOR_SOLICIT = 135,
	NEIGHBOR_ADVERT = 136,
	REDIRECT = 137,
	MLD2_REPORT = 143,
};
#define ND_HOPLIMIT 255 /* of neighbour discovery, else nobody heeds it */

const char *const nft_spoof_sets[] = {
	[NFT_SPOOF_OWN4] = "own4",
	[NFT_SPOOF_OWN6] = "own6",
	[NFT_SPOOF_NODE6] = "node6",
};

static const struct weir_addr none4 = { .family = AF_INET };
static const struct weir_addr none6 = { .family = AF_INET6 };
static const struct weir_addr broadcast4 = { AF_INET, { 255, 255, 255, 255 } };
/* All DHCP relay agents and servers (RFC 8415). */
static const struct weir_addr dhcp6 = { AF_INET6, { 0xff, 2, [13] = 1, [15] = 2 } };
static const struct weir_prefix link_local = { { AF_INET6, { 0xfe, 0x80 } }, 10 };

/* --- what shall be -------------------------------------------------------------- */

void nft_spoof_free(struct nft_spoof *s)
{
	free(s->interfaces);
	free(s->node);
	free(s->tunnels);
	*s = (struct nft_spoof){ 0 };
}

int nft_spoof_make(const struct weir_changes *changes, struct nft_spoof *ret)
{
	WEIR_CLEANUP(nft_spoof_free) struct nft_spoof s = { 0 };

	s.interfaces = calloc(changes->n_interfaces + 1, sizeof(*s.interfaces));
	s.node = calloc(changes->n_node_addrs + 1, sizeof(*s.node));
	s.tunnels = calloc(changes->n_tunnels + 1, sizeof(*s.tunnels));
	if (!s.interfaces || !s.node || !s.tunnels)
		return -ENOMEM;
	s.n_tunnels = changes->n_tunnels;
	if (s.n_tunnels)
		memcpy(s.tunnels, changes->tunnels, s.n_tunnels * sizeof(*s.tunnels));
	s.n_interfaces = changes->n_interfaces;
	if (s.n_interfaces)
		memcpy(s.interfaces, changes->interfaces, s.n_interfaces * sizeof(*s.interfaces));
	for (size_t i = 0; i < changes->n_node_addrs; i++) {
		const struct weir_addr *a = &changes->node_addrs[i];
		bool again = s.n_node && !weir_addr_compare(a, &s.node[s.n_node - 1]);

		if (weir_prefix_contains(&link_local, a) && !again)
			s.node[s.n_node++] = *a;
	}
	*ret = s;
	s = (struct nft_spoof){ 0 };
	return 0;
}

static void add_own(const struct weir_interface *i, uint8_t family, struct nft_elems *ret)
{
	for (unsigned a = 0; a < i->n_addrs; a++) {
		size_t size = weir_addr_size(&i->addrs[a]);
		uint8_t key[20];

		if (i->addrs[a].family != family)
			continue;
		memcpy(key, &i->index, sizeof(i->index));
		memcpy(key + sizeof(i->index), i->addrs[a].bytes, size);
		nft_elems_add(ret, key, sizeof(i->index) + size, NULL);
	}
}

void nft_spoof_render_set(const struct nft_spoof *s, enum nft_spoof_set set, struct nft_elems *ret)
{
	for (size_t i = 0; i < s->n_node && set == NFT_SPOOF_NODE6; i++)
		nft_elems_add(ret, s->node[i].bytes, sizeof(s->node[i].bytes), NULL);
	for (size_t i = 0; i < s->n_interfaces && set != NFT_SPOOF_NODE6; i++)
		add_own(&s->interfaces[i], set == NFT_SPOOF_OWN4 ? AF_INET : AF_INET6, ret);
	nft_elems_sort(ret);
}

/* --- phrases ----------------------------------------------------------------------- */

void nft_spoof_chain(enum weir_spoof spoof, char *ret)
{
	snprintf(ret, NFT_NAME_LEN, "spoofed_%s", weir_spoof_name(spoof));
}

static void end(struct nft_rules *rules)
{
	nft_verdict(rules, NF_ACCEPT, NULL);
}

static void end_spoofed(struct nft_rules *rules, enum weir_spoof spoof)
{
	char chain[NFT_NAME_LEN];

	nft_spoof_chain(spoof, chain);
	nft_verdict(rules, NFT_GOTO, chain);
}

static void otherwise(struct nft_rules *rules, const char *chain, enum weir_spoof spoof)
{
	nft_rule_begin(rules, chain);
	end_spoofed(rules, spoof);
}

static void begin_icmp6(struct nft_rules *rules, const char *chain, uint8_t type)
{
	nft_rule_begin(rules, chain);
	nft_match_protocol(rules, ETH_P_IPV6);
	nft_match_l4proto(rules, WEIR_PROTO_ICMPV6);
	nft_match_icmp_types(rules, type, type);
}

static void begin_ip6(struct nft_rules *rules, const char *chain)
{
	nft_rule_begin(rules, chain);
	nft_match_protocol(rules, ETH_P_IPV6);
}

/* --- chains ------------------------------------------------------------------------- */

/* By what a frame says that it is. */
static void render_pod(struct nft_rules *rules)
{
	static const struct {
		uint16_t type;
		const char *chain;
	} known[] = {
		{ ETH_P_IP, "pod_ipv4" },
		{ ETH_P_IPV6, "pod_ipv6" },
		{ ETH_P_ARP, "pod_arp" },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(known); i++) {
		nft_rule_begin(rules, "pod");
		nft_match_ethertype(rules, known[i].type);
		nft_verdict(rules, NFT_GOTO, known[i].chain);
	}
	otherwise(rules, "pod", WEIR_SPOOF_FRAME);
}

/* Without an address one may ask for one. */
static void render_ipv4(struct nft_rules *rules)
{
	nft_rule_begin(rules, "pod_ipv4");
	nft_match_protocol(rules, ETH_P_IP);
	nft_match_field(rules, NFT_SOURCE4, &none4);
	nft_match_field(rules, NFT_DESTINATION4, &broadcast4);
	nft_match_udp_ports(rules, 68, 67);
	end(rules);
	otherwise(rules, "pod_ipv4", WEIR_SPOOF_IPV4);
}

/* The sender must say its own address; a probe (RFC 5227) says none. */
static void render_arp(struct nft_rules *rules)
{
	nft_rule_begin(rules, "pod_arp");
	nft_match_protocol(rules, ETH_P_ARP);
	nft_match_arp_of_ipv4(rules);
	nft_match_iface_field_set(rules, NFT_ARP_SENDER, nft_spoof_sets[NFT_SPOOF_OWN4]);
	end(rules);
	nft_rule_begin(rules, "pod_arp");
	nft_match_protocol(rules, ETH_P_ARP);
	nft_match_arp_of_ipv4(rules);
	nft_match_arp_request(rules);
	nft_match_field(rules, NFT_ARP_SENDER, &none4);
	end(rules);
	otherwise(rules, "pod_arp", WEIR_SPOOF_ARP);
}

/* Goes on in next when the field has an address that the pod may have: one of
 * its own, or a link-local one that is not the node's. */
static void render_may_have(struct nft_rules *rules, const char *chain, uint8_t type,
			    enum nft_field field, const char *next)
{
	int verdict = next ? NFT_GOTO : NF_ACCEPT;

	begin_icmp6(rules, chain, type);
	nft_match_iface_field_set(rules, field, nft_spoof_sets[NFT_SPOOF_OWN6]);
	nft_verdict(rules, verdict, next);
	begin_icmp6(rules, chain, type);
	nft_match_field_set(rules, field, nft_spoof_sets[NFT_SPOOF_NODE6]);
	end_spoofed(rules, WEIR_SPOOF_NEIGHBOR);
	begin_icmp6(rules, chain, type);
	nft_match_field_prefix(rules, field, &link_local);
	nft_verdict(rules, verdict, next);
}

/* A solicitation from nobody (duplicate address detection) is about what the
 * pod may have; so is each advertisement, and its source as well. */
static void render_neighbors(struct nft_rules *rules)
{
	render_may_have(rules, "pod_dad", NEIGHBOR_SOLICIT, NFT_ND_TARGET, NULL);
	otherwise(rules, "pod_dad", WEIR_SPOOF_NEIGHBOR);
	render_may_have(rules, "pod_advert", NEIGHBOR_ADVERT, NFT_ND_TARGET, "pod_advert_source");
	otherwise(rules, "pod_advert", WEIR_SPOOF_NEIGHBOR);
	render_may_have(rules, "pod_advert_source", NEIGHBOR_ADVERT, NFT_SOURCE6, NULL);
	otherwise(rules, "pod_advert_source", WEIR_SPOOF_NEIGHBOR);
}

/* A pod is no router, and neighbour discovery in fragments is nothing that a
 * rule could look into (RFC 6980 forbids it). */
static void render_never(struct nft_rules *rules)
{
	static const uint8_t types[] = { ROUTER_ADVERT, REDIRECT };

	begin_ip6(rules, "pod_ipv6");
	nft_match_hoplimit(rules, ND_HOPLIMIT);
	nft_match_fragment6(rules);
	end_spoofed(rules, WEIR_SPOOF_NEIGHBOR);
	for (size_t i = 0; i < sizeof(types); i++) {
		begin_icmp6(rules, "pod_ipv6", types[i]);
		end_spoofed(rules, WEIR_SPOOF_NEIGHBOR);
	}
}

/* What a host says before it has an address, and from its link-local one. That
 * one is good for nothing else: no policy knows whose it is. */
static void render_without_address(struct nft_rules *rules)
{
	static const uint8_t types[] = { MLD_REPORT, MLD_DONE, ROUTER_SOLICIT, NEIGHBOR_SOLICIT,
					 MLD2_REPORT };

	begin_icmp6(rules, "pod_ipv6", NEIGHBOR_SOLICIT);
	nft_match_field(rules, NFT_SOURCE6, &none6);
	nft_verdict(rules, NFT_GOTO, "pod_dad");
	begin_ip6(rules, "pod_ipv6");
	nft_match_field_set(rules, NFT_SOURCE6, nft_spoof_sets[NFT_SPOOF_NODE6]);
	end_spoofed(rules, WEIR_SPOOF_IPV6);
	for (size_t i = 0; i < sizeof(types); i++) {
		begin_icmp6(rules, "pod_ipv6", types[i]);
		nft_match_field_prefix(rules, NFT_SOURCE6, &link_local);
		end(rules);
		if (types[i] == NEIGHBOR_SOLICIT)
			continue;
		begin_icmp6(rules, "pod_ipv6", types[i]);
		nft_match_field(rules, NFT_SOURCE6, &none6);
		end(rules);
	}
	begin_ip6(rules, "pod_ipv6");
	nft_match_field_prefix(rules, NFT_SOURCE6, &link_local);
	nft_match_field(rules, NFT_DESTINATION6, &dhcp6);
	nft_match_udp_ports(rules, 546, 547);
	end(rules);
}

static void render_ipv6(struct nft_rules *rules)
{
	render_never(rules);
	begin_icmp6(rules, "pod_ipv6", NEIGHBOR_ADVERT);
	nft_verdict(rules, NFT_GOTO, "pod_advert");
	begin_ip6(rules, "pod_ipv6");
	nft_match_iface_field_set(rules, NFT_SOURCE6, nft_spoof_sets[NFT_SPOOF_OWN6]);
	end(rules);
	render_without_address(rules);
	otherwise(rules, "pod_ipv6", WEIR_SPOOF_IPV6);
}

/* Who takes a packet out of another does not ask which pod had packed it. */
static void render_tunnels(const struct nft_spoof *s, struct nft_rules *rules)
{
	for (size_t i = 0; i < s->n_tunnels; i++) {
		nft_rule_begin(rules, NFT_SPOOF_TUNNELS);
		nft_match_l4proto(rules, s->tunnels[i].protocol);
		if (s->tunnels[i].port)
			nft_match_dports(rules, s->tunnels[i].port, s->tunnels[i].port);
		end_spoofed(rules, WEIR_SPOOF_TUNNEL);
	}
}

void nft_spoof_render_shared(const struct nft_spoof *s, uint16_t nflog_group, struct nft_objects *o,
			     struct nft_rules *rules)
{
	static const char *const chains[] = {
		"pod_advert_source", "pod_advert", "pod_dad", "pod_arp",
		"pod_ipv4",	     "pod_ipv6",   "pod"
	};
	char name[NFT_NAME_LEN];

	nft_objects_add_set(o, NFT_SET_IFACE_ADDRS, AF_INET, nft_spoof_sets[NFT_SPOOF_OWN4]);
	nft_objects_add_set(o, NFT_SET_IFACE_ADDRS, AF_INET6, nft_spoof_sets[NFT_SPOOF_OWN6]);
	nft_objects_add_set(o, NFT_SET_ADDRS, AF_INET6, nft_spoof_sets[NFT_SPOOF_NODE6]);
	for (int i = 0; i < WEIR_SPOOF_MAX; i++) {
		nft_spoof_chain(i, name);
		nft_objects_add_chain(o, name, -1, NULL);
		nft_rule_begin(rules, name);
		nft_count(rules);
		nft_log(rules, WEIR_SPOOFED_PREFIX, nflog_group);
		nft_verdict(rules, NF_DROP, NULL);
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(chains); i++)
		nft_objects_add_chain(o, chains[i], -1, NULL);
	render_neighbors(rules);
	render_arp(rules);
	render_ipv4(rules);
	render_ipv6(rules);
	render_pod(rules);
	nft_objects_add_chain(o, NFT_SPOOF_TUNNELS, -1, "of the nodes");
	render_tunnels(s, rules);
}

/* Nearly all packets: from the pod's own address. A comparison costs a third of a
 * look-up, and a pod has few addresses. */
static void render_own(const struct weir_interface *i, const char *chain, struct nft_rules *rules)
{
	for (unsigned a = 0; a < i->n_addrs; a++) {
		bool v4 = i->addrs[a].family == AF_INET;
		uint16_t type = v4 ? ETH_P_IP : ETH_P_IPV6;

		nft_rule_begin(rules, chain);
		if (i->has_mac)
			nft_match_source_mac_and_ethertype(rules, i->mac, type);
		else
			nft_match_ethertype(rules, type);
		if (!v4)
			nft_match_hoplimit_not(rules, ND_HOPLIMIT);
		nft_match_field(rules, v4 ? NFT_SOURCE4 : NFT_SOURCE6, &i->addrs[a]);
		end(rules);
	}
}

void nft_spoof_render_interface(const struct weir_interface *i, struct nft_objects *o,
				struct nft_rules *rules)
{
	char name[NFT_NAME_LEN];
	struct nft_chain *chain;

	snprintf(name, sizeof(name), "if_%u", i->index);
	chain = nft_objects_add_chain(o, name, NF_NETDEV_INGRESS, i->owner);
	if (!chain)
		return;
	chain->priority = PRIORITY;
	memcpy(chain->device, i->name, sizeof(chain->device));
	nft_rule_begin(rules, name);
	nft_verdict(rules, NFT_JUMP, NFT_SPOOF_TUNNELS);
	render_own(i, name, rules);
	if (i->has_mac) {
		nft_rule_begin(rules, name);
		nft_match_source_mac_not(rules, i->mac);
		end_spoofed(rules, WEIR_SPOOF_MAC);
	}
	nft_rule_begin(rules, name);
	nft_verdict(rules, NFT_GOTO, "pod");
}
