/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Lists of elements: gathered, sorted, compared, and written as operations. */
#include <stdbool.h>

#include "backends/nftables/intervals.h"
#include "backends/nftables/objects.h"

struct nft_elem {
	uint8_t key[32];
	uint8_t key_len;
	bool end; /* the first value behind a range */
	bool has_target;
	struct nft_target target; /* of a map */
	const char *comment;	  /* lent; NULL: none */
};

struct nft_elems {
	struct nft_elem *items;
	size_t n, size;
	bool failed; /* memory was short: the list is not whole */
};

void nft_elems_free(struct nft_elems *list);
struct nft_elem *nft_elems_add(struct nft_elems *list, const void *key, size_t len,
			       const struct nft_target *target);
/* A range as its two elements; the second is left out behind the last value. */
void nft_elems_add_range(struct nft_elems *list, const void *first, const void *last, size_t len,
			 const struct nft_target *target);
void nft_elems_sort(struct nft_elems *list);
/* Both sorted: what must go from have and what must come from want. A key whose
 * target differs is in both. Returns how many differ. */
size_t nft_elems_diff(const struct nft_elems *have, const struct nft_elems *want,
		      struct nft_elems *ret_gone, struct nft_elems *ret_come);

struct nft_element_counts {
	uint64_t added, removed;
};
/* Removals, then additions, of one set. */
void nft_elems_write(struct nft_batch *b, const char *set, const struct nft_elems *gone,
		     const struct nft_elems *come, struct nft_element_counts *counts);
