/* SPDX-License-Identifier: Apache-2.0 */
/* The facade: choosing by name, errors with the backend's name, and what the
 * fake remembers. */
#include "weir/backend.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backends/fake/fake.h"

static const struct weir_backend_config config = { .name = "test", .nflog_group = 7 };

static void unknown_name_lists_the_valid_ones(void **state)
{
	struct weir_backend *b = NULL;
	struct weir_error err = { "" };

	assert_int_equal(weir_backend_open(&config, "iptables", &b, NULL, &err), -EINVAL);
	assert_null(b);
	assert_non_null(strstr(err.text, "\"iptables\""));
	assert_non_null(strstr(err.text, "auto, "));
	assert_non_null(strstr(err.text, "fake"));
	assert_int_equal(weir_backend_purge(&config, "iptables", &err), -EINVAL);
}

static void fake_remembers_changes(void **state)
{
	struct weir_pod pod = { .namespace_ = "shop", .name = "web" };
	struct weir_address_change address = { .identity = 7, .pod = &pod };
	struct weir_endpoint_change endpoint = { .pod = &pod, .rulesets = { 3, 0 } };
	struct weir_interface interface = {
		.index = 7, .name = "veth1", .owner = "shop/web", .n_addrs = 1
	};
	struct weir_changes changes = { .generation = 12,
					.n_addresses = 1,
					.n_endpoints = 1,
					.n_interfaces = 1,
					.interfaces = &interface };
	struct weir_backend *b = NULL;
	struct weir_error note, err;
	int ms = 0;

	assert_int_equal(weir_prefix_parse("10.0.0.1/32", true, &address.prefix), 0);
	endpoint.addr = interface.addrs[0] = address.prefix.addr;
	changes.addresses = &address;
	changes.endpoints = &endpoint;
	assert_int_equal(weir_backend_open(&config, "fake", &b, &note, &err), 0);
	assert_string_equal(weir_backend_name(b), "fake");
	assert_int_equal(weir_backend_apply(b, &changes, &err), 0);
	assert_int_equal(weir_backend_settle(b, &ms, &err), 0);
	assert_int_equal(ms, -1);
	assert_string_equal(weir_fake_calls(b), "open test\n"
						"apply 12\n"
						"address 10.0.0.1/32 7 shop/web\n"
						"endpoint 10.0.0.1 ingress 3 egress 0\n"
						"interface veth1 shop/web 10.0.0.1\n");
	weir_backend_close(&b);
	assert_null(b);
}

static void after_a_failure_only_full_changes_are_taken(void **state)
{
	struct weir_changes changes = { .generation = 1 };
	struct weir_backend *b = NULL;
	struct weir_error err;

	assert_int_equal(weir_backend_open(&config, "fake", &b, NULL, &err), 0);
	weir_fake_fail_next(b, ENOSPC);
	assert_int_equal(weir_backend_apply(b, &changes, &err), -ENOSPC);
	assert_string_equal(err.text, "fake: apply: as asked: No space left on device");
	assert_true(weir_backend_needs_full(b));
	assert_int_equal(weir_backend_apply(b, &changes, &err), -ESTALE);
	changes.full = true;
	assert_int_equal(weir_backend_apply(b, &changes, &err), 0);
	assert_false(weir_backend_needs_full(b));
	weir_backend_close(&b);
}

static void auto_never_chooses_the_fake(void **state)
{
	struct weir_backend *b = NULL;
	struct weir_error note = { "" }, err = { "" };

	if (weir_backend_open(&config, "auto", &b, &note, &err) == 0)
		assert_string_not_equal(weir_backend_name(b), "fake");
	else
		assert_non_null(strstr(err.text, "no backend can work here"));
	weir_backend_close(&b);
}

static void names_are_checked(void **state)
{
	struct weir_error err = { "" };

	assert_int_equal(weir_backend_check("auto", &err), 0);
	assert_int_equal(weir_backend_check("fake", &err), 0);
	assert_int_equal(weir_backend_check("nftable", &err), -EINVAL);
	assert_non_null(strstr(err.text, "fake"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(unknown_name_lists_the_valid_ones),
		cmocka_unit_test(fake_remembers_changes),
		cmocka_unit_test(after_a_failure_only_full_changes_are_taken),
		cmocka_unit_test(auto_never_chooses_the_fake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
