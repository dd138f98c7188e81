/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Number -> number, open addressing, 8 bytes a slot. Key 0 is not used. */
#include <stddef.h>
#include <stdint.h>

#define NFT_IDMAP_NONE UINT32_MAX /* no such key */

struct nft_idmap {
	struct nft_idmap_slot {
		uint32_t key, value;
	} * slots;
	uint32_t n, size; /* size: a power of two, or 0 */
};

void nft_idmap_free(struct nft_idmap *m);
int nft_idmap_copy(const struct nft_idmap *m, struct nft_idmap *ret);
/* value NFT_IDMAP_NONE forgets the key. 0 or -ENOMEM. */
int nft_idmap_set(struct nft_idmap *m, uint32_t key, uint32_t value);
uint32_t nft_idmap_get(const struct nft_idmap *m, uint32_t key);
