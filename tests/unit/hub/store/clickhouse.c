/* SPDX-License-Identifier: Apache-2.0 */
/* The store in a ClickHouse server, against a real one: what every store must do, and what
 * happens when the server, or the way to it, fails. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hub/store/clickhouse/clickhouse.h"
#include "hub/store/clickhouse/columns.h"
#include "tests/unit/hub/store/server.h"
#include "tests/unit/hub/store/suite.h"
#include "tests/unit/hub/store/way.h"
#include "weir/cleanup.h"

#include <cmocka.h>

#define ROWS 3000

static struct test_server server;

static struct weir_store *open_url(const char *url)
{
	struct weir_store_config config = { .type = "clickhouse",
					    .url = url,
					    .raw_ms = 7 * 86400000ull,
					    .rollup_ms = 90 * 86400000ull };
	struct weir_store *s = NULL;
	struct weir_error err = { "" };

	if (weir_store_open(&config, &s, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

/* A database of its own for each test. */
static struct weir_store *open_store(const char *name)
{
	char url[128];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/?database=%s&timeout=10", server.port,
		 name);
	return open_url(url);
}

static void test_questions(void **state)
{
	struct weir_store *s = open_store("questions");
	uint64_t base = suite_base();
	struct weir_store_stats stats;
	struct test_rows t;

	test_rows_open(&t);
	suite_fill(s, &t, base, ROWS);
	for (int i = 0; i < 20; i++)
		suite_check_flows(s, &t, base);
	for (int i = 0; i < 30; i++) {
		suite_check_sums(s, &t, base);
		suite_check_top(s, &t, base);
		suite_check_values(s, &t, base);
	}
	s->ops->stats(s, &stats);
	assert_int_equal(stats.rows, t.n);
	weir_store_close(&s);
	s = open_store("questions");
	s->ops->stats(s, &stats);
	assert_int_equal(stats.rows, t.n);
	weir_store_close(&s);
	test_rows_close(&t);
}

/* --- what comes in ------------------------------------------------------------------- */

static int count_flow(void *data, const struct weir_hub_flow *flow)
{
	++*(size_t *)data;
	return 0;
}

static size_t count(struct weir_store *s)
{
	struct weir_flow_query q = { .from = suite_base(),
				     .to = UINT64_MAX,
				     .limit = 100000,
				     .seconds = true,
				     .budget = { 60000, 1ull << 40, 1ull << 32 } };
	struct weir_filter filter = { 0 };
	struct weir_answer_end end;
	struct weir_scope all = { 0 };
	struct weir_error err = { "" };
	size_t n = 0;

	weir_scope_add(&all, "*", "*");
	q.scope = &all;
	q.filter = &filter;
	if (s->ops->flows(s, &q, count_flow, &n, &end, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(end.complete);
	weir_scope_clear(&all);
	return n;
}

static int try_append(struct weir_store *s, struct test_rows *t, size_t from, size_t n,
		      struct weir_error *err)
{
	struct weir_mark mark = { "c0", "n0", "boot-1", from + n + 1, 0, NULL };

	return s->ops->append(s, t->words, t->rows + from, n, &mark, 1, err);
}

static int newest_mark(void *data, const struct weir_mark *mark)
{
	*(uint64_t *)data = mark->next;
	return 0;
}

static uint64_t next_of(struct weir_store *s)
{
	struct weir_error err = { "" };
	uint64_t next = 0;

	if (s->ops->marks(s, newest_mark, &next, &err) < 0)
		fail_msg("%s", err.text);
	return next;
}

/* Answers that are lost, and requests that are cut at any byte: each row is stored once. */
static void test_cut(void **state)
{
	struct weir_error err = { "" };
	struct weir_store *s;
	struct test_rows t;
	char url[128];
	struct test_way way;
	int cuts = 0;

	test_way_open(&way, server.port);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/?database=cut&timeout=10", way.port);
	s = open_url(url);
	test_rows_open(&t);
	test_rows_add(&t, 500, suite_base(), suite_base() + SUITE_MINUTE);
	way.deaf = true;
	assert_true(try_append(s, &t, 0, 100, &err) < 0);
	assert_non_null(strstr(err.text, "127.0.0.1"));
	assert_true(try_append(s, &t, 0, 100, &err) < 0);
	way.deaf = false;
	assert_int_equal(try_append(s, &t, 0, 100, &err), 0);
	assert_int_equal(count(s), 100);
	for (int i = 0; i < 40; i++) {
		way.request_bytes = (long)test_random(25000);
		if (try_append(s, &t, 100 + (size_t)i * 10, 10, &err) < 0) {
			cuts++;
			way.request_bytes = -1;
			assert_int_equal(try_append(s, &t, 100 + (size_t)i * 10, 10, &err), 0);
		}
		way.request_bytes = -1;
		assert_int_equal(next_of(s), 100 + (uint64_t)i * 10 + 10 + 1);
	}
	assert_int_equal(count(s), 500);
	assert_in_range(cuts, 5, 39);
	weir_store_close(&s);
	test_way_close(&way);
	test_rows_close(&t);
}

/* A server that stops, and does what it was asked for only after we gave up. */
static void test_frozen(void **state)
{
	int r = -1;
	struct weir_error err = { "" };
	struct weir_store *s;
	struct test_rows t;
	char url[128];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/?database=frozen&timeout=1", server.port);
	s = open_url(url);
	test_rows_open(&t);
	test_rows_add(&t, 50, suite_base(), suite_base() + SUITE_MINUTE);
	assert_int_equal(try_append(s, &t, 0, 10, &err), 0);
	test_server_kill(&server, SIGSTOP);
	assert_int_equal(try_append(s, &t, 10, 40, &err), -ETIMEDOUT);
	test_server_kill(&server, SIGCONT);
	for (int i = 0; i < 30 && (r = try_append(s, &t, 10, 40, &err)) < 0; i++)
		usleep(100000);
	assert_int_equal(r, 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(count(s), 50);
		usleep(50000);
	}
	weir_store_close(&s);
	test_rows_close(&t);
}

static void *kill_soon(void *data)
{
	usleep(*(useconds_t *)data);
	test_server_kill(&server, SIGKILL);
	return NULL;
}

/* kill -9 at a random time while rows come in; away for a while; back again. */
static void test_killed(void **state)
{
	struct weir_store *s = open_store("killed");
	struct weir_store_stats stats;
	struct weir_error err = { "" };
	size_t at = 0, some;
	struct test_rows t;
	pthread_t killer;

	test_rows_open(&t);
	test_rows_add(&t, 20000, suite_base(), suite_base() + SUITE_MINUTE);
	for (int round = 0; round < 2; round++) {
		useconds_t when = (useconds_t)test_random(150000);

		pthread_create(&killer, NULL, kill_soon, &when);
		for (int r = 0; r == 0 && at < t.n; at += r == 0 ? some : 0) {
			some = 1 + test_random(t.n - at < 1000 ? t.n - at : 1000);
			r = try_append(s, &t, at, some, &err);
		}
		pthread_join(killer, NULL);
		assert_true(try_append(s, &t, at, 1, &err) < 0);
		assert_non_null(strstr(err.text, "is clickhouse-server running there?"));
		s->ops->stats(s, &stats);
		assert_true(stats.failing);
		assert_non_null(strstr(stats.why, "store.url"));
		assert_int_equal(test_server_start(&server), 0);
		assert_int_equal(try_append(s, &t, at, 1, &err), 0);
		at++;
		assert_int_equal(next_of(s), at + 1);
		assert_int_equal(count(s), at);
	}
	while (at < t.n) {
		some = t.n - at < 7000 ? t.n - at : 7000;
		assert_int_equal(try_append(s, &t, at, some, &err), 0);
		at += some;
	}
	s->ops->stats(s, &stats);
	assert_false(stats.failing);
	assert_int_equal(next_of(s), t.n + 1);
	assert_int_equal(count(s), t.n);
	weir_store_close(&s);
	test_rows_close(&t);
}

/* --- marks, budget, retention, names --------------------------------------------------- */

static int compare_mark(void *data, const struct weir_mark *mark)
{
	const struct weir_mark *want = data;

	assert_string_equal(mark->node, want->node);
	assert_int_equal(mark->next, want->next);
	assert_int_equal(mark->n_ranges, want->n_ranges);
	assert_memory_equal(mark->ranges, want->ranges, want->n_ranges * sizeof(*want->ranges));
	return 0;
}

static void put_marks(struct weir_store *s, struct test_rows *t, const struct weir_mark *mark)
{
	struct weir_error err = { "" };

	if (s->ops->append(s, t->words, NULL, 0, mark, 1, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(s->ops->marks(s, compare_mark, (void *)mark, NULL), 0);
}

/* The newest mark counts, whichever hub wrote it, also after its partition has gone. */
static void test_marks(void **state)
{
	static const struct weir_range ranges[] = { { 20, 29 }, { 40, 40 } };
	struct weir_mark mark = { "c0", "n'0\\", "boot", 10, 0, NULL };
	struct weir_store *s = open_store("marks"), *other = open_store("marks");
	struct test_rows t;

	test_rows_open(&t);
	put_marks(s, &t, &mark);
	mark.n_ranges = 1;
	mark.ranges = ranges;
	put_marks(other, &t, &mark);
	mark.n_ranges = 2;
	put_marks(s, &t, &mark);
	mark.n_ranges = 0;
	mark.next = 41;
	put_marks(other, &t, &mark);
	weir_store_close(&s);
	weir_store_close(&other);
	test_rows_close(&t);
}

static void test_budget(void **state)
{
	struct weir_store *s = open_store("budget");
	struct weir_scope all = { 0 };
	struct weir_filter filter = { 0 };
	struct weir_answer_end end;
	struct weir_flow_query q = { .from = suite_base(),
				     .to = UINT64_MAX,
				     .scope = &all,
				     .filter = &filter,
				     .limit = 10000,
				     .budget = { 60000, 100, 1ull << 32 } };
	struct weir_sum_query sums = { .to = UINT64_MAX,
				       .scope = &all,
				       .filter = &filter,
				       .n_dims = 1,
				       .dims = { WEIR_DIM_PORT },
				       .limit = 10,
				       .budget = { 60000, 1ull << 40, 1000 } };
	struct weir_error err = { "" };
	struct test_rows t;
	size_t n = 0;

	weir_scope_add(&all, "*", "*");
	test_rows_open(&t);
	suite_fill(s, &t, suite_base(), 3000);
	assert_int_equal(s->ops->flows(s, &q, count_flow, &n, &end, NULL), 0);
	assert_false(end.complete);
	assert_string_equal(end.why_not, "rows");
	assert_int_equal(s->ops->sums(s, &sums, NULL, NULL, &end, &err), 0);
	assert_false(end.complete);
	assert_string_equal(end.why_not, "memory");
	q.budget = (struct weir_budget){ 60000, 1ull << 40, 64u << 20 }; /* weir-hub's own */
	q.limit = 1000;
	assert_int_equal(s->ops->flows(s, &q, count_flow, &n, &end, NULL), 0);
	assert_true(end.complete);
	assert_int_equal(n, 1000);
	q.cursor = "n1.00";
	assert_int_equal(s->ops->flows(s, &q, count_flow, &n, &end, &err), -EINVAL);
	assert_non_null(strstr(err.text, "cursor"));
	weir_store_close(&s);
	test_rows_close(&t);
	weir_scope_clear(&all);
}

static const char *const hostile[] = {
	"'",	       "\\",
	"\\'",	       "a'); DROP TABLE weir_flows; --",
	"' OR 1=1 --", "%",
	"_",	       "a\tb\nc",
	"\x01\x7f",    "na\xc3\xafve",
	"\"",	       "`",
	"{a}",	       "?",
	"$1",	       "\\x27",
	"/*",	       "--",
	"shop*",
};

static void add_hostile(struct test_rows *t, const char *name)
{
	struct weir_record_label label = { name, name };
	struct weir_record_peer p = { .namespace_ = name,
				      .pod = name,
				      .workload_kind = name,
				      .workload = name,
				      .node = name,
				      .service = name,
				      .labels = &label,
				      .n_labels = 1 };
	struct weir_bytes b = { 0 };
	const struct weir_word *word;
	uint32_t number;

	weir_pack_end(&b, "c0", &p);
	assert_int_equal(weir_dictionary_add(t->words, WEIR_WORD_END, b.data, b.len, &number), 0);
	word = weir_dictionary_get(t->words, WEIR_WORD_END, number);
	weir_words_set(&t->unpacked, WEIR_WORD_END, number, word->bytes, word->len);
	free(b.data);
	test_rows_add(t, 1, suite_base(), suite_base() + SUITE_MINUTE);
	t->rows[t->n - 1].end[0] = number;
	t->rows[t->n - 1].type = WEIR_RECORD_OPEN;
	t->rows[t->n - 1].second = false;
}

static size_t ask(struct weir_store *s, const struct weir_scope *scope, const char *name,
		  const char *value)
{
	struct weir_filter filter = { 0 };
	struct weir_flow_query q = { .from = suite_base(),
				     .to = UINT64_MAX,
				     .scope = scope,
				     .filter = &filter,
				     .limit = 100,
				     .budget = { 60000, 1ull << 40, 1ull << 32 } };
	struct weir_answer_end end;
	struct weir_error err = { "" };
	size_t n = 0;

	assert_int_equal(weir_filter_add(&filter, name, value, &err), 0);
	if (s->ops->flows(s, &q, count_flow, &n, &end, &err) < 0)
		fail_msg("%s=%s: %s", name, value, err.text);
	weir_filter_clear(&filter);
	return n;
}

static int is_name(void *data, const char *value)
{
	return strcmp(data, value) == 0;
}

/* Names that are SQL, in flows, filters, prefixes and scopes: they are names. */
static void test_hostile_names(void **state)
{
	struct weir_store *s = open_store("hostile");
	struct weir_scope all = { 0 };
	struct weir_error err = { "" };
	struct weir_answer_end end;
	struct test_rows t;

	weir_scope_add(&all, "*", "*");
	test_rows_open(&t);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(hostile); i++)
		add_hostile(&t, hostile[i]);
	suite_append(s, &t, 0, t.n);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(hostile); i++) {
		struct weir_value_query q = { .to = UINT64_MAX,
					      .scope = &all,
					      .field = WEIR_FILTER_NAMESPACE,
					      .prefix = hostile[i],
					      .limit = 100,
					      .budget = { 60000, 1ull << 40, 1ull << 32 } };
		struct weir_scope one = { 0 };

		assert_int_equal(ask(s, &all, "from.namespace", hostile[i]), 1);
		assert_int_equal(ask(s, &all, "from.service", hostile[i]), 1);
		assert_int_equal(ask(s, &all, "from.hostNode", hostile[i]), 1);
		if (!strchr(hostile[i], '=')) /* a label has a key */
			assert_int_equal(ask(s, &all, "from.label", hostile[i]), 1);
		assert_int_equal(s->ops->values(s, &q, is_name, (void *)hostile[i], &end, &err), 1);
		weir_scope_add(&one, "*", hostile[i]);
		if (!strchr(hostile[i], '*'))
			assert_int_equal(ask(s, &one, "from.namespace", hostile[i]), 1);
		weir_scope_clear(&one);
	}
	assert_int_equal(count(s), t.n);
	weir_store_close(&s);
	test_rows_close(&t);
	weir_scope_clear(&all);
}

static void test_bad_urls(void **state)
{
	static const struct {
		const char *url, *says;
	} urls[] = {
		{ "", "want http://HOST:8123/?database=NAME" },
		{ "ftp://127.0.0.1/", "want http:// or https://" },
		{ "http://127.0.0.1:1/?database=a'b", "letters, digits and _" },
		{ "http://127.0.0.1:1/?timeout=soon", "seconds" },
		{ "http://127.0.0.1:1/", "is clickhouse-server running there? (store.url)" },
		{ "http://me:secret@127.0.0.1:1/", "http://127.0.0.1:1: " },
	};
	struct weir_store *s;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(urls); i++) {
		struct weir_store_config config = { .type = "clickhouse", .url = urls[i].url };
		struct weir_error err = { "" };

		assert_true(weir_store_open(&config, &s, &err) < 0);
		assert_non_null(strstr(err.text, urls[i].says));
		assert_null(strstr(err.text, "secret"));
	}
}

/* --- days that are over ------------------------------------------------------------------ */

static const char *today(void)
{
	static char id[16];
	time_t now = time(NULL);

	strftime(id, sizeof(id), "%Y%m%d", gmtime(&now));
	return id;
}

static void do_sql(const char *database, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void do_sql(const char *database, const char *format, ...)
{
	WEIR_CLEANUP(weir_server_free) struct weir_server *to = NULL;
	struct weir_error err = { "" };
	char url[128], *sql = NULL;
	va_list args;

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/?database=%s", server.port, database);
	assert_int_equal(weir_server_new(url, &to, &err), 0);
	va_start(args, format);
	assert_true(vasprintf(&sql, format, args) > 0);
	va_end(args);
	if (weir_server_do(to, &err, "%s", sql) < 0)
		fail_msg("%s", err.text);
	free(sql);
}

/* What was stored today, as if it had been stored days ago. */
static void make_older(const char *database, unsigned days)
{
	char *names = NULL;
	size_t len;
	FILE *f = open_memstream(&names, &len);

	for (size_t i = 1; i < weir_ch_n_columns; i++)
		fprintf(f, ", `%s`", weir_ch_columns[i].name);
	fclose(f);
	do_sql(database,
	       "INSERT INTO weir_flows SELECT day - %u%s FROM weir_flows WHERE day = toDate(%u)",
	       days, names, (unsigned)(time(NULL) / 86400));
	do_sql(database, "ALTER TABLE weir_flows DROP PARTITION ID '%s'", today());
	free(names);
}

static void wait_for_sums(struct weir_store *s)
{
	struct weir_clickhouse *ch = (struct weir_clickhouse *)s;
	char *days = NULL, *attempts = NULL;

	for (int i = 0; i < 200 && (!days || !*days); i++) {
		free(days);
		free(attempts);
		usleep(50000);
		assert_int_equal(weir_rollup_days(ch, &days, &attempts, NULL), 0);
	}
	assert_true(*days);
	free(days);
	free(attempts);
}

/* Sums of days that are over and flows of today are one answer; then the flows go by age, and
 * the sums, and the marks, stay. */
static void test_days(void **state)
{
	uint64_t now = (uint64_t)time(NULL) * 1000000000ull, hour = 60 * SUITE_MINUTE;
	struct weir_store *s = open_store("days");
	struct weir_store_stats stats;
	struct weir_error err = { "" };
	struct test_rows t;
	uint64_t next;

	test_rows_open(&t);
	suite_fill(s, &t, suite_base(), 1500);
	make_older("days", 2);
	suite_fill(s, &t, suite_base(), 500);
	next = next_of(s);
	if (s->ops->expire(s, now, &err) < 0)
		fail_msg("%s", err.text);
	wait_for_sums(s);
	s->ops->stats(s, &stats);
	assert_int_equal(stats.rows, 2000);
	for (int i = 0; i < 40; i++)
		suite_check_top(s, &t, suite_base());
	for (int i = 0; i < 10; i++)
		suite_check_sums(s, &t, suite_base());
	assert_int_equal(s->ops->expire(s, now + 6 * 24 * hour, &err), 0); /* a jump */
	s->ops->stats(s, &stats);
	assert_int_equal(stats.rows, 2000);
	for (uint64_t i = 1; i < 14; i++)
		assert_int_equal(
			s->ops->expire(s, now + 6 * 24 * hour + i * 5 * SUITE_MINUTE, &err), 0);
	s->ops->stats(s, &stats);
	assert_int_equal(stats.rows, 500);
	assert_true(stats.expired >= 1);
	assert_int_equal(count(s), 500);
	assert_int_equal(next_of(s), next);
	weir_store_close(&s);
	test_rows_close(&t);
}

static void test_bytes(void **state)
{
	struct weir_store_config config = { .type = "clickhouse", .max_bytes = 1 };
	struct weir_store *s = open_store("bytes");
	struct weir_error err = { "" };
	struct test_rows t;
	char url[128];

	test_rows_open(&t);
	suite_fill(s, &t, suite_base(), 300);
	make_older("bytes", 1);
	suite_fill(s, &t, suite_base(), 100);
	weir_store_close(&s);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/?database=bytes", server.port);
	config.url = url;
	config.raw_ms = config.rollup_ms = 90 * 86400000ull;
	assert_int_equal(weir_store_open(&config, &s, &err), 0);
	assert_int_equal(s->ops->expire(s, (uint64_t)time(NULL) * 1000000000ull, &err), 0);
	assert_int_equal(count(s), 100); /* the newest stay */
	assert_int_equal(next_of(s), 401);
	weir_store_close(&s);
	test_rows_close(&t);
}

static int set_up(void **state)
{
	return test_server_open(&server);
}

static int tear_down(void **state)
{
	test_server_close(&server);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_questions),     cmocka_unit_test(test_cut),
		cmocka_unit_test(test_marks),	      cmocka_unit_test(test_budget),
		cmocka_unit_test(test_hostile_names), cmocka_unit_test(test_bad_urls),
		cmocka_unit_test(test_days),	      cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_frozen),	      cmocka_unit_test(test_killed),
	};

	if (!test_server_is_installed()) {
		printf("skipped: there is no clickhouse-server (package clickhouse-server)\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
