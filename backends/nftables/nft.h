/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The backend's own struct, and the steps of its work. */
#include "backends/nftables/readback.h"
#include "backends/nftables/skeleton.h"
#include "weir/backend.h"

struct nft {
	struct weir_backend base;
	uint16_t nflog_group;
	struct nft_socket socket;
	struct nft_model model; /* in force */
	uint32_t next_key;	/* of the next ruleset version */
	bool needs_full;
	struct nft_objects garbage; /* out of force, perhaps with a packet still in it */
	uint64_t garbage_since;	    /* ns, CLOCK_MONOTONIC */
	struct nft_element_counts elements;
	uint64_t repairs;
};

/* apply.c: from the mirror, by differences */
int nft_apply_changes(struct nft *n, const struct weir_changes *changes, struct weir_error *err);
/* full.c: from what the kernel holds, by differences */
int nft_apply_full(struct nft *n, const struct weir_changes *changes, struct weir_error *err);
/* settle.c */
void nft_garbage_since(struct nft *n); /* now */
void nft_garbage_add(struct nft *n, const struct nft_ruleset *r);
int nft_settle(struct nft *n, int *ret_ms, struct weir_error *err);
/* verify.c */
int nft_verify(struct nft *n, const struct weir_addr *addr, struct weir_error *err);

/* Put a ruleset under a new key into the kernel, where nothing refers to it
 * yet. May send several batches. */
int nft_prepare_ruleset(struct nft *n, const struct nft_ruleset *r, struct nft_batch *b,
			struct weir_error *err);
/* Sets (with the elements of port sets), chains and rules of r. */
int nft_write_objects(struct nft *n, const struct nft_ruleset *r, const struct nft_objects *o,
		      const struct nft_rules *rules, struct nft_batch *b);
/* Write what differs in endpoints and guards; have NULL: from the kernel. */
int nft_write_dispatch(struct nft *n, const struct nft_model *have, const struct nft_model *want,
		       struct nft_batch *b, struct weir_error *err);
/* Every ruleset that an endpoint names exists. */
int nft_check_endpoints(const struct nft_model *m, struct weir_error *err);
int nft_send(struct nft *n, struct nft_batch *b, struct weir_error *err);
