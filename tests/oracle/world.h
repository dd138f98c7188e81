/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A cluster made of manifests, for tests: what is in it can be put before the
 * oracle, and before the compiler.
 */
#include <cjson/cJSON.h>

#include "tests/oracle/oracle.h"
#include "weir/compiler.h"

struct world {
	struct weir_pool *pool;
	struct weir_namespace **namespaces;
	struct weir_pod **pods;
	struct weir_node **nodes;
	struct weir_policy **policies;
	struct weir_domain **domains;
	size_t n_namespaces, n_pods, n_nodes, n_policies, n_domains;
};

int world_open(struct world *w);
void world_close(struct world *w);
/* Namespace, Pod, Node or a kind of policy; another kind is -EINVAL. The pods
 * become pods of this node. What no API server has: a Domain, that is what was
 * learned of a name, {"kind":"Domain","metadata":{"name":..},"addresses":[..]}. */
int world_add(struct world *w, const cJSON *object, struct weir_error *err);
struct oracle_world world_view(const struct world *w);
/* A compiler that has taken it all in; it must not outlive the world. */
int world_compile(const struct world *w, struct weir_compiler **ret, struct weir_error *err);
