/* SPDX-License-Identifier: Apache-2.0 */
/* Policies from records: what is allowed, what is said, and that no word of a record can end a
 * comment. */
#include "cli/propose/propose.h"

#include "tests/unit/cli/support.h"

static char *text;

/* records: JSON objects, one a line. The proposal for namespace shop. */
static unsigned propose(const char *records)
{
	struct propose p = { .namespace_ = "shop" };
	struct weir_error err = { "" };
	size_t size;
	FILE *out;
	unsigned n;

	for (const char *at = records; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		cJSON *record = cJSON_ParseWithLength(at, strcspn(at, "\n"));

		assert_non_null(record);
		assert_int_equal(propose_take(&p, record, 1), 0);
		cJSON_Delete(record);
	}
	assert_int_equal(propose_settle(&p), 0);
	free(text);
	out = open_memstream(&text, &size);
	assert_int_equal(propose_write(&p, out, &n, &err), 0);
	fclose(out);
	propose_clear(&p);
	return n;
}

static unsigned count(const char *what)
{
	unsigned n = 0;

	for (const char *at = text; (at = strstr(at, what)); at++)
		n++;
	return n;
}

#define POD(ns, workload, pod, labels)                                                             \
	"{\"addr\":\"10.0.0.1\",\"namespace\":\"" ns "\",\"pod\":\"" pod                           \
	"\",\"workloadKind\":\"Deployment\",\"workload\":\"" workload "\",\"labels\":{" labels "}"
#define FLOW(src, dst, port, more)                                                                 \
	"{\"type\":\"open\",\"verdict\":\"allowed\",\"protocol\":\"TCP\",\"time\":1,\"src\":" src  \
	"},\"dst\":" dst ",\"port\":" port "}" more "}\n"
#define WEB POD("shop", "web", "web-1", "\"app\":\"web\",\"pod-template-hash\":\"1\"")
#define DB  POD("shop", "db", "db-1", "\"app\":\"db\",\"zone\":\"1\"")

static void test_both_ends(void **state)
{
	assert_int_equal(propose(FLOW(WEB, DB, "5432", "") FLOW(WEB, DB, "5432", "")), 2);
	assert_int_equal(count("kind: NetworkPolicy"), 2);
	assert_int_equal(count("port: 5432"), 2);
	assert_int_equal(count("pod-template-hash"), 0);
	assert_int_equal(count("TCP 5432: 2 connections"), 2);
	assert_int_equal(count("zone: \"1\""), 2);
}

/* What not all pods of a workload have is no label of the workload. */
static void test_common_labels(void **state)
{
	assert_int_equal(
		propose(FLOW(WEB, DB, "1", "") FLOW(
			WEB, POD("shop", "db", "db-2", "\"app\":\"db\",\"zone\":\"2\""), "1", "")),
		2);
	assert_int_equal(count("zone"), 0);
	assert_int_equal(count("app: db"), 2);
}

/* A pod that got other labels has those, and not what is left of both. */
static void test_labels_that_changed(void **state)
{
	assert_int_equal(
		propose(FLOW(WEB, DB, "1", "") FLOW(
			WEB, POD("shop", "db", "db-1", "\"app\":\"db\",\"zone\":\"2\""), "1", "")),
		2);
	assert_int_equal(count("zone: \"1\""), 0);
	assert_int_equal(count("zone: \"2\""), 2);
}

static void test_peers_with_the_same_ports_share_a_rule(void **state)
{
	assert_int_equal(propose(FLOW(WEB, DB, "1", "")
					 FLOW(POD("other", "x", "x", "\"a\":\"b\""), DB, "1", "")
						 FLOW("{\"addr\":\"192.0.2.1\"", DB, "1", "")),
			 2);
	assert_int_equal(count("  - from:"), 1);
	assert_int_equal(count("kubernetes.io/metadata.name: other"), 1);
	assert_int_equal(count("cidr: \"192.0.2.1/32\""), 1);
}

static void test_what_has_no_rule(void **state)
{
	assert_int_equal(propose("{\"type\":\"open\",\"verdict\":\"allowed\",\"protocol\":\"ICMP\","
				 "\"src\":" WEB "},\"dst\":" DB "}}\n"
				 "{\"type\":\"denied\",\"verdict\":\"denied\",\"protocol\":\"TCP\","
				 "\"src\":" WEB "},\"dst\":" DB
				 ",\"port\":22}}\n" FLOW("{\"addr\":\"10.9.0.1\"", DB, "8080",
							 ",\"ingress\":{\"reason\":\"own-node\"}")),
			 2);
	assert_int_equal(count("ports:"), 0);
	assert_int_equal(count("no rule for this protocol"), 2);
	assert_int_equal(count("denied when it was seen"), 2);
	assert_int_equal(count("always let in"), 1);
}

static void test_no_labels(void **state)
{
	assert_int_equal(propose(FLOW(WEB, POD("shop", "bare", "b", ""), "1", "")), 1);
	assert_int_equal(count("Deployment bare has no labels that last"), 1);
	assert_int_equal(count("podSelector: {}"), 1); /* the peer, and that is said */
	assert_int_equal(count("all pods of their namespace are allowed"), 1);
}

static void test_hostile_words(void **state)
{
	assert_int_equal(propose(FLOW(WEB, POD("shop", "db\\nkind: x", "db-1", "\"app\":\"d\\nb\""),
				      "1", "") FLOW("{\"addr\":\"\\n0.0.0.0/0\"", DB, "1", "")),
			 3);
	assert_int_equal(count("\nkind: x"), 0);
	assert_int_equal(count("\n0.0.0.0"), 0);
	assert_int_equal(count("cidr"), 0);
}

static int teardown(void **state)
{
	free(text);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ends),
		cmocka_unit_test(test_common_labels),
		cmocka_unit_test(test_labels_that_changed),
		cmocka_unit_test(test_peers_with_the_same_ports_share_a_rule),
		cmocka_unit_test(test_what_has_no_rule),
		cmocka_unit_test(test_no_labels),
		cmocka_unit_test(test_hostile_words),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
