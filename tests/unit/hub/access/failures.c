/* SPDX-License-Identifier: Apache-2.0 */
/* Who guesses waits, with all addresses of his network; others do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/access/internal.h"

#include <cmocka.h>

#define NOW 1000000u

static struct weir_failures failures;

/* Tries until it is refused; an address that ends with a colon: each from the next one. */
static int tries(const char *address, uint64_t now)
{
	bool is_network = address[strlen(address) - 1] == ':';
	char from[64];
	int n = 0;

	for (; n < 100; n++) {
		snprintf(from, sizeof(from), "%s", address);
		if (is_network)
			snprintf(from, sizeof(from), "%s%x", address, (unsigned)n + 1);
		if (!weir_failures_may_try(&failures, from, now))
			return n;
		weir_failures_add(&failures, from, now);
	}
	return n;
}

static int set_up(void **state)
{
	failures = (struct weir_failures){ .lock = PTHREAD_MUTEX_INITIALIZER };
	return 0;
}

static void one_address(void **state)
{
	assert_int_equal(tries("192.0.2.1", NOW), 20);
	assert_int_equal(tries("192.0.2.1", NOW + 1), 0);
	assert_int_equal(tries("192.0.2.1", NOW + 10), 5); /* one more each two seconds */
	assert_int_equal(tries("192.0.2.1", NOW + 1000), 20);
	assert_true(weir_failures_may_try(&failures, "192.0.2.2", NOW));
}

static void ipv6_network(void **state)
{
	assert_int_equal(tries("2001:db8::", NOW), 20);
	assert_false(weir_failures_may_try(&failures, "2001:db8::ffff:1", NOW));
	assert_true(weir_failures_may_try(&failures, "2001:db8:0:1::1", NOW));
}

/* IPv4 clients of an IPv6 socket are not one network. */
static void ipv4_mapped(void **state)
{
	assert_int_equal(tries("::ffff:192.0.2.1", NOW), 20);
	assert_true(weir_failures_may_try(&failures, "::ffff:192.0.2.2", NOW));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_address, set_up),
		cmocka_unit_test_setup(ipv6_network, set_up),
		cmocka_unit_test_setup(ipv4_mapped, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
