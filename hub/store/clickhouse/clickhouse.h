/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The store in a ClickHouse server, for more flows than one machine holds. Several hubs may
 * share it. An append is one block of one partition (the day of storing): the server
 * takes it whole or not at all, rows and marks. An attempt whose outcome is not known is declared
 * void before the next: whatever becomes of it, no question sees its rows.
 */
#include <cjson/cJSON.h>
#include <pthread.h>

#include "hub/rows/pack.h"
#include "hub/store/clickhouse/rollup.h"
#include "hub/store/clickhouse/server.h"
#include "hub/store/clock.h"
#include "hub/store/store.h"

extern const struct weir_store_ops weir_store_clickhouse;

struct weir_clickhouse {
	struct weir_store store;
	struct weir_server *server;
	uint64_t raw_ns, rollup_ns, max_bytes;
	struct weir_clock clock;
	struct weir_rollup *rollup;

	/* of the thread that appends */
	struct weir_words words; /* of the dictionary with this id */
	uint64_t words_id;
	uint64_t unclear; /* an attempt: we don't know whether it came in; 0: none */
	uint16_t unclear_day;

	pthread_mutex_t lock;
	struct weir_store_stats stats;
};

/* Days since the epoch: the partition of what is stored now. */
#define WEIR_DAY_NS (86400 * 1000000000ull)
uint64_t weir_ch_now(void);
/* Never 0. */
uint64_t weir_ch_random(void);

/* --- answers of the server in JSONCompact: small ones --------------------------------- */

struct weir_table {
	cJSON *doc;
	const cJSON *rows; /* arrays of values */
	uint64_t read;	   /* rows looked at */
	const char *ended; /* the budget ended it: no rows */
};
void weir_table_clear(struct weir_table *t);
int weir_ch_table(struct weir_clickhouse *s, const struct weir_request *request,
		  struct weir_table *ret, struct weir_error *err);
/* The same for a statement without a budget. */
int weir_ch_query(struct weir_clickhouse *s, struct weir_table *ret, struct weir_error *err,
		  const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Of a row. Texts are "" where there is none. */
const char *weir_table_text(const cJSON *row, int column);
uint64_t weir_table_number(const cJSON *row, int column);

/* --- parts of the store ---------------------------------------------------------------- */

/* Creates what is missing. */
int weir_schema_open(struct weir_clickhouse *s, struct weir_error *err);
int weir_ch_marks(struct weir_store *store, int (*fn)(void *data, const struct weir_mark *mark),
		  void *data, struct weir_error *err);
int weir_ch_flows(struct weir_store *store, const struct weir_flow_query *q, weir_flow_fn *fn,
		  void *data, struct weir_answer_end *ret, struct weir_error *err);
int weir_ch_sums(struct weir_store *store, const struct weir_sum_query *q, weir_sum_fn *fn,
		 void *data, struct weir_answer_end *ret, struct weir_error *err);
int weir_ch_values(struct weir_store *store, const struct weir_value_query *q, weir_value_fn *fn,
		   void *data, struct weir_answer_end *ret, struct weir_error *err);
int weir_ch_expire(struct weir_store *store, uint64_t now, struct weir_error *err);
/* Counts anew what is stored. */
int weir_ch_count(struct weir_clickhouse *s, struct weir_error *err);

/* --- budget ---------------------------------------------------------------------------- */

struct weir_purse { /* what is left of a budget that several requests share */
	struct weir_budget left;
	uint64_t deadline; /* monotonic ns; 0: none */
	bool limited_rows;
	uint64_t rows; /* looked at */
	const char *ended;
};
void weir_purse_open(struct weir_purse *p, const struct weir_budget *budget);
/* Before a request: false: nothing is left. */
bool weir_purse_ready(struct weir_purse *p);
/* After one. */
void weir_purse_pay(struct weir_purse *p, uint64_t rows, const char *ended);
void weir_purse_end(const struct weir_purse *p, struct weir_answer_end *ret);
