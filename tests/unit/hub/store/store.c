/* SPDX-License-Identifier: Apache-2.0 */
/* The store in SQLite: what every store must do, and its files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/hub/store/suite.h"
#include "weir/cleanup.h"
#include "weir/policy.h"
#include "weir/ruleset.h"

#include <cmocka.h>

#define MINUTE SUITE_MINUTE
#define ROWS   6000

static char folder[64];

static struct weir_store *open_store(uint64_t partition_ms)
{
	struct weir_store_config config = { .type = "sqlite",
					    .path = folder,
					    .raw_ms = 7 * 86400000ull,
					    .rollup_ms = 90 * 86400000ull,
					    .partition_ms = partition_ms };
	struct weir_store *s = NULL;
	struct weir_error err = { "" };

	if (weir_store_open(&config, &s, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

static void test_questions(void **state_)
{
	struct weir_store *s = open_store(3600000);
	uint64_t base = suite_base();
	struct weir_store_stats stats;
	struct test_rows t;

	test_rows_open(&t);
	suite_fill(s, &t, base, ROWS);
	for (int i = 0; i < 150; i++)
		suite_check_flows(s, &t, base);
	for (int i = 0; i < 100; i++) {
		suite_check_sums(s, &t, base);
		suite_check_top(s, &t, base);
		suite_check_values(s, &t, base);
	}
	s->ops->stats(s, &stats);
	assert_int_equal(stats.rows, t.n);
	weir_store_close(&s);
	s = open_store(3600000);
	for (int i = 0; i < 30; i++)
		suite_check_flows(s, &t, base);
	weir_store_close(&s);
	test_rows_close(&t);
}

/* Spans of a second: files are packed and summed up while questions go on. */
static void test_rollups(void **state_)
{
	struct weir_store *s = open_store(1000);
	uint64_t base = suite_base();
	struct test_rows t;

	test_rows_open(&t);
	for (int round = 0; round < 3; round++) {
		suite_fill(s, &t, base, ROWS / 4);
		for (int i = 0; i < 20; i++)
			suite_check_sums(s, &t, base);
		usleep(1100000);
	}
	suite_fill(s, &t, base, 10);
	usleep(500000);
	for (int i = 0; i < 60; i++) {
		suite_check_sums(s, &t, base);
		suite_check_flows(s, &t, base);
	}
	weir_store_close(&s);
	test_rows_close(&t);
}

static int count_mark(void *data, const struct weir_mark *mark)
{
	struct weir_mark *last = data;

	last->next = mark->next;
	last->n_ranges++;
	return 0;
}

static void test_marks(void **state_)
{
	struct weir_store *s = open_store(1000);
	struct weir_mark seen = { 0 };
	struct test_rows t;

	test_rows_open(&t);
	suite_fill(s, &t, suite_base(), 500);
	usleep(1100000);
	suite_fill(s, &t, suite_base(), 77);
	weir_store_close(&s);
	s = open_store(1000);
	assert_int_equal(s->ops->marks(s, count_mark, &seen, NULL), 0);
	assert_int_equal(seen.n_ranges, 1);
	assert_int_equal(seen.next, 578);
	weir_store_close(&s);
	test_rows_close(&t);
}

static int count_flow(void *data, const struct weir_hub_flow *flow)
{
	++*(size_t *)data;
	return 0;
}

/* A budget ends a question, and the answer says so. */
static void test_budget(void **state_)
{
	struct weir_store *s = open_store(3600000);
	struct weir_scope all = { 0 };
	struct weir_filter filter = { 0 };
	struct weir_answer_end end;
	struct weir_flow_query q = { .to = UINT64_MAX,
				     .scope = &all,
				     .filter = &filter,
				     .limit = 10000,
				     .budget = { 60000, 100, 1ull << 32 } };
	struct test_rows t;
	size_t n = 0;

	weir_scope_add(&all, "*", "*");
	test_rows_open(&t);
	suite_fill(s, &t, suite_base(), 3000);
	assert_int_equal(s->ops->flows(s, &q, count_flow, &n, &end, NULL), 0);
	assert_false(end.complete);
	assert_string_equal(end.why_not, "rows");
	weir_store_close(&s);
	test_rows_close(&t);
	weir_scope_clear(&all);
}

/* Retention by bytes deletes the oldest files, by age those that are too old; a
 * jump of the clock deletes nothing. */
static void test_retention(void **state_)
{
	struct weir_store *s = open_store(1000);
	uint64_t now = (uint64_t)time(NULL) * 1000000000ull, day = 24 * 60 * MINUTE;
	struct weir_store_stats before, after;
	struct test_rows t;

	test_rows_open(&t);
	for (int i = 0; i < 3; i++) {
		suite_fill(s, &t, suite_base(), 300);
		usleep(1100000);
	}
	suite_fill(s, &t, suite_base(), 1);
	s->ops->stats(s, &before);
	assert_int_equal(s->ops->expire(s, now, NULL), 0);
	assert_int_equal(s->ops->expire(s, now + 8 * day, NULL), 0); /* a jump */
	s->ops->stats(s, &after);
	assert_int_equal(after.rows, before.rows);
	for (int i = 1; i <= 12; i++)
		assert_int_equal(s->ops->expire(s, now + 8 * day + (uint64_t)i * 6 * MINUTE, NULL),
				 0);
	s->ops->stats(s, &after);
	assert_true(after.rows < before.rows);
	assert_true(after.expired >= 2);
	weir_store_close(&s);
	test_rows_close(&t);
}

/* A file with rubbish in it is set aside; what is in the others is still there. */
static void test_torn(void **state_)
{
	struct weir_store *s = open_store(1000);
	struct weir_store_stats stats;
	struct test_rows t;
	char command[200];

	test_rows_open(&t);
	suite_fill(s, &t, suite_base(), 400);
	usleep(1100000);
	suite_fill(s, &t, suite_base(), 100);
	weir_store_close(&s);
	snprintf(command, sizeof(command),
		 "f=$(ls %s/flows-*.db | head -1); rm -f $f-wal $f-shm; "
		 "dd if=/dev/urandom of=$f bs=4k count=2 conv=notrunc 2>/dev/null",
		 folder);
	assert_int_equal(system(command), 0);
	s = open_store(1000);
	s->ops->stats(s, &stats);
	assert_int_equal(stats.broken, 1);
	assert_int_equal(stats.rows, 100);
	weir_store_close(&s);
	test_rows_close(&t);
}

static void test_second_hub(void **state_)
{
	struct weir_store *s = open_store(3600000), *other = NULL;
	struct weir_store_config config = { .type = "sqlite",
					    .path = folder,
					    .partition_ms = 1000 };
	struct weir_error err = { "" };

	assert_true(weir_store_open(&config, &other, &err) < 0);
	assert_non_null(strstr(err.text, "another weir-hub"));
	config.type = "oracle";
	assert_true(weir_store_open(&config, &other, &err) < 0);
	assert_non_null(strstr(err.text, "sqlite"));
	weir_store_close(&s);
}

static int set_up(void **state_)
{
	strcpy(folder, "/tmp/weir-t-store-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state_)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_questions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rollups, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_marks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_budget, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_retention, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_torn, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_second_hub, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
