/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A judge that only reads the objects, to compare with. */
#include "tests/unit/policy/build.h"

/* The objects that exist, and the decision that follows from them. */
struct objects {
	const struct weir_namespace **namespaces;
	const struct weir_pod **pods;
	const struct weir_policy **policies;
	size_t n_namespaces, n_pods, n_policies;
	const struct weir_node **nodes;
	size_t n_nodes;
	const struct weir_domain **domains;
	size_t n_domains;
};
void brute_force(struct bag *b, const struct objects *o, const struct weir_connection *conn,
		 struct weir_judgement *ret);
