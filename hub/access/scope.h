/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What one person may see: namespaces of clusters. Made by access.c from roles
 * and bindings, used by every answer of the API. One rule: a flow is seen when one of its ends
 * is theirs; of an end that is not, only namespace and workload.
 */
#include <stdbool.h>
#include <stddef.h>

#include "hub/flow.h"

/* "*" matches every one; "shop-*" a prefix. */
struct weir_scope_grant {
	char *cluster;
	char *namespace_;
};

struct weir_scope {
	size_t n_grants; /* any of them suffices */
	struct weir_scope_grant *grants;
};

bool weir_scope_pattern(const char *pattern, const char *name);

/* Is an end in this namespace theirs? namespace_ NULL (a node, the world): only
 * to who has all namespaces of the cluster ("*"). */
bool weir_scope_has(const struct weir_scope *scope, const char *cluster, const char *namespace_);
/* All clusters, all namespaces: nothing is hidden. */
bool weir_scope_is_all(const struct weir_scope *scope);
/* All namespaces of this cluster: its nodes and gaps are theirs. */
bool weir_scope_has_cluster(const struct weir_scope *scope, const char *cluster);

/* False: it must not be shown, nor counted. True: flow is what may be shown of it.
 * Of an end that is not theirs only namespace and workload stay, and its side's verdict and
 * reason; an end that is in no namespace (the world outside) keeps its address, as their own
 * pod dialled it or was dialled from it. Ports belong to the connection. */
bool weir_scope_redact(const struct weir_scope *scope, struct weir_hub_flow *flow);
/* The two halves of the rule, for stores that know them by number: what stays of an end or a
 * side that is not theirs. */
void weir_scope_redact_peer(struct weir_record_peer *peer);
void weir_scope_redact_side(struct weir_record_side *side);

void weir_scope_clear(struct weir_scope *scope);
int weir_scope_add(struct weir_scope *scope, const char *cluster, const char *namespace_);
