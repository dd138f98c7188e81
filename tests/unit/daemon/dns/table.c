/* SPDX-License-Identifier: Apache-2.0 */
/* Learned names: what holds how long, what is told, what the bounds do; and that a
 * file gives back what was written. */
#include "daemon/dns/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/dns/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct weir_dns_table *table;
static char told[65536]; /* "name addr addr; name;" */

static int setup(void **state)
{
	static const struct weir_dns_limits limits = { .names = 3, .addrs = 200 };

	return weir_dns_table_new(&limits, &table);
}

static int teardown(void **state)
{
	weir_dns_table_free(&table);
	return 0;
}

static int learn(const char *name, bool wildcard, const char *addr, uint64_t until)
{
	struct weir_dns_lease l = { .until = until };

	assert_int_equal(weir_addr_parse(addr, &l.addr), 0);
	return weir_dns_table_learn(table, name, wildcard, &l, 1);
}

static int tell(void *data, const char *name, const struct weir_dns_lease *leases, size_t n)
{
	char text[WEIR_ADDR_STRLEN];
	size_t at = strlen(told);

	at += (size_t)snprintf(told + at, sizeof(told) - at, "%s", name);
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(told + at, sizeof(told) - at, " %s",
				       weir_addr_format(&leases[i].addr, text));
	snprintf(told + at, sizeof(told) - at, ";");
	return 0;
}

static const char *changes(void)
{
	told[0] = 0;
	assert_int_equal(weir_dns_table_changes(table, tell, NULL), 0);
	return told;
}

static const char *all(void)
{
	told[0] = 0;
	assert_int_equal(weir_dns_table_each(table, tell, NULL), 0);
	return told;
}

static void test_learn_and_expire(void **state)
{
	assert_int_equal(learn("a.example", false, "192.0.2.2", 100), 0);
	assert_int_equal(learn("a.example", false, "192.0.2.1", 50), 0);
	assert_string_equal(changes(), "a.example 192.0.2.1 192.0.2.2;");
	assert_string_equal(changes(), "");
	assert_int_equal(weir_dns_table_expire(table, 49), 50);
	assert_string_equal(changes(), "");
	assert_int_equal(weir_dns_table_expire(table, 50), 100);
	assert_string_equal(changes(), "a.example 192.0.2.2;");
	assert_int_equal(weir_dns_table_expire(table, 100), UINT64_MAX);
	assert_string_equal(changes(), "a.example;");
	assert_string_equal(changes(), "");
	assert_string_equal(all(), "");
}

static void test_renewed(void **state)
{
	learn("a.example", false, "192.0.2.1", 50);
	changes();
	learn("a.example", false, "192.0.2.1", 90);
	assert_string_equal(changes(), "");	    /* the same addresses */
	learn("a.example", false, "192.0.2.1", 60); /* takes nothing back */
	assert_int_equal(weir_dns_table_expire(table, 89), 90);
	assert_string_equal(all(), "a.example 192.0.2.1;");
	weir_dns_table_expire(table, 90);
	learn("a.example", false, "192.0.2.1", 200); /* went and came between two looks */
	assert_string_equal(changes(), "a.example 192.0.2.1;");
}

static void test_never_told_never_gone(void **state)
{
	learn("a.example", false, "192.0.2.1", 50);
	weir_dns_table_expire(table, 50);
	assert_string_equal(changes(), "");
}

static int refuse(void *data, const char *name, const struct weir_dns_lease *leases, size_t n)
{
	return -ENOMEM;
}

static void test_what_failed_comes_again(void **state)
{
	learn("a.example", false, "192.0.2.1", 50);
	assert_int_equal(weir_dns_table_changes(table, refuse, NULL), -ENOMEM);
	assert_string_equal(changes(), "a.example 192.0.2.1;");
	weir_dns_table_expire(table, 50);
	assert_int_equal(weir_dns_table_changes(table, refuse, NULL), -ENOMEM);
	assert_string_equal(changes(), "a.example;");
}

static void test_too_many_names(void **state)
{
	struct weir_dns_counts counts;

	assert_int_equal(learn("1.w.example", true, "192.0.2.1", 50), 0);
	assert_int_equal(learn("2.w.example", true, "192.0.2.1", 50), 0);
	assert_int_equal(learn("3.w.example", true, "192.0.2.1", 60), 0);
	assert_int_equal(learn("4.w.example", true, "192.0.2.1", 50), -ENOSPC);
	assert_int_equal(learn("3.w.example", true, "192.0.2.2", 60), 0);
	assert_int_equal(learn("spelt.example", false, "192.0.2.1", 50), 0);
	weir_dns_table_counts(table, &counts);
	assert_int_equal(counts.names, 4);
	assert_int_equal(counts.addrs, 5);
	assert_int_equal(counts.names_refused, 1);
	weir_dns_table_expire(table, 50);
	changes();
	assert_int_equal(learn("4.w.example", true, "192.0.2.1", 70), 0);
	weir_dns_table_counts(table, &counts);
	assert_int_equal(counts.expired, 3);
	assert_int_equal(counts.names, 2);
}

static void test_too_many_addresses(void **state)
{
	struct weir_dns_counts counts;
	char addr[32];

	for (int i = 0; i < 200; i++) {
		snprintf(addr, sizeof(addr), "10.0.0.%d", i);
		learn("a.example", false, addr, 1000 + (uint64_t)i);
	}
	weir_dns_table_counts(table, &counts);
	assert_int_equal(counts.addrs, 200);
	assert_int_equal(counts.addrs_displaced, 0);
	learn("a.example", false, "10.9.9.9", 900); /* the shortest of all */
	changes();
	assert_null(strstr(told, "10.9.9.9"));
	learn("a.example", false, "10.9.9.9", 5000);
	changes();
	assert_non_null(strstr(told, "10.9.9.9"));
	assert_null(strstr(told, " 10.0.0.0 "));
	weir_dns_table_counts(table, &counts);
	assert_int_equal(counts.addrs, 200);
	assert_int_equal(counts.addrs_displaced, 2);
}

static bool stays(void *data, const char *name, bool *ret_wildcard)
{
	*ret_wildcard = false;
	return strcmp(name, data) == 0;
}

static void test_sweep(void **state)
{
	char stay[] = "b.example";

	learn("a.example", true, "192.0.2.1", 50);
	learn("b.example", true, "192.0.2.1", 50);
	changes();
	weir_dns_table_sweep(table, stays, stay);
	assert_string_equal(changes(), "a.example;");
	assert_string_equal(all(), "b.example 192.0.2.1;");
	for (int i = 0; i < 3; i++) { /* b is spelt out now, and takes nobody's place */
		char name[24];

		snprintf(name, sizeof(name), "%d.example", i);
		assert_int_equal(learn(name, true, "192.0.2.1", 9), 0);
	}
}

/* --- the file ------------------------------------------------------------------------------ */

static char path[] = "/tmp/weir-t-names-XXXXXX";

static int take(void *data, const char *name, const struct weir_dns_lease *leases, size_t n)
{
	return weir_dns_table_learn(table, name, false, leases, n);
}

static int read_back(uint64_t now, uint64_t wall)
{
	const struct weir_dns_clock clock = { now, wall };
	static const struct weir_dns_limits limits = { .names = 3, .addrs = 200 };
	struct weir_error err = { "" };
	int r;

	weir_dns_table_free(&table);
	assert_int_equal(weir_dns_table_new(&limits, &table), 0);
	r = weir_dns_file_read(path, &clock, 10000, take, NULL, &err);
	assert_true((r == 0) == !err.text[0]);
	return r;
}

static void write_names(void)
{
	const struct weir_dns_clock clock = { 1000, 1700000000000 };
	int fd = mkstemp(path);

	if (fd >= 0)
		close(fd);
	learn("a.example", false, "192.0.2.1", 3000);
	learn("a.example", false, "2001:db8::1", 5000);
	learn("b.example", false, "192.0.2.9", 90000);
	assert_int_equal(weir_dns_file_write(path, table, &clock, NULL), 0);
}

static void test_file(void **state)
{
	write_names();
	assert_int_equal(read_back(50, 1700000001000), 0); /* a second later, clock anew */
	assert_string_equal(all(), "a.example 192.0.2.1 2001:db8::1;b.example 192.0.2.9;");
	assert_int_equal(weir_dns_table_expire(table, 1049), 1050);
	assert_int_equal(read_back(50, 1700000003000), 0); /* while weird was away one expired */
	assert_string_equal(all(), "a.example 2001:db8::1;b.example 192.0.2.9;");
	assert_int_equal(read_back(0, 1600000000000), 0); /* the clock was set back */
	assert_int_equal(weir_dns_table_expire(table, 0), 10000);
	unlink(path);
	assert_int_equal(read_back(0, 0), -ENOENT);
}

static void overwrite(const char *text, size_t len)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void test_damaged_file(void **state)
{
	static const char *const bad[] = {
		"",
		"weir names 2\nend 0\n",
		"weir names 1\n",
		"weir names 1\n192.0.2.1 1800000000000\nend 1\n",
		"weir names 1\nname a.example\n192.0.2.1\nend 1\n",
		"weir names 1\nname a.example\n192.0.2.300 1800000000000\nend 1\n",
		"weir names 1\nname a.example\n192.0.2.1 18000000x0000\nend 1\n",
		"weir names 1\nname a.example\n192.0.2.1 1800000000000\nend 2\n",
		"weir names 1\nname a example\n192.0.2.1 1800000000000\nend 1\n",
		"weir names 1\nend 0\nname a.example\n",
	};
	char text[512];
	size_t len;
	FILE *f;

	write_names();
	f = fopen(path, "re");
	len = fread(text, 1, sizeof(text), f);
	fclose(f);
	for (size_t cut = 0; cut + 1 < len; cut++) {
		overwrite(text, cut);
		assert_int_equal(read_back(0, 1700000000000), -EBADMSG);
		assert_string_equal(all(), "");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		overwrite(bad[i], strlen(bad[i]));
		assert_int_equal(read_back(0, 1700000000000), -EBADMSG);
		assert_string_equal(all(), "");
	}
	unlink(path);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_learn_and_expire),
		TEST(test_renewed),
		TEST(test_never_told_never_gone),
		TEST(test_what_failed_comes_again),
		TEST(test_too_many_names),
		TEST(test_too_many_addresses),
		TEST(test_sweep),
		TEST(test_file),
		TEST(test_damaged_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
