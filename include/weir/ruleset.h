/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The compiled tables: what policy/ makes, what each backend renders, what
 * explain, flow records and tests evaluate. A connection is judged by three
 * look-ups: endpoint -> ruleset, peer -> class, class + port -> verdict.
 *
 * An *identity* stands for "these labels and named ports in this namespace,
 * within this prefix": every address has exactly one. Pods that are alike
 * share it; addresses outside the cluster have the identity of the longest
 * prefix that any policy names. Identity numbers never leave the node.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/addr.h"
#include "weir/object.h"
#include "weir/policy.h"

enum weir_verdict { WEIR_ALLOWED, WEIR_DENIED, WEIR_VERDICT_MAX };
const char *weir_verdict_name(enum weir_verdict verdict); /* "allowed", "denied" */

/* Why a side decided as it did. */
enum weir_reason {
	WEIR_REASON_NOT_ENDPOINT, /* this side is not a pod of this node: nothing to say */
	WEIR_REASON_NO_POLICY,	  /* no policy selects the pod in this direction */
	WEIR_REASON_RULE,	  /* the rule decided */
	WEIR_REASON_ISOLATED,	  /* policies select the pod, no rule matched */
	WEIR_REASON_SELF,	  /* a pod may talk to its own address */
	WEIR_REASON_OWN_NODE,	  /* set by the caller, who knows the node's addresses */
	WEIR_REASON_PENDING,	  /* an address of a guard range without an endpoint */
	WEIR_REASON_SPOOFED,	  /* what the pod sent is not from an address of its own */
	WEIR_REASON_MAX
};
const char *weir_reason_name(enum weir_reason reason);

#define WEIR_IDENTITY_NONE    0u /* no such identity */
#define WEIR_IDENTITY_WORLD_4 1u /* 0.0.0.0/0: any IPv4 address that nothing else names */
#define WEIR_IDENTITY_WORLD_6 2u /* ::/0 */

/* Ports first..last of a protocol; rule is the one that decides, NULL when
 * none matched (isolated). */
struct weir_port_verdict {
	const struct weir_rule *rule;
	uint16_t first, last; /* host byte order */
	uint8_t protocol;     /* TCP, UDP, SCTP */
	uint8_t verdict;
};

/* What a ruleset says to one kind of peer. */
struct weir_class {
	const struct weir_rule *rule; /* decides what no entry of ports covers */
	uint8_t verdict;	      /* of that; also of every protocol without ports */
	uint32_t n_ports;
	struct weir_port_verdict ports[]; /* sorted by protocol, first; no overlaps */
};

/* The decision of one set of policies in one direction, shared by all
 * endpoints that these policies select. */
struct weir_ruleset {
	uint32_t id; /* never 0; unique for the life of the process */
	uint8_t direction;
	uint32_t n_policies;
	const struct weir_policy *const *policies; /* in order of precedence */
	const struct weir_class *fallback;	   /* for every identity that is not named */
};

/* Its direction and policies as a number, never 0: unlike the id the same in
 * every process, so that it can stand in a kernel that outlives this one. Two
 * rulesets may have the same. */
uint32_t weir_ruleset_tag(const struct weir_ruleset *ruleset);

/*
 * What has changed since the last time: the one thing that a backend's apply
 * gets. Level-triggered: entries say how it shall be, not what to do.
 * Pointers are valid only during the call.
 */
struct weir_address_change {
	struct weir_prefix prefix; /* full length: one address; else a prefix that a policy names */
	uint32_t identity;	   /* WEIR_IDENTITY_NONE: gone */
	const struct weir_pod *pod; /* whose address it is, or NULL */
};

struct weir_class_change {
	uint32_t identity;
	const struct weir_class *class_; /* NULL: no longer named, the fallback holds */
};

struct weir_ruleset_change {
	uint32_t id;
	const struct weir_ruleset *ruleset; /* NULL: gone */
	bool is_new;			    /* all its classes are in peers */
	size_t n_peers;
	struct weir_class_change *peers; /* by ascending identity */
};

struct weir_endpoint_change {
	struct weir_addr addr;
	const struct weir_pod *pod;	       /* NULL: gone */
	uint32_t rulesets[WEIR_DIRECTION_MAX]; /* 0: not isolated, everything passes */
};

/* The host's end of a pod's interface, and the addresses that alone may come out
 * of it. Bytes that say nothing are 0, so that equal ones are equal memory. */
struct weir_interface {
	uint32_t index;
	char name[16];
	bool has_mac;
	uint8_t mac[6]; /* of the pod's end */
	uint8_t n_addrs;
	struct weir_addr addrs[WEIR_POD_ADDRS_MAX]; /* sorted */
	char owner[96];				    /* for people: "namespace/pod" */
};

/* What the nodes take out of one another's packets without asking who packed it. */
struct weir_tunnel {
	uint8_t protocol;
	uint16_t port; /* UDP: host byte order; else 0 */
};

struct weir_changes {
	uint64_t generation;
	bool full; /* all there is: what is not mentioned must not exist */
	size_t n_addresses, n_rulesets, n_endpoints;
	struct weir_address_change *addresses; /* ascending prefix */
	struct weir_ruleset_change *rulesets;  /* ascending id */
	struct weir_endpoint_change *endpoints;
	/* Ranges from which this node's pods get their addresses: one in there
	 * that is no endpoint is a pod whose ADD has not returned; nothing may
	 * pass. Always the whole list. */
	size_t n_guards;
	const struct weir_prefix *guards;
	/* DNS answers to endpoints that had asked one of these are copied to whoever
	 * opened the backend's answers. None: nothing is copied. Always the whole list. */
	size_t n_resolvers;
	const struct weir_prefix *resolvers;
	/* Packets that come out of these and are not from their pod are dropped.
	 * Ascending index. Always the whole list; none: nothing is checked. */
	size_t n_interfaces;
	const struct weir_interface *interfaces;
	/* No pod may send such packets. Sorted, each once. Always the whole list. */
	size_t n_tunnels;
	const struct weir_tunnel *tunnels;
	/* The node's own addresses: no pod may answer for one. Sorted, all of them. */
	size_t n_node_addrs;
	const struct weir_addr *node_addrs;
};
