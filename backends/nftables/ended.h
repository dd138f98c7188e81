/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Connections that a policy has ended: their tuples in the sets ended4 and ended6. */
#include "backends/nftables/nft.h"

int nft_ended_block(struct nft *n, const struct weir_ending *endings, size_t count,
		    struct weir_error *err);
int nft_ended_release(struct nft *n, const struct weir_ending *endings, size_t count,
		      struct weir_error *err);
/* 1: a tuple of it is in its set; 0; -errno */
int nft_ended_still(struct nft *n, const struct weir_ending *ending, struct weir_error *err);
int nft_ended_each(struct nft *n, void (*fn)(void *data, const struct weir_ending *ending),
		   void *data, struct weir_error *err);

/* A key of the sets: protocol . source . port . destination . port, each field in
 * whole words. Returns its length. */
#define NFT_TUPLE_KEY_MAX 44
size_t nft_tuple_key(const struct weir_tuple *t, uint8_t *ret);
/* False: no such key. */
bool nft_tuple_of_key(const uint8_t *key, size_t len, struct weir_tuple *ret);
