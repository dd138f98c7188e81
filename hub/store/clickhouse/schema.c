/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables: made when they are missing. What a server must know to hold them is in
 * version 18.16; settings that later ones have are used where they are.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hub/store/clickhouse/clickhouse.h"
#include "hub/store/clickhouse/columns.h"
#include "weir/cleanup.h"

#define VERSION 1

/* What is acknowledged shall outlast a power failure: old servers leave that to the kernel. */
static const char *const wanted_settings[] = { "fsync_after_insert", "fsync_part_directory" };

static int durable_settings(struct weir_clickhouse *s, char *buf, size_t size,
			    struct weir_error *err)
{
	WEIR_CLEANUP(weir_table_clear) struct weir_table t = { 0 };
	const cJSON *row;
	int r = weir_ch_query(s, &t, err,
			      "SELECT name FROM system.merge_tree_settings WHERE name IN ('%s', "
			      "'%s') FORMAT JSONCompact",
			      wanted_settings[0], wanted_settings[1]);

	*buf = 0;
	cJSON_ArrayForEach (row, t.rows) {
		size_t len = strlen(buf);

		snprintf(buf + len, size - len, ", %.40s = 1", weir_table_text(row, 0));
	}
	return r;
}

static int create_flows(struct weir_clickhouse *s, const char *settings, struct weir_error *err)
{
	WEIR_AUTO_FREE char *columns = NULL;
	size_t len;
	FILE *f = open_memstream(&columns, &len);

	if (!f)
		return weir_error_errno(err, ENOMEM, "store");
	for (size_t i = 0; i < weir_ch_n_columns; i++)
		fprintf(f, "%s`%s` %s", i ? ", " : "", weir_ch_columns[i].name,
			weir_ch_types[weir_ch_columns[i].kind]);
	if (fclose(f) != 0)
		return weir_error_errno(err, ENOMEM, "store");
	return weir_server_do(s->server, err,
			      "CREATE TABLE IF NOT EXISTS weir_flows (%s) ENGINE = MergeTree "
			      "PARTITION BY day ORDER BY (time, place) "
			      "SETTINGS index_granularity = 8192%s",
			      columns, settings);
}

static const char *const others[] = {
	"CREATE TABLE IF NOT EXISTS weir_schema (version UInt32) ENGINE = MergeTree "
	"ORDER BY version",
	"CREATE TABLE IF NOT EXISTS weir_voids (day Date, attempt UInt64) ENGINE = MergeTree "
	"PARTITION BY day ORDER BY attempt",
	/* of partitions that are gone */
	"CREATE TABLE IF NOT EXISTS weir_marks (cluster String, node String, boot String, "
	"next UInt64, rank UInt64, `ranges.low` Array(UInt64), `ranges.high` Array(UInt64)) "
	"ENGINE = ReplacingMergeTree(rank) ORDER BY (cluster, node, boot)",
};

static int check_version(struct weir_clickhouse *s, struct weir_error *err)
{
	WEIR_CLEANUP(weir_table_clear) struct weir_table t = { 0 };
	uint64_t version;
	int r = weir_ch_query(s, &t, err,
			      "SELECT max(version) AS v FROM weir_schema FORMAT JSONCompact");

	if (r < 0)
		return r;
	version = weir_table_number(cJSON_GetArrayItem(t.rows, 0), 0);
	if (version > VERSION)
		return weir_error_set(err, EPROTO,
				      "database %s is of a later weir-hub (schema %" PRIu64
				      ", this one knows %d): use that one, or another database",
				      weir_server_database(s->server), version, VERSION);
	return version ? 0
		       : weir_server_do(s->server, err, "INSERT INTO weir_schema VALUES (%d)",
					VERSION);
}

int weir_schema_open(struct weir_clickhouse *s, struct weir_error *err)
{
	WEIR_AUTO_FREE char *sql = NULL;
	char settings[128];
	int r;

	if (asprintf(&sql, "CREATE DATABASE IF NOT EXISTS `%s`", weir_server_database(s->server)) <
	    0) {
		sql = NULL;
		return weir_error_errno(err, ENOMEM, "store");
	}
	r = weir_server_ask(s->server, &(struct weir_request){ .sql = sql, .no_database = true },
			    NULL, err);
	for (size_t i = 0; r == 0 && i < WEIR_ARRAY_SIZE(others); i++)
		r = weir_server_do(s->server, err, "%s", others[i]);
	if (r == 0)
		r = weir_rollup_create(s, err);
	if (r == 0)
		r = check_version(s, err);
	if (r == 0)
		r = durable_settings(s, settings, sizeof(settings), err);
	return r == 0 ? create_flows(s, settings, err) : r;
}
