/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions of nf_tables, one function for each phrase that weir uses, so
 * that skeleton.c and render.c read like a rule file. The phrases are those
 * that nft itself makes of the same words, so that it can list them.
 */
#include "backends/nftables/rules.h"

#include <netinet/in.h> /* before the kernel's own */

#include <errno.h>
#include <libnftnl/expr.h>
#include <linux/if_arp.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/nftables/netlink.h"

#define LOG_SNAPLEN   128 /* enough for the headers that a flow is made of */
#define LOG_THRESHOLD 100 /* packets that the kernel sends to the reader at once */

void nft_rules_free(struct nft_rules *rules)
{
	for (size_t i = 0; i < rules->n; i++)
		nftnl_rule_free(rules->items[i].rule);
	free(rules->items);
	*rules = (struct nft_rules){ 0 };
}

void nft_rule_begin(struct nft_rules *rules, const char *chain)
{
	struct nft_rule *r;

	if (rules->n == rules->size) {
		size_t size = rules->size ? rules->size * 2 : 16;
		void *items = reallocarray(rules->items, size, sizeof(*rules->items));

		if (!items) {
			rules->failed = true;
			return;
		}
		rules->items = items;
		rules->size = size;
	}
	r = &rules->items[rules->n];
	r->rule = nftnl_rule_alloc();
	if (!r->rule) {
		rules->failed = true;
		return;
	}
	rules->n++;
	snprintf(r->chain, sizeof(r->chain), "%s", chain);
	nftnl_rule_set_str(r->rule, NFTNL_RULE_CHAIN, chain);
}

/* A new expression at the end of the rule that was begun last. Memory that is
 * short fails the list as a whole; what is appended then goes nowhere. */
static struct nftnl_expr *append(struct nft_rules *rules, const char *name)
{
	struct nftnl_expr *e = rules->failed ? NULL : nftnl_expr_alloc(name);

	if (!e) {
		rules->failed = true;
		return NULL;
	}
	nftnl_rule_add_expr(rules->items[rules->n - 1].rule, e);
	return e;
}

static void compare(struct nft_rules *rules, uint32_t op, const void *data, uint32_t len)
{
	struct nftnl_expr *e = append(rules, "cmp");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, len);
}

static void load_meta(struct nft_rules *rules, uint32_t key)
{
	struct nftnl_expr *e = append(rules, "meta");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
}

static void load_payload(struct nft_rules *rules, uint32_t base, uint32_t offset, uint32_t len,
			 uint32_t reg)
{
	struct nftnl_expr *e = append(rules, "payload");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
}

static void load_address(struct nft_rules *rules, uint8_t family, bool source, uint32_t reg)
{
	bool v4 = family == AF_INET;

	load_payload(rules, NFT_PAYLOAD_NETWORK_HEADER, v4 ? (source ? 12 : 16) : (source ? 8 : 24),
		     v4 ? 4 : 16, reg);
}

static struct nftnl_expr *look_up(struct nft_rules *rules, const char *set)
{
	struct nftnl_expr *e = append(rules, "lookup");

	if (!e)
		return NULL;
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, 0); /* as the kernel reports it */
	return e;
}

static void mask(struct nft_rules *rules, const void *bits, uint32_t len)
{
	struct nftnl_expr *e = append(rules, "bitwise");
	static const uint8_t zero[16];

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, bits, len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero, len);
}

void nft_match_ct_state(struct nft_rules *rules, uint32_t bits)
{
	struct nftnl_expr *ct = append(rules, "ct");
	uint32_t zero = 0;

	if (!ct)
		return;
	nftnl_expr_set_u32(ct, NFTNL_EXPR_CT_KEY, NFT_CT_STATE);
	nftnl_expr_set_u32(ct, NFTNL_EXPR_CT_DREG, NFT_REG_1);
	mask(rules, &bits, sizeof(bits));
	compare(rules, NFT_CMP_NEQ, &zero, sizeof(zero));
}

static void load_ct(struct nft_rules *rules, uint32_t key, int direction)
{
	struct nftnl_expr *e = append(rules, "ct");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, NFT_REG_1);
	if (direction >= 0)
		nftnl_expr_set_u8(e, NFTNL_EXPR_CT_DIR, (uint8_t)direction);
}

void nft_match_ct_reply(struct nft_rules *rules)
{
	uint8_t reply = IP_CT_DIR_REPLY;

	load_ct(rules, NFT_CT_DIRECTION, -1);
	compare(rules, NFT_CMP_EQ, &reply, sizeof(reply));
}

void nft_match_l4proto(struct nft_rules *rules, uint8_t protocol)
{
	load_meta(rules, NFT_META_L4PROTO);
	compare(rules, NFT_CMP_EQ, &protocol, 1);
}

void nft_match_family(struct nft_rules *rules, uint8_t family)
{
	uint8_t proto = family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;

	load_meta(rules, NFT_META_NFPROTO);
	compare(rules, NFT_CMP_EQ, &proto, 1);
}

void nft_match_loopback(struct nft_rules *rules)
{
	uint32_t lo = 1; /* in every network namespace */

	load_meta(rules, NFT_META_IIF);
	compare(rules, NFT_CMP_EQ, &lo, sizeof(lo));
}

void nft_match_hoplimit(struct nft_rules *rules, uint8_t limit)
{
	load_payload(rules, NFT_PAYLOAD_NETWORK_HEADER, 7, 1, NFT_REG_1);
	compare(rules, NFT_CMP_EQ, &limit, 1);
}

/* Two comparisons: what nft makes of a range that follows a load. */
static void between(struct nft_rules *rules, const void *first, const void *last, uint32_t len)
{
	if (memcmp(first, last, len) == 0) {
		compare(rules, NFT_CMP_EQ, first, len);
	} else {
		compare(rules, NFT_CMP_GTE, first, len);
		compare(rules, NFT_CMP_LTE, last, len);
	}
}

void nft_match_icmp_types(struct nft_rules *rules, uint8_t first, uint8_t last)
{
	load_payload(rules, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, NFT_REG_1);
	between(rules, &first, &last, 1);
}

void nft_match_sport(struct nft_rules *rules, uint16_t port)
{
	uint16_t value = htons(port);

	load_payload(rules, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, NFT_REG_1);
	compare(rules, NFT_CMP_EQ, &value, sizeof(value));
}

void nft_match_dports(struct nft_rules *rules, uint16_t first, uint16_t last)
{
	uint16_t from = htons(first), to = htons(last);

	load_payload(rules, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, NFT_REG_1);
	between(rules, &from, &to, sizeof(from));
}

void nft_match_dport_set(struct nft_rules *rules, const char *set)
{
	load_payload(rules, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, NFT_REG_1);
	look_up(rules, set);
}

void nft_match_addr_set(struct nft_rules *rules, uint8_t family, bool source, const char *set)
{
	nft_match_family(rules, family);
	load_address(rules, family, source, NFT_REG_1);
	look_up(rules, set);
}

static void match_pair_set(struct nft_rules *rules, uint8_t family, bool source, const char *set)
{
	nft_match_family(rules, family);
	load_address(rules, family, source, NFT_REG_1);
	load_address(rules, family, false, family == AF_INET ? NFT_REG32_01 : NFT_REG_2);
	look_up(rules, set);
}

void nft_match_addr_pair_set(struct nft_rules *rules, uint8_t family, const char *set)
{
	match_pair_set(rules, family, true, set);
}

void nft_match_same_addr_pair_set(struct nft_rules *rules, uint8_t family, const char *set)
{
	match_pair_set(rules, family, false, set);
}

void nft_match_asked_set(struct nft_rules *rules, uint8_t family, const char *set)
{
	nft_match_family(rules, family);
	load_ct(rules, family == AF_INET ? NFT_CT_DST_IP : NFT_CT_DST_IP6, IP_CT_DIR_ORIGINAL);
	look_up(rules, set);
}

/* The kernel names a register by its place in the four of 16 bytes where it can. */
static uint32_t register_at(uint32_t word)
{
	return word % 4 ? NFT_REG32_00 + word : NFT_REG_1 + word / 4;
}

static void load_ct_to(struct nft_rules *rules, uint32_t key, uint32_t reg)
{
	struct nftnl_expr *e = append(rules, "ct");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, reg);
	nftnl_expr_set_u8(e, NFTNL_EXPR_CT_DIR, IP_CT_DIR_ORIGINAL);
}

static void load_packet_tuple(struct nft_rules *rules, uint8_t family)
{
	uint32_t words = family == AF_INET ? 1 : 4, dst = 2 + words;

	load_meta(rules, NFT_META_L4PROTO);
	load_address(rules, family, true, register_at(1));
	load_payload(rules, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, register_at(1 + words));
	load_address(rules, family, false, register_at(dst));
	load_payload(rules, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, register_at(dst + words));
}

static void load_original_tuple(struct nft_rules *rules, uint8_t family)
{
	bool v4 = family == AF_INET;
	uint32_t words = v4 ? 1 : 4, dst = 2 + words;

	load_meta(rules, NFT_META_L4PROTO);
	load_ct_to(rules, v4 ? NFT_CT_SRC_IP : NFT_CT_SRC_IP6, register_at(1));
	load_ct_to(rules, NFT_CT_PROTO_SRC, register_at(1 + words));
	load_ct_to(rules, v4 ? NFT_CT_DST_IP : NFT_CT_DST_IP6, register_at(dst));
	load_ct_to(rules, NFT_CT_PROTO_DST, register_at(dst + words));
}

static void load_tuple(struct nft_rules *rules, uint8_t family, bool original)
{
	if (original)
		load_original_tuple(rules, family);
	else
		load_packet_tuple(rules, family);
}

void nft_match_tuple_set(struct nft_rules *rules, uint8_t family, bool original, const char *set)
{
	nft_match_family(rules, family);
	load_tuple(rules, family, original);
	look_up(rules, set);
}

void nft_match_tcp_syn(struct nft_rules *rules)
{
	const uint8_t fin = 0x01, syn = 0x02, rst = 0x04, ack = 0x10, zero = 0;
	const uint8_t mask = fin | syn | rst | ack;
	struct nftnl_expr *and;

	nft_match_l4proto(rules, IPPROTO_TCP);
	load_payload(rules, NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1, NFT_REG_1);
	and = append(rules, "bitwise");
	if (!and)
		return;
	nftnl_expr_set_u32(and, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(and, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(and, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	nftnl_expr_set_u32(and, NFTNL_EXPR_BITWISE_LEN, sizeof(mask));
	nftnl_expr_set(and, NFTNL_EXPR_BITWISE_MASK, &mask, sizeof(mask));
	nftnl_expr_set(and, NFTNL_EXPR_BITWISE_XOR, &zero, sizeof(zero));
	compare(rules, NFT_CMP_EQ, &syn, sizeof(syn));
}

void nft_keep_tuple(struct nft_rules *rules, uint8_t family, bool original, const char *set,
		    uint64_t timeout_ms)
{
	struct nftnl_expr *e;

	load_tuple(rules, family, original);
	e = append(rules, "dynset");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_KEY, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
	nftnl_expr_set_u64(e, NFTNL_EXPR_DYNSET_TIMEOUT, timeout_ms);
	nftnl_expr_set_str(e, NFTNL_EXPR_DYNSET_SET_NAME, set);
}

void nft_reject_reset(struct nft_rules *rules)
{
	struct nftnl_expr *e;

	nft_match_l4proto(rules, IPPROTO_TCP);
	e = append(rules, "reject");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_TCP_RST);
	nftnl_expr_set_u8(e, NFTNL_EXPR_REJECT_CODE, 0);
}

void nft_untrack_mark(struct nft_rules *rules, uint32_t mark)
{
	load_meta(rules, NFT_META_MARK);
	compare(rules, NFT_CMP_EQ, &mark, sizeof(mark));
	append(rules, "notrack");
}

void nft_addr_vmap(struct nft_rules *rules, uint8_t family, bool source, const char *map)
{
	struct nftnl_expr *e;

	nft_match_family(rules, family);
	load_address(rules, family, source, NFT_REG_1);
	e = look_up(rules, map);
	if (e)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
}

/* Before what is in its header. */
static void match_ethernet(struct nft_rules *rules)
{
	uint16_t ethernet = ARPHRD_ETHER;

	load_meta(rules, NFT_META_IIFTYPE);
	compare(rules, NFT_CMP_EQ, &ethernet, sizeof(ethernet));
}

void nft_match_protocol(struct nft_rules *rules, uint16_t ethertype)
{
	uint16_t value = htons(ethertype);

	load_meta(rules, NFT_META_PROTOCOL);
	compare(rules, NFT_CMP_EQ, &value, sizeof(value));
}

void nft_match_ethertype(struct nft_rules *rules, uint16_t type)
{
	uint16_t value = htons(type);

	/* of the frame as it was sent: in a VLAN that is the VLAN's */
	match_ethernet(rules);
	load_payload(rules, NFT_PAYLOAD_LL_HEADER, 12, 2, NFT_REG_1);
	compare(rules, NFT_CMP_EQ, &value, sizeof(value));
}

void nft_match_source_mac_not(struct nft_rules *rules, const uint8_t *mac)
{
	match_ethernet(rules);
	load_payload(rules, NFT_PAYLOAD_LL_HEADER, 6, 6, NFT_REG_1);
	compare(rules, NFT_CMP_NEQ, mac, 6);
}

/* They stand side by side: one load. */
void nft_match_source_mac_and_ethertype(struct nft_rules *rules, const uint8_t *mac, uint16_t type)
{
	uint8_t both[8];

	memcpy(both, mac, 6);
	both[6] = (uint8_t)(type >> 8);
	both[7] = (uint8_t)type;
	match_ethernet(rules);
	load_payload(rules, NFT_PAYLOAD_LL_HEADER, 6, sizeof(both), NFT_REG_1);
	compare(rules, NFT_CMP_EQ, both, sizeof(both));
}

void nft_match_hoplimit_not(struct nft_rules *rules, uint8_t limit)
{
	load_payload(rules, NFT_PAYLOAD_NETWORK_HEADER, 7, 1, NFT_REG_1);
	compare(rules, NFT_CMP_NEQ, &limit, 1);
}

void nft_match_fragment6(struct nft_rules *rules)
{
	struct nftnl_expr *e = append(rules, "exthdr");
	uint8_t there = 1;

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_DREG, NFT_REG_1);
	nftnl_expr_set_u8(e, NFTNL_EXPR_EXTHDR_TYPE, IPPROTO_FRAGMENT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OFFSET, 0);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_LEN, 1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_FLAGS, NFT_EXTHDR_F_PRESENT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
	compare(rules, NFT_CMP_EQ, &there, 1);
}

void nft_match_udp_ports(struct nft_rules *rules, uint16_t source, uint16_t destination)
{
	const uint16_t ports[] = { htons(source), htons(destination) };

	nft_match_l4proto(rules, WEIR_PROTO_UDP);
	load_payload(rules, NFT_PAYLOAD_TRANSPORT_HEADER, 0, sizeof(ports), NFT_REG_1);
	compare(rules, NFT_CMP_EQ, ports, sizeof(ports));
}

void nft_match_arp_of_ipv4(struct nft_rules *rules)
{
	static const uint8_t types[] = { 0, 1, 8, 0 }, lengths[] = { 6, 4 };

	load_payload(rules, NFT_PAYLOAD_NETWORK_HEADER, 0, sizeof(types), NFT_REG_1);
	compare(rules, NFT_CMP_EQ, types, sizeof(types));
	load_payload(rules, NFT_PAYLOAD_NETWORK_HEADER, 4, sizeof(lengths), NFT_REG_1);
	compare(rules, NFT_CMP_EQ, lengths, sizeof(lengths));
}

void nft_match_arp_request(struct nft_rules *rules)
{
	uint16_t request = htons(1);

	load_payload(rules, NFT_PAYLOAD_NETWORK_HEADER, 6, sizeof(request), NFT_REG_1);
	compare(rules, NFT_CMP_EQ, &request, sizeof(request));
}

static const struct {
	uint8_t base, offset, len;
} fields[] = {
	[NFT_SOURCE4] = { NFT_PAYLOAD_NETWORK_HEADER, 12, 4 },
	[NFT_DESTINATION4] = { NFT_PAYLOAD_NETWORK_HEADER, 16, 4 },
	[NFT_SOURCE6] = { NFT_PAYLOAD_NETWORK_HEADER, 8, 16 },
	[NFT_DESTINATION6] = { NFT_PAYLOAD_NETWORK_HEADER, 24, 16 },
	[NFT_ND_TARGET] = { NFT_PAYLOAD_TRANSPORT_HEADER, 8, 16 },
	[NFT_ARP_SENDER] = { NFT_PAYLOAD_NETWORK_HEADER, 14, 4 },
};
_Static_assert(sizeof(fields) / sizeof(*fields) == NFT_FIELD_MAX, "a place for each field");

static void load_field(struct nft_rules *rules, enum nft_field field, uint32_t reg)
{
	load_payload(rules, fields[field].base, fields[field].offset, fields[field].len, reg);
}

void nft_match_field(struct nft_rules *rules, enum nft_field field, const struct weir_addr *addr)
{
	load_field(rules, field, NFT_REG_1);
	compare(rules, NFT_CMP_EQ, addr->bytes, fields[field].len);
}

void nft_match_field_prefix(struct nft_rules *rules, enum nft_field field,
			    const struct weir_prefix *prefix)
{
	uint8_t bits[16] = { 0 };

	for (uint8_t i = 0; i < prefix->len; i++)
		bits[i / 8] |= (uint8_t)(0x80 >> i % 8);
	load_field(rules, field, NFT_REG_1);
	mask(rules, bits, fields[field].len);
	compare(rules, NFT_CMP_EQ, prefix->addr.bytes, fields[field].len);
}

void nft_match_field_set(struct nft_rules *rules, enum nft_field field, const char *set)
{
	load_field(rules, field, NFT_REG_1);
	look_up(rules, set);
}

void nft_match_iface_field_set(struct nft_rules *rules, enum nft_field field, const char *set)
{
	load_meta(rules, NFT_META_IIF);
	load_field(rules, field, NFT_REG32_01);
	look_up(rules, set);
}

void nft_verdict(struct nft_rules *rules, int code, const char *chain)
{
	struct nftnl_expr *e = append(rules, "immediate");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)code);
	if (chain)
		nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain);
}

void nft_count(struct nft_rules *rules)
{
	append(rules, "counter");
}

void nft_log(struct nft_rules *rules, const char *prefix, uint16_t group)
{
	struct nftnl_expr *e = append(rules, "log");

	if (!e)
		return;
	nftnl_expr_set_str(e, NFTNL_EXPR_LOG_PREFIX, prefix);
	nftnl_expr_set_u16(e, NFTNL_EXPR_LOG_GROUP, group);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOG_SNAPLEN, LOG_SNAPLEN);
	nftnl_expr_set_u16(e, NFTNL_EXPR_LOG_QTHRESHOLD, LOG_THRESHOLD);
}

void nft_copy(struct nft_rules *rules, uint16_t group)
{
	struct nftnl_expr *e = append(rules, "log");

	if (e)
		nftnl_expr_set_u16(e, NFTNL_EXPR_LOG_GROUP, group);
}
