/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a side decided, shared by all connections for which it said the same.
 * World's lock held. */
#include "daemon/flow/hash.h"
#include "weir/compiler.h"
#include "weir/record.h"

struct weir_flow_side_key {
	const char *rule_name; /* interned */
	int32_t rule;
	uint16_t n_policies, n_more;
	uint8_t verdict, reason, tier;
	struct weir_record_policy
		policies[WEIR_RECORD_POLICIES_MAX]; /* interned; n_policies count */
};

struct weir_flow_side {
	UT_hash_handle hh;
	uint32_t refs;
	unsigned keylen;
	struct weir_flow_side_key key; /* allocated only as far as n_policies */
};

/* One reference, or NULL when memory is short. */
struct weir_flow_side *weir_flow_side_get(struct weir_flow_side **table,
					  const struct weir_decision *decision);
void weir_flow_side_put(struct weir_flow_side **table, struct weir_pool *pool,
			struct weir_flow_side *side);
void weir_flow_side_fill(const struct weir_flow_side *side, struct weir_record_side *ret);
