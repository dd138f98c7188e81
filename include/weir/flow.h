/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Flows: what the kernel saw, in numbers. A flow source turns kernel events
 * (conntrack, NFLOG, a BPF ring buffer) into calls of a sink. Names, policies
 * and people come later: flow record, record.h.
 */
#include <stdbool.h>
#include <stdint.h>

#include "weir/addr.h"
#include "weir/error.h"

enum weir_flow_event {
	WEIR_FLOW_NEW,	    /* a connection was let through for the first time */
	WEIR_FLOW_CLOSING,  /* TCP: FIN or RST was seen; counters are not known yet */
	WEIR_FLOW_COUNTERS, /* counters of a living connection (answer to a poll) */
	WEIR_FLOW_END,	    /* the kernel has forgotten it; final counters */
	WEIR_FLOW_DENIED,   /* one packet was dropped */
	WEIR_FLOW_LOST,	    /* the kernel dropped events before we could read them */
	WEIR_FLOW_POLLED,   /* the answer to a poll is complete */
	WEIR_FLOW_EVENT_MAX
};

struct weir_tuple {
	struct weir_addr src, dst;
	uint16_t sport, dport; /* host byte order; ICMP: id in sport, type << 8 | code in dport */
	uint8_t protocol;
};

enum weir_tcp_end { WEIR_TCP_OPEN, WEIR_TCP_FIN, WEIR_TCP_RST };

enum { WEIR_ORIGINAL, WEIR_REPLY }; /* index of counters */

struct weir_flow {
	uint8_t event;
	uint8_t direction;  /* DENIED: which side's check dropped it (weir_direction) */
	uint8_t tcp_end;    /* CLOSING, END: weir_tcp_end, as far as the kernel's state tells */
	bool has_counters;  /* END, COUNTERS: accounting was on */
	bool seen_reply;    /* IPS_SEEN_REPLY */
	bool pending;	    /* DENIED: guard range, no endpoint yet */
	bool spoofed;	    /* DENIED: not from the pod whose interface it came out of */
	bool expired;	    /* END: its time had run out; else somebody deleted it */
	uint32_t id;	    /* conntrack id; DENIED: 0 */
	uint32_t ruleset;   /* DENIED: tag of the ruleset that dropped it, 0 unknown */
	uint32_t interface; /* DENIED, spoofed: index of the interface; 0 unknown */
	uint64_t time;	    /* ns since the epoch: when it happened */
	uint64_t start;	    /* ns since the epoch, 0 unknown: when the connection began */
	uint64_t packets[2], bytes[2];
	uint32_t length;    /* DENIED: bytes of the packet (layer 3) */
	uint8_t tcp_flags;  /* DENIED: flags byte of a TCP packet */
	uint64_t lost;	    /* LOST: how many, 0: unknown how many */
	uint8_t lost_at;    /* LOST: weir_loss */
	uint8_t lost_event; /* LOST: what they were: NEW, END (or CLOSING), DENIED */
	struct weir_tuple
		original; /* as the initiator sent it (before DNAT); DENIED: the packet as judged */
	struct weir_tuple reply; /* as the other end answers (after NAT, ends exchanged) */
};

enum weir_loss {
	WEIR_LOSS_CONNTRACK,  /* kernel's netlink buffer: conntrack events */
	WEIR_LOSS_NFLOG,      /* kernel's netlink buffer: denied packets */
	WEIR_LOSS_QUEUE,      /* weird's own bound on what it tracks or queues */
	WEIR_LOSS_SUBSCRIBER, /* a subscriber too slow for its queue */
	WEIR_LOSS_SPOOL,      /* gone from the node's spool before the hub had it */
	WEIR_LOSS_MAX
};
const char *weir_loss_name(enum weir_loss loss);

/* What a dropped packet said that was not so. */
enum weir_spoof {
	WEIR_SPOOF_IPV4, /* its source address */
	WEIR_SPOOF_IPV6,
	WEIR_SPOOF_NEIGHBOR, /* in neighbour discovery: also a router that is none */
	WEIR_SPOOF_ARP,
	WEIR_SPOOF_MAC,	   /* the source address of the frame */
	WEIR_SPOOF_TUNNEL, /* a packet of another, in one for a tunnel of the nodes */
	WEIR_SPOOF_FRAME,  /* neither IP nor ARP, or in a VLAN */
	WEIR_SPOOF_MAX
};
const char *weir_spoof_name(enum weir_spoof spoof); /* "ipv4", "neighbor" */

/* Called for each event, from the thread that reads the source. The flow is
 * valid during the call only. */
struct weir_flow_sink {
	void (*flow)(void *data, const struct weir_flow *flow);
	void *data;
};

struct weir_flow_config {
	struct weir_flow_sink sink;
	uint16_t nflog_group;
	uint32_t buffer; /* bytes of each socket's receive buffer */
};

struct weir_flow_source;

struct weir_flow_source_ops {
	/* File descriptors to poll for reading: fills at most max, returns how many. */
	int (*fds)(struct weir_flow_source *s, int *fds, int max);
	/* Read what is there on fd, at most about budget events; never waits.
	 * Returns how many came, or -errno. The NEW of a connection always comes
	 * before its END and its COUNTERS, whichever fd is read first. */
	int (*read)(struct weir_flow_source *s, int fd, unsigned budget, struct weir_error *err);
	/* At most so many events wait on fd; more only while they come. */
	uint32_t (*queued)(struct weir_flow_source *s, int fd);
	/* Ask for the counters of all living connections: each comes as
	 * WEIR_FLOW_COUNTERS through read, then WEIR_FLOW_POLLED. Also finds
	 * connections that began before the source was opened, or whose NEW was
	 * lost. Asking again while an answer is under way does nothing. */
	int (*poll_counters)(struct weir_flow_source *s, struct weir_error *err);
	void (*close)(struct weir_flow_source *s);
};

struct weir_flow_source {
	const struct weir_flow_source_ops *ops;
};
