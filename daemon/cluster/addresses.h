/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Which object has this address? Several may claim one (a pod that went and
 * one that came, in either order of the news): the newest claim counts, and
 * when it is dropped the one before it counts again.
 */
#include <stdint.h>

#include "weir/addr.h"

struct weir_claim {
	const struct weir_addr *addr; /* inside the owner; NULL: free slot */
	const void *owner;
	uint64_t since;
};

struct weir_addresses {
	struct weir_claim *slots;
	size_t n, size;
	uint64_t clock;
};

/* The n addresses belong to owner and live as long as the claim. */
int weir_addresses_claim(struct weir_addresses *a, const void *owner, const struct weir_addr *addrs,
			 size_t n);
void weir_addresses_drop(struct weir_addresses *a, const void *owner, const struct weir_addr *addrs,
			 size_t n);
/* The newest claim for which fits (may be NULL) is true. */
const void *weir_addresses_find(const struct weir_addresses *a, const struct weir_addr *addr,
				bool (*fits)(const void *owner, void *data), void *data);
void weir_addresses_clear(struct weir_addresses *a);
