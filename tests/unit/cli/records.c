/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded flows from a file: every record once, gaps counted, errors named. */
#include "cli/records.h"

#include <errno.h>
#include <unistd.h>

#include "tests/unit/cli/support.h"

static struct weir_error err;

static int count(void *data, const cJSON *record, double connections)
{
	unsigned *n = data;

	assert_non_null(weirctl_member(record, "dst"));
	assert_true(connections >= 1);
	*n += (unsigned)connections;
	return 0;
}

static int stop(void *data, const cJSON *record, double connections)
{
	return -ECANCELED;
}

static int read_text(const char *text, const char *ns, int (*fn)(void *, const cJSON *, double),
		     unsigned *n, struct weirctl_records *seen)
{
	char name[] = "/tmp/weir-records-XXXXXX";
	struct weirctl ctl = { .values = { [WEIRCTL_FLOWS] = name } };
	int fd = mkstemp(name), r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	*n = 0;
	r = weirctl_records_each(&ctl, ns, fn, n, seen, &err);
	unlink(name);
	return r;
}

#define FLOW(ns)                                                                                   \
	"{\"type\":\"open\",\"connections\":1,\"src\":{\"namespace\":\"" ns                        \
	"\"},\"dst\":{\"addr\":\"10.0.0.1\"}}\n"

static void test_each_once(void **state)
{
	struct weirctl_records seen;
	unsigned n;

	assert_int_equal(
		read_text(FLOW("a") "\n" FLOW("b") "{\"type\":\"gap\",\"lost\":7}\n" FLOW("a"),
			  NULL, count, &n, &seen),
		0);
	assert_int_equal(n, 3);
	assert_int_equal(seen.n, 3);
	assert_true(seen.lost == 7);
	assert_int_equal(read_text(FLOW("a") FLOW("b"), "b", count, &n, &seen), 0);
	assert_int_equal(n, 1);
	assert_int_equal(read_text("", NULL, count, &n, &seen), 0);
	assert_int_equal(n, 0);
}

#define NUMBERED(type, node, flow, more)                                                           \
	"{\"type\":\"" type "\",\"node\":\"" node "\",\"flow\":" flow                              \
	",\"src\":{},\"dst\":{}" more "}\n"

static void test_connections_are_counted_once(void **state)
{
	struct weirctl_records seen;
	unsigned n;

	assert_int_equal(read_text(NUMBERED("open", "a", "7", ",\"connections\":1") NUMBERED(
					   "update", "a", "7", "") NUMBERED("end", "a", "7", "")
					   NUMBERED("end", "b", "7", "")
						   NUMBERED("end", "a", "8", ""),
				   NULL, count, &n, &seen),
			 0);
	assert_int_equal(n, 3);
	assert_int_equal(
		read_text(NUMBERED("denied", "a", "7", ",\"verdict\":\"denied\",\"connections\":4")
				  NUMBERED("denied", "a", "7",
					   ",\"verdict\":\"denied\",\"connections\":5")
					  NUMBERED("denied", "a", "7",
						   ",\"verdict\":\"denied\","
						   "\"connections\":0"),
			  NULL, count, &n, &seen),
		0);
	assert_int_equal(n, 9);
	assert_int_equal(seen.n, 2);
}

static void test_what_is_no_record(void **state)
{
	static const char *const bad[] = { "kind: Pod\n", "{\"type\":\"open\"}\n", "[]\n",
					   "{\"src\":{}}\n", "\"type\"\n" };
	struct weirctl_records seen;
	char text[512];
	unsigned n;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text), "%s%s", FLOW("a"), bad[i]);
		assert_int_equal(read_text(text, NULL, count, &n, &seen), -EINVAL);
		assert_non_null(strstr(err.text, ":2: no flow record"));
	}
}

static void test_ends_early(void **state)
{
	struct weirctl_records seen;
	unsigned n;

	assert_int_equal(read_text(FLOW("a") FLOW("a"), NULL, stop, &n, &seen), -ECANCELED);
	assert_int_equal(seen.n, 1);
}

static void test_no_file(void **state)
{
	struct weirctl ctl = { .values = { [WEIRCTL_FLOWS] = "/nonexistent/flows" } };
	struct weirctl_records seen;

	assert_int_equal(weirctl_records_each(&ctl, NULL, count, NULL, &seen, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/flows"));
	ctl.values[WEIRCTL_SINCE] = "5m";
	assert_int_equal(weirctl_records_each(&ctl, NULL, count, NULL, &seen, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_once),
		cmocka_unit_test(test_connections_are_counted_once),
		cmocka_unit_test(test_what_is_no_record),
		cmocka_unit_test(test_ends_early),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
