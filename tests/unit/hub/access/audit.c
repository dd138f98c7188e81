/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log on a full disk, after a crash, and after somebody wrote into it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hub/access/internal.h"

#include <cmocka.h>

static char folder[64], audit_file[128];

static int set_up(void **state)
{
	strcpy(folder, "/tmp/weir-t-audit-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(audit_file, sizeof(audit_file), "%s/audit.log", folder);
	return 0;
}

static int tear_down(void **state)
{
	unlink(audit_file);
	return rmdir(folder);
}

static void verifies(uint64_t want)
{
	struct weir_error err = { "" };
	uint64_t line = 99;

	assert_int_equal(weir_audit_verify(audit_file, &line, &err), 0);
	assert_int_equal(line, want);
}

/* What cannot be written down is not done. */
static void test_audit_is_full(void **state)
{
	struct weir_audit *audit = NULL;
	struct weir_audit_line line = { "a", "b", "c", "d", "e" };
	struct weir_error err = { "" };

	struct rlimit all, few = { 100, RLIM_INFINITY };

	assert_int_equal(weir_audit_open(audit_file, &audit, &err), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
	few.rlim_max = all.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &few);
	assert_true(weir_audit_write(audit, &line, &err) < 0);
	setrlimit(RLIMIT_FSIZE, &all);
	assert_non_null(strstr(err.text, "audit log"));
	verifies(0); /* nothing of it is left, and there is room again */
	assert_int_equal(weir_audit_write(audit, &line, &err), 0);
	assert_int_equal(weir_audit_write(audit, &line, &err), 0);
	verifies(0);
	weir_audit_close(&audit);
}

static int count_damaged(void *data, const char *json)
{
	*(int *)data += strstr(json, "damaged") != NULL;
	return 0;
}

/* Half a line of a crash goes; what somebody wrote in stays, and is told as what it is. */
static void test_audit_cut_off(void **state)
{
	struct weir_audit *audit = NULL;
	struct weir_audit_line line = { "a", "b", "c", "d", "e" };
	struct weir_error err = { "" };
	int damaged = 0;
	FILE *f;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(weir_audit_open(audit_file, &audit, &err), 0);
		assert_int_equal(weir_audit_write(audit, &line, &err), 0);
		weir_audit_close(&audit);
		f = fopen(audit_file, "a");
		fputs(i < 2 ? "{\"time\":\"2026" : "{\"time\":\"2026\n", f);
		fclose(f);
	}
	verifies(4);
	assert_int_equal(weir_audit_open(audit_file, &audit, &err), 0);
	assert_int_equal(weir_audit_read(audit, 100, count_damaged, &damaged, &err), 0);
	assert_int_equal(damaged, 1);
	weir_audit_close(&audit);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_audit_is_full),
		TEST(test_audit_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
