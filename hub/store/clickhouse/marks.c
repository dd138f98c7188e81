/* SPDX-License-Identifier: Apache-2.0 */
/* How far each boot of each node is stored: the marks of the partitions that are there, and
 * those that were kept of partitions that are gone. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hub/store/clickhouse/clickhouse.h"
#include "hub/store/clickhouse/columns.h"
#include "weir/cleanup.h"

#define WAIT_MS 20000
#define STEP_MS 100

/* A hub that was killed may have left an INSERT that still runs: its marks shall count. */
static int wait_for_inserts(struct weir_clickhouse *s, struct weir_error *err)
{
	struct timespec step = { 0, STEP_MS * 1000000l };
	uint64_t running = 1;
	int r = 0;

	for (int ms = 0; r == 0 && running && ms < WAIT_MS; ms += STEP_MS) {
		WEIR_CLEANUP(weir_table_clear) struct weir_table t = { 0 };

		if (ms)
			nanosleep(&step, NULL);
		/* begun before we looked first: elapsed is in seconds */
		r = weir_ch_query(s, &t, err,
				  "SELECT count() AS n FROM system.processes WHERE "
				  "startsWith(query, 'INSERT INTO weir_flows') AND elapsed * 1000 "
				  ">= %d FORMAT JSONCompact",
				  ms);
		running = weir_table_number(cJSON_GetArrayItem(t.rows, 0), 0);
	}
	return r;
}

static void read_ranges(const cJSON *low, const cJSON *high, struct weir_range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ranges[i].from = weir_table_number(low, (int)i);
		ranges[i].to = weir_table_number(high, (int)i);
	}
}

static int tell(const cJSON *row, int (*fn)(void *data, const struct weir_mark *mark), void *data)
{
	const cJSON *low = cJSON_GetArrayItem(row, 4), *high = cJSON_GetArrayItem(row, 5);
	size_t n = (size_t)cJSON_GetArraySize(low);
	WEIR_AUTO_FREE struct weir_range *ranges = calloc(n + 1, sizeof(*ranges));
	struct weir_mark mark = { .cluster = weir_table_text(row, 0),
				  .node = weir_table_text(row, 1),
				  .boot = weir_table_text(row, 2),
				  .next = weir_table_number(row, 3),
				  .n_ranges = n,
				  .ranges = ranges };

	if (!ranges)
		return -ENOMEM;
	if ((size_t)cJSON_GetArraySize(high) != n)
		return -EBADMSG;
	read_ranges(low, high, ranges, n);
	return fn(data, &mark);
}

int weir_ch_marks(struct weir_store *store, int (*fn)(void *data, const struct weir_mark *mark),
		  void *data, struct weir_error *err)
{
	struct weir_clickhouse *s = (struct weir_clickhouse *)store;
	WEIR_CLEANUP(weir_table_clear) struct weir_table t = { 0 };
	const cJSON *row;
	int r = wait_for_inserts(s, err);

	if (r == 0)
		r = weir_ch_query(
			s, &t, err,
			"SELECT cluster, node, boot, argMax(next, rank) AS n, argMax(low, rank) "
			"AS l, argMax(high, rank) AS h FROM (SELECT cluster, egress_reporter AS "
			"node, egress_boot AS boot, egress_seq AS next, flow AS rank, "
			"`ranges.low` AS low, `ranges.high` AS high FROM weir_flows "
			"PREWHERE time = 0 AND type = %d AND attempt NOT IN (SELECT attempt "
			"FROM weir_voids) UNION ALL SELECT cluster, node, boot, next, rank, "
			"`ranges.low` AS low, `ranges.high` AS high FROM weir_marks) GROUP BY "
			"cluster, node, boot FORMAT JSONCompact",
			WEIR_CH_MARK);
	if (r < 0)
		return r;
	cJSON_ArrayForEach (row, t.rows) {
		r = tell(row, fn, data);
		if (r != 0)
			return r;
	}
	return 0;
}
