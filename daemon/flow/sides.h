/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a side decided, shared by all connections for which it said the same.
 * World's lock held. */
#include "daemon/flow/hash.h"
#include "weir/compiler.h"
#include "weir/record.h"

struct weir_flow_side_key {
	const char *rule_name; /* interned */
	uint64_t form;	       /* of the rule's policy */
	int32_t rule;
	uint32_t names; /* fingerprint of the names of domains among the rule's peers, 0: none */
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

/* What both sides decided, shared in the same way. */
struct weir_flow_sides {
	UT_hash_handle hh;
	uint32_t refs;
	struct weir_flow_side *at[WEIR_DIRECTION_MAX]; /* NULL: memory was short */
};

struct weir_flow_verdicts {
	struct weir_flow_side *sides;
	struct weir_flow_sides *pairs;
};

/* Of its peers: 0 when none is a name, else never 0. */
uint32_t weir_flow_rule_names(const struct weir_rule *rule);

/* One reference, or NULL when memory is short. Equal decisions, equal pointer. */
struct weir_flow_sides *weir_flow_sides_get(struct weir_flow_verdicts *v, struct weir_pool *pool,
					    const struct weir_decision *egress,
					    const struct weir_decision *ingress);
void weir_flow_sides_put(struct weir_flow_verdicts *v, struct weir_pool *pool,
			 struct weir_flow_sides *sides);
void weir_flow_sides_fill(const struct weir_flow_sides *sides, struct weir_record_side *ret_egress,
			  struct weir_record_side *ret_ingress);
void weir_flow_verdicts_clear(struct weir_flow_verdicts *v); /* all have been put */
