/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A flow record: what leaves the node. Names, verdict, and the policies that
 * decided. Made by daemon/flow, encoded by lib/wire (docs/WIRE.md), read by
 * the hub and weirctl. Strings belong to whoever made the record; it is valid
 * during the call that hands it on.
 */
#include <stdbool.h>
#include <stdint.h>

#include "weir/addr.h"

enum weir_record_type {
	WEIR_RECORD_OPEN,   /* a connection was allowed and began */
	WEIR_RECORD_UPDATE, /* it is still there; counters so far */
	WEIR_RECORD_END,    /* it has ended; counters in all */
	WEIR_RECORD_DENIED, /* attempts that were denied (connections says how many) */
	WEIR_RECORD_GAP,    /* records that could not be made or delivered */
	WEIR_RECORD_TYPE_MAX
};
const char *weir_record_type_name(enum weir_record_type type);

enum weir_end_reason {
	WEIR_END_NONE,
	WEIR_END_FIN,	  /* closed by the ends */
	WEIR_END_RST,	  /* reset */
	WEIR_END_TIMEOUT, /* idle for longer than the kernel remembers */
	WEIR_END_UNKNOWN, /* its end was not seen (events lost, or weird was away) */
	WEIR_END_POLICY,  /* ended by weir: the record says denied, and by what */
	WEIR_END_REASON_MAX
};
const char *weir_end_reason_name(enum weir_end_reason reason);

struct weir_record_label {
	const char *key, *value;
};

/* One end of the connection. Strings are NULL when not known. */
struct weir_record_peer {
	struct weir_addr addr; /* the pod's own address (behind NAT) */
	uint16_t port;	       /* host byte order */
	struct weir_addr
		nat_addr; /* what the other end saw or dialled, when different; family 0: none */
	uint16_t nat_port;
	const char *namespace_, *pod, *workload_kind, *workload, *node;
	const char *service; /* "namespace/name" of the Service dialled, for a destination */
	uint16_t n_labels;
	const struct weir_record_label *labels;
	uint32_t ref; /* decoded: its place in the batch's table of names; else unused */
};

struct weir_record_policy {
	const char *kind, *namespace_, *name; /* namespace_ NULL: cluster-wide */
};

/* What one side (the source's egress, the destination's ingress) decided. */
struct weir_record_side {
	uint8_t verdict;       /* weir_verdict */
	uint8_t reason;	       /* weir_reason */
	uint8_t tier;	       /* weir_tier, of the rule */
	uint64_t form;	       /* weir_policy.form, of the rule's; not on the wire */
	int32_t rule;	       /* index of the rule in its policy, -1: no rule */
	const char *rule_name; /* NULL: none */
	uint16_t n_policies;   /* the one that decided, or those that isolate */
	uint16_t n_more;       /* isolating policies beyond those listed */
	const struct weir_record_policy *policies;
	uint32_t ref; /* decoded: its place in the batch's table of sides; else unused */
};

#define WEIR_RECORD_POLICIES_MAX 16 /* isolating policies listed by name */

struct weir_record {
	uint64_t seq;	/* per boot of the node, from 1, without holes */
	uint64_t time;	/* ns since the epoch */
	uint64_t start; /* ns since the epoch: first packet; DENIED: of the first attempt */
	uint64_t flow;	/* same for all records of one connection, unique per boot */
	uint8_t type;
	uint8_t verdict;
	uint8_t staged; /* what it would be if staged policies were enforced: weir_verdict, or
			   WEIR_VERDICT_MAX: no staged policy has a part in it */
	uint8_t end;	/* weir_end_reason */
	uint8_t protocol;
	uint8_t icmp_type, icmp_code;
	uint8_t lost_at; /* GAP: weir_loss */
	bool has_counters;
	struct weir_record_peer src, dst; /* initiator and responder */
	struct weir_record_side egress, ingress;
	struct weir_record_side staged_egress, staged_ingress; /* with a staged verdict */
	uint64_t packets[2], bytes[2]; /* src to dst, dst to src; DENIED: [0] only */
	uint64_t counted_packets[2],
		counted_bytes[2]; /* of these, what earlier records of the connection had */
	uint64_t connections; /* DENIED: attempts (5-tuples) that no earlier record counted, 0: only
				 retransmissions; else 1 */
	uint64_t lost;	      /* GAP: how many, 0: unknown how many */
};

/*
 * For whoever may not see an end: of it only namespace and workload stay, and its side's
 * verdict and reason. An end that is in no namespace (the world outside) keeps its address,
 * as the other end dialled it or was dialled from it. Ports belong to the connection.
 */
void weir_record_hide_peer(struct weir_record_peer *peer);
void weir_record_hide_side(struct weir_record_side *side);
/* Numbers of the node that reports count its other flows, too. */
void weir_record_hide_numbers(struct weir_record *record);
