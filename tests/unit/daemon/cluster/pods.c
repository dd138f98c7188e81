/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pod is it? Pods replaced under their name, addresses used again, pods
 * that the source does not know: all orders in which the news can come, judged
 * by the compiler as a node would judge.
 */
#include "daemon/cluster/cluster.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct weir_pool *pool;
static struct weir_compiler *compiler;
static struct weir_cluster *cluster;

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

/* --- what happens ----------------------------------------------------------------- */

/* A pod as the API server has it; uid 0: unknown. */
struct manifest {
	const char *name, *app, *node, *ip;
	int uid, created;
	bool terminating, finished;
};

static struct weir_uid uid_of(int number)
{
	struct weir_uid uid = { { (uint8_t)number } };

	return uid;
}

static struct weir_pod *decode(const struct manifest *m)
{
	struct weir_uid uid = uid_of(m->uid);
	char text[1024], uid_text[WEIR_UID_STRLEN];
	struct weir_error err = { "" };
	struct weir_pod *pod = NULL;
	cJSON *json;

	snprintf(text, sizeof(text),
		 "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\","
		 "\"namespace\":\"shop\",\"uid\":\"%s\",\"labels\":{\"app\":\"%s\"},"
		 "\"creationTimestamp\":\"2026-01-01T00:00:%02dZ\"%s},"
		 "\"spec\":{\"nodeName\":\"%s\"},\"status\":{\"phase\":\"%s\",\"podIP\":\"%s\"}}",
		 m->name, weir_uid_format(&uid, uid_text), m->app, m->created,
		 m->terminating ? ",\"deletionTimestamp\":\"2026-01-01T00:01:00Z\"" : "",
		 m->node ?: "there", m->finished ? "Failed" : "Running", m->ip ?: "");
	json = cJSON_Parse(text);
	assert_non_null(json);
	if (weir_pod_decode(pool, json, &pod, &err) < 0)
		fail_msg("%s", err.text);
	cJSON_Delete(json);
	return pod;
}

static void set_pod(struct manifest m)
{
	assert_int_equal(weir_cluster_set_pod(cluster, decode(&m)), 0);
}
#define SET_POD(...) set_pod((struct manifest){ __VA_ARGS__ })

static void deleted(const char *name, int number)
{
	struct weir_uid uid = uid_of(number);

	weir_cluster_remove_pod_uid(cluster, "shop", name, &uid);
}

static void add(const char *name, int number, const char *ip, bool isolate)
{
	struct weir_uid uid = uid_of(number);
	struct weir_addr addr;

	assert_int_equal(weir_addr_parse(ip, &addr), 0);
	assert_int_equal(weir_cluster_set_local(cluster, "shop", name, &uid, &addr, 1, isolate), 0);
}

static void del(const char *name, int number)
{
	struct weir_uid uid = uid_of(number);

	weir_cluster_remove_local(cluster, "shop", name, &uid);
}

/* --- what follows ------------------------------------------------------------------- */

static void commit(void)
{
	struct weir_changes *changes = NULL;
	struct weir_error err = { "" };

	assert_int_equal(weir_compiler_commit(compiler, &changes, &err), 0);
	weir_changes_free(&changes);
	weir_cluster_reap(cluster);
}

static const struct weir_pod *at(const char *ip)
{
	struct weir_addr a;

	assert_int_equal(weir_addr_parse(ip, &a), 0);
	return weir_cluster_pod_by_addr(cluster, &a);
}

static const char *app_of(const struct weir_pod *pod)
{
	const char *key = weir_pool_find(pool, "app");
	const char *app = pod && key ? weir_labels_get(pod->labels, key) : NULL;

	if (!pod)
		return "nobody";
	return app ?: "none";
}

#define assert_app(ip, app) assert_string_equal(app_of(at(ip)), app)

static struct weir_judgement judge(const char *src, const char *dst)
{
	struct weir_connection conn = { .protocol = WEIR_PROTO_TCP, .dport = 80 };
	struct weir_judgement j;

	assert_int_equal(weir_addr_parse(src, &conn.src), 0);
	assert_int_equal(weir_addr_parse(dst, &conn.dst), 0);
	weir_compiler_judge(compiler, &conn, &j);
	return j;
}

static bool passes(const char *src, const char *dst)
{
	return judge(src, dst).verdict == WEIR_ALLOWED;
}

/* --- pods that the source does not know ----------------------------------------------- */

static void unknown_is_isolated(void **state)
{
	struct weir_judgement j;

	add("web", 1, "10.0.0.1", true);
	add("free", 2, "10.0.0.2", false);
	commit();
	assert_false(passes("10.0.0.1", "10.0.0.2"));
	assert_false(passes("10.0.0.2", "10.0.0.1"));
	assert_false(passes("10.0.0.1", "192.0.2.1"));
	assert_true(passes("10.0.0.2", "192.0.2.1"));
	j = judge("192.0.2.1", "10.0.0.1");
	assert_int_equal(j.sides[WEIR_INGRESS].reason, WEIR_REASON_RULE);
	assert_string_equal(j.sides[WEIR_INGRESS].rule->policy->name, "unknown-pod");
	assert_string_equal(j.sides[WEIR_INGRESS].rule->policy->kind, "weir");
	/* another pod of that name is not it */
	SET_POD("web", "old", "here", "10.0.0.9", .uid = 7);
	commit();
	assert_false(passes("192.0.2.1", "10.0.0.1"));
	SET_POD("web", "new", "here", NULL, .uid = 1);
	commit();
	assert_app("10.0.0.1", "new");
	assert_true(passes("192.0.2.1", "10.0.0.1"));
	assert_true(passes("10.0.0.1", "10.0.0.2"));
	/* once known, it is not isolated again */
	deleted("web", 1);
	commit();
	assert_true(passes("192.0.2.1", "10.0.0.1"));
	del("web", 1);
	del("free", 2);
	commit();
}

/* The label of ours cannot be had: as the value of anybody's label it is refused,
 * and the same key with a value that is not changes nothing. */
static void label_of_a_user(void **state)
{
	const char *values[] = { "true", "not known to the source yet" };

	add("web", 1, "10.0.0.1", true);
	for (int i = 0; i < 2; i++) {
		struct weir_error err = { "" };
		struct weir_pod *pod = NULL;
		char manifest[512];
		cJSON *json;

		snprintf(manifest, sizeof(manifest),
			 "{\"metadata\":{\"name\":\"p\",\"labels\":{\"weir.dev/unknown\":\"%s\"}},"
			 "\"status\":{\"podIP\":\"10.0.0.5\"},\"spec\":{\"nodeName\":\"here\"}}",
			 values[i]);
		json = cJSON_Parse(manifest);
		assert_int_equal(weir_pod_decode(pool, json, &pod, &err), i ? -EINVAL : 0);
		cJSON_Delete(json);
		if (!i)
			assert_int_equal(weir_cluster_set_pod(cluster, pod), 0);
	}
	commit();
	assert_true(passes("192.0.2.1", "10.0.0.5"));
	assert_false(passes("192.0.2.1", "10.0.0.1"));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(unknown_is_isolated),
		TEST(label_of_a_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
