/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a backend knows: only what the changes said. */
#include "weir/compiler.h"

struct shadow_peer {
	uint32_t identity;
	struct weir_class *class_; /* own copy */
};

struct shadow_ruleset {
	uint32_t id;
	uint8_t direction;
	uint32_t n_policies, tag;
	struct weir_class *fallback;
	size_t n_peers;
	struct shadow_peer *peers;
};

struct shadow {
	size_t n_addresses, n_rulesets, n_endpoints;
	struct weir_address_change addresses[256];
	struct shadow_ruleset rulesets[256];
	struct weir_endpoint_change endpoints[256];
	uint64_t generation;
};

void shadow_open(struct shadow *s);
void shadow_close(struct shadow *s);
void shadow_apply(struct shadow *s, const struct weir_changes *changes);
/* Also the numbers are equal. */
void shadow_assert_equal(const struct shadow *s, const struct weir_changes *snapshot);
/* The same verdicts and rules, numbers aside. */
void shadow_assert_alike(const struct shadow *s, const struct weir_changes *full);
void shadow_judge(const struct shadow *s, const struct weir_connection *conn,
		  struct weir_judgement *ret);
