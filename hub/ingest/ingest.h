/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * From a node's batch to stored flows: joins the records that two nodes made of
 * one connection, hands rows to the store in blocks and flows to the live streams at
 * once. What is not stored yet lies in memory only: a node keeps it in its spool until it is
 * acknowledged, for some seconds.
 *
 * Called by the thread that receives; a thread of its own stores.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/flow.h"
#include "weir/error.h"

struct weir_ingest;
struct weir_store;

struct weir_ingest_config {
	struct weir_store *store;
	unsigned commit_ms; /* what came within so long is stored together (500) */
	unsigned join_ms;   /* how long past a record's time its other half may still come (5000) */
	uint32_t max_waiting; /* records that wait for their other half, at most */
	/* From ingest's own thread: all of this node's boot below seq is stored for good. */
	void (*stored)(void *data, const char *cluster, const char *node, const char *boot,
		       uint64_t seq);
	/* From the caller's thread of weir_ingest_batch(): each flow, as soon as it is known,
	 * before it is stored; joined: an earlier call told of its other half. */
	void (*live)(void *data, const struct weir_hub_flow *flow, bool joined);
	void *data;
};

int weir_ingest_new(const struct weir_ingest_config *config, struct weir_ingest **ret,
		    struct weir_error *err);
/* Stores what need not wait; nodes send the rest again. */
void weir_ingest_free(struct weir_ingest **ingest);
/* Ends without storing what is not stored yet, as kill -9 would: for tests. */
void weir_ingest_abandon(struct weir_ingest **ingest);

/* The seq that is expected next of a node's boot: what is stored or has been handed
 * in ends there. 0: this boot has never been heard of. known: whether anything
 * was ever stored of this node. */
uint64_t weir_ingest_next(struct weir_ingest *ingest, const char *cluster, const char *node,
			  const char *boot, bool *ret_known);

/* A batch.v1 from an enrolled node. Its node must be the one named here, its first_seq the
 * one expected.
 *   0          taken; stored() will be called; an empty one (beat) only moves the clock
 *   -EALREADY  stored or handed in before: nothing to do but acknowledge
 *   -EAGAIN    there is a hole before it: *ret_expected is the seq to ask for
 *   -ENOBUFS   too much waits to be stored: ask again in a moment
 *   -EBADMSG   not a batch: err says why; cut the node off */
int weir_ingest_batch(struct weir_ingest *ingest, const char *cluster, const char *node,
		      const uint8_t *msg, size_t len, uint64_t *ret_expected,
		      struct weir_error *err);

/* Seqs from to to, inclusive, will never come: a gap record in the store. from > to:
 * nobody knows how many. Then to + 1 is expected. */
int weir_ingest_lost(struct weir_ingest *ingest, const char *cluster, const char *node,
		     const char *boot, uint64_t from, uint64_t to, struct weir_error *err);

/* Whether a node reports at all decides how long its peers' halves wait. */
void weir_ingest_node_up(struct weir_ingest *ingest, const char *cluster, const char *node,
			 bool up);

struct weir_ingest_stats {
	uint64_t batches, records, bytes, duplicates, joined, gaps, lost, waiting;
	uint64_t commits, commit_ns; /* time spent in making durable */
};
void weir_ingest_stats(struct weir_ingest *ingest, struct weir_ingest_stats *ret);
