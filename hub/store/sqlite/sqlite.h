/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The embedded store: a folder of SQLite files, each of a span of time, in which
 * rows lie as columns. One thread appends, a thread of the store packs and sums up what
 * is complete, many ask.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "hub/store/clock.h"
#include "hub/store/sqlite/partition.h"
#include "hub/store/store.h"

extern const struct weir_store_ops weir_store_sqlite;

struct weir_sqlite {
	struct weir_store store;
	char *folder;
	uint64_t raw_ns, rollup_ns, partition_ns, max_bytes;
	int folder_lock;	    /* one hub a folder */
	struct weir_writer *writer; /* of the newest file of flows */
	pthread_rwlock_t summing;   /* written: sums of a file appear */

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t wake;
	struct weir_partition **partitions; /* sorted by level, start */
	size_t n_partitions;
	bool ending;
	uint64_t expired, broken;
	bool failing;
	char why[256];
	pthread_t keeper;
	bool has_keeper;
	struct weir_clock clock;
};

/* --- catalog.c: which files there are ---------------------------------------------- */

/* Reads the folder. A torn file is set aside, and said in the log. */
int weir_catalog_open(struct weir_sqlite *s, struct weir_error *err);
void weir_catalog_close(struct weir_sqlite *s);
/* The file of this level and start, made when it is not there; one reference. */
int weir_catalog_get(struct weir_sqlite *s, enum weir_level level, uint64_t start,
		     struct weir_partition **ret, struct weir_error *err);
/* References to all files of a level, in the order of time; give back with _put(). */
int weir_catalog_all(struct weir_sqlite *s, enum weir_level level, struct weir_partition ***ret,
		     size_t *ret_n);
void weir_catalog_put(struct weir_partition **all, size_t n);
/* Unlinks it; who still reads it goes on. */
void weir_catalog_remove(struct weir_sqlite *s, struct weir_partition *p);
/* A file that cannot be used: renamed, not to be read again. */
void weir_catalog_set_aside(struct weir_sqlite *s, struct weir_partition *p, const char *why);

/* --- keeper.c: packs, sums up, seals ------------------------------------------------ */

int weir_keeper_start(struct weir_sqlite *s, struct weir_error *err);
void weir_keeper_stop(struct weir_sqlite *s);
/* Small blocks of a file become few large ones. all: whatever their size. */
int weir_keeper_pack(struct weir_writer *w, bool all, struct weir_error *err);
/* rollup.c: a complete file of flows into the files of sums; again: does nothing. */
int weir_rollup(struct weir_sqlite *s, struct weir_partition *p, struct weir_error *err);
/* At start: which files of flows are summed up already. */
int weir_rollup_load(struct weir_sqlite *s, struct weir_error *err);

/* --- expire.c ----------------------------------------------------------------------- */

int weir_sqlite_expire(struct weir_store *store, uint64_t now, struct weir_error *err);

/* --- answers: flows.c, sums.c, values.c --------------------------------------------- */

int weir_sqlite_flows(struct weir_store *store, const struct weir_flow_query *q, weir_flow_fn *fn,
		      void *data, struct weir_answer_end *ret, struct weir_error *err);
int weir_sqlite_sums(struct weir_store *store, const struct weir_sum_query *q, weir_sum_fn *fn,
		     void *data, struct weir_answer_end *ret, struct weir_error *err);
int weir_sqlite_values(struct weir_store *store, const struct weir_value_query *q,
		       weir_value_fn *fn, void *data, struct weir_answer_end *ret,
		       struct weir_error *err);
