/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Sums of the days that are over, per minute and per hour, of workloads in place of pods. They
 * are made by a thread of the store, under an attempt that is noted when they are complete: what
 * is not noted does not count, so that neither a crash nor a second hub doubles them.
 */
#include <pthread.h>

#include "hub/store/store.h"
#include "weir/error.h"

struct weir_clickhouse;
struct weir_rollup;

int weir_rollup_start(struct weir_clickhouse *s, struct weir_error *err);
void weir_rollup_stop(struct weir_clickhouse *s);
/* Looks, soon, what there is to sum up. */
void weir_rollup_wake(struct weir_clickhouse *s);

/* Creates the tables. */
int weir_rollup_create(struct weir_clickhouse *s, struct weir_error *err);

/* The table of sums that can answer a question; NULL: only the flows themselves. */
const char *weir_rollup_table(const struct weir_sum_query *q);
/* The days that are summed up, for SQL: "toDate(1),toDate(2)" and the attempts "11,12";
 * "" when there is none. free() both. */
int weir_rollup_days(struct weir_clickhouse *s, char **ret_days, char **ret_attempts,
		     struct weir_error *err);
