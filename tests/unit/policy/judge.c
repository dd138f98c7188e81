/* SPDX-License-Identifier: Apache-2.0 */
/* Why a connection is allowed or denied: every reason, both sides, explain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy/build.h"
#include "weir/cleanup.h"

static struct bag bag;
static struct weir_compiler *compiler;
static const struct weir_policy *web, *db;

static void commit(void)
{
	struct weir_changes *changes;

	assert_int_equal(weir_compiler_commit(compiler, &changes, NULL), 0);
	weir_changes_free(&changes);
}

/* web and db are pods of this node, far is not; web lets in far on 80. */
static int set_up(void **state)
{
	bag_open(&bag);
	weir_compiler_new(&compiler);
	web = make_policy(&bag, "n", "web", "app=web", "in accept pods(app=far) http/tcp");
	db = make_policy(&bag, "n", "db", "app=far", "out accept 10.0.0.1/32 80/tcp");
	weir_compiler_add_namespace(compiler, make_namespace(&bag, "n", ""));
	weir_compiler_add_pod(
		compiler, make_pod(&bag, "n", "web", "app=web", "10.0.0.1", "http:80/tcp", true));
	weir_compiler_add_pod(compiler,
			      make_pod(&bag, "n", "db", "app=db", "10.0.0.2", NULL, true));
	weir_compiler_add_pod(compiler,
			      make_pod(&bag, "n", "far", "app=far", "10.0.0.3", NULL, false));
	weir_compiler_add_policy(compiler, web);
	weir_compiler_add_policy(compiler, db);
	commit();
	return 0;
}

static int tear_down(void **state)
{
	weir_compiler_free(&compiler);
	bag_empty(&bag);
	return 0;
}

static struct weir_judgement judge(const char *src, const char *dst, uint16_t port)
{
	struct weir_connection conn = make_connection(src, dst, WEIR_PROTO_TCP, port);
	struct weir_judgement j;

	weir_compiler_judge(compiler, &conn, &j);
	return j;
}

static void test_reasons(void **state)
{
	static const struct {
		const char *src, *dst;
		uint16_t port;
		uint8_t verdict, egress, ingress;
	} cases[] = {
		{ "10.0.0.3", "10.0.0.1", 80, WEIR_ALLOWED, WEIR_REASON_NOT_ENDPOINT,
		  WEIR_REASON_RULE },
		{ "10.0.0.3", "10.0.0.1", 81, WEIR_DENIED, WEIR_REASON_NOT_ENDPOINT,
		  WEIR_REASON_ISOLATED },
		{ "10.0.0.2", "10.0.0.1", 80, WEIR_DENIED, WEIR_REASON_NO_POLICY,
		  WEIR_REASON_ISOLATED },
		{ "10.0.0.1", "10.0.0.2", 80, WEIR_ALLOWED, WEIR_REASON_NO_POLICY,
		  WEIR_REASON_NO_POLICY },
		{ "10.0.0.1", "10.0.0.1", 99, WEIR_ALLOWED, WEIR_REASON_SELF, WEIR_REASON_SELF },
		{ "192.0.2.1", "198.51.100.1", 80, WEIR_ALLOWED, WEIR_REASON_NOT_ENDPOINT,
		  WEIR_REASON_NOT_ENDPOINT },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_judgement j = judge(cases[i].src, cases[i].dst, cases[i].port);

		assert_int_equal(j.verdict, cases[i].verdict);
		assert_int_equal(j.sides[WEIR_EGRESS].reason, cases[i].egress);
		assert_int_equal(j.sides[WEIR_INGRESS].reason, cases[i].ingress);
	}
}

static void test_rule_is_named(void **state)
{
	struct weir_judgement j = judge("10.0.0.3", "10.0.0.1", 80);

	assert_ptr_equal(j.sides[WEIR_INGRESS].rule, &web->rules[WEIR_INGRESS][0]);
	j = judge("10.0.0.3", "10.0.0.1", 81);
	assert_null(j.sides[WEIR_INGRESS].rule);
	assert_int_equal(j.sides[WEIR_INGRESS].ruleset->n_policies, 1);
	assert_ptr_equal(j.sides[WEIR_INGRESS].ruleset->policies[0], web);
}

/* A pod elsewhere has no ruleset here, but explain says what it would be. */
static void test_explain(void **state)
{
	static const struct {
		const char *dst;
		uint8_t verdict, reason;
	} cases[] = {
		{ "10.0.0.1", WEIR_ALLOWED, WEIR_REASON_RULE },
		{ "10.0.0.2", WEIR_DENIED, WEIR_REASON_ISOLATED },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_connection conn =
			make_connection("10.0.0.3", cases[i].dst, WEIR_PROTO_TCP, 80);
		struct weir_explanation *e;
		const struct weir_judgement *j;

		assert_int_equal(weir_compiler_explain(compiler, &conn, &e, NULL), 0);
		j = weir_explanation_judgement(e);
		assert_int_equal(j->verdict, cases[i].verdict);
		assert_int_equal(j->sides[WEIR_EGRESS].reason, cases[i].reason);
		weir_explanation_free(&e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reasons, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rule_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_explain, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
