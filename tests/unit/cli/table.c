/* SPDX-License-Identifier: Apache-2.0 */
/* Tables: aligned, within the terminal, and deaf to control characters. */
#include "cli/table.h"

#include "tests/unit/cli/support.h"

static const struct weirctl_column columns[] = {
	{ "NAME", 6, false },
	{ "N", 0, true },
	{ "WHY", 5, false },
};

static char *draw(const char *const (*rows)[3], size_t n, unsigned width)
{
	struct weirctl ctl = { .width = width };
	struct weirctl_table *table = NULL;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(weirctl_table_new(columns, WEIR_ARRAY_SIZE(columns), &table), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(weirctl_table_row(table, WEIRCTL_BAD, rows[i]), 0);
	weirctl_table_print(table, &ctl, out);
	weirctl_table_free(&table);
	fclose(out);
	return text;
}

static void test_natural(void **state)
{
	static const char *const rows[][3] = { { "web", "1", "because" },
					       { "database", "12", NULL } };
	WEIR_AUTO_FREE char *text = draw(rows, 2, 0);

	assert_string_equal(text, "NAME       N  WHY\n"
				  "web        1  because\n"
				  "database  12  -\n");
}

static void test_fits(void **state)
{
	static const char *const rows[][3] = { { "a-very-long-name-of-a-pod", "1",
						 "and a very long reason why it is so" } };

	for (unsigned width = 18; width < 90; width++) {
		WEIR_AUTO_FREE char *text = draw(rows, 1, width);

		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
			assert_true(weirctl_columns(line) <= width);
	}
}

static void test_cut_is_marked(void **state)
{
	static const char *const rows[][3] = { { "abcdefghij", "1", "x" } };
	WEIR_AUTO_FREE char *text = draw(rows, 1, 6 + 2 + 1 + 2 + 3);

	assert_non_null(strstr(text, "abcde~"));
}

/* A column that must not shrink stays whole, however narrow the terminal. */
static void test_numbers_are_never_cut(void **state)
{
	static const char *const rows[][3] = { { "abcdefghij", "1234567890", "why not" } };
	WEIR_AUTO_FREE char *text = draw(rows, 1, 10);

	assert_non_null(strstr(text, "1234567890"));
}

static void test_control_characters(void **state)
{
	static const char *const rows[][3] = { { "a\033[31mb\nc\177", "1", "x" } };
	WEIR_AUTO_FREE char *text = draw(rows, 1, 0);

	assert_null(strchr(text, '\033'));
	assert_non_null(strstr(text, "a?[31mb?c?"));
}

static void test_utf8_counts_characters(void **state)
{
	assert_int_equal(weirctl_columns("h\u00e9llo"), 5);
	assert_int_equal(weirctl_columns(""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_natural),
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_cut_is_marked),
		cmocka_unit_test(test_numbers_are_never_cut),
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_utf8_counts_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
