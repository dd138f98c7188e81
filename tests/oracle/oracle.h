/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A second opinion on NetworkPolicy v1 and on the cluster-wide policies around
 * it: reads the decoded objects and answers from the API documentation, by
 * brute force. Written apart from the compiler, with which it shares only the
 * structures; slow and plain on purpose.
 */
#include <stdbool.h>
#include <stddef.h>

#include "weir/object.h"
#include "weir/policy.h"

/* One node's view of a cluster. All pods count as this node's own. */
struct oracle_world {
	const struct weir_namespace *const *namespaces;
	const struct weir_pod *const *pods;
	const struct weir_node *const *nodes;
	const struct weir_policy *const *policies;
	const struct weir_domain *const *domains; /* what is known of names */
	size_t n_domains;
	const struct weir_addr *node; /* addresses of the node itself */
	size_t n_namespaces, n_pods, n_nodes, n_policies, n_node;
};

/* A new connection, as it is after DNAT and before SNAT. */
struct oracle_connection {
	struct weir_addr src, dst;
	uint8_t protocol;
	uint16_t port; /* of dst, host byte order; 0 where the protocol has none */
};

/* Whether each end lets it pass: the egress of src, the ingress of dst. */
struct oracle_answer {
	bool egress, ingress;
};

void oracle_judge(const struct oracle_world *w, const struct oracle_connection *c,
		  struct oracle_answer *ret);
