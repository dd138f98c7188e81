/* SPDX-License-Identifier: Apache-2.0 */
/* A stream taken apart into lines, wherever the network has cut it. */
#include "daemon/kube/lines.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct heard {
	char text[256]; /* each line in brackets */
	int stop_at;	/* the line that ends it; 0: none */
	int n;
};

static int on_line(void *data, char *text, size_t len)
{
	struct heard *h = data;
	size_t used = strlen(h->text);

	assert_int_equal(strlen(text), len);
	snprintf(h->text + used, sizeof(h->text) - used, "[%s]", text);
	return ++h->n == h->stop_at ? -ECANCELED : 0;
}

static void is_the_same_in_all_pieces(void **state)
{
	static const char stream[] = "one\n\n\ntwo two\nthree\nhalf";

	for (size_t piece = 1; piece <= sizeof(stream); piece++) {
		struct weir_lines l = { .max = 10 };
		struct heard h = { .n = 0 };

		for (size_t at = 0; at < strlen(stream); at += piece) {
			size_t rest = strlen(stream) - at;

			assert_int_equal(weir_lines_feed(&l, stream + at,
							 piece < rest ? piece : rest, on_line, &h),
					 0);
		}
		assert_string_equal(h.text, "[one][two two][three]");
		weir_lines_clear(&l);
	}
}

static void half_a_line_is_forgotten(void **state)
{
	struct weir_lines l = { .max = 10 };
	struct heard h = { .n = 0 };

	assert_int_equal(weir_lines_feed(&l, "hal", 3, on_line, &h), 0);
	weir_lines_clear(&l);
	assert_int_equal(weir_lines_feed(&l, "new\n", 4, on_line, &h), 0);
	assert_string_equal(h.text, "[new]");
	weir_lines_clear(&l);
}

static void the_longest_line_is_bounded(void **state)
{
	struct weir_lines l = { .max = 5 };
	struct heard h = { .n = 0 };

	assert_int_equal(weir_lines_feed(&l, "12345\n", 6, on_line, &h), 0);
	assert_int_equal(weir_lines_feed(&l, "123456\n", 7, on_line, &h), -E2BIG);
	weir_lines_clear(&l);
	assert_int_equal(weir_lines_feed(&l, "1234", 4, on_line, &h), 0);
	assert_int_equal(weir_lines_feed(&l, "56", 2, on_line, &h), -E2BIG);
	weir_lines_clear(&l);
	assert_string_equal(h.text, "[12345]");
}

static void whoever_hears_may_end_it(void **state)
{
	struct weir_lines l = { .max = 10 };
	struct heard h = { .stop_at = 2 };

	assert_int_equal(weir_lines_feed(&l, "a\nb\nc\n", 6, on_line, &h), -ECANCELED);
	assert_string_equal(h.text, "[a][b]");
	weir_lines_clear(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_the_same_in_all_pieces),
		cmocka_unit_test(half_a_line_is_forgotten),
		cmocka_unit_test(the_longest_line_is_bounded),
		cmocka_unit_test(whoever_hears_may_end_it),
	};

	return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
