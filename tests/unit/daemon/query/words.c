/* SPDX-License-Identifier: Apache-2.0 */
/* Rules in words: what explain says is what the policy means. */
#include "daemon/query/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "weir/cleanup.h"

static void check(enum weir_direction direction, const char *rule, const char *want)
{
	WEIR_AUTO_FREE char *words = NULL;
	char json[1024];
	struct weir_policy *policy = NULL;
	struct weir_error err = { "" };
	struct weir_pool *pool = NULL;
	cJSON *tree;

	snprintf(json, sizeof(json),
		 "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\","
		 "\"metadata\":{\"namespace\":\"shop\",\"name\":\"p\"},"
		 "\"spec\":{\"podSelector\":{},\"%s\":[%s]%s}}",
		 weir_direction_name(direction), rule,
		 direction == WEIR_EGRESS ? ",\"policyTypes\":[\"Egress\"]" : "");
	tree = cJSON_Parse(json);
	assert_non_null(tree);
	assert_int_equal(weir_pool_new(&pool), 0);
	if (weir_networkpolicy_decode(pool, tree, &policy, &err) < 0)
		fail_msg("%s", err.text);
	words = weir_rule_words(&policy->rules[direction][0]);
	assert_string_equal(words, want);
	weir_policy_free(pool, &policy);
	weir_pool_free(&pool);
	cJSON_Delete(tree);
}

static void test_peers(void **state)
{
	check(WEIR_INGRESS, "{}", "from anywhere on any port");
	check(WEIR_EGRESS, "{\"to\":[{\"podSelector\":{}}]}",
	      "to all pods in namespace shop on any port");
	check(WEIR_INGRESS, "{\"from\":[{\"namespaceSelector\":{}}]}",
	      "from all pods in all namespaces on any port");
	check(WEIR_INGRESS,
	      "{\"from\":[{\"podSelector\":{\"matchLabels\":{\"app\":\"web\"}},"
	      "\"namespaceSelector\":{\"matchLabels\":{\"team\":\"a\"}}}]}",
	      "from pods app=web in namespaces team=a on any port");
	check(WEIR_EGRESS,
	      "{\"to\":[{\"ipBlock\":{\"cidr\":\"10.0.0.0/8\",\"except\":[\"10.1.0.0/16\"]}},"
	      "{\"ipBlock\":{\"cidr\":\"fd00::/8\"}}]}",
	      "to 10.0.0.0/8 except 10.1.0.0/16 or fd00::/8 on any port");
}

static void test_expressions(void **state)
{
	check(WEIR_INGRESS,
	      "{\"from\":[{\"podSelector\":{\"matchExpressions\":["
	      "{\"key\":\"a\",\"operator\":\"In\",\"values\":[\"x\",\"y\"]}]}}]}",
	      "from pods a in (x,y) in namespace shop on any port");
	check(WEIR_INGRESS,
	      "{\"from\":[{\"podSelector\":{\"matchExpressions\":["
	      "{\"key\":\"a\",\"operator\":\"NotIn\",\"values\":[\"x\"]}]}}]}",
	      "from pods a!=x in namespace shop on any port");
	check(WEIR_INGRESS,
	      "{\"from\":[{\"podSelector\":{\"matchExpressions\":["
	      "{\"key\":\"a\",\"operator\":\"Exists\"}]}}]}",
	      "from pods a in namespace shop on any port");
	check(WEIR_INGRESS,
	      "{\"from\":[{\"podSelector\":{\"matchExpressions\":["
	      "{\"key\":\"a\",\"operator\":\"DoesNotExist\"}]}}]}",
	      "from pods !a in namespace shop on any port");
}

static void test_ports(void **state)
{
	check(WEIR_INGRESS,
	      "{\"ports\":[{\"port\":80},{\"protocol\":\"UDP\",\"port\":8000,\"endPort\":8080},"
	      "{\"port\":\"http\"},{\"protocol\":\"SCTP\"}]}",
	      "from anywhere on TCP 80, UDP 8000-8080, TCP port \"http\", any SCTP port");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_expressions),
		cmocka_unit_test(test_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
