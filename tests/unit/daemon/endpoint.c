/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoint store: what is written is read back, also after a crash in the
 * middle; what is broken is set aside and harms nobody else. */
#include "daemon/endpoint/endpoint.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static unsigned notes;

static void note(void *data, const char *text)
{
	notes++;
}

static struct weir_endpoints *reopen(struct weir_endpoints *eps)
{
	struct weir_error err;

	weir_endpoints_close(&eps);
	notes = 0;
	if (weir_endpoints_open(dir, &eps, note, NULL, &err) < 0)
		fail_msg("%s", err.text);
	return eps;
}

static struct weir_endpoint *make(const char *container, const char *ifname, const char *pod)
{
	struct weir_endpoint *ep = calloc(1, sizeof(*ep));

	ep->container_id = strdup(container);
	ep->ifname = strdup(ifname);
	ep->netns = strdup("/proc/self/ns/net");
	ep->netns_dev = UINT64_MAX - 1;
	ep->netns_ino = UINT64_MAX;
	ep->namespace_ = pod ? strdup("ns") : NULL;
	ep->pod = pod ? strdup(pod) : NULL;
	ep->addrs = calloc(2, sizeof(*ep->addrs));
	ep->n_addrs = 2;
	weir_addr_parse("10.0.0.1", &ep->addrs[0]);
	weir_addr_parse("fd00::1", &ep->addrs[1]);
	return ep;
}

static void add(struct weir_endpoints *eps, const char *container, const char *ifname,
		const char *pod)
{
	struct weir_endpoint *ep = make(container, ifname, pod);
	struct weir_error err;

	if (weir_endpoints_add(eps, &ep, NULL, &err) < 0)
		fail_msg("%s", err.text);
	assert_null(ep);
}

static void put(const char *name, const char *text)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
}

static bool exists(const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

static int setup(void **state)
{
	strcpy(dir, "/tmp/weir-t-endpoint-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	*state = reopen(NULL);
	return 0;
}

static int teardown(void **state)
{
	struct weir_endpoints *eps = *state;
	char command[128];

	weir_endpoints_close(&eps);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static void test_survives(void **state)
{
	struct weir_endpoints *eps = *state;
	const struct weir_endpoint *ep;

	add(eps, "c1", "eth0", "web");
	add(eps, "c2", "net1", NULL);
	*state = eps = reopen(eps);
	assert_int_equal(weir_endpoints_count(eps), 2);
	ep = weir_endpoints_find(eps, "c1", "eth0");
	assert_string_equal(ep->pod, "web");
	assert_true(ep->netns_ino == UINT64_MAX && ep->netns_dev == UINT64_MAX - 1);
	assert_int_equal(ep->n_addrs, 2);
	assert_int_equal(ep->addrs[1].family, AF_INET6);
	assert_null(weir_endpoints_find(eps, "c2", "net1")->pod);
	assert_int_equal(notes, 0);
}

static void test_same_key_is_replaced(void **state)
{
	struct weir_endpoints *eps = *state;

	add(eps, "c1", "eth0", "old");
	add(eps, "c1", "eth0", "new");
	assert_int_equal(weir_endpoints_count(eps), 1);
	*state = eps = reopen(eps);
	assert_int_equal(weir_endpoints_count(eps), 1);
	assert_string_equal(weir_endpoints_find(eps, "c1", "eth0")->pod, "new");
}

/* Whose an address is that two ADDs gave depends on it. */
static void test_order_of_additions(void **state)
{
	static const char *const order[] = { "c2", "c0", "c1" };
	struct weir_endpoints *eps = *state;
	const struct weir_endpoint *ep;
	struct weir_error err;

	for (int i = 2; i >= 0; i--) {
		struct weir_endpoint *one = make(order[i], "eth0", "web");

		one->added = 100 + i;
		assert_int_equal(weir_endpoints_add(eps, &one, NULL, &err), 0);
	}
	*state = eps = reopen(eps);
	ep = weir_endpoints_first(eps);
	for (int i = 0; i < 3; i++, ep = ep->next)
		assert_string_equal(ep->container_id, order[i]);
	assert_null(ep);
}

static void test_removed_with_all_interfaces(void **state)
{
	struct weir_endpoints *eps = *state;
	const struct weir_endpoint *ep;

	add(eps, "c1", "eth0", "web");
	add(eps, "c1", "eth1", "web");
	add(eps, "c2", "eth0", "db");
	assert_int_equal(weir_endpoints_remove(eps, "c1", NULL, NULL), 0);
	assert_int_equal(weir_endpoints_remove(eps, "unknown", "eth0", NULL), 0);
	add(eps, "c3", "eth0", "last");
	add(eps, "c4", "eth0", "first");
	ep = weir_endpoints_find(eps, "c4", "eth0"); /* its own names, which go with it */
	assert_int_equal(weir_endpoints_remove(eps, ep->container_id, ep->ifname, NULL), 0);
	*state = eps = reopen(eps);
	assert_int_equal(weir_endpoints_count(eps), 2);
	assert_null(weir_endpoints_find(eps, "c1", "eth0"));
}

static void test_leftovers_and_broken_files(void **state)
{
	struct weir_endpoints *eps = *state;

	add(eps, "good", "eth0", "web");
	put("half@eth0.json.tmp", "{\"version\":1,");
	put("torn@eth0.json", "{\"version\":1,\"containerId\":\"torn\"");
	put("moved@eth0.json", "{\"version\":1,\"containerId\":\"other\",\"ifname\":\"eth0\"}");
	put("later@eth0.json", "{\"version\":2,\"containerId\":\"later\",\"ifname\":\"eth0\"}");
	put("empty@eth0.json", "");
	*state = eps = reopen(eps);
	assert_int_equal(weir_endpoints_count(eps), 1);
	assert_int_equal(notes, 4);
	assert_false(exists("half@eth0.json.tmp"));
	assert_true(exists("torn@eth0.json.broken"));
	*state = eps = reopen(eps);
	assert_int_equal(notes, 0);
}

static void test_names_that_are_no_files(void **state)
{
	struct weir_endpoints *eps = *state;
	const char *const bad[] = { "../x", "a/b", ".hidden", "" };
	struct weir_error err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct weir_endpoint *ep = make(bad[i], "eth0", "web");

		assert_true(weir_endpoints_add(eps, &ep, NULL, &err) < 0);
		assert_non_null(ep);
		weir_endpoint_free(&ep);
	}
	assert_int_equal(weir_endpoints_count(eps), 0);
}

static void test_alive(void **state)
{
	struct weir_endpoint *ep = make("c", "eth0", "web");
	struct stat st;

	assert_false(weir_endpoint_alive(ep));
	stat("/proc/self/ns/net", &st);
	ep->netns_dev = st.st_dev;
	ep->netns_ino = st.st_ino;
	assert_true(weir_endpoint_alive(ep));
	weir_endpoint_free(&ep);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_survives),
		TEST(test_same_key_is_replaced),
		TEST(test_order_of_additions),
		TEST(test_removed_with_all_interfaces),
		TEST(test_leftovers_and_broken_files),
		TEST(test_names_that_are_no_files),
		TEST(test_alive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
