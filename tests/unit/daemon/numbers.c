/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers go on after kill -9 without a hole, begin anew in another boot, and
 * after an older weird, whose file reserved numbers ahead. */
#include "daemon/numbers.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "weir/file.h"

static char dir[64], path[128];

static int set_up(void **state)
{
	strcpy(dir, "/tmp/weir-t-numbers-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/flows.state", dir);
	return 0;
}

static int tear_down(void **state)
{
	unlink(path);
	return rmdir(dir);
}

static void expect(const char *boot, uint64_t seq, uint64_t batch, bool hole)
{
	struct weir_numbers *n = NULL;
	struct weir_error err = { "" };
	bool is_hole = !hole;

	if (weir_numbers_open(path, boot, &n, &is_hole, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(n->seq, seq);
	assert_int_equal(n->batch, batch);
	assert_int_equal(is_hole, hole);
	weir_numbers_close(&n);
	assert_null(n);
}

static void test_killed(void **state)
{
	pid_t child = fork();
	int how;

	if (child == 0) {
		struct weir_numbers *n = NULL;
		bool hole;

		if (weir_numbers_open(path, "b1", &n, &hole, NULL) == 0) {
			n->seq += 12345;
			n->batch += 67;
		}
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &how, 0), child);
	assert_true(WIFSIGNALED(how));
	expect("b1", 12346, 68, false);
	expect("b1", 12346, 68, false);
	expect("b2", 1, 1, false);
}

static void write_text(const char *text)
{
	assert_int_equal(weir_file_replace(path, text, strlen(text), 0600, NULL), 0);
}

static void test_older(void **state)
{
	write_text("boot b1\nseq 8000001\nbatch 8000002\nend open\n");
	expect("b1", 8000001, 8000002, true);
	expect("b1", 8000001, 8000002, false); /* told once */
	write_text("boot b1\nseq 17\nbatch 5\nend clean\n");
	expect("b1", 17, 5, false);
	write_text("boot b1\nseq 17\nbatch 5\nend clean\n");
	expect("b2", 1, 1, false);
}

static void test_broken(void **state)
{
	static const char *const texts[] = { "", "x", "boot b1\nseq -1\n",
					     "boot b1\nseq 0\nbatch 0\nend open\n",
					     ("weirseq1b1 and then some more, up to its length ...."
					      "............") };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		write_text(texts[i]);
		expect("b1", 1, 1, false);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = { TEST(test_killed), TEST(test_older),
					    TEST(test_broken) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
