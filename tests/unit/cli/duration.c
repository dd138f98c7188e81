/* SPDX-License-Identifier: Apache-2.0 */
/* Durations: what people write is understood, what is ambiguous is refused. */
#include "cli/weirctl.h"

#include <errno.h>

#include "tests/unit/cli/support.h"

static void test_understood(void **state)
{
	static const struct {
		const char *text;
		double ms;
	} cases[] = {
		{ "0s", 0 },	  { "1500ms", 1500 },  { "30s", 30e3 },	  { "5m", 300e3 },
		{ "2h", 7200e3 }, { "1h30m", 5400e3 }, { "1d", 86400e3 }, { "1m1s1ms", 61001 },
	};
	double ms;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		assert_int_equal(weirctl_duration(cases[i].text, &ms), 0);
		assert_true(ms == cases[i].ms);
	}
}

static void test_refused(void **state)
{
	static const char *const cases[] = {
		"",	"5",   "s",   "-5s",  "5 s", "5x",
		"1.5s", "+1s", " 5s", "5sm5", "5m3", "99999999999999d"
	};
	double ms = 42;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++)
		assert_int_equal(weirctl_duration(cases[i], &ms), -EINVAL);
	assert_true(ms == 42);
}

static void test_ago(void **state)
{
	char buf[32];

	assert_string_equal(weirctl_ago(0.4, buf, sizeof(buf)), "0s");
	assert_string_equal(weirctl_ago(93, buf, sizeof(buf)), "1m 33s");
	assert_string_equal(weirctl_ago(3 * 3600 + 120, buf, sizeof(buf)), "3h 2m");
	assert_string_equal(weirctl_ago(2 * 86400 + 7200, buf, sizeof(buf)), "2d 2h");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_understood),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_ago),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
