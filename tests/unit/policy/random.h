/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Random objects over a small vocabulary, so that selectors hit, prefixes nest
 * and addresses meet. The same seed gives the same objects. */
#include "tests/unit/policy/build.h"

enum {
	RANDOM_NAMESPACES = 4,
	RANDOM_PODS = 14,
	RANDOM_NODES = 4,
	RANDOM_DOMAINS = 5,
	RANDOM_POLICIES = 12,
	RANDOM_CLUSTER_POLICIES = 5,
	RANDOM_ALL_POLICIES = RANDOM_POLICIES + RANDOM_CLUSTER_POLICIES,
	RANDOM_ADDRESSES = 18
};

struct random {
	struct bag *bag;
	uint64_t seed; /* never 0 */
};

/* Every address that an object may have or a prefix may be about. */
extern const char *const random_addresses[RANDOM_ADDRESSES];

/* 0 to n - 1 */
uint32_t roll(struct random *r, uint32_t n);

/* i is the object's name, below the number of its kind; the rest is random. */
struct weir_namespace *random_namespace(struct random *r, unsigned i);
struct weir_pod *random_pod(struct random *r, unsigned i);
/* Some share an address with a pod, a prefix or each other. */
struct weir_node *random_node(struct random *r, unsigned i);
struct weir_domain *random_domain(struct random *r, unsigned i);
/* From RANDOM_POLICIES on: of the whole cluster. */
struct weir_policy *random_policy(struct random *r, unsigned i);
