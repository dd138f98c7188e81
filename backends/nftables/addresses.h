/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Every known address and its identity, now and after the changes that are
 * being applied. 40 bytes an address: a node may know of tens of thousands.
 */
#include <stdbool.h>

#include "backends/nftables/idmap.h"
#include "weir/addr.h"

#define NFT_NO_ADDRESS UINT32_MAX

struct nft_address {
	struct weir_addr addr; /* family 0: a free place */
	bool dirty;	       /* identity and next may differ */
	uint32_t identity;     /* in force; WEIR_IDENTITY_NONE: not known */
	uint32_t next;	       /* after the commit */
	uint32_t hash_next;
	uint32_t same_next, same_before; /* others of this identity */
};

struct nft_addresses {
	struct nft_address *items;
	uint32_t *buckets; /* as many as items have room */
	uint32_t n, size, used, free_;
	struct nft_idmap first; /* identity -> first of its addresses */
	uint32_t *dirty;	/* places whose change is pending */
	uint32_t n_dirty, dirty_size;
};

void nft_addresses_free(struct nft_addresses *t);
/* Note that addr shall have this identity. 0 or -ENOMEM. */
int nft_addresses_stage(struct nft_addresses *t, const struct weir_addr *addr, uint32_t identity);
/* Make what was noted so, or forget it. commit: 0 or -ENOMEM (then rebuild). */
int nft_addresses_commit(struct nft_addresses *t);
void nft_addresses_abort(struct nft_addresses *t);
/* The addresses of an identity in force: first, then item's same_next. */
uint32_t nft_addresses_first(const struct nft_addresses *t, uint32_t identity);
