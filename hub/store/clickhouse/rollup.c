/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of days that are over; see rollup.h. */
#include "hub/store/clickhouse/rollup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hub/store/clickhouse/clickhouse.h"
#include "hub/store/clickhouse/measures.h"
#include "weir/cleanup.h"
#include "weir/log.h"
#include "weir/record.h"

#define MINUTE (60 * 1000000000ull)
#define HOUR   (60 * MINUTE)
#define GRACE  HOUR /* after a day: what hubs with slow clocks store in it */

struct weir_rollup {
	struct weir_clickhouse *store;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool woken, ending;
	bool failing; /* said in the log already */
};

/* What sums are told apart by. */
#define KEYS                                                                                       \
	"cluster, egress_reporter, ingress_reporter, from_namespace, from_workload_kind, "         \
	"from_workload, to_namespace, to_workload_kind, to_workload, to_port, protocol, verdict, " \
	"egress_verdict, egress_reason, `egress_policies.kind`, `egress_policies.namespace`, "     \
	"`egress_policies.name`, ingress_verdict, ingress_reason, `ingress_policies.kind`, "       \
	"`ingress_policies.namespace`, `ingress_policies.name`"

#define TABLE                                                                                      \
	"(day Date, attempt UInt64, time UInt64, cluster String, egress_reporter String, "         \
	"ingress_reporter String, from_namespace String, from_workload_kind String, "              \
	"from_workload String, to_namespace String, to_workload_kind String, to_workload String, " \
	"to_port UInt16, protocol UInt8, verdict UInt8, egress_verdict UInt8, egress_reason "      \
	"UInt8, `egress_policies.kind` Array(String), `egress_policies.namespace` Array(String), " \
	"`egress_policies.name` Array(String), ingress_verdict UInt8, ingress_reason UInt8, "      \
	"`ingress_policies.kind` Array(String), `ingress_policies.namespace` Array(String), "      \
	"`ingress_policies.name` Array(String), sum0 UInt64, sum1 UInt64, sum2 UInt64, "           \
	"sum3 UInt64, sum4 UInt64, sum5 UInt64) ENGINE = MergeTree PARTITION BY day "              \
	"ORDER BY time"
#define SUMMED_TABLE                                                                               \
	"(day Date, attempt UInt64, rows UInt64) ENGINE = MergeTree PARTITION BY day ORDER BY "    \
	"attempt"
_Static_assert(WEIR_SUM_MAX == 6, "sum0 to sum5");

int weir_rollup_create(struct weir_clickhouse *s, struct weir_error *err)
{
	static const char *const tables[] = {
		"CREATE TABLE IF NOT EXISTS weir_minutes " TABLE,
		"CREATE TABLE IF NOT EXISTS weir_hours " TABLE,
		"CREATE TABLE IF NOT EXISTS weir_summed " SUMMED_TABLE,
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < WEIR_ARRAY_SIZE(tables); i++)
		r = weir_server_do(s->server, err, "%s", tables[i]);
	return r;
}

/* --- what sums can answer ---------------------------------------------------------------- */

static const bool summed_fields[WEIR_FILTER_FIELDS] = {
	[WEIR_FILTER_NAMESPACE] = true, [WEIR_FILTER_WORKLOAD] = true,
	[WEIR_FILTER_CLUSTER] = true,	[WEIR_FILTER_NODE] = true,
	[WEIR_FILTER_PORT] = true,	[WEIR_FILTER_PROTOCOL] = true,
	[WEIR_FILTER_VERDICT] = true,	[WEIR_FILTER_REASON] = true,
	[WEIR_FILTER_POLICY] = true,	[WEIR_FILTER_DIRECTION] = true,
};

static bool is_multiple(const struct weir_sum_query *q, uint64_t of)
{
	for (unsigned i = 0; i < q->n_dims; i++)
		if (q->dims[i] == WEIR_DIM_TIME && q->step % of)
			return false;
	return q->from % of == 0 && (q->to % of == 0 || q->to == UINT64_MAX);
}

const char *weir_rollup_table(const struct weir_sum_query *q)
{
	for (unsigned i = 0; i < q->n_dims; i++)
		if (q->dims[i] >= WEIR_DIM_FROM_POD && q->dims[i] <= WEIR_DIM_TO_ADDRESS)
			return NULL;
	for (size_t i = 0; i < q->filter->n_terms; i++)
		if (!summed_fields[q->filter->terms[i].field])
			return NULL;
	if (is_multiple(q, HOUR))
		return "weir_hours";
	return is_multiple(q, MINUTE) ? "weir_minutes" : NULL;
}

/* --- which days are summed up ----------------------------------------------------------- */

/* Of several attempts at a day the one that saw the most rows. */
#define SUMMED                                                                                     \
	"SELECT toUInt16(day) AS d, argMax(attempt, rows) AS a, max(rows) AS n FROM weir_summed "  \
	"GROUP BY day FORMAT JSONCompact"

static int join(const struct weir_table *t, int column, const char *before, const char *after,
		char **ret)
{
	const cJSON *row;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return -ENOMEM;
	cJSON_ArrayForEach (row, t->rows) {
		if (ftell(f))
			fputc(',', f);
		fprintf(f, "%s%" PRIu64 "%s", before, weir_table_number(row, column), after);
	}
	if (fclose(f) != 0) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}

int weir_rollup_days(struct weir_clickhouse *s, char **ret_days, char **ret_attempts,
		     struct weir_error *err)
{
	WEIR_CLEANUP(weir_table_clear) struct weir_table t = { 0 };
	WEIR_AUTO_FREE char *days = NULL, *attempts = NULL;
	int r = weir_ch_query(s, &t, err, SUMMED);

	if (r < 0)
		return r;
	if (join(&t, 0, "toDate(", ")", &days) < 0 || join(&t, 1, "", "", &attempts) < 0)
		return weir_error_errno(err, ENOMEM, "sums");
	*ret_days = weir_take(days);
	*ret_attempts = weir_take(attempts);
	return 0;
}

/* --- summing up ------------------------------------------------------------------------- */

static int sum_up(struct weir_clickhouse *s, uint64_t day, uint64_t rows, struct weir_error *err)
{
	uint64_t attempt = weir_ch_random();
	int r = weir_server_do_slowly(
		s->server, err,
		"INSERT INTO weir_minutes SELECT toDate(%" PRIu64 "), toUInt64(%" PRIu64
		"), intDiv(time, %llu) * %llu AS t, " KEYS
		", %s, %s, %s, %s, %s, %s FROM weir_flows PREWHERE day = toDate(%" PRIu64
		") WHERE time > 0 AND type < %d AND second = 0 AND attempt NOT IN (SELECT attempt "
		"FROM weir_voids) GROUP BY t, " KEYS,
		day, attempt, MINUTE, MINUTE, weir_measures[0], weir_measures[1], weir_measures[2],
		weir_measures[3], weir_measures[4], weir_measures[5], day, WEIR_RECORD_GAP);

	if (r == 0)
		r = weir_server_do_slowly(
			s->server, err,
			"INSERT INTO weir_hours SELECT toDate(%" PRIu64 "), toUInt64(%" PRIu64
			"), intDiv(time, %llu) * %llu AS t, " KEYS
			", sum(sum0), sum(sum1), sum(sum2), sum(sum3), sum(sum4), sum(sum5) FROM "
			"weir_minutes PREWHERE attempt = %" PRIu64 " WHERE day = toDate(%" PRIu64
			") GROUP BY t, " KEYS,
			day, attempt, HOUR, HOUR, attempt, day);
	if (r == 0)
		r = weir_server_do(s->server, err,
				   "INSERT INTO weir_summed VALUES (toDate(%" PRIu64 "), %" PRIu64
				   ", %" PRIu64 ")",
				   day, attempt, rows);
	return r;
}

static uint64_t rows_summed(const struct weir_table *summed, uint64_t day)
{
	const cJSON *row;

	cJSON_ArrayForEach (row, summed->rows)
		if (weir_table_number(row, 0) == day)
			return weir_table_number(row, 2);
	return 0;
}

/* Days of flows that are over; rows that came in later are a reason to do it again. */
static int sum_up_days(struct weir_clickhouse *s, struct weir_error *err)
{
	WEIR_CLEANUP(weir_table_clear) struct weir_table days = { 0 }, summed = { 0 };
	uint64_t now = weir_ch_now(), day, rows;
	const cJSON *row;
	int r = weir_ch_query(s, &summed, err, SUMMED);

	if (r == 0)
		r = weir_ch_query(s, &days, err,
				  "SELECT toUInt16(toDate(partition)) AS d, sum(rows) AS n FROM "
				  "system.parts WHERE database = '%s' AND table = 'weir_flows' AND "
				  "active GROUP BY d ORDER BY d FORMAT JSONCompact",
				  weir_server_database(s->server));
	cJSON_ArrayForEach (row, days.rows) {
		day = weir_table_number(row, 0);
		rows = weir_table_number(row, 1);
		if (r == 0 && (day + 1) * WEIR_DAY_NS + GRACE < now &&
		    (day + 1) * WEIR_DAY_NS + s->rollup_ns > now &&
		    rows > rows_summed(&summed, day))
			r = sum_up(s, day, rows, err);
	}
	return r;
}

/* --- the thread -------------------------------------------------------------------------- */

static void *run(void *rollup)
{
	struct weir_rollup *u = rollup;
	struct weir_error err = { "" };
	int r;

	pthread_mutex_lock(&u->lock);
	while (!u->ending) {
		if (!u->woken) {
			pthread_cond_wait(&u->wake, &u->lock);
			continue;
		}
		u->woken = false;
		pthread_mutex_unlock(&u->lock);
		r = sum_up_days(u->store, &err);
		pthread_mutex_lock(&u->lock);
		if (r < 0 && !u->failing && !u->ending)
			weir_log(WEIR_LOG_WARNING,
				 "a day's flows cannot be summed up; tried again every minute",
				 "error", err.text, NULL);
		u->failing = r < 0;
	}
	pthread_mutex_unlock(&u->lock);
	return NULL;
}

int weir_rollup_start(struct weir_clickhouse *s, struct weir_error *err)
{
	struct weir_rollup *u = calloc(1, sizeof(*u));

	if (!u)
		return weir_error_errno(err, ENOMEM, "sums");
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->wake, NULL);
	u->store = s;
	if (pthread_create(&u->thread, NULL, run, u) != 0) {
		free(u);
		return weir_error_errno(err, EAGAIN, "sums");
	}
	s->rollup = u;
	return 0;
}

void weir_rollup_stop(struct weir_clickhouse *s)
{
	struct weir_rollup *u = weir_take(s->rollup);

	if (!u)
		return;
	pthread_mutex_lock(&u->lock);
	u->ending = true;
	pthread_cond_signal(&u->wake);
	pthread_mutex_unlock(&u->lock);
	weir_server_give_up(s->server);
	pthread_join(u->thread, NULL);
	pthread_mutex_destroy(&u->lock);
	pthread_cond_destroy(&u->wake);
	free(u);
}

void weir_rollup_wake(struct weir_clickhouse *s)
{
	pthread_mutex_lock(&s->rollup->lock);
	s->rollup->woken = true;
	pthread_cond_signal(&s->rollup->wake);
	pthread_mutex_unlock(&s->rollup->lock);
}
