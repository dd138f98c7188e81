/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Names of ends, shared by all connections of the same pod. World's lock held. */
#include "daemon/flow/hash.h"
#include "weir/object.h"
#include "weir/record.h"

struct weir_flow_name_key { /* all interned: equal names are equal pointers */
	const char *namespace_, *pod, *workload_kind, *workload, *node;
	const struct weir_labels *labels;
};

struct weir_flow_name {
	UT_hash_handle hh;
	struct weir_flow_name_key key;
	uint32_t refs;
	uint16_t n_labels;
	struct weir_record_label labels[];
};

/* One reference, or NULL when memory is short or there is nothing to name.
 * node: for an address that is a node's and no pod's. */
struct weir_flow_name *weir_flow_name_get(struct weir_flow_name **table, const struct weir_pod *pod,
					  const struct weir_node *node);
void weir_flow_name_put(struct weir_flow_name **table, struct weir_pool *pool,
			struct weir_flow_name *name);
void weir_flow_name_fill(const struct weir_flow_name *name, struct weir_record_peer *peer);
