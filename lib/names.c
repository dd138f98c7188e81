/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words for our enumerations, as they appear in records, tables and
 * messages. Every table is as long as its enum; nothing has a default.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "weir/cleanup.h"
#include "weir/flow.h"
#include "weir/object.h"
#include "weir/policy.h"
#include "weir/record.h"
#include "weir/ruleset.h"

#define NAMES(table, max)                                                                          \
	_Static_assert(WEIR_ARRAY_SIZE(table) == (max), "a name for each value of the enum")

static const char *const directions[] = {
	[WEIR_INGRESS] = "ingress",
	[WEIR_EGRESS] = "egress",
};
NAMES(directions, WEIR_DIRECTION_MAX);

static const char *const tiers[] = {
	[WEIR_TIER_ADMIN] = "Admin",
	[WEIR_TIER_NETWORK_POLICY] = "NetworkPolicy",
	[WEIR_TIER_BASELINE] = "Baseline",
};
NAMES(tiers, WEIR_TIER_MAX);

static const char *const actions[] = {
	[WEIR_ACCEPT] = "Accept",
	[WEIR_DENY] = "Deny",
	[WEIR_PASS] = "Pass",
};
NAMES(actions, WEIR_ACTION_MAX);

static const char *const verdicts[] = {
	[WEIR_ALLOWED] = "allowed",
	[WEIR_DENIED] = "denied",
};
NAMES(verdicts, WEIR_VERDICT_MAX);

static const char *const reasons[] = {
	[WEIR_REASON_NOT_ENDPOINT] = "not-endpoint",
	[WEIR_REASON_NO_POLICY] = "no-policy",
	[WEIR_REASON_RULE] = "rule",
	[WEIR_REASON_ISOLATED] = "isolated",
	[WEIR_REASON_SELF] = "self",
	[WEIR_REASON_OWN_NODE] = "own-node",
	[WEIR_REASON_PENDING] = "pending",
	[WEIR_REASON_SPOOFED] = "spoofed",
};
NAMES(reasons, WEIR_REASON_MAX);

static const char *const losses[] = {
	[WEIR_LOSS_CONNTRACK] = "conntrack",
	[WEIR_LOSS_NFLOG] = "nflog",
	[WEIR_LOSS_QUEUE] = "queue",
	[WEIR_LOSS_SUBSCRIBER] = "subscriber",
	[WEIR_LOSS_SPOOL] = "spool",
};
NAMES(losses, WEIR_LOSS_MAX);

static const char *const spoofs[] = {
	[WEIR_SPOOF_IPV4] = "ipv4",	    [WEIR_SPOOF_IPV6] = "ipv6",
	[WEIR_SPOOF_NEIGHBOR] = "neighbor", [WEIR_SPOOF_ARP] = "arp",
	[WEIR_SPOOF_TUNNEL] = "tunnel",	    [WEIR_SPOOF_MAC] = "mac",
	[WEIR_SPOOF_FRAME] = "frame",
};
NAMES(spoofs, WEIR_SPOOF_MAX);

static const char *const record_types[] = {
	[WEIR_RECORD_OPEN] = "open",	 [WEIR_RECORD_UPDATE] = "update", [WEIR_RECORD_END] = "end",
	[WEIR_RECORD_DENIED] = "denied", [WEIR_RECORD_GAP] = "gap",
};
NAMES(record_types, WEIR_RECORD_TYPE_MAX);

static const char *const end_reasons[] = {
	[WEIR_END_NONE] = "none",	[WEIR_END_FIN] = "fin",
	[WEIR_END_RST] = "rst",		[WEIR_END_TIMEOUT] = "timeout",
	[WEIR_END_UNKNOWN] = "unknown", [WEIR_END_POLICY] = "policy",
};
NAMES(end_reasons, WEIR_END_REASON_MAX);

/* A value off the end can only come from a peer's message or a bug. */
#define LOOK_UP(table, value)                                                                      \
	((unsigned)(value) < WEIR_ARRAY_SIZE(table) ? (table)[(value)] : "unknown")

const char *weir_direction_name(enum weir_direction direction)
{
	return LOOK_UP(directions, direction);
}

const char *weir_tier_name(enum weir_tier tier)
{
	return LOOK_UP(tiers, tier);
}

const char *weir_action_name(enum weir_action action)
{
	return LOOK_UP(actions, action);
}

const char *weir_verdict_name(enum weir_verdict verdict)
{
	return LOOK_UP(verdicts, verdict);
}

const char *weir_reason_name(enum weir_reason reason)
{
	return LOOK_UP(reasons, reason);
}

const char *weir_loss_name(enum weir_loss loss)
{
	return LOOK_UP(losses, loss);
}

const char *weir_spoof_name(enum weir_spoof spoof)
{
	return LOOK_UP(spoofs, spoof);
}

const char *weir_record_type_name(enum weir_record_type type)
{
	return LOOK_UP(record_types, type);
}

const char *weir_end_reason_name(enum weir_end_reason reason)
{
	return LOOK_UP(end_reasons, reason);
}

static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
	{ "TCP", WEIR_PROTO_TCP },   { "UDP", WEIR_PROTO_UDP },	      { "SCTP", WEIR_PROTO_SCTP },
	{ "ICMP", WEIR_PROTO_ICMP }, { "ICMPv6", WEIR_PROTO_ICMPV6 },
};

const char *weir_protocol_name(uint8_t protocol, char *buf)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(protocols); i++)
		if (protocols[i].number == protocol)
			return protocols[i].name;
	snprintf(buf, 4, "%u", protocol);
	return buf;
}

int weir_protocol_parse(const char *text, uint8_t *ret)
{
	unsigned long number;
	char *end;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(protocols); i++) {
		if (strcasecmp(protocols[i].name, text) == 0) {
			*ret = protocols[i].number;
			return 0;
		}
	}
	if (*text < '0' || *text > '9')
		return -EINVAL;
	number = strtoul(text, &end, 10);
	if (*end || number < 1 || number > 255)
		return -EINVAL;
	*ret = (uint8_t)number;
	return 0;
}
