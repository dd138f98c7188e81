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

#define WEIR_POD_ADDRS_MAX 8

struct weir_pod {
	const char *namespace_;
	const char *name;
	const char *node;	   /* NULL when not scheduled */
	const char *workload_kind; /* "Deployment", "StatefulSet", ...; NULL: none */
	const char *workload;
	const struct weir_labels *labels;
	bool host_network;
	bool finished; /* phase Succeeded or Failed: its address may be somebody else's by now */
	bool local;    /* set by the daemon: an endpoint of this node, to be enforced */
	uint8_t n_addrs;
	uint16_t n_ports;
	struct weir_addr *addrs;       /* status.podIPs, or the CNI result for a local one */
	struct weir_named_port *ports; /* of all containers; sorted by name, protocol */
};

struct weir_node {
	const char *name;
	const struct weir_labels *labels;
	uint16_t n_addrs, n_pod_cidrs;
	struct weir_addr *addrs;       /* status.addresses of type InternalIP, ExternalIP */
	struct weir_prefix *pod_cidrs; /* spec.podCIDRs */
};

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
int weir_pod_pack(struct weir_pod *loose, struct weir_pod **ret);
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
