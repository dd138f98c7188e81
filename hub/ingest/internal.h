/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between the files of this folder. All of it under ingest's lock. */
#include <pthread.h>
#include <time.h>
#include <uthash.h>

#include "hub/ingest/ingest.h"
#include "hub/rows/pack.h"
#include "hub/store/store.h"

struct weir_entry;

/* A node, as others' records name it. */
struct weir_sender {
	UT_hash_handle hh;
	bool up;
	uint64_t heard; /* monotonic ns: when it went silent, or we last told it that something is
			   stored: it may have waited for that; 0: never */
	uint64_t mark;	/* all it saw before this has come; ns, by the hub's clock */
	int64_t ahead;	/* ns: its clock before the hub's; late batches do not count */
	char key[];	/* cluster, NUL, name */
};

/* A boot of a node: its records in the order of their seq. */
struct weir_origin {
	UT_hash_handle hh;
	struct weir_origin *next;	   /* list of all */
	const char *cluster, *name, *boot; /* point into key */
	struct weir_sender *node;
	uint32_t word;			  /* in the dictionary, 0: not yet */
	uint64_t expected;		  /* of the next batch */
	struct weir_entry *first, **last; /* not stored yet, or stored ahead of those before */
	uint32_t ahead;		 /* entries that are stored although one before them is not */
	struct weir_range *skip; /* stored by an earlier hub, above its mark */
	size_t n_skip;
	bool changed; /* its mark is not what the store has */
	char key[];
};

enum weir_entry_state {
	WEIR_ENTRY_READY,
	WEIR_ENTRY_WAITING,  /* for its other half */
	WEIR_ENTRY_ABSORBED, /* its row is another's */
	WEIR_ENTRY_STORED,   /* with the other's, or by an earlier hub */
};

/* A record that is not stored yet, in the queue of its origin. */
struct weir_entry {
	struct weir_entry *next;
	struct weir_origin *origin;
	uint64_t first, last; /* seqs; a gap of our own has several */
	uint8_t state;
	uint8_t half;		     /* WAITING: weir_direction of the side that it knows */
	struct weir_sender *partner; /* WAITING: whose half is to come */
	uint64_t until;		     /* WAITING: partner's mark that ends it; by the hub's clock */
	uint64_t arrived;	     /* monotonic ns */
	struct weir_entry *absorbed; /* the other half that goes with this row */
	struct weir_entry *denial;   /* what this row's verdict came from; stored after it */
	uint32_t pending; /* of a denial: rows that have its verdict and are not stored */
	struct weir_entry *same, **same_at;   /* hash by connection */
	struct weir_entry *alike, **alike_at; /* hash but for the source's port */
	struct weir_row row;
};

/* --- join.c --- */
#define WEIR_JOIN_SLOTS (1u << 18)
struct weir_join {
	struct weir_entry **same, **alike;
	uint64_t *lonely; /* connections of which only the destination's node ever told */
	struct weir_given_up {
		uint64_t key;
		uint32_t count;
	} * given_up; /* what was stored without its other half, should that still come */
	uint64_t waiting, joined;
};
int weir_join_open(struct weir_join *j);
void weir_join_close(struct weir_join *j);
/* The row of a new record finds its other half, or begins to wait for it. True: it was
 * joined; *ret_with: with the entry whose row it is now. */
bool weir_join_add(struct weir_join *j, struct weir_entry *e, struct weir_entry **ret_with);
/* No longer waits: its other half does not come. */
void weir_join_give_up(struct weir_join *j, struct weir_entry *e);
/* A record after the first of a connection that only the destination's node tells. */
bool weir_join_is_lonely(const struct weir_join *j, const struct weir_row *row);

/* --- origins.c --- */
struct weir_origin *weir_origin_get(struct weir_ingest *in, const char *cluster, const char *node,
				    const char *boot, bool make);
struct weir_sender *weir_sender_get(struct weir_ingest *in, const char *cluster, const char *name,
				    bool make);
/* Whether its half of a connection may still come. */
bool weir_sender_may_tell(const struct weir_sender *s, uint64_t now);
int weir_origins_load(struct weir_ingest *in, struct weir_error *err);
void weir_origins_free(struct weir_ingest *in);
void weir_origin_push(struct weir_origin *o, struct weir_entry *e);
bool weir_origin_skips(const struct weir_origin *o, uint64_t seq);
/* How far it is stored; ranges are malloc'd. */
int weir_origin_mark(const struct weir_origin *o, struct weir_mark *ret);

/* --- rows.c: records as rows --- */
struct weir_batch_cache; /* numbers of a batch's names and sides */
int weir_rows_open(struct weir_ingest *in);
void weir_rows_close(struct weir_ingest *in);
/* A new batch, or a new dictionary: nothing is cached. */
void weir_rows_begin(struct weir_ingest *in);
/* The origin has a word. */
int weir_rows_origin(struct weir_ingest *in, struct weir_origin *o);
/* A record into e: its row, and whether it waits. -ENOSPC: the dictionary is full. */
int weir_rows_add(struct weir_ingest *in, struct weir_origin *o, const struct weir_record *r,
		  struct weir_entry *e);

/* --- commit.c: what goes to the store --- */
void *weir_commit_run(void *ingest);

struct weir_ingest {
	struct weir_ingest_config config;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool has_thread, ending, abandoned;
	bool draining; /* the dictionary is full: all that waits goes, then it begins anew */
	struct weir_dictionary *words;
	struct weir_words unpacked; /* the same, for who listens live */
	struct weir_batch_cache *cache;
	struct weir_sender *nodes;
	struct weir_origin *origins, *list;
	struct weir_join join;
	uint64_t entries; /* in all queues, and on their way to the store */
	struct weir_ingest_stats stats;
};
uint64_t weir_ingest_clock(clockid_t id); /* ns */
