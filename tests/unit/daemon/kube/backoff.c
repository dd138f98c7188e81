/* SPDX-License-Identifier: Apache-2.0 */
/* How long a client waits: bounds, growth, chance, and what the server asked for. */
#include "daemon/kube/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define ROUNDS 500

static void grows_between_its_bounds(void **state)
{
	static const uint32_t around[] = { 100, 200, 400, 800, 1000, 1000, 1000 };

	for (int round = 0; round < ROUNDS; round++) {
		struct weir_backoff b = { .min_ms = 100, .max_ms = 1000 };

		for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++)
			assert_in_range(weir_backoff_next(&b, 0), around[i] / 2, around[i] * 3 / 2);
	}
}

static void never_overflows(void **state)
{
	struct weir_backoff b = { .min_ms = 250, .max_ms = 30000 };

	for (int i = 0; i < 5000; i++)
		weir_backoff_next(&b, 0);
	assert_in_range(weir_backoff_next(&b, 0), 15000, 45000);
}

static void begins_anew_after_success(void **state)
{
	struct weir_backoff b = { .min_ms = 100, .max_ms = 10000 };

	for (int i = 0; i < 20; i++)
		weir_backoff_next(&b, 0);
	weir_backoff_reset(&b);
	assert_in_range(weir_backoff_next(&b, 0), 50, 150);
}

/* Two clients that fail together do not come back together: every quarter of
 * the range is met. */
static void is_spread(void **state)
{
	unsigned quarters[4] = { 0 };

	for (int round = 0; round < ROUNDS; round++) {
		struct weir_backoff b = { .min_ms = 1000, .max_ms = 1000 };
		uint32_t ms = weir_backoff_next(&b, 0);

		quarters[ms >= 1500 ? 3 : (ms - 500) / 250]++;
	}
	for (int i = 0; i < 4; i++)
		assert_in_range(quarters[i], ROUNDS / 10, ROUNDS);
}

/* Never earlier than asked, and not all at that very moment. */
static void honours_the_server(void **state)
{
	uint32_t least = UINT32_MAX, most = 0;

	for (int round = 0; round < ROUNDS; round++) {
		struct weir_backoff b = { .min_ms = 100, .max_ms = 1000 };
		uint32_t ms = weir_backoff_next(&b, 5000);

		assert_in_range(ms, 5000, 5150);
		least = ms < least ? ms : least;
		most = ms > most ? ms : most;
	}
	assert_true(most - least > 50);
}

static void an_early_answer_is_no_hurry(void **state)
{
	struct weir_backoff b = { .min_ms = 1000, .max_ms = 1000 };

	for (int i = 0; i < ROUNDS; i++)
		assert_true(weir_backoff_next(&b, 1) >= 500);
}

static void jitter_is_a_quarter(void **state)
{
	for (int i = 0; i < ROUNDS; i++)
		assert_in_range(weir_backoff_jitter(400), 300, 500);
	assert_int_equal(weir_backoff_jitter(0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_between_its_bounds),
		cmocka_unit_test(never_overflows),
		cmocka_unit_test(begins_anew_after_success),
		cmocka_unit_test(is_spread),
		cmocka_unit_test(honours_the_server),
		cmocka_unit_test(an_early_answer_is_no_hurry),
		cmocka_unit_test(jitter_is_a_quarter),
	};

	return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
