/* SPDX-License-Identifier: Apache-2.0 */
/* The store in a ClickHouse server, against a real one: what every store must do, and what
 * happens when the server, or the way to it, fails. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/hub/store/server.h"
#include "tests/unit/hub/store/suite.h"
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
	for (int i = 0; i < 30; i++)
		suite_check_flows(s, &t, base);
	for (int i = 0; i < 30; i++)
		suite_check_sums(s, &t, base);
	s->ops->stats(s, &stats);
	assert_int_equal(stats.rows, t.n);
	weir_store_close(&s);
	s = open_store("questions");
	s->ops->stats(s, &stats);
	assert_int_equal(stats.rows, t.n);
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
		cmocka_unit_test(test_questions),
	};

	if (!test_server_is_installed()) {
		printf("skipped: there is no clickhouse-server (package clickhouse-server)\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
