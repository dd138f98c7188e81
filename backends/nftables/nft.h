/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The backend's own struct, and the steps of its work. */
#include "backends/nftables/readback.h"
#include "backends/nftables/skeleton.h"
#include "backends/nftables/spoof.h"
#include "weir/backend.h"
#include "weir/cleanup.h"

/* Out of force, perhaps with a packet still in it. */
struct nft_garbage {
	struct nft_objects waiting; /* to be deleted together */
	struct nft_objects later;   /* the next ones to wait */
	uint64_t since;		    /* waiting has; ns, CLOCK_MONOTONIC */
};

/* Anti-spoofing has a table and a socket of its own. */
struct nft_spoof_state {
	struct nft_socket socket;
	struct nft_spoof now, next; /* in force; being put in force */
	struct nft_contents have;   /* unknown: what the kernel held before */
	bool unknown;		    /* the kernel must be asked */
};

struct nft {
	struct weir_backend base;
	uint16_t nflog_group, answer_group;
	struct nft_socket socket;
	struct nft_model model; /* in force */
	uint32_t next_key;	/* of the next ruleset version */
	bool needs_full;
	bool dialled, dialled_tried; /* ended.c: that chain is there; was asked for */
	struct nft_garbage garbage;
	struct nft_spoof_state spoof;
	struct nft_element_counts elements;
	uint64_t repairs;
};

/* answers.c: chains that copy DNS answers. All that stands whatever the policies are; */
void nft_render_answers(uint16_t group, struct nft_objects *o, struct nft_rules *rules);
void nft_render_stable(const struct nft *n, struct nft_objects *o, struct nft_rules *rules);
/* they come or go with the step from the model in force to the next. */
void nft_write_answers(struct nft *n, const struct nft_model *next, struct nft_batch *b);
/* ended.c: resets before DNAT, there once they were needed */
void nft_render_dialled(struct nft_objects *o, struct nft_rules *rules);

/* apply.c: from the mirror, by differences */
int nft_apply_changes(struct nft *n, const struct weir_changes *changes, struct weir_error *err);
/* full.c: from what the kernel holds, by differences */
int nft_apply_full(struct nft *n, const struct weir_changes *changes, struct weir_error *err);
/* settle.c */
void nft_garbage_free(struct nft_garbage *g);
/* These and no others; empties old. */
void nft_garbage_replace(struct nft *n, struct nft_objects *old);
void nft_garbage_add_ruleset(struct nft *n, const struct nft_ruleset *r);
void nft_garbage_add_class(struct nft *n, const struct nft_ruleset *r, const struct nft_class *c);
/* A class is needed again before it was deleted; false: it is not there. */
bool nft_garbage_take_back(struct nft *n, const struct nft_objects *class_);
int nft_settle(struct nft *n, int *ret_ms, struct weir_error *err);
void nft_delete_objects(struct nft_batch *b, const struct nft_objects *o);
/* verify.c */
int nft_verify(struct nft *n, const struct weir_addr *addr, struct weir_error *err);

/* spoof.c: before and after the policies are put in force */
int nft_spoof_open(struct nft *n, struct weir_error *err);
void nft_spoof_close(struct nft *n);
int nft_spoof_guard(struct nft *n, const struct weir_changes *changes, struct weir_error *err);
int nft_spoof_release(struct nft *n, struct weir_error *err);
/* How many packets each chain has dropped; 0 when the kernel cannot be asked. */
void nft_spoof_counts(struct nft *n, uint64_t ret[WEIR_SPOOF_MAX]);
int nft_spoof_purge(struct weir_error *err);

/* recognise.c: give each ruleset of the model its key; known[i]: the kernel has
 * it, all but its peers and some classes. */
int nft_recognise(struct nft *n, const struct nft_contents *have, bool *known,
		  struct weir_error *err);

/* full.c: the model, in the table of the socket, which holds this */
int nft_put_in_force(struct nft *n, const struct nft_contents *have, struct weir_error *err);
/* replace.c: can the table be repaired? The model in a table laid out anew;
 * NFT_TABLE_NEXT is left to be dropped. */
bool nft_is_usable(const struct nft *n, const struct nft_contents *have);
int nft_replace_table(struct nft *n, struct weir_error *err);
int nft_drop_table(struct nft *n, const char *table, struct weir_error *err);

/* Put a ruleset under a new key into the kernel, where nothing refers to it
 * yet. May send several batches. */
int nft_prepare_ruleset(struct nft *n, const struct nft_ruleset *r, struct nft_batch *b,
			struct weir_error *err);
/* Sets (with the elements of those that never change), chains and rules of r. */
int nft_write_objects(struct nft *n, const struct nft_ruleset *r, const struct nft_objects *o,
		      const struct nft_rules *rules, struct nft_batch *b);
/* Write what differs in endpoints and guards: from one model to the next, or
 * from what the kernel holds. */
int nft_write_dispatch_changes(struct nft *n, const struct nft_model *have,
			       const struct nft_model *want, struct nft_batch *b,
			       struct weir_error *err);
int nft_repair_dispatch(struct nft *n, const struct nft_model *want, struct nft_batch *b,
			struct weir_error *err);
/* Write what differs of one set. have NULL: from the kernel. Half a range cannot
 * be replaced: of a set with ranges, when one differs, all of them are. */
int nft_write_diff(struct nft *n, const char *set, struct nft_elems *have,
		   const struct nft_elems *want, bool ranges, struct nft_batch *b,
		   struct weir_error *err);
/* Every ruleset that an endpoint names exists. */
int nft_check_endpoints(const struct nft_model *m, struct weir_error *err);
int nft_send(struct nft *n, struct nft_batch *b, struct weir_error *err);
