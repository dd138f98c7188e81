/* SPDX-License-Identifier: Apache-2.0 */
/* Manifest and CNI tell of the same pod: which of them counts, in what order
 * ever they come and go; and who has an address that two claim. */
#include "daemon/cluster/cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct weir_pool *pool;
static struct weir_compiler *compiler;
static struct weir_cluster *cluster;
static const struct weir_uid unknown;

static int setup(void **state)
{
	assert_int_equal(weir_pool_new(&pool), 0);
	assert_int_equal(weir_compiler_new(&compiler), 0);
	assert_int_equal(weir_cluster_new(pool, compiler, &cluster), 0);
	assert_int_equal(weir_cluster_set_node_name(cluster, "here"), 0);
	return 0;
}

static int teardown(void **state)
{
	weir_compiler_free(&compiler);
	weir_cluster_free(&cluster);
	weir_pool_free(&pool);
	return 0;
}

static struct weir_addr addr(const char *text)
{
	struct weir_addr a;

	assert_int_equal(weir_addr_parse(text, &a), 0);
	return a;
}

static void set_pod(const char *name, const char *app, const char *node, const char *ip)
{
	struct weir_error err = { "" };
	struct weir_pod *pod;
	char text[512];
	cJSON *json;

	snprintf(text, sizeof(text),
		 "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\","
		 "\"namespace\":\"shop\",\"labels\":{\"app\":\"%s\"}},\"spec\":{\"nodeName\":\"%"
		 "s\"},"
		 "\"status\":{\"podIP\":\"%s\"}}",
		 name, app, node, ip);
	json = cJSON_Parse(text);
	assert_non_null(json);
	if (weir_pod_decode(pool, json, &pod, &err) < 0)
		fail_msg("%s", err.text);
	cJSON_Delete(json);
	assert_int_equal(weir_cluster_set_pod(cluster, pod), 0);
}

static void set_local(const char *name, const char *ip)
{
	struct weir_addr a = addr(ip);

	assert_int_equal(weir_cluster_set_local(cluster, "shop", name, &unknown, &a, 1, false), 0);
}

static void commit(size_t endpoints)
{
	struct weir_changes *changes = NULL;
	struct weir_error err = { "" };

	assert_int_equal(weir_compiler_commit(compiler, &changes, &err), 0);
	weir_changes_free(&changes);
	weir_cluster_reap(cluster);
	assert_int_equal(weir_compiler_snapshot(compiler, &changes, &err), 0);
	assert_int_equal(changes->n_endpoints, endpoints);
	weir_changes_free(&changes);
}

static const char *app_of(const char *name)
{
	const struct weir_pod *pod = weir_cluster_pod(cluster, "shop", name);

	assert_non_null(pod);
	return weir_labels_get(pod->labels, weir_pool_find(pool, "app"));
}

static const char *at(const char *ip)
{
	struct weir_addr a = addr(ip);
	const struct weir_pod *pod = weir_cluster_pod_by_addr(cluster, &a);

	return pod ? pod->name : "nobody";
}

static void endpoint_without_manifest(void **state)
{
	set_local("web", "10.0.0.1");
	commit(1);
	assert_null(app_of("web"));
	assert_string_equal(at("10.0.0.1"), "web");
	weir_cluster_remove_local(cluster, "shop", "web", &unknown);
	commit(0);
	assert_null(weir_cluster_pod(cluster, "shop", "web"));
	assert_string_equal(at("10.0.0.1"), "nobody");
}

static void manifest_after_endpoint(void **state)
{
	set_local("web", "10.0.0.1");
	commit(1);
	set_pod("web", "one", "here", "10.9.9.9");
	commit(1);
	assert_string_equal(app_of("web"), "one");
	assert_string_equal(at("10.0.0.1"), "web");
	assert_string_equal(at("10.9.9.9"), "nobody");
	set_pod("web", "two", "here", "10.9.9.9");
	commit(1);
	assert_string_equal(app_of("web"), "two");
	/* it goes on as what it was, until CNI takes it away */
	weir_cluster_remove_pod(cluster, "shop", "web");
	commit(1);
	assert_string_equal(app_of("web"), "two");
	set_local("web", "10.0.0.2");
	commit(1);
	assert_string_equal(app_of("web"), "two");
	weir_cluster_remove_local(cluster, "shop", "web", &unknown);
	commit(0);
	assert_null(weir_cluster_pod(cluster, "shop", "web"));
}

static void endpoint_after_manifest(void **state)
{
	set_pod("web", "one", "elsewhere", "10.9.9.9");
	commit(0);
	assert_string_equal(at("10.9.9.9"), "web");
	set_local("web", "10.0.0.1");
	commit(1);
	assert_string_equal(app_of("web"), "one");
	assert_string_equal(at("10.9.9.9"), "nobody");
	set_local("web", "10.0.0.2");
	commit(1);
	assert_string_equal(at("10.0.0.1"), "nobody");
	assert_string_equal(at("10.0.0.2"), "web");
	weir_cluster_remove_local(cluster, "shop", "web", &unknown);
	commit(0);
	assert_string_equal(at("10.9.9.9"), "web");
}

static void pods_that_ran_before(void **state)
{
	set_pod("old", "one", "here", "10.0.0.1");
	set_pod("far", "one", "elsewhere", "10.0.1.1");
	commit(1);
	assert_true(weir_cluster_pod(cluster, "shop", "old")->local);
	set_local("old", "10.0.0.1");
	commit(1);
	/* DEL: the manifest may stay for a while; its address is free for others */
	weir_cluster_remove_local(cluster, "shop", "old", &unknown);
	commit(0);
}

static void newest_has_the_address(void **state)
{
	set_pod("a", "one", "elsewhere", "10.0.0.1");
	set_pod("b", "one", "elsewhere", "10.0.0.1");
	commit(0);
	assert_string_equal(at("10.0.0.1"), "b");
	/* news of the older one do not make it the newest */
	set_pod("a", "two", "elsewhere", "10.0.0.1");
	commit(0);
	assert_string_equal(at("10.0.0.1"), "b");
	weir_cluster_remove_pod(cluster, "shop", "b");
	commit(0);
	assert_string_equal(at("10.0.0.1"), "a");
}

/* "gone" has left, "web" has its address; the news of "gone" come late. */
static void endpoint_keeps_its_address(void **state)
{
	set_pod("web", "one", "here", "10.0.0.1");
	set_local("web", "10.0.0.1");
	commit(1);
	set_pod("gone", "two", "here", "10.0.0.1");
	commit(1);
	assert_string_equal(at("10.0.0.1"), "web");
	set_pod("gone", "three", "elsewhere", "10.0.0.1");
	commit(1);
	assert_string_equal(at("10.0.0.1"), "web");
	weir_cluster_remove_pod(cluster, "shop", "gone");
	commit(1);
	assert_string_equal(at("10.0.0.1"), "web");
}

static void removing_what_is_not_there(void **state)
{
	weir_cluster_remove_pod(cluster, "shop", "none");
	weir_cluster_remove_namespace(cluster, "none");
	weir_cluster_remove_policy(cluster, "NetworkPolicy", "shop", "none");
	weir_cluster_remove_local(cluster, "shop", "none", &unknown);
	commit(0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(endpoint_without_manifest),  TEST(manifest_after_endpoint),
		TEST(endpoint_after_manifest),	  TEST(pods_that_ran_before),
		TEST(newest_has_the_address),	  TEST(endpoint_keeps_its_address),
		TEST(removing_what_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
