/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a field, for completion: of flows that the asker may see, as far as they may be
 * seen. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/store/clickhouse/clickhouse.h"
#include "hub/store/clickhouse/where.h"
#include "weir/cleanup.h"

#define BOTH(from, to)	"arrayJoin([" from ", " to "])"
#define SEEN(end, what) "if(sees_" end ", " what ", '')"
#define PAIR(first, between, second)                                                               \
	"if(" second " = '', '', concat(" first ", if(" first " = '', '', '" between "'), " second \
	"))"
#define POD(end)      SEEN(end, PAIR(end "_namespace", "/", end "_pod"))
#define WORKLOAD(end) PAIR(end "_workload_kind", "/", end "_workload")
#define LABELS(end)                                                                                \
	"if(sees_" end ", arrayMap((k, v) -> concat(k, '=', v), `" end "_labels.key`, `" end       \
	"_labels.value`), emptyArrayString())"
#define POLICIES(end, side)                                                                        \
	"if(sees_" end ", arrayMap((k, s, n) -> concat(k, '/', s, if(s = '', '', '/'), n), `" side \
	"_policies.kind`, `" side "_policies.namespace`, `" side                                   \
	"_policies.name`), emptyArrayString())"

/* NULL: the values are known without a look. */
static const char *const columns[WEIR_FILTER_FIELDS] = {
	[WEIR_FILTER_NAMESPACE] = BOTH("from_namespace", "to_namespace"),
	[WEIR_FILTER_POD] = BOTH(POD("from"), POD("to")),
	[WEIR_FILTER_WORKLOAD] = BOTH(WORKLOAD("from"), WORKLOAD("to")),
	[WEIR_FILTER_LABEL] = "arrayJoin(arrayConcat(" LABELS("from") ", " LABELS("to") "))",
	[WEIR_FILTER_ADDRESS] = BOTH(WEIR_SQL_ADDRESS("from"), WEIR_SQL_ADDRESS("to")),
	[WEIR_FILTER_SERVICE] = BOTH(SEEN("from", "from_service"), SEEN("to", "to_service")),
	[WEIR_FILTER_END_NODE] = BOTH(SEEN("from", "from_node"), SEEN("to", "to_node")),
	[WEIR_FILTER_CLUSTER] = "cluster",
	[WEIR_FILTER_NODE] = BOTH(SEEN("from", "egress_reporter"), SEEN("to", "ingress_reporter")),
	[WEIR_FILTER_PORT] = "toString(to_port)",
	[WEIR_FILTER_POLICY] = "arrayJoin(arrayConcat(" POLICIES("from", "egress") ", " POLICIES(
		"to", "ingress") "))",
};

/* free() */
static char *write_values(const struct weir_value_query *q)
{
	static const struct weir_filter everything;
	char *sql = NULL;
	size_t len;
	FILE *f = open_memstream(&sql, &len);

	if (!f)
		return NULL;
	fprintf(f, "SELECT DISTINCT value FROM (");
	weir_where_with(f, q->scope);
	fprintf(f, "SELECT %s AS value FROM weir_flows PREWHERE ", columns[q->field]);
	weir_where(f, WEIR_CH_SECONDS, q->from, q->to, q->scope, &everything);
	fprintf(f, " AND type != %d) WHERE value != '' AND startsWith(value, ", WEIR_RECORD_GAP);
	weir_sql_text(f, q->prefix);
	fprintf(f, ") ORDER BY value LIMIT %u FORMAT JSONCompact", q->limit);
	if (fclose(f) != 0) {
		free(sql);
		return NULL;
	}
	return sql;
}

int weir_ch_values(struct weir_store *store, const struct weir_value_query *q, weir_value_fn *fn,
		   void *data, struct weir_answer_end *ret, struct weir_error *err)
{
	WEIR_AUTO_FREE char *sql = NULL;
	WEIR_CLEANUP(weir_table_clear) struct weir_table t = { 0 };
	struct weir_request request = { .budget = &q->budget, .partial = true };
	struct weir_purse purse;
	const cJSON *row;
	int r = 0;

	weir_purse_open(&purse, &q->budget);
	weir_purse_end(&purse, ret);
	if (!columns[q->field])
		return weir_known_values(q->field, q->prefix, q->limit, fn, data);
	request.sql = sql = write_values(q);
	if (!sql)
		return weir_error_errno(err, ENOMEM, "values");
	r = weir_ch_table((struct weir_clickhouse *)store, &request, &t, err);
	if (r < 0)
		return r;
	weir_purse_pay(&purse, t.read, t.ended);
	weir_purse_end(&purse, ret);
	cJSON_ArrayForEach (row, t.rows) {
		r = fn(data, weir_table_text(row, 0));
		if (r != 0)
			break;
	}
	return r;
}
