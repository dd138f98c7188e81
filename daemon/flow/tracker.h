/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The living connections of this node's pods: a bounded hash table, keyed by
 * conntrack id and original tuple. Knows no kernel, no record and no lock.
 */
#include "daemon/flow/annotate.h"
#include "weir/flow.h"

enum weir_track_state {
	WEIR_TRACK_LIVE,
	WEIR_TRACK_CLOSED,   /* TCP is over; its counters are still to come */
	WEIR_TRACK_REPORTED, /* the END record is out, the kernel still remembers it */
	WEIR_TRACK_GONE,     /* the kernel has forgotten it; a dump under way may still show it */
};

/* One connection. There may be hundreds of thousands: mind the size. */
struct weir_track {
	uint32_t next;		       /* of its bucket, or of the free list; 0: none */
	uint32_t id;		       /* of conntrack */
	uint64_t flow;		       /* of the records */
	uint64_t start, closed;	       /* ns since the epoch */
	uint64_t packets[2], bytes[2]; /* as last reported by the kernel */
	uint64_t counted_packets[2], counted_bytes[2]; /* as in the last record */
	struct weir_annotation annotation;
	uint8_t addrs[4][16]; /* original src, dst; reply src, dst */
	uint16_t ports[4];
	uint8_t family, protocol;
	uint8_t state;	 /* weir_track_state */
	uint8_t end;	 /* CLOSED: weir_end_reason */
	uint8_t seen;	 /* number of the poll that saw it last */
	bool superseded; /* its tuple lives again in a younger entry */
	bool found;	 /* recovered: its NEW was not seen */
	bool ended;	 /* by a policy, when its END comes */
};

struct weir_tracker;

/* max: connections at once. */
int weir_tracker_new(uint32_t max, struct weir_tracker **ret);
void weir_tracker_free(struct weir_tracker **t);
uint32_t weir_tracker_count(const struct weir_tracker *t);
size_t weir_tracker_bytes(const struct weir_tracker *t);

/* The connection with this id and original tuple; of two incarnations the
 * older (superseded) one when asked so, else the younger one. */
struct weir_track *weir_tracker_find(const struct weir_tracker *t, const struct weir_flow *flow,
				     bool oldest);
/* Takes over annotation. -ENOSPC when there are too many, -ENOMEM. */
int weir_tracker_add(struct weir_tracker *t, const struct weir_flow *flow,
		     const struct weir_annotation *annotation, struct weir_track **ret);
/* The caller releases the annotation first. */
void weir_tracker_remove(struct weir_tracker *t, struct weir_track *track);
/* fn for each, in no order; it may remove the one it is called with. */
void weir_tracker_each(struct weir_tracker *t, void (*fn)(void *data, struct weir_track *track),
		       void *data);
/* fn for those among the next n places from *place on, which it moves on; from 0 to 0
 * again is a round. fn removes none. */
void weir_tracker_walk(struct weir_tracker *t, uint32_t *place, uint32_t n,
		       void (*fn)(void *data, struct weir_track *track), void *data);

struct weir_tuple weir_track_original(const struct weir_track *track);
struct weir_tuple weir_track_reply(const struct weir_track *track);

/* Number for the records of a connection: the same in the next process,
 * another one when the tuple is used again a second later. */
uint64_t weir_flow_number(uint32_t id, const struct weir_tuple *original, uint64_t start);
