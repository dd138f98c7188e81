/* SPDX-License-Identifier: Apache-2.0 */
/* What says nothing new is no change; what a complete list did not name goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/cluster/cluster.h"

static struct weir_pool *pool;
static struct weir_compiler *compiler;
static struct weir_cluster *cluster;

static int setup(void **state)
{
	assert_int_equal(weir_pool_new(&pool), 0);
	assert_int_equal(weir_compiler_new(&compiler), 0);
	return weir_cluster_new(pool, compiler, &cluster);
}

static int teardown(void **state)
{
	weir_compiler_free(&compiler);
	weir_cluster_free(&cluster);
	weir_pool_free(&pool);
	return 0;
}

static cJSON *parse(const char *text)
{
	cJSON *json = cJSON_Parse(text);

	assert_non_null(json);
	return json;
}

/* Returns how many changes the cluster counts for it. */
static uint64_t set_pod(const char *text)
{
	uint64_t before = weir_cluster_changes(cluster);
	struct weir_error err = { "" };
	struct weir_pod *pod;
	cJSON *json = parse(text);

	if (weir_pod_decode(pool, json, &pod, &err) < 0)
		fail_msg("%s", err.text);
	cJSON_Delete(json);
	assert_int_equal(weir_cluster_set_pod(cluster, pod), 0);
	return weir_cluster_changes(cluster) - before;
}

static uint64_t set_policy(const char *text)
{
	uint64_t before = weir_cluster_changes(cluster);
	struct weir_error err = { "" };
	struct weir_policy *policy;
	cJSON *json = parse(text);

	if (weir_networkpolicy_decode(pool, json, &policy, &err) < 0)
		fail_msg("%s", err.text);
	cJSON_Delete(json);
	assert_int_equal(weir_cluster_set_policy(cluster, policy), 0);
	return weir_cluster_changes(cluster) - before;
}

#define POD(labels, status)                                                                        \
	"{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"labels\":" labels                \
	"},\"spec\":{},\"status\":" status "}"
#define POLICY(name, rest)                                                                         \
	"{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\",\"metadata\":"        \
	"{\"name\":\"" name "\",\"namespace\":\"shop\"},\"spec\":{\"podSelector\":{}" rest "}}"
#define FROM(cidr, port)                                                                           \
	",\"ingress\":[{\"from\":[{\"ipBlock\":{\"cidr\":\"" cidr                                  \
	"\"}}],\"ports\":[{\"port\":" port "}]}]"

static void unchanged_is_no_change(void **state)
{
	assert_int_equal(set_pod(POD("{\"a\":\"1\"}", "{\"podIP\":\"10.0.0.1\"}")), 1);
	assert_int_equal(
		set_pod(POD("{\"a\":\"1\"}", "{\"podIP\":\"10.0.0.1\",\"phase\":\"Running\","
					     "\"conditions\":[{\"type\":\"Ready\"}]}")),
		0);
	assert_int_equal(set_pod(POD("{\"a\":\"2\"}", "{\"podIP\":\"10.0.0.1\"}")), 1);
	assert_int_equal(set_pod(POD("{\"a\":\"2\"}", "{\"podIP\":\"10.0.0.2\"}")), 1);
	assert_int_equal(set_policy(POLICY("p", FROM("10.0.0.0/8", "80"))), 1);
	assert_int_equal(set_policy(POLICY("p", FROM("10.0.0.0/8", "80"))), 0);
	assert_int_equal(set_policy(POLICY("p", FROM("10.0.0.0/9", "80"))), 1);
	assert_int_equal(set_policy(POLICY("p", FROM("10.0.0.0/9", "81"))), 1);
	assert_int_equal(set_policy(POLICY("p", "")), 1);
}

static bool is_kept(void *data, const char *ns, const char *name)
{
	return strcmp(name, data) == 0;
}

static void sweep_takes_what_was_not_named(void **state)
{
	struct weir_cluster_counts counts;
	char kept[] = "b", nobody[] = "x";

	set_policy(POLICY("a", ""));
	set_policy(POLICY("b", ""));
	set_policy(POLICY("c", ""));
	set_pod(POD("{}", "{}"));
	assert_int_equal(weir_cluster_sweep(cluster, WEIR_OBJECT_POLICY, "ClusterNetworkPolicy",
					    is_kept, kept),
			 0);
	weir_cluster_counts(cluster, &counts);
	assert_int_equal(counts.policies, 3);
	assert_int_equal(
		weir_cluster_sweep(cluster, WEIR_OBJECT_POLICY, "NetworkPolicy", is_kept, kept), 0);
	weir_cluster_counts(cluster, &counts);
	assert_int_equal(counts.policies, 1);
	assert_int_equal(counts.pods, 1);
	assert_int_equal(weir_cluster_sweep(cluster, WEIR_OBJECT_POD, NULL, is_kept, nobody), 0);
	weir_cluster_counts(cluster, &counts);
	assert_int_equal(counts.pods, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(unchanged_is_no_change, setup, teardown),
		cmocka_unit_test_setup_teardown(sweep_takes_what_was_not_named, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
