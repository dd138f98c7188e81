/* SPDX-License-Identifier: Apache-2.0 */
/* Whose the lease is: by what was seen of it and when, on a clock of the test. */
#include "daemon/report/lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct weir_lease_view view;

static int setup(void **state)
{
	view = (struct weir_lease_view){ 0 };
	return 0;
}

static void see(const char *holder, const char *version, int seconds, uint64_t now_ms)
{
	char text[512];
	cJSON *lease;

	snprintf(text, sizeof(text),
		 "{\"metadata\":{\"resourceVersion\":\"%s\"},\"spec\":{\"holderIdentity\":\"%s\","
		 "\"leaseDurationSeconds\":%d,\"renewTime\":\"1970-01-01T00:00:00.000000Z\"}}",
		 version, holder, seconds);
	lease = cJSON_Parse(text);
	assert_non_null(lease);
	weir_lease_see(&view, lease, now_ms);
	cJSON_Delete(lease);
}

static void nobody_has_it(void **state)
{
	weir_lease_see(&view, NULL, 1000);
	assert_int_equal(weir_lease_judge(&view, "me", 1000), WEIR_LEASE_CREATE);
	see("", "1", 15, 2000);
	assert_int_equal(weir_lease_judge(&view, "me", 2000), WEIR_LEASE_TAKE);
}

static void ours_is_renewed(void **state)
{
	see("me", "1", 15, 1000);
	assert_int_equal(weir_lease_judge(&view, "me", 1000), WEIR_LEASE_RENEW);
	assert_int_equal(weir_lease_judge(&view, "me", 100000), WEIR_LEASE_RENEW);
}

/* renewTime is of another clock, and long ago: it is not looked at */
static void anothers_runs_out_on_our_clock(void **state)
{
	see("other", "7", 15, 1000);
	assert_int_equal(weir_lease_judge(&view, "me", 1000), WEIR_LEASE_LEAVE);
	see("other", "7", 15, 10000);
	assert_int_equal(weir_lease_judge(&view, "me", 16000), WEIR_LEASE_LEAVE);
	assert_int_equal(weir_lease_judge(&view, "me", 16001), WEIR_LEASE_TAKE);
	see("other", "8", 15, 16001); /* it was renewed after all */
	assert_int_equal(weir_lease_judge(&view, "me", 31001), WEIR_LEASE_LEAVE);
	assert_int_equal(weir_lease_judge(&view, "me", 31002), WEIR_LEASE_TAKE);
}

static void its_own_duration_counts(void **state)
{
	see("other", "1", 60, 1000);
	assert_int_equal(weir_lease_judge(&view, "me", 61000), WEIR_LEASE_LEAVE);
	assert_int_equal(weir_lease_judge(&view, "me", 61001), WEIR_LEASE_TAKE);
}

static void nonsense_is_read_as_a_lease_of_15_s(void **state)
{
	see("other", "1", -5, 1000);
	assert_int_equal(view.duration_ms, 15000);
	see("other", "2", 1000000, 1000);
	assert_int_equal(view.duration_ms, 15000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nobody_has_it, setup),
		cmocka_unit_test_setup(ours_is_renewed, setup),
		cmocka_unit_test_setup(anothers_runs_out_on_our_clock, setup),
		cmocka_unit_test_setup(its_own_duration_counts, setup),
		cmocka_unit_test_setup(nonsense_is_read_as_a_lease_of_15_s, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
