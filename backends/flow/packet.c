/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP headers of denied packets. Called by nflog.c with bytes that a pod may
 * have made up: every length is checked. Pure.
 */
#include "backends/flow/packet.h"

#include <netinet/in.h>
#include <string.h>

#include "weir/object.h"

#define IPV6_EXTENSIONS_MAX 8 /* more is nothing that a sane sender makes */

struct cursor {
	const uint8_t *p;
	size_t len;
};

static bool skip(struct cursor *c, size_t n)
{
	if (n > c->len)
		return false;
	c->p += n;
	c->len -= n;
	return true;
}

static uint16_t be16_at(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void decode_icmp(struct cursor *c, struct weir_tuple *t)
{
	bool echo;

	if (c->len < 8)
		return;
	t->dport = be16_at(c->p);
	echo = t->protocol == WEIR_PROTO_ICMP ? c->p[0] == 8 || c->p[0] == 0
					      : c->p[0] == 128 || c->p[0] == 129;
	t->sport = echo ? be16_at(c->p + 4) : 0;
}

static void decode_transport(struct cursor *c, struct weir_flow *flow)
{
	struct weir_tuple *t = &flow->original;

	switch (t->protocol) {
	case WEIR_PROTO_ICMP:
	case WEIR_PROTO_ICMPV6:
		decode_icmp(c, t);
		return;
	case WEIR_PROTO_TCP:
		if (c->len > 13)
			flow->tcp_flags = c->p[13];
		break;
	case WEIR_PROTO_UDP:
	case WEIR_PROTO_SCTP:
	case IPPROTO_UDPLITE:
	case IPPROTO_DCCP:
		break;
	default:
		return;
	}
	if (c->len < 4)
		return;
	t->sport = be16_at(c->p);
	t->dport = be16_at(c->p + 2);
}

/* What is behind the packet's own end is padding of the link. */
static void cut(struct cursor *c, size_t length)
{
	if (length < c->len)
		c->len = length;
}

/* Leaves c at the transport header; empty where there is none, as in a later fragment. */
static bool decode_ipv4(struct cursor *c, struct weir_flow *flow)
{
	struct weir_tuple *t = &flow->original;
	bool later_fragment;

	if (c->len < 20 || (c->p[0] & 15) < 5)
		return false;
	flow->length = be16_at(c->p + 2);
	later_fragment = be16_at(c->p + 6) & 0x1FFF;
	t->protocol = c->p[9];
	t->src.family = t->dst.family = AF_INET;
	memcpy(t->src.bytes, c->p + 12, 4);
	memcpy(t->dst.bytes, c->p + 16, 4);
	if (flow->length)
		cut(c, flow->length);
	if (!skip(c, (c->p[0] & 15) * 4u) || later_fragment)
		c->len = 0;
	return true;
}

/* Step over one extension header. False: there is none, or it ends here. */
static bool skip_extension(struct cursor *c, uint8_t *next, bool *later_fragment)
{
	uint8_t type = *next;

	if (c->len < 8)
		return false;
	switch (type) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		*next = c->p[0];
		return skip(c, 8u + c->p[1] * 8u);
	case IPPROTO_FRAGMENT:
		*next = c->p[0];
		*later_fragment = be16_at(c->p + 2) & 0xFFF8;
		return skip(c, 8);
	case IPPROTO_AH:
		*next = c->p[0];
		return skip(c, (c->p[1] + 2u) * 4u);
	}
	return false;
}

static bool decode_ipv6(struct cursor *c, struct weir_flow *flow)
{
	struct weir_tuple *t = &flow->original;
	bool later_fragment = false;

	if (c->len < 40)
		return false;
	flow->length = 40u + be16_at(c->p + 4);
	t->protocol = c->p[6];
	t->src.family = t->dst.family = AF_INET6;
	memcpy(t->src.bytes, c->p + 8, 16);
	memcpy(t->dst.bytes, c->p + 24, 16);
	if (flow->length > 40)
		cut(c, flow->length);
	skip(c, 40);
	for (int i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
		if (!skip_extension(c, &t->protocol, &later_fragment))
			break;
	}
	if (later_fragment)
		c->len = 0;
	return true;
}

static bool decode_network(struct cursor *c, struct weir_flow *flow)
{
	if (!c->len)
		return false;
	switch (c->p[0] >> 4) {
	case 4:
		return decode_ipv4(c, flow);
	case 6:
		return decode_ipv6(c, flow);
	}
	return false;
}

bool weir_packet_decode(const uint8_t *data, size_t len, struct weir_flow *ret)
{
	struct cursor c = { data, len };

	if (!decode_network(&c, ret))
		return false;
	decode_transport(&c, ret);
	return true;
}

static uint32_t be32_at(const uint8_t *p)
{
	return (uint32_t)be16_at(p) << 16 | be16_at(p + 2);
}

bool weir_packet_payload(const uint8_t *data, size_t len, struct weir_payload *ret)
{
	struct cursor c = { data, len };
	struct weir_flow flow = { 0 };
	size_t header;

	if (!decode_network(&c, &flow))
		return false;
	decode_transport(&c, &flow);
	*ret = (struct weir_payload){ .tuple = flow.original, .tcp_flags = flow.tcp_flags };
	switch (flow.original.protocol) {
	case WEIR_PROTO_UDP:
		if (c.len < 8 || be16_at(c.p + 4) < 8)
			return false;
		cut(&c, be16_at(c.p + 4));
		header = 8;
		break;
	case WEIR_PROTO_TCP:
		if (c.len < 20 || (c.p[12] >> 4) < 5)
			return false;
		ret->tcp_seq = be32_at(c.p + 4);
		header = (c.p[12] >> 4) * 4u;
		break;
	default:
		return false;
	}
	if (!skip(&c, header))
		return false;
	ret->data = c.p;
	ret->len = c.len;
	return true;
}
