/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes of ctnetlink (linux/netfilter/nfnetlink_conntrack.h) to a flow.
 * Called by conntrack.c for each event. Pure.
 */
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "backends/flow/attr.h"
#include "backends/flow/conntrack.h"

/* Since Linux 6.14; headers of older systems do not have it. */
#define CTA_TIMESTAMP_EVENT_TYPE 27

static void decode_address(struct weir_addr *a, uint8_t family, const struct weir_attr *attr)
{
	size_t size = family == AF_INET ? 4 : 16;

	if (attr->len < size)
		return;
	a->family = family;
	memcpy(a->bytes, attr->data, size);
}

static void decode_addresses(struct weir_attrs in, struct weir_tuple *t)
{
	struct weir_attr a;

	while (weir_attr_next(&in, &a)) {
		switch (a.type) {
		case CTA_IP_V4_SRC:
			decode_address(&t->src, AF_INET, &a);
			break;
		case CTA_IP_V4_DST:
			decode_address(&t->dst, AF_INET, &a);
			break;
		case CTA_IP_V6_SRC:
			decode_address(&t->src, AF_INET6, &a);
			break;
		case CTA_IP_V6_DST:
			decode_address(&t->dst, AF_INET6, &a);
			break;
		}
	}
}

/* The port attributes serve TCP, UDP, SCTP and the like. */
static void decode_protocol(struct weir_attrs in, struct weir_tuple *t)
{
	struct weir_attr a;

	while (weir_attr_next(&in, &a)) {
		switch (a.type) {
		case CTA_PROTO_NUM:
			t->protocol = weir_attr_u8(&a);
			break;
		case CTA_PROTO_SRC_PORT:
		case CTA_PROTO_ICMP_ID:
		case CTA_PROTO_ICMPV6_ID:
			t->sport = weir_attr_u16(&a);
			break;
		case CTA_PROTO_DST_PORT:
			t->dport = weir_attr_u16(&a);
			break;
		case CTA_PROTO_ICMP_TYPE:
		case CTA_PROTO_ICMPV6_TYPE:
			t->dport |= (uint16_t)(weir_attr_u8(&a) << 8);
			break;
		case CTA_PROTO_ICMP_CODE:
		case CTA_PROTO_ICMPV6_CODE:
			t->dport |= weir_attr_u8(&a);
			break;
		}
	}
}

static void decode_tuple(struct weir_attrs in, struct weir_tuple *t)
{
	struct weir_attr a;

	while (weir_attr_next(&in, &a)) {
		if (a.type == CTA_TUPLE_IP)
			decode_addresses(weir_attr_nest(&a), t);
		else if (a.type == CTA_TUPLE_PROTO)
			decode_protocol(weir_attr_nest(&a), t);
	}
}

static void decode_counters(struct weir_attrs in, unsigned side, struct weir_flow *flow)
{
	struct weir_attr a;

	flow->has_counters = true;
	while (weir_attr_next(&in, &a)) {
		if (a.type == CTA_COUNTERS_PACKETS)
			flow->packets[side] = weir_attr_u64(&a);
		else if (a.type == CTA_COUNTERS_BYTES)
			flow->bytes[side] = weir_attr_u64(&a);
	}
}

static void decode_times(struct weir_attrs in, struct weir_flow *flow)
{
	struct weir_attr a;

	while (weir_attr_next(&in, &a)) {
		if (a.type == CTA_TIMESTAMP_START)
			flow->start = weir_attr_u64(&a);
		else if (a.type == CTA_TIMESTAMP_STOP)
			flow->time = weir_attr_u64(&a);
	}
}

static uint8_t tcp_end(uint8_t state)
{
	if (state == TCP_CONNTRACK_TIME_WAIT)
		return WEIR_TCP_FIN;
	return state == TCP_CONNTRACK_CLOSE ? WEIR_TCP_RST : WEIR_TCP_OPEN;
}

static void decode_state(struct weir_attrs in, struct weir_flow *flow)
{
	struct weir_attrs tcp;
	struct weir_attr a;

	while (weir_attr_next(&in, &a)) {
		if (a.type != CTA_PROTOINFO_TCP)
			continue;
		for (tcp = weir_attr_nest(&a); weir_attr_next(&tcp, &a);) {
			if (a.type == CTA_PROTOINFO_TCP_STATE)
				flow->tcp_end = tcp_end(weir_attr_u8(&a));
		}
	}
}

static void decode_attribute(const struct weir_attr *a, struct weir_flow *flow)
{
	switch (a->type) {
	case CTA_TUPLE_ORIG:
		decode_tuple(weir_attr_nest(a), &flow->original);
		break;
	case CTA_TUPLE_REPLY:
		decode_tuple(weir_attr_nest(a), &flow->reply);
		break;
	case CTA_ID:
		flow->id = weir_attr_u32(a);
		break;
	case CTA_STATUS:
		flow->seen_reply = weir_attr_u32(a) & IPS_SEEN_REPLY;
		break;
	case CTA_TIMEOUT:
		flow->expired = weir_attr_u32(a) == 0;
		break;
	case CTA_COUNTERS_ORIG:
		decode_counters(weir_attr_nest(a), WEIR_ORIGINAL, flow);
		break;
	case CTA_COUNTERS_REPLY:
		decode_counters(weir_attr_nest(a), WEIR_REPLY, flow);
		break;
	case CTA_TIMESTAMP:
		decode_times(weir_attr_nest(a), flow);
		break;
	case CTA_PROTOINFO:
		decode_state(weir_attr_nest(a), flow);
		break;
	case CTA_TIMESTAMP_EVENT_TYPE:
		if (!flow->time)
			flow->time = weir_attr_u64(a);
		break;
	}
}

bool weir_conntrack_decode(const uint8_t *msg, size_t len, struct weir_flow *ret)
{
	const size_t head = NLMSG_HDRLEN + sizeof(struct nfgenmsg);
	struct weir_attrs in = { msg + head, msg + len };
	struct weir_attr a;

	if (len < head)
		return false;
	*ret = (struct weir_flow){ .expired = true };
	while (weir_attr_next(&in, &a))
		decode_attribute(&a, ret);
	return ret->original.src.family && ret->reply.src.family;
}
