/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The flow thread: reads kernel flow events (a weir_flow_source), follows the
 * connections of this node's pods, says who they are and which policies
 * decided, and gives the records to the publisher.
 */
#include <stdbool.h>
#include <stdint.h>

#include "daemon/publish/publish.h"
#include "daemon/world.h"
#include "weir/flow.h"

struct weir_hits;
struct weir_pipeline;
struct weir_track; /* tracker.h */

struct weir_pipeline_config {
	unsigned interval_ms;	  /* update records of living connections (10000) */
	unsigned denied_ms;	  /* repeated denials are summed up over so long (1000) */
	uint32_t max_connections; /* followed at once; beyond: counted as lost (WEIR_LOSS_QUEUE) */
	uint32_t max_denied;	  /* keys of denials summed up at once */
	/* Called with each record of a denial, whichever thread makes it; must not
	 * wait. NULL: nobody is interested. */
	void (*denied)(void *data, const struct weir_record *record);
	void *data;
	/* Called with the world's lock held, whichever thread reads, for each connection
	 * that is found to live although the tables deny it. NULL: it may live on. */
	void (*suspect)(void *data, const struct weir_flow *flow);
	void *suspect_data;
};

/* The source is opened by the caller with pipeline's sink:
 *   weir_pipeline_new(); config.sink = weir_pipeline_sink(p);
 *   weir_backend_flows(..., &source); weir_pipeline_start(p, source) */
int weir_pipeline_new(const struct weir_pipeline_config *config, struct weir_world *world,
		      struct weir_publisher *publisher, struct weir_pipeline **ret,
		      struct weir_error *err);
struct weir_flow_sink weir_pipeline_sink(struct weir_pipeline *p);
/* Takes over the source; starts the thread. */
int weir_pipeline_start(struct weir_pipeline *p, struct weir_flow_source *source,
			struct weir_error *err);
/* Follows, in the caller's thread, all that the kernel has reported before this
 * call. A running pipeline is the world's before_change: a connection is explained
 * by the world that it met. Without the world's lock; only after
 * weir_pipeline_start(). */
void weir_pipeline_drain(struct weir_pipeline *p);
void weir_pipeline_stop(struct weir_pipeline **p);

/* For rejudge.c, with the world's lock held. The followed connections, by and by, as
 * weir_tracker_walk(); the one that this is; one that is being ended. */
void weir_pipeline_walk(struct weir_pipeline *p, uint32_t *place, uint32_t n,
			void (*fn)(void *data, struct weir_track *track), void *data);
struct weir_track *weir_pipeline_find(struct weir_pipeline *p, uint32_t id,
				      const struct weir_tuple *original);
void weir_pipeline_ended(struct weir_pipeline *p, struct weir_track *track,
			 const struct weir_judgement *why);

struct weir_pipeline_stats {
	uint64_t events[WEIR_FLOW_EVENT_MAX]; /* read from the kernel */
	uint64_t records[WEIR_RECORD_TYPE_MAX];
	uint64_t lost[WEIR_LOSS_MAX];
	uint64_t connections; /* followed now */
	uint64_t denied_packets, denied_connections;
	uint64_t policy_race; /* denied by the kernel, allowed by the tables of a moment later */
};
/* How often each rule decided; with the world's lock held. */
struct weir_hits *weir_pipeline_hits(struct weir_pipeline *p);
void weir_pipeline_stats(struct weir_pipeline *p, struct weir_pipeline_stats *ret);
