/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Nested prefixes, where the longest one counts, as disjoint ranges. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/addr.h"

#define NFT_HOLE UINT32_MAX /* as a value: leave the addresses out */

struct nft_prefix_value {
	struct weir_prefix prefix;
	uint32_t value;
};

struct nft_interval {
	uint8_t first[16], last[16]; /* both belong to it; an IPv4 address fills 4 bytes */
	uint32_t value;
};

struct nft_intervals {
	struct nft_interval *items; /* ascending, disjoint */
	size_t n, size;
};

void nft_intervals_free(struct nft_intervals *list);
/* prefixes: of one family, ascending as weir_prefix_compare has it. Neighbours
 * with equal values are joined. 0 or -ENOMEM. */
int nft_intervals_flatten(const struct nft_prefix_value *prefixes, size_t n,
			  struct nft_intervals *ret);
/* The value at an address, NFT_HOLE when no range holds it. */
uint32_t nft_intervals_find(const struct nft_intervals *list, const struct weir_addr *addr);
/* The address behind a; false when there is none (a was the last one). */
bool nft_address_next(const uint8_t *a, size_t size, uint8_t *ret);
