/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What exists in a cluster, decoded: the few fields of the Kubernetes objects
 * that policy and flow records need. All strings are interned in the pool
 * that was given to the decoder; an object owns its references.
 *
 * Sources: Kubernetes API v1 (Namespace, Pod, Node, Service).
 */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "weir/addr.h"
#include "weir/error.h"
#include "weir/pool.h"

enum weir_protocol { /* IANA numbers */
		     WEIR_PROTO_ANY = 0,
		     WEIR_PROTO_ICMP = 1,
		     WEIR_PROTO_TCP = 6,
		     WEIR_PROTO_UDP = 17,
		     WEIR_PROTO_ICMPV6 = 58,
		     WEIR_PROTO_SCTP = 132,
};
/* "TCP", "UDP", "SCTP", "ICMP", "ICMPv6", or the number in buf (>= 4 bytes) */
const char *weir_protocol_name(uint8_t protocol, char *buf);
/* any case; names as above or a number 1..255; -EINVAL */
int weir_protocol_parse(const char *text, uint8_t *ret);

struct weir_namespace {
	const char *name;
	const struct weir_labels *labels; /* as the API server has them: always with
					     kubernetes.io/metadata.name: NAME */
};

/* A named container port. */
struct weir_named_port {
	const char *name;
	uint16_t port; /* host byte order */
	uint8_t protocol;
};

/* What the replicas of one workload have in common: interned, one copy. */
struct weir_workload {
	const char *kind; /* "Deployment", "StatefulSet", ...; NULL: none */
	const char *name;
	size_t n_ports;
	struct weir_named_port ports[]; /* of all containers; sorted by name, protocol */
};

/* Which of all pods that ever had a name: 128 bits. A UUID, or the 32 hex digits
 * of a static pod, as they are; any other text by its hash. All zero: not known. */
struct weir_uid {
	uint8_t bytes[16];
};
/* NULL and "" give the unknown one. */
struct weir_uid weir_uid_parse(const char *text);
bool weir_uid_equal(const struct weir_uid *a, const struct weir_uid *b);
bool weir_uid_known(const struct weir_uid *uid);
/* Nothing says that they are of two pods: equal, or one is not known. */
bool weir_uid_fits(const struct weir_uid *a, const struct weir_uid *b);
/* As a UUID, into buf, which it returns; "" when unknown. */
#define WEIR_UID_STRLEN 37
const char *weir_uid_format(const struct weir_uid *uid, char *buf);

#define WEIR_POD_ADDRS_MAX 8

struct weir_pod {
	const char *namespace_;
	const char *name;
	const char *node; /* NULL when not scheduled */
	const struct weir_labels *labels;
	const struct weir_workload *workload; /* NULL: none, and no named port */
	struct weir_addr *addrs;	      /* status.podIPs, or the CNI result for a local one */
	struct weir_uid uid;   /* of a mirror pod: that of its static pod, which CNI knows */
	uint64_t since;	       /* set by the daemon: when it got its addresses, in no unit */
	uint64_t created : 48; /* YYYYMMDDhhmmss, UTC; 0: not known */
	uint64_t n_addrs : 4;
	bool host_network : 1;
	bool finished : 1;    /* phase Succeeded or Failed: its address may be another's by now */
	bool terminating : 1; /* has a deletionTimestamp */
	bool local : 1;	      /* set by the daemon: a pod of this node, to be enforced */
	bool endpoint : 1;    /* set by the daemon: CNI told its addresses, and they are in use */
	bool gone : 1;	      /* set by the daemon: CNI took its addresses back */
};

/* Are its addresses its own? */
static inline bool weir_pod_has_addrs(const struct weir_pod *p)
{
	return p->n_addrs && !p->host_network && !p->finished && !p->gone;
}
/* Two pods say that they have the same address: > 0 when it is a's. An endpoint
 * comes before what only an API server tells, then who got it later; of two
 * that were told at the same time, the one that is not terminating, then the
 * one created later. A total order over pods of different name or uid. */
int weir_pod_compare_claims(const struct weir_pod *a, const struct weir_pod *b);

struct weir_node {
	const char *name;
	const struct weir_labels *labels;
	uint16_t n_addrs, n_pod_cidrs;
	struct weir_addr *addrs;       /* status.addresses of type InternalIP, ExternalIP */
	struct weir_prefix *pod_cidrs; /* spec.podCIDRs */
};

/* A name of the DNS and the addresses that it is known to have. */
#define WEIR_DOMAIN_MAX 253 /* bytes of a name, RFC 1035 section 2.3.4 */
struct weir_domain {
	const char *name; /* lower case, without the final dot */
	uint32_t n_addrs;
	struct weir_addr addrs[]; /* sorted, each once */
};
void weir_domain_free(struct weir_pool *pool, struct weir_domain **domain);

struct weir_service_port {
	const char *name; /* NULL: none */
	uint16_t port;
	uint8_t protocol;
};

struct weir_service {
	const char *namespace_;
	const char *name;
	uint16_t n_addrs, n_ports;
	struct weir_addr *addrs; /* spec.clusterIPs, externalIPs, load balancer addresses */
	struct weir_service_port *ports;
};

/* Decoders: one JSON object of the kind in, one object out, validated as an
 * API server would. The error names the field and what would be right:
 * "spec.podCIDRs[0]: \"10.0.0.0/33\" is not a CIDR (want e.g. 10.244.1.0/24)".
 * The caller puts kind, namespace/name and file in front. */
int weir_namespace_decode(struct weir_pool *pool, const cJSON *json, struct weir_namespace **ret,
			  struct weir_error *err);
int weir_pod_decode(struct weir_pool *pool, const cJSON *json, struct weir_pod **ret,
		    struct weir_error *err);
int weir_node_decode(struct weir_pool *pool, const cJSON *json, struct weir_node **ret,
		     struct weir_error *err);
int weir_service_decode(struct weir_pool *pool, const cJSON *json, struct weir_service **ret,
			struct weir_error *err);
/* What the decoder of pods ends with: all in one block of memory, which
 * weir_pod_free() frees. Strings are taken over, loose parts stay the caller's. */
int weir_pod_pack(const struct weir_pod *loose, struct weir_pod **ret);
/* The one workload with these (sorted ports); one more reference. The words are
 * taken over on success. *ret is NULL when there is nothing to tell. */
int weir_workload_get(struct weir_pool *pool, const char *kind, const char *name,
		      const struct weir_named_port *ports, size_t n_ports,
		      const struct weir_workload **ret);
void weir_workload_put(struct weir_pool *pool, const struct weir_workload *workload);
void weir_namespace_free(struct weir_pool *pool, struct weir_namespace **ns);
void weir_pod_free(struct weir_pool *pool, struct weir_pod **pod);
void weir_node_free(struct weir_pool *pool, struct weir_node **node);
void weir_service_free(struct weir_pool *pool, struct weir_service **service);

/* A pod made of parts: what the daemon does for an endpoint without a
 * manifest, and for one whose addresses come from CNI. labels, node and
 * ports come from like (which may be NULL: no labels). */
int weir_pod_make(struct weir_pool *pool, const char *namespace_, const char *name,
		  const struct weir_pod *like, const struct weir_addr *addrs, size_t n_addrs,
		  bool local, struct weir_pod **ret);
