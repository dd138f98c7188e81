/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of manifests: what is in the cluster after each change of it, and
 * what is said about what is broken. Real files, real inotify. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/cluster/cluster.h"
#include "daemon/reconcile/reconcile.h"
#include "daemon/source/source.h"
#include "daemon/weird.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define POD(name, label)                                                                           \
	"apiVersion: v1\nkind: Pod\nmetadata: {name: " name                                        \
	", namespace: shop, labels: {app: " label "}}\nstatus: {podIP: 10.0.0.1}\n---\n"
#define POLICY(name, rest)                                                                         \
	"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " name            \
	", namespace: shop}\nspec: {podSelector: {}" rest "}\n---\n"
#define BROKEN ", podSelctor: {}"

static struct weir_config config;
static struct weird d;
static unsigned kicks;

/* The source under test alone: in place of the daemon's reconciler. */
void weir_reconcile_kick(struct weir_reconcile *r)
{
	kicks++;
}

static uv_loop_t loop;
static char dir[64], state_dir[64];

static void put(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void drop(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(unlink(path), 0);
}

static void on_synced(void *data, const struct weir_error *err)
{
	struct weir_error *ret = data;

	memcpy(ret, err ? err : &(struct weir_error){ "" }, sizeof(*ret));
}

/* What is wrong, or "". */
static struct weir_error sync_error(void)
{
	struct weir_error err = { "not called back" };

	d.source->ops->sync(d.source, on_synced, &err);
	return err;
}

static void sync_now(void)
{
	assert_string_equal(sync_error().text, "");
}

static uint64_t broken(void)
{
	uint64_t n, errors;

	d.source->ops->counts(d.source, &n, &errors);
	return n;
}

static void assert_status_says(const char *text)
{
	cJSON *status = d.source->ops->status(d.source);
	WEIR_AUTO_FREE char *printed = cJSON_PrintUnformatted(status);

	cJSON_Delete(status);
	if (!strstr(printed, text))
		fail_msg("no \"%s\" in %s", text, printed);
}

static void assert_counts(uint32_t pods, uint32_t policies)
{
	struct weir_cluster_counts counts;

	weir_cluster_counts(d.world.cluster, &counts);
	assert_int_equal(counts.pods, pods);
	assert_int_equal(counts.policies, policies);
}

static void assert_label(const char *pod, const char *value)
{
	const struct weir_pod *p = weir_cluster_pod(d.world.cluster, "shop", pod);
	const char *key = weir_pool_find(d.world.pool, "app");

	assert_non_null(p);
	assert_string_equal(weir_labels_get(p->labels, key), value);
}

static void start(void)
{
	struct weir_error err = { "" };

	memset(&d, 0, sizeof(d));
	d.config = &config;
	kicks = 0;
	uv_loop_init(&loop);
	d.loop = &loop;
	pthread_mutex_init(&d.world.lock, NULL);
	assert_int_equal(weir_pool_new(&d.world.pool), 0);
	assert_int_equal(weir_compiler_new(&d.world.compiler), 0);
	assert_int_equal(weir_cluster_new(d.world.pool, d.world.compiler, &d.world.cluster), 0);
	if (weir_source_files_open(&d, dir, &d.source, &err) < 0)
		fail_msg("%s", err.text);
}

static void stop(void)
{
	d.source->ops->close(d.source);
	weir_compiler_free(&d.world.compiler);
	weir_cluster_free(&d.world.cluster);
	weir_pool_free(&d.world.pool);
	pthread_mutex_destroy(&d.world.lock);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static int setup(void **state)
{
	strcpy(dir, "/tmp/weir-t-source-XXXXXX");
	strcpy(state_dir, "/tmp/weir-t-state-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_non_null(mkdtemp(state_dir));
	config.state_dir = state_dir;
	start();
	return 0;
}

static int teardown(void **state)
{
	char command[256];

	stop();
	snprintf(command, sizeof(command), "rm -rf %s %s.old %s", dir, dir, state_dir);
	return system(command);
}

static void objects_come_change_and_go(void **state)
{
	put("a.yaml", POD("web", "one") POD("db", "one") POLICY("deny", ""));
	put("b.json",
	    "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{\"apiVersion\":\"v1\","
	    "\"kind\":\"Pod\",\"metadata\":{\"name\":\"json\",\"namespace\":\"shop\"}}]}");
	put("ignored.txt", "no: manifest");
	sync_now();
	assert_counts(3, 1);
	assert_label("web", "one");
	assert_int_equal(kicks, 1);
	sync_now();
	assert_int_equal(kicks, 1);
	put("a.yaml", POD("web", "two"));
	sync_now();
	assert_counts(2, 0);
	assert_label("web", "two");
	drop("a.yaml");
	drop("b.json");
	sync_now();
	assert_counts(0, 0);
	assert_int_equal(broken(), 0);
}

static void same_size_and_time_is_seen(void **state)
{
	for (int i = 0; i < 50; i++) {
		put("a.yaml", i & 1 ? POD("web", "one") : POD("web", "two"));
		sync_now();
		assert_label("web", i & 1 ? "one" : "two");
	}
}

static void broken_file_keeps_its_objects(void **state)
{
	put("a.yaml", POD("web", "one") POLICY("deny", ""));
	put("b.yaml", POD("db", "one"));
	sync_now();
	put("a.yaml", "kind: [unclosed\n");
	put("b.yaml", POD("db", "two"));
	sync_now();
	assert_counts(2, 1);
	assert_label("db", "two");
	assert_int_equal(broken(), 1);
	assert_status_says("a.yaml:");
	put("a.yaml", POD("web", "three"));
	sync_now();
	assert_counts(2, 0);
	assert_int_equal(broken(), 0);
}

static void broken_object_keeps_its_last_good_state(void **state)
{
	put("a.yaml", POD("web", "one") POLICY("deny", ""));
	sync_now();
	put("a.yaml", POD("web", "two") POLICY("deny", BROKEN));
	sync_now();
	assert_counts(1, 1);
	assert_label("web", "two");
	assert_int_equal(broken(), 1);
	assert_status_says("NetworkPolicy shop/deny");
	assert_status_says("podSelctor");
	put("a.yaml", POD("web", "two"));
	sync_now();
	assert_counts(1, 0);
	assert_int_equal(broken(), 0);
}

#define EGRESS ", egress: [{to: [{nonsense: {}}]}]"

/* Whom it selects can be understood: they are isolated, until it is mended or gone. */
static void policy_that_never_was_good_is_closed(void **state)
{
	const struct weir_policy *policy;

	put("a.yaml", POD("web", "one") POLICY("new", EGRESS));
	sync_now();
	assert_counts(1, 1);
	assert_int_equal(broken(), 1);
	assert_status_says("the pods that it selects are isolated");
	policy = weir_cluster_policy(d.world.cluster, "NetworkPolicy", "shop", "new");
	assert_true(policy->isolates[WEIR_INGRESS] && policy->isolates[WEIR_EGRESS]);
	assert_int_equal(policy->n_rules[WEIR_EGRESS], 0);
	put("a.yaml", POD("web", "one") POLICY("new", ""));
	sync_now();
	assert_counts(1, 1);
	assert_int_equal(broken(), 0);
	policy = weir_cluster_policy(d.world.cluster, "NetworkPolicy", "shop", "new");
	assert_false(policy->isolates[WEIR_EGRESS]);
	put("a.yaml", POD("web", "one") POLICY("other", EGRESS));
	sync_now();
	assert_counts(1, 1);
	drop("a.yaml");
	sync_now();
	assert_counts(0, 0);
}

static void broken_object_without_a_name_removes_nothing(void **state)
{
	put("a.yaml", POD("web", "one") POLICY("deny", ""));
	sync_now();
	put("a.yaml", POD("web", "two") "apiVersion: networking.k8s.io/v1\nkind: "
					"NetworkPolicy\nmetadata: {nam: deny}\n");
	sync_now();
	assert_counts(1, 1);
	assert_label("web", "two");
	assert_int_equal(broken(), 1);
}

static void unreadable_document_keeps_what_is_missing(void **state)
{
	put("a.yaml", POD("web", "one") POLICY("deny", "") POD("db", "one"));
	sync_now();
	put("a.yaml", POD("web", "two") "kind: [unclosed\n---\n" POD("db", "two"));
	sync_now();
	assert_counts(2, 1);
	assert_label("web", "two");
	assert_label("db", "two");
	assert_int_equal(broken(), 1);
	assert_status_says("the last good state of what is missing stays");
}

static void misspelt_kind_keeps_its_last_good_state(void **state)
{
	put("a.yaml", POD("web", "one") POLICY("deny", ""));
	sync_now();
	put("a.yaml", POD("web", "one") "apiVersion: networking.k8s.io/v1\nkind: NetworkPolcy\n"
					"metadata: {name: deny, namespace: shop}\n"
					"spec: {podSelector: {}}\n");
	sync_now();
	assert_counts(1, 1);
	assert_status_says("did you mean \\\"NetworkPolicy\\\"?");
	put("a.yaml", POD("web", "one") "apiVersion: networking.k8s/v1\nkind: NetworkPolicy\n"
					"metadata: {name: deny, namespace: shop}\n"
					"spec: {podSelector: {}}\n");
	sync_now();
	assert_counts(1, 1);
	assert_int_equal(broken(), 1);
}

/* A Role is no misspelt Node, and knative's Service is none of ours. */
static void similar_kinds_are_not_for_us(void **state)
{
	put("a.yaml", "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\n"
		      "metadata: {name: a}\n---\n"
		      "apiVersion: serving.knative.dev/v1\nkind: Service\n"
		      "metadata: {name: a}\n---\napiVersion: batch/v1\nkind: Job\n"
		      "metadata: {name: a}\n");
	sync_now();
	assert_int_equal(broken(), 0);
	assert_status_says("\"kinds\":[\"Role\",\"Service\",\"Job\"]");
}

/* Closing writes nothing: what is on disk is what a kill would leave. */
static void restart(void)
{
	stop();
	start();
	sync_now();
}

static void last_good_state_survives_a_restart(void **state)
{
	put("a.yaml", POD("web", "one") POLICY("deny", ""));
	put("b.yaml", POD("db", "one"));
	sync_now();
	put("a.yaml", POD("web", "two") POLICY("deny", BROKEN) POLICY("new", ""));
	put("b.yaml", "kind: [unclosed\n");
	sync_now();
	restart();
	assert_counts(2, 2);
	assert_label("web", "two");
	assert_label("db", "one");
	assert_int_equal(broken(), 2);
	assert_status_says("its last good state stays");
	/* good when weird saw it first, broken now: nothing but the copy has it */
	put("a.yaml", POLICY("deny", BROKEN) POLICY("new", BROKEN));
	sync_now();
	assert_counts(1, 2);
	restart();
	assert_counts(1, 2);
	put("a.yaml", POLICY("new", ""));
	drop("b.yaml");
	restart();
	assert_counts(0, 1);
	assert_int_equal(broken(), 0);
	put("b.yaml", "kind: [unclosed\n");
	restart();
	assert_counts(0, 1);
}

static void broken_while_weird_was_away(void **state)
{
	put("a.yaml", POD("web", "one") POLICY("deny", ""));
	sync_now();
	stop();
	put("a.yaml", POD("web", "one") POLICY("deny", BROKEN));
	start();
	sync_now();
	assert_counts(1, 1);
	assert_int_equal(broken(), 1);
	restart();
	assert_counts(1, 1);
	put("a.yaml", POD("web", "one"));
	restart();
	assert_counts(1, 0);
}

static void first_file_by_name_counts(void **state)
{
	put("b.yaml", POD("web", "b"));
	put("c.yaml", POD("web", "c"));
	sync_now();
	assert_label("web", "b");
	assert_int_equal(broken(), 1);
	assert_status_says("is also in b.yaml, which counts");
	put("a.yaml", POD("web", "a"));
	sync_now();
	assert_label("web", "a");
	assert_int_equal(broken(), 2);
	drop("a.yaml");
	sync_now();
	assert_label("web", "b");
	drop("b.yaml");
	sync_now();
	assert_label("web", "c");
	assert_int_equal(broken(), 0);
	put("c.yaml", POD("web", "c") POD("web", "d"));
	sync_now();
	assert_label("web", "c");
	assert_status_says("is twice in this file");
}

static void what_is_not_for_us(void **state)
{
	put("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n"
		      "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n"
		      "metadata: {name: c}\nspec: {tier: Admin, priority: 1, subject: {}}\n---\n"
		      "apiVersion: extensions/v1beta1\nkind: NetworkPolicy\n"
		      "metadata: {name: p, namespace: shop}\n");
	sync_now();
	assert_counts(0, 0);
	assert_int_equal(broken(), 2);
	assert_status_says("\"kinds\":[\"ConfigMap\"]");
	assert_status_says("ClusterNetworkPolicy c: spec.subject: want namespaces");
	assert_status_says("want networking.k8s.io/v1");
}

static void missing_folder_keeps_its_objects(void **state)
{
	char old[80];

	put("a.yaml", POD("web", "one"));
	sync_now();
	snprintf(old, sizeof(old), "%s.old", dir);
	assert_int_equal(rename(dir, old), 0);
	assert_non_null(strstr(sync_error().text, strerror(ENOENT)));
	assert_counts(1, 0);
	assert_int_equal(broken(), 1);
	assert_int_equal(mkdir(dir, 0700), 0);
	sync_now();
	assert_counts(0, 0);
	assert_int_equal(broken(), 0);
}

static void half_a_file_is_left_alone(void **state)
{
	char path[256];
	FILE *f;

	put("a.yaml", POD("web", "one") POLICY("deny", ""));
	sync_now();
	snprintf(path, sizeof(path), "%s/a.yaml", dir);
	f = fopen(path, "w");
	fputs(POD("web", "two"), f);
	fflush(f);
	sync_now();
	assert_counts(1, 1);
	assert_label("web", "one");
	fputs(POLICY("deny", ""), f);
	fclose(f);
	sync_now();
	assert_counts(1, 1);
	assert_label("web", "two");
}

static void on_late(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

/* Runs the loop until there are so many pods, or for 3 s. */
static void run_until(uint32_t pods)
{
	struct weir_cluster_counts counts;
	uv_timer_t timer;
	bool late = false;

	uv_timer_init(&loop, &timer);
	timer.data = &late;
	uv_timer_start(&timer, on_late, 3000, 0);
	do {
		uv_run(&loop, UV_RUN_ONCE);
		weir_cluster_counts(d.world.cluster, &counts);
	} while (counts.pods != pods && !late);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(counts.pods, pods);
}

static void changes_are_noticed(void **state)
{
	char path[256], other[256];

	sync_now();
	put("a.yaml", POD("web", "one"));
	run_until(1);
	put(".b.new", POD("db", "one"));
	snprintf(path, sizeof(path), "%s/.b.new", dir);
	snprintf(other, sizeof(other), "%s/b.yaml", dir);
	assert_int_equal(rename(path, other), 0);
	run_until(2);
	drop("a.yaml");
	run_until(1);
}

static void swapped_folders_are_noticed(void **state)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/..1", dir);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/..2", dir);
	mkdir(path, 0700);
	put("..1/a.yaml", POD("web", "one"));
	put("..2/a.yaml", POD("web", "one") POD("db", "one"));
	snprintf(path, sizeof(path), "%s/..data", dir);
	assert_int_equal(symlink("..1", path), 0);
	snprintf(path, sizeof(path), "%s/a.yaml", dir);
	assert_int_equal(symlink("..data/a.yaml", path), 0);
	run_until(1);
	snprintf(path, sizeof(path), "ln -sfn ..2 %s/..tmp && mv -T %s/..tmp %s/..data", dir, dir,
		 dir);
	assert_int_equal(system(path), 0);
	run_until(2);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(objects_come_change_and_go),
		TEST(same_size_and_time_is_seen),
		TEST(broken_file_keeps_its_objects),
		TEST(broken_object_keeps_its_last_good_state),
		TEST(policy_that_never_was_good_is_closed),
		TEST(broken_object_without_a_name_removes_nothing),
		TEST(unreadable_document_keeps_what_is_missing),
		TEST(misspelt_kind_keeps_its_last_good_state),
		TEST(similar_kinds_are_not_for_us),
		TEST(last_good_state_survives_a_restart),
		TEST(broken_while_weird_was_away),
		TEST(first_file_by_name_counts),
		TEST(what_is_not_for_us),
		TEST(missing_folder_keeps_its_objects),
		TEST(half_a_file_is_left_alone),
		TEST(changes_are_noticed),
		TEST(swapped_folders_are_noticed),
	};

	weir_log_setup(WEIR_LOG_ERROR, WEIR_LOG_KV);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
