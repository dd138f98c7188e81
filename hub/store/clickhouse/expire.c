/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retention: whole partitions go, a day each, by age, and the oldest when there are too
 * many bytes. What they said of how far nodes are stored is kept.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hub/store/clickhouse/clickhouse.h"
#include "hub/store/clickhouse/columns.h"
#include "weir/cleanup.h"
#include "weir/log.h"

/* "2026-11-23" as days since the epoch; 0: no date. */
static uint64_t day_of(const char *partition)
{
	struct tm tm = { 0 };
	char *end = strptime(partition, "%Y-%m-%d", &tm);

	return end && !*end ? (uint64_t)timegm(&tm) / 86400 : 0;
}

/* Partitions of our tables, the oldest first: table, partition, rows, bytes. */
static int list_partitions(struct weir_clickhouse *s, struct weir_table *ret,
			   struct weir_error *err)
{
	return weir_ch_query(s, ret, err,
			     "SELECT table, partition, sum(rows) AS n, sum(bytes_on_disk) AS b "
			     "FROM system.parts WHERE database = '%s' AND startsWith(table, "
			     "'weir_') AND active GROUP BY table, partition ORDER BY partition, "
			     "table FORMAT JSONCompact",
			     weir_server_database(s->server));
}

static int keep_marks(struct weir_clickhouse *s, uint64_t day, struct weir_error *err)
{
	return weir_server_do(
		s->server, err,
		"INSERT INTO weir_marks SELECT cluster, egress_reporter, egress_boot, "
		"argMax(egress_seq, flow), max(flow), argMax(`ranges.low`, flow), "
		"argMax(`ranges.high`, flow) FROM weir_flows PREWHERE time = 0 AND type = %d AND "
		"attempt NOT IN (SELECT attempt FROM weir_voids) WHERE day = toDate(%" PRIu64
		") GROUP BY cluster, egress_reporter, egress_boot",
		WEIR_CH_MARK, day);
}

static int drop(struct weir_clickhouse *s, const char *table, uint64_t day, const char *why,
		struct weir_error *err)
{
	char date[32];
	struct tm tm;
	time_t t = (time_t)(day * 86400);
	int r = strcmp(table, "weir_flows") == 0 ? keep_marks(s, day, err) : 0;

	strftime(date, sizeof(date), "%Y-%m-%d", gmtime_r(&t, &tm));
	if (r == 0)
		r = weir_server_do(s->server, err, "ALTER TABLE %s DROP PARTITION '%s'", table,
				   date);
	if (r < 0)
		return r;
	weir_log(WEIR_LOG_INFO, "flows deleted", "table", table, "day", date, "why", why, NULL);
	pthread_mutex_lock(&s->lock);
	s->stats.expired++;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

/* --- what goes ----------------------------------------------------------------------- */

static const struct {
	const char *table;
	bool sums;
} tables[] = {
	{ "weir_flows", false }, { "weir_voids", false }, { "weir_minutes", true },
	{ "weir_hours", true },	 { "weir_summed", true },
};

static int by_age(struct weir_clickhouse *s, const struct weir_table *t, uint64_t now,
		  struct weir_error *err)
{
	const cJSON *row;
	int r = 0;

	cJSON_ArrayForEach (row, t->rows) {
		uint64_t day = day_of(weir_table_text(row, 1)), keep;

		for (size_t i = 0; r == 0 && day && i < WEIR_ARRAY_SIZE(tables); i++) {
			keep = tables[i].sums ? s->rollup_ns : s->raw_ns;
			if (strcmp(weir_table_text(row, 0), tables[i].table) == 0 &&
			    (day + 1) * WEIR_DAY_NS + keep < now)
				r = drop(s, tables[i].table, day, "age", err);
		}
	}
	return r;
}

static uint64_t all_bytes(const struct weir_table *t)
{
	const cJSON *row;
	uint64_t bytes = 0;

	cJSON_ArrayForEach (row, t->rows)
		bytes += weir_table_number(row, 3);
	return bytes;
}

static uint64_t newest_day(const struct weir_table *t, const char *table)
{
	const cJSON *row;
	uint64_t newest = 0, day;

	cJSON_ArrayForEach (row, t->rows) {
		day = day_of(weir_table_text(row, 1));
		if (strcmp(weir_table_text(row, 0), table) == 0 && day > newest)
			newest = day;
	}
	return newest;
}

/* Flows first, then sums: sums are small and reach further back. The newest of each stay. */
static int by_bytes(struct weir_clickhouse *s, const struct weir_table *t, struct weir_error *err)
{
	uint64_t bytes = all_bytes(t), day;
	const cJSON *row;
	int r = 0;

	for (size_t i = 0; s->max_bytes && i < WEIR_ARRAY_SIZE(tables); i++) {
		cJSON_ArrayForEach (row, t->rows) {
			day = day_of(weir_table_text(row, 1));
			if (r < 0 || bytes <= s->max_bytes ||
			    day >= newest_day(t, tables[i].table) ||
			    strcmp(weir_table_text(row, 0), tables[i].table))
				continue;
			r = drop(s, tables[i].table, day, "bytes", err);
			bytes -= weir_table_number(row, 3);
		}
	}
	return r;
}

int weir_ch_expire(struct weir_store *store, uint64_t now, struct weir_error *err)
{
	struct weir_clickhouse *s = (struct weir_clickhouse *)store;
	struct weir_table t = { 0 };
	int r = list_partitions(s, &t, err);

	weir_rollup_wake(s);
	if (r == 0 && weir_clock_is_steady(&s->clock, now,
					   newest_day(&t, "weir_flows") * WEIR_DAY_NS, s->raw_ns))
		r = by_age(s, &t, now, err);
	weir_table_clear(&t);
	if (r == 0)
		r = list_partitions(s, &t, err);
	if (r == 0)
		r = by_bytes(s, &t, err);
	weir_table_clear(&t);
	return r == 0 ? weir_ch_count(s, err) : r;
}

/* --- stats ---------------------------------------------------------------------------- */

/* The times of one partition: a day's, not of all. */
static int edge(struct weir_clickhouse *s, const char *which, uint64_t day, uint64_t *ret,
		struct weir_error *err)
{
	WEIR_CLEANUP(weir_table_clear) struct weir_table t = { 0 };
	int r = weir_ch_query(s, &t, err,
			      "SELECT %s(time) AS t FROM weir_flows PREWHERE time > 0 WHERE day = "
			      "toDate(%" PRIu64 ") FORMAT JSONCompact",
			      which, day);

	if (r == 0)
		*ret = weir_table_number(cJSON_GetArrayItem(t.rows, 0), 0);
	return r;
}

static int count_marks(struct weir_clickhouse *s, uint64_t *ret, struct weir_error *err)
{
	WEIR_CLEANUP(weir_table_clear) struct weir_table t = { 0 };
	int r = weir_ch_query(s, &t, err,
			      "SELECT count() AS n FROM weir_flows WHERE time = 0 FORMAT "
			      "JSONCompact");

	if (r == 0)
		*ret = weir_table_number(cJSON_GetArrayItem(t.rows, 0), 0);
	return r;
}

static void add_partitions(const struct weir_table *t, struct weir_store_stats *ret,
			   uint64_t *ret_oldest)
{
	const cJSON *row;
	uint64_t day;

	cJSON_ArrayForEach (row, t->rows) {
		day = day_of(weir_table_text(row, 1));
		ret->bytes += weir_table_number(row, 3);
		ret->partitions += day != 0;
		if (strcmp(weir_table_text(row, 0), "weir_flows") != 0)
			continue;
		ret->rows += weir_table_number(row, 2);
		if (!*ret_oldest)
			*ret_oldest = day;
	}
}

int weir_ch_count(struct weir_clickhouse *s, struct weir_error *err)
{
	WEIR_CLEANUP(weir_table_clear) struct weir_table t = { 0 };
	struct weir_store_stats n = { 0 };
	uint64_t oldest = 0, marks = 0;
	int r = list_partitions(s, &t, err);

	if (r == 0)
		r = count_marks(s, &marks, err);
	add_partitions(&t, &n, &oldest);
	if (r == 0 && oldest)
		r = edge(s, "min", oldest, &n.oldest, err);
	if (r == 0 && oldest)
		r = edge(s, "max", newest_day(&t, "weir_flows"), &n.newest, err);
	if (r < 0)
		return r;
	pthread_mutex_lock(&s->lock);
	s->stats.rows = n.rows > marks ? n.rows - marks : 0;
	s->stats.bytes = n.bytes;
	s->stats.partitions = n.partitions;
	s->stats.oldest = n.oldest;
	s->stats.newest = n.newest;
	pthread_mutex_unlock(&s->lock);
	return 0;
}
