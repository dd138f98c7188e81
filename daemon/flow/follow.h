/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The life of connections: kernel flows in, records out. World's lock held for
 * every call but stats. Knows no thread, no descriptor and no clock.
 *
 * Accounting: every connection of this node's pods is one OPEN record, or
 * part of the connections of a DENIED record, or counted in a GAP record.
 */
#include "daemon/flow/annotate.h"
#include "daemon/flow/denied.h"
#include "daemon/flow/hits.h"
#include "daemon/flow/pipeline.h"
#include "daemon/flow/tracker.h"

struct weir_losses {
	uint64_t count;
	bool unknown; /* and more, nobody knows how many */
};

struct weir_follow {
	struct weir_annotator annotator;
	struct weir_tracker *tracker;
	struct weir_denied *denied;
	struct weir_hits *hits;
	int (*emit)(void *data, struct weir_record *record);
	void *data;
	/* A connection lives that the tables deny; NULL: nobody is interested. */
	void (*suspect)(void *data, const struct weir_flow *flow);
	void *suspect_data;
	uint64_t began; /* ns since the epoch: connections older than that are not ours to open */
	uint64_t time;	/* ns since the epoch, of the last event */
	uint8_t poll;	/* number of the poll, for "seen" */
	bool polling;
	bool updates;	 /* this poll gives update records */
	uint32_t polled; /* answers of this poll, then of the last one */
	uint32_t closed; /* connections whose END waits for counters */
	/* Lost NEW events: since the last poll began; before it. What a poll
	 * finds again is not lost. */
	struct weir_losses fresh, settling;
	struct weir_losses other[WEIR_LOSS_MAX]; /* for a tick from next_gap on */
	uint64_t next_gap;			 /* monotonic ns */
	struct weir_pipeline_stats stats;
};

/* emit: 0, or negative when the record could not be handed on (counted). */
int weir_follow_init(struct weir_follow *f, const struct weir_pipeline_config *config,
		     struct weir_world *world, int (*emit)(void *data, struct weir_record *record),
		     void *data, uint64_t began);
/* Emits what is summed up and the losses that are not reported yet. */
void weir_follow_done(struct weir_follow *f);

/* now: monotonic ns */
void weir_follow_flow(struct weir_follow *f, const struct weir_flow *flow, uint64_t now);
void weir_follow_tick(struct weir_follow *f, uint64_t now, uint64_t time);
/* When the next tick has something to do, monotonic ns; UINT64_MAX: never. */
uint64_t weir_follow_next(const struct weir_follow *f);
/* The source was asked for counters; updates: and records shall come of them. */
void weir_follow_poll(struct weir_follow *f, bool updates);
/* Should it be asked soon? */
bool weir_follow_wants_poll(const struct weir_follow *f);
/* It is being ended because of this: its END will tell. */
void weir_follow_ended(struct weir_follow *f, struct weir_track *track,
		       const struct weir_judgement *why);
/* Something could not be recorded. */
void weir_follow_lost(struct weir_follow *f, enum weir_loss loss, uint64_t n);
