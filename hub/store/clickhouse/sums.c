/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers with sums. The server groups, ranks and adds up what is beyond the limit, in one
 * reading of the rows: groups with their time; of each group its times as an array; ranked;
 * and apart again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hub/store/clickhouse/clickhouse.h"
#include "hub/store/clickhouse/measures.h"
#include "hub/store/clickhouse/rollup.h"
#include "hub/store/clickhouse/where.h"
#include "weir/cleanup.h"
#include "weir/object.h"
#include "weir/record.h"
#include "weir/ruleset.h"

/* --- dimensions -------------------------------------------------------------------------- */

#define WORKLOAD(end)                                                                              \
	"if(" end "_workload = '', " end "_namespace, concat(" end "_namespace, '/', " end         \
	"_workload_kind, '/', " end "_workload))"
#define POD(end)                                                                                   \
	"if(sees_" end " AND " end "_pod != '', concat(" end "_namespace, '/', " end "_pod), '')"
/* The side that decided: the one that denied; else the one with a rule, the source's first
 * (verdict 1: denied; reason 2: a rule, 0: not this node's). */
#define EGRESS_DECIDED                                                                             \
	"if(verdict = 1, egress_verdict = 1 AND egress_reason != 0, egress_reason = 2 OR "         \
	"ingress_reason = 0)"
_Static_assert(WEIR_DENIED == 1 && WEIR_REASON_RULE == 2 && WEIR_REASON_NOT_ENDPOINT == 0,
	       "numbers in SQL");
#define POLICY(end, side)                                                                          \
	"if(sees_" end " AND notEmpty(`" side "_policies.name`), concat(`" side                    \
	"_policies.kind`[1], '/', `" side "_policies.namespace`[1], if(`" side                     \
	"_policies.namespace`[1] = '', '', '/'), `" side "_policies.name`[1]), '')"

static const char *const dimensions[WEIR_DIM_MAX] = {
	[WEIR_DIM_TIME] = "''", /* goes its own way */
	[WEIR_DIM_CLUSTER] = "cluster",
	[WEIR_DIM_NODE] = "multiIf(sees_from AND egress_reporter != '', egress_reporter, sees_to, "
			  "ingress_reporter, '')",
	[WEIR_DIM_FROM_NAMESPACE] = "from_namespace",
	[WEIR_DIM_TO_NAMESPACE] = "to_namespace",
	[WEIR_DIM_FROM_WORKLOAD] = WORKLOAD("from"),
	[WEIR_DIM_TO_WORKLOAD] = WORKLOAD("to"),
	[WEIR_DIM_FROM_POD] = POD("from"),
	[WEIR_DIM_TO_POD] = POD("to"),
	[WEIR_DIM_FROM_ADDRESS] = WEIR_SQL_ADDRESS("from"),
	[WEIR_DIM_TO_ADDRESS] = WEIR_SQL_ADDRESS("to"),
	[WEIR_DIM_PORT] = "toString(to_port)",
	[WEIR_DIM_PROTOCOL] = "toString(protocol)",
	[WEIR_DIM_VERDICT] = "toString(verdict)",
	[WEIR_DIM_REASON] = "toString(if(" EGRESS_DECIDED ", egress_reason, ingress_reason))",
	[WEIR_DIM_POLICY] =
		"if(" EGRESS_DECIDED ", " POLICY("from", "egress") ", " POLICY("to", "ingress") ")",
};

/* What comes as a number but for a name. */
static const char *text_of(enum weir_dimension d, const char *value, char *buf)
{
	unsigned long number = strtoul(value, NULL, 10);

	if (!*value)
		return NULL;
	switch (d) {
	case WEIR_DIM_PROTOCOL:
		return weir_protocol_name((uint8_t)number, buf);
	case WEIR_DIM_VERDICT:
		return number < WEIR_VERDICT_MAX ? weir_verdict_name(number) : NULL;
	case WEIR_DIM_REASON:
		return number < WEIR_REASON_MAX ? weir_reason_name(number) : NULL;
	case WEIR_DIM_TIME ... WEIR_DIM_PORT:
	case WEIR_DIM_POLICY:
	case WEIR_DIM_MAX:
		break;
	}
	return value;
}

/* --- measures ---------------------------------------------------------------------------- */

#define FRESH(n) "if(" n " > counted_" n ", " n " - counted_" n ", 0)"
#define SUM(of)	 "toUInt64(sum(" of "))"

const char *const weir_measures[WEIR_SUM_MAX] = {
	[WEIR_SUM_CONNECTIONS] = SUM("if(type = 0, connections, 0)"),
	[WEIR_SUM_DENIED] = SUM("if(type = 3, connections, 0)"),
	[WEIR_SUM_PACKETS] = SUM(FRESH("packets_to") " + " FRESH("packets_back")),
	[WEIR_SUM_BYTES] = SUM(FRESH("bytes_to") " + " FRESH("bytes_back")),
	[WEIR_SUM_BYTES_TO] = SUM(FRESH("bytes_to")),
	[WEIR_SUM_BYTES_BACK] = SUM(FRESH("bytes_back")),
};
_Static_assert(WEIR_RECORD_OPEN == 0 && WEIR_RECORD_DENIED == 3, "numbers in SQL");

/* --- SQL --------------------------------------------------------------------------------- */

static int time_dimension(const struct weir_sum_query *q)
{
	for (unsigned i = 0; i < q->n_dims; i++)
		if (q->dims[i] == WEIR_DIM_TIME)
			return (int)i;
	return -1;
}

static void write_list(FILE *f, unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		fprintf(f, ", %s%u", name, i);
}

/* Where the answer is: flows, and sums of the days that are summed up. */
struct sources {
	const char *table; /* of sums; NULL: only flows */
	char *days, *attempts;
};

/* Groups of one table: t, d0.., s0.. */
static void write_groups(FILE *f, const struct weir_sum_query *q, const struct sources *from,
			 bool sums)
{
	int time = time_dimension(q);

	weir_where_with(f, q->scope);
	if (time >= 0 && q->step)
		fprintf(f, "SELECT intDiv(time, %" PRIu64 ") * %" PRIu64 " AS t", q->step, q->step);
	else
		fprintf(f, "SELECT toUInt64(0) AS t");
	for (unsigned i = 0; i < q->n_dims; i++)
		fprintf(f, ", %s AS d%u", dimensions[q->dims[i]], i);
	for (int m = 0; m < WEIR_SUM_MAX; m++) {
		if (sums)
			fprintf(f, ", toUInt64(sum(sum%d)) AS s%d", m, m);
		else
			fprintf(f, ", %s AS s%d", weir_measures[m], m);
	}
	fprintf(f, " FROM %s PREWHERE ", sums ? from->table : "weir_flows");
	weir_where(f, sums ? WEIR_CH_SUMS : WEIR_CH_COUNTED, q->from, q->to, q->scope, q->filter);
	if (sums)
		fprintf(f, " AND attempt IN (%s)", from->attempts);
	else if (from->table)
		fprintf(f, " AND day NOT IN (%s)", from->days);
	fprintf(f, " GROUP BY t");
	write_list(f, q->n_dims, "d");
}

/* free() */
static char *write_sums(const struct weir_sum_query *q, const struct sources *from)
{
	char *sql = NULL;
	size_t len;
	FILE *f = open_memstream(&sql, &len);

	if (!f)
		return NULL;
	fprintf(f, "SELECT g.1 AS at, least(row, toUInt64(%u)) AS rank", q->limit);
	for (unsigned i = 0; i < q->n_dims; i++)
		fprintf(f, ", if(row < %u, d%u, '') AS v%u", q->limit, i, i);
	for (int m = 0; m < WEIR_SUM_MAX; m++)
		fprintf(f, ", sum(g.%d)", m + 2);
	fprintf(f, " FROM (SELECT rowNumberInAllBlocks() AS row, groups");
	write_list(f, q->n_dims, "d");
	fprintf(f,
		" FROM (SELECT sum(s%d) AS total, groupArray(tuple(t, s0, s1, s2, s3, s4, s5)) "
		"AS groups",
		q->by);
	write_list(f, q->n_dims, "d");
	fprintf(f, " FROM (");
	write_groups(f, q, from, false);
	if (from->table) {
		fprintf(f, " UNION ALL ");
		write_groups(f, q, from, true);
	}
	fprintf(f, ") GROUP BY 1");
	write_list(f, q->n_dims, "d");
	fprintf(f, " ORDER BY total DESC");
	write_list(f, q->n_dims, "d");
	fprintf(f, ")) ARRAY JOIN groups AS g GROUP BY at, rank");
	write_list(f, q->n_dims, "v");
	fprintf(f, " ORDER BY at, rank FORMAT JSONCompact");
	if (fclose(f) != 0) {
		free(sql);
		return NULL;
	}
	return sql;
}
_Static_assert(WEIR_SUM_MAX == 6, "s0 to s5 in SQL");

/* --- answer ------------------------------------------------------------------------------ */

#define TEXT_MAX 64 /* of a number's name */

static int tell(const struct weir_sum_query *q, const cJSON *row, weir_sum_fn *fn, void *data)
{
	char room[WEIR_DIMS_MAX][TEXT_MAX];
	struct weir_sum sum = { .other = weir_table_number(row, 1) >= q->limit };
	int time = time_dimension(q);

	for (unsigned d = 0; d < q->n_dims; d++) {
		if ((int)d == time)
			sum.values[d] = weir_table_text(row, 0);
		else if (!sum.other)
			sum.values[d] =
				text_of(q->dims[d], weir_table_text(row, 2 + (int)d), room[d]);
	}
	for (int m = 0; m < WEIR_SUM_MAX; m++)
		sum.sums[m] = weir_table_number(row, 2 + (int)q->n_dims + m);
	return fn(data, &sum);
}

static int find_sources(struct weir_clickhouse *s, const struct weir_sum_query *q,
			struct sources *ret, struct weir_error *err)
{
	int r;

	ret->table = weir_rollup_table(q);
	if (!ret->table)
		return 0;
	r = weir_rollup_days(s, &ret->days, &ret->attempts, err);
	if (r == 0 && !*ret->days)
		ret->table = NULL;
	return r;
}

static void free_sources(struct sources *s)
{
	free(s->days);
	free(s->attempts);
}

int weir_ch_sums(struct weir_store *store, const struct weir_sum_query *q, weir_sum_fn *fn,
		 void *data, struct weir_answer_end *ret, struct weir_error *err)
{
	struct weir_clickhouse *s = (struct weir_clickhouse *)store;
	WEIR_CLEANUP(free_sources) struct sources from = { 0 };
	WEIR_AUTO_FREE char *sql = NULL;
	WEIR_CLEANUP(weir_table_clear) struct weir_table t = { 0 };
	struct weir_request request = { .budget = &q->budget, .partial = true };
	struct weir_purse purse;
	const cJSON *row;
	int r = find_sources(s, q, &from, err);

	if (r < 0)
		return r;
	request.sql = sql = write_sums(q, &from);
	if (!sql)
		return weir_error_errno(err, ENOMEM, "sums");
	weir_purse_open(&purse, &q->budget);
	r = weir_ch_table(s, &request, &t, err);
	if (r < 0)
		return r;
	weir_purse_pay(&purse, t.read, t.ended);
	weir_purse_end(&purse, ret);
	cJSON_ArrayForEach (row, t.rows) {
		r = tell(q, row, fn, data);
		if (r != 0)
			return r;
	}
	return 0;
}
