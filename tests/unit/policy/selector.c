/* SPDX-License-Identifier: Apache-2.0 */
/* Which labels a selector matches (apimachinery labels/selector.go). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy/build.h"
#include "weir/cleanup.h"

static void test_matches(void **state)
{
	static const struct {
		const char *selector, *labels;
		bool matches;
	} cases[] = {
		{ "", "", true },
		{ "", "a=1", true },
		{ "a=1", "a=1,b=2", true },
		{ "a=1", "a=2", false },
		{ "a=1", "b=1", false },
		{ "a=1|2", "a=2", true },
		{ "a=1,b=2", "a=1", false },
		{ "a=1,b=2", "a=1,b=2", true },
		{ "a!=1", "a=2", true },
		{ "a!=1", "a=1", false },
		{ "a!=1", "b=1", true }, /* NotIn matches where the key is not */
		{ "a", "a=1", true },
		{ "a", "b=1", false },
		{ "!a", "b=1", true },
		{ "!a", "a=1", false },
		{ "a=1,a=2", "a=1", false }, /* all requirements hold */
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_selector s;
		struct bag b;

		bag_open(&b);
		s = make_selector(&b, cases[i].selector);
		if (weir_selector_matches(&s, make_labels(&b, cases[i].labels)) != cases[i].matches)
			fail_msg("\"%s\" and \"%s\"", cases[i].selector, cases[i].labels);
		bag_empty(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_matches) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
