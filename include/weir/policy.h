/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A policy, decoded. NetworkPolicy (networking.k8s.io/v1) and, in the tiers
 * around it, ClusterNetworkPolicy become the same structure, so that there is
 * one compiler. Strings are interned; a policy owns its references.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "weir/addr.h"
#include "weir/error.h"
#include "weir/object.h"
#include "weir/pool.h"

enum weir_direction { WEIR_INGRESS, WEIR_EGRESS, WEIR_DIRECTION_MAX };
const char *weir_direction_name(enum weir_direction direction); /* "ingress", "egress" */

enum weir_tier { WEIR_TIER_ADMIN, WEIR_TIER_NETWORK_POLICY, WEIR_TIER_BASELINE, WEIR_TIER_MAX };
const char *weir_tier_name(enum weir_tier tier); /* "Admin", "NetworkPolicy", "Baseline" */

enum weir_action { WEIR_ACCEPT, WEIR_DENY, WEIR_PASS, WEIR_ACTION_MAX };
const char *weir_action_name(enum weir_action action); /* "Accept", "Deny", "Pass" */

/* metav1.LabelSelector: all requirements hold. matchLabels become In with one value. */
enum weir_operator { WEIR_IN, WEIR_NOT_IN, WEIR_EXISTS, WEIR_DOES_NOT_EXIST, WEIR_OPERATOR_MAX };

struct weir_requirement {
	const char *key;
	const char **values; /* interned; sorted by bytes, each once */
	uint16_t n_values;
	uint8_t op;
};

struct weir_selector {
	uint16_t n; /* 0: matches everything */
	struct weir_requirement
		*requirements; /* sorted, so that equal selectors are equal memory-wise */
};

/* NotIn also matches a set without the key (apimachinery labels/selector.go). */
bool weir_selector_matches(const struct weir_selector *s, const struct weir_labels *labels);

/* One peer of a rule. */
enum weir_peer_kind {
	WEIR_PEER_PODS,	   /* namespaceSelector (or the policy's own namespace) and podSelector */
	WEIR_PEER_PREFIX,  /* ipBlock: prefix but none of except */
	WEIR_PEER_NODES,   /* addresses of the nodes with these labels, but of no pod */
	WEIR_PEER_DOMAINS, /* domainNames: the addresses that they are known to have */
	WEIR_PEER_KIND_MAX
};

struct weir_peer {
	uint8_t kind;
	bool own_namespace; /* PODS: no namespaceSelector was given */
	uint16_t n_except, n_names;
	union {
		struct { /* PODS */
			struct weir_selector namespaces, pods;
		};
		struct { /* PREFIX */
			struct weir_prefix prefix, *except;
		};
		struct weir_selector nodes; /* NODES */
		const char **names;	    /* DOMAINS: interned, lower case, no final dot;
					       "*.example.com": all below example.com */
	};
};

/* One port of a rule. */
struct weir_port {
	const char *name;     /* a named port, or NULL: first..last */
	uint16_t first, last; /* host byte order; 0..65535 is every port of the protocol */
	uint8_t protocol;     /* WEIR_PROTO_TCP, UDP, SCTP */
};

struct weir_policy;

struct weir_rule {
	const struct weir_policy *policy; /* the one it belongs to */
	const char *name;		  /* ClusterNetworkPolicy rules may have one; else NULL */
	uint16_t index;			  /* position in its list, from 0 */
	uint8_t direction;
	uint8_t action; /* NetworkPolicy: WEIR_ACCEPT */
	bool any_peer;	/* no from/to, or an empty one: every peer, also outside the cluster */
	bool any_port;	/* no ports, or an empty list: every protocol */
	bool closed;	/* has a peer or port of a kind that is not known: an Accept matches
			   nothing, anything else has become "deny everything" */
	uint16_t n_peers, n_ports;
	struct weir_peer *peers;
	struct weir_port *ports;
};

struct weir_policy {
	const char *kind;	/* "NetworkPolicy", ... (interned) */
	const char *namespace_; /* NULL: cluster-wide */
	const char *name;
	int64_t generation; /* metadata.generation, 0 when absent */
	uint64_t form;	    /* set by the daemon: another one each time that it is another */
	int32_t priority;   /* cluster-wide: lower comes first */
	uint8_t tier;
	bool staged;			   /* annotation weir.dev/mode: staged */
	bool isolates[WEIR_DIRECTION_MAX]; /* NetworkPolicy: which directions policyTypes names */
	struct weir_selector namespaces;   /* subject; for a namespaced policy: unused */
	struct weir_selector pods;	   /* subject within the namespace(s) */
	uint16_t n_rules[WEIR_DIRECTION_MAX];
	struct weir_rule *rules[WEIR_DIRECTION_MAX];
};

/* From a NetworkPolicy manifest. Every deviation from the API is an error that
 * names the field and what would be right, as an API server would say it;
 * unknown fields are errors too (a misspelt "podSelctor" must not open
 * traffic). */
int weir_networkpolicy_decode(struct weir_pool *pool, const cJSON *json, struct weir_policy **ret,
			      struct weir_error *err);
/* What is sure of a manifest that cannot be decoded: the pods that it selects
 * are isolated, and no rule lets anything through. An error when not even that
 * can be understood. */
int weir_networkpolicy_decode_closed(struct weir_pool *pool, const cJSON *json,
				     struct weir_policy **ret, struct weir_error *err);
/* From a ClusterNetworkPolicy policy.networking.k8s.io/v1alpha2, and from the two
 * kinds of v1alpha1 that came before it. The same, but a rule that has a peer
 * or protocol of a kind that is not known is taken, and fails closed: the API
 * wants that of implementations that are older than the CRD. A baseline policy
 * of v1alpha1 has the priority WEIR_PRIORITY_LAST. */
#define WEIR_PRIORITY_MAX  1000
#define WEIR_PRIORITY_LAST (WEIR_PRIORITY_MAX + 1)
int weir_clusternetworkpolicy_decode(struct weir_pool *pool, const cJSON *json,
				     struct weir_policy **ret, struct weir_error *err);
int weir_adminnetworkpolicy_decode(struct weir_pool *pool, const cJSON *json,
				   struct weir_policy **ret, struct weir_error *err);
int weir_baselineadminnetworkpolicy_decode(struct weir_pool *pool, const cJSON *json,
					   struct weir_policy **ret, struct weir_error *err);
/* Where the rule is not enforced as it is written (closed, names of domains):
 * into buf, for people, and true. */
#define WEIR_RULE_WARNING_MAX 320
bool weir_rule_warning(const struct weir_rule *rule, char *buf, size_t size);
/* The same of the first such rule of the policy. */
bool weir_policy_warning(const struct weir_policy *policy, char *buf, size_t size);
void weir_policy_free(struct weir_pool *pool, struct weir_policy **policy);
/* What decoders end with: the policy and all its parts in one block of memory,
 * which weir_policy_free() frees. Strings are taken over, loose parts stay the
 * caller's. */
int weir_policy_pack(struct weir_policy *loose, struct weir_policy **ret);
/* Nothing that the compiler or weirctl looks at differs. Both from one pool. */
bool weir_policy_equal(const struct weir_policy *a, const struct weir_policy *b);
/* Order of precedence: tier, priority, namespace, name, kind. A total order: of two
 * cluster-wide policies with the same priority the one whose name comes first
 * (by bytes) is asked first. */
int weir_policy_compare(const struct weir_policy *a, const struct weir_policy *b);
