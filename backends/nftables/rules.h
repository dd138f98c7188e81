/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Rules before they are in the kernel: a list of (chain, rule), written by
 * small functions that each append one expression. The same list is sent to
 * the kernel and compared with what the kernel holds.
 */
#include <libnftnl/rule.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/addr.h"
#include "weir/policy.h"

#define NFT_NAME_LEN 40

struct nft_rule {
	char chain[NFT_NAME_LEN];
	struct nftnl_rule *rule;
};

struct nft_rules {
	struct nft_rule *items;
	size_t n, size;
	bool failed; /* memory was short: the list is not whole */
};

void nft_rules_free(struct nft_rules *rules);

/* Begin the next rule of a chain; what follows appends to it. */
void nft_rule_begin(struct nft_rules *rules, const char *chain);

/* Matches. Addresses: the family's nfproto first. */
/* bits: NFT_STATE_BIT(IP_CT_ESTABLISHED), ... as nft_ct.c has them */
#define NFT_STATE_BIT(info) (1u << ((info) % IP_CT_IS_REPLY + 1))
void nft_match_ct_state(struct nft_rules *rules, uint32_t bits);
/* The packet goes the way back. */
void nft_match_ct_reply(struct nft_rules *rules);
void nft_match_l4proto(struct nft_rules *rules, uint8_t protocol);
void nft_match_family(struct nft_rules *rules, uint8_t family);
void nft_match_loopback(struct nft_rules *rules);
void nft_match_hoplimit(struct nft_rules *rules, uint8_t limit);
void nft_match_icmp_types(struct nft_rules *rules, uint8_t first, uint8_t last);
void nft_match_sport(struct nft_rules *rules, uint16_t port);
void nft_match_dports(struct nft_rules *rules, uint16_t first, uint16_t last);
void nft_match_dport_set(struct nft_rules *rules, const char *set);

/* source: the packet's source address, else its destination */
void nft_match_addr_set(struct nft_rules *rules, uint8_t family, bool source, const char *set);
void nft_match_addr_pair_set(struct nft_rules *rules, uint8_t family, const char *set);
/* destination . destination: the destination has an entry of its own */
void nft_match_same_addr_pair_set(struct nft_rules *rules, uint8_t family, const char *set);
/* the address that the connection was opened to, before DNAT */
void nft_match_asked_set(struct nft_rules *rules, uint8_t family, const char *set);
void nft_addr_vmap(struct nft_rules *rules, uint8_t family, bool source, const char *map);
/* protocol . source . port . destination . port: of the packet, or of the first one of
 * its connection, before NAT */
void nft_match_tuple_set(struct nft_rules *rules, uint8_t family, bool original, const char *set);
/* A connection begins: SYN, without ACK, RST and FIN. */
void nft_match_tcp_syn(struct nft_rules *rules);

/* In the family netdev, where a frame says what it is. */
void nft_match_ethertype(struct nft_rules *rules, uint16_t type);
void nft_match_protocol(struct nft_rules *rules, uint16_t ethertype); /* also within a VLAN */
void nft_match_source_mac_not(struct nft_rules *rules, const uint8_t *mac);
void nft_match_source_mac_and_ethertype(struct nft_rules *rules, const uint8_t *mac, uint16_t type);
void nft_match_hoplimit_not(struct nft_rules *rules, uint8_t limit);
void nft_match_fragment6(struct nft_rules *rules);
void nft_match_udp_ports(struct nft_rules *rules, uint16_t source, uint16_t destination);
void nft_match_arp_of_ipv4(struct nft_rules *rules); /* over Ethernet */
void nft_match_arp_request(struct nft_rules *rules);

/* Where a packet has the address that a rule is about. */
enum nft_field {
	NFT_SOURCE4,
	NFT_DESTINATION4,
	NFT_SOURCE6,
	NFT_DESTINATION6,
	NFT_ND_TARGET, /* of a neighbour solicitation or advertisement */
	NFT_ARP_SENDER,
	NFT_FIELD_MAX
};
void nft_match_field(struct nft_rules *rules, enum nft_field field, const struct weir_addr *addr);
void nft_match_field_prefix(struct nft_rules *rules, enum nft_field field,
			    const struct weir_prefix *prefix);
void nft_match_field_set(struct nft_rules *rules, enum nft_field field, const char *set);
/* a set of interface . address */
void nft_match_iface_field_set(struct nft_rules *rules, enum nft_field field, const char *set);

/* Ends. chain is for NFT_JUMP and NFT_GOTO. */
void nft_verdict(struct nft_rules *rules, int code, const char *chain);
void nft_count(struct nft_rules *rules);
void nft_log(struct nft_rules *rules, const char *prefix, uint16_t group); /* prefix.h */

/* The same tuple is in the set for timeout_ms more. */
void nft_keep_tuple(struct nft_rules *rules, uint8_t family, bool original, const char *set,
		    uint64_t timeout_ms);
void nft_reject_reset(struct nft_rules *rules);
/* Packets of ours with this mark: conntrack does not follow them. */
void nft_untrack_mark(struct nft_rules *rules, uint32_t mark);

/* All of the packet, to the reader of the group at once. */
void nft_copy(struct nft_rules *rules, uint16_t group);

/* A rule as text, without what the kernel adds to it (handle, counts). malloc'd. */
char *nft_rule_text(const struct nftnl_rule *rule);
