/* SPDX-License-Identifier: Apache-2.0 */
/* What a commit tells: differences, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy/build.h"
#include "weir/cleanup.h"

static struct bag bag;
static struct weir_compiler *compiler;
static const struct weir_pod *pod, *peer;
static const struct weir_policy *first;

static struct weir_changes *commit(void)
{
	struct weir_changes *changes;

	assert_int_equal(weir_compiler_commit(compiler, &changes, NULL), 0);
	return changes;
}

static int set_up(void **state)
{
	struct weir_changes *changes;

	bag_open(&bag);
	weir_compiler_new(&compiler);
	pod = make_pod(&bag, "n", "pod", "app=web", "10.0.0.1", NULL, true);
	peer = make_pod(&bag, "n", "peer", "app=db", "10.0.0.2", NULL, false);
	first = make_policy(&bag, "n", "a", "", "in accept pods(app=db) 80/tcp");
	weir_compiler_add_pod(compiler, pod);
	weir_compiler_add_pod(compiler, peer);
	weir_compiler_add_policy(compiler, first);
	changes = commit();
	assert_int_equal(changes->n_endpoints, 1);
	assert_int_equal(changes->n_rulesets, 1);
	assert_true(changes->rulesets[0].is_new);
	assert_int_equal(changes->rulesets[0].n_peers, 1);
	weir_changes_free(&changes);
	return 0;
}

static int tear_down(void **state)
{
	weir_compiler_free(&compiler);
	bag_empty(&bag);
	return 0;
}

static void test_nothing_happened(void **state)
{
	struct weir_changes *changes = commit();
	uint64_t generation = changes->generation;

	assert_true(weir_changes_empty(changes));
	weir_changes_free(&changes);
	changes = commit();
	assert_int_equal(changes->generation, generation);
	weir_changes_free(&changes);
}

/* An equal policy in place of one: other objects, the same tables. */
static void test_equal_policy(void **state)
{
	struct weir_changes *changes;

	weir_compiler_remove_policy(compiler, first);
	weir_compiler_add_policy(compiler,
				 make_policy(&bag, "n", "a", "", "in accept pods(app=db) 80/tcp"));
	changes = commit();
	assert_true(weir_changes_empty(changes));
	weir_changes_free(&changes);
}

/* A policy more for everybody who has the ruleset: same id, one peer told. */
static void test_ruleset_changes_in_place(void **state)
{
	uint32_t id = weir_compiler_ruleset_of(compiler, pod, WEIR_INGRESS)->id;
	struct weir_changes *changes;

	weir_compiler_add_policy(compiler,
				 make_policy(&bag, "n", "b", "", "in accept pods(app=db) 81/tcp"));
	changes = commit();
	assert_int_equal(changes->n_endpoints, 0);
	assert_int_equal(changes->n_addresses, 0);
	assert_int_equal(changes->n_rulesets, 1);
	assert_int_equal(changes->rulesets[0].id, id);
	assert_false(changes->rulesets[0].is_new);
	assert_int_equal(changes->rulesets[0].n_peers, 1);
	assert_int_equal(changes->rulesets[0].peers[0].class_->n_ports, 2);
	weir_changes_free(&changes);
}

/* A policy for some: they get a ruleset of their own, the others keep theirs. */
static void test_ruleset_forks(void **state)
{
	const struct weir_pod *other =
		make_pod(&bag, "n", "other", "app=api", "10.0.0.3", NULL, true);
	uint32_t id = weir_compiler_ruleset_of(compiler, pod, WEIR_INGRESS)->id;
	struct weir_changes *changes;

	weir_compiler_add_pod(compiler, other);
	changes = commit();
	assert_int_equal(weir_compiler_ruleset_of(compiler, other, WEIR_INGRESS)->id, id);
	weir_changes_free(&changes);
	weir_compiler_add_policy(compiler, make_policy(&bag, "n", "b", "app=api", "in accept *"));
	changes = commit();
	assert_int_equal(weir_compiler_ruleset_of(compiler, pod, WEIR_INGRESS)->id, id);
	assert_int_not_equal(weir_compiler_ruleset_of(compiler, other, WEIR_INGRESS)->id, id);
	assert_int_equal(changes->n_rulesets, 1);
	assert_int_equal(changes->n_endpoints, 1);
	weir_changes_free(&changes);
}

/* What selects no pod of this node is in no table. */
static void test_policy_for_nobody_here(void **state)
{
	struct weir_changes *changes;

	weir_compiler_add_policy(compiler, make_policy(&bag, "n", "b", "app=db", "in;out"));
	weir_compiler_add_policy(compiler, make_policy(&bag, "m", "c", "", "in accept 10.0.0.0/8"));
	changes = commit();
	assert_true(weir_changes_empty(changes));
	weir_changes_free(&changes);
}

static void test_last_policy_goes(void **state)
{
	struct weir_changes *changes;

	weir_compiler_remove_policy(compiler, first);
	changes = commit();
	assert_int_equal(changes->n_rulesets, 1);
	assert_null(changes->rulesets[0].ruleset);
	assert_int_equal(changes->n_endpoints, 1);
	assert_int_equal(changes->endpoints[0].rulesets[WEIR_INGRESS], 0);
	weir_changes_free(&changes);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_nothing_happened),	     CASE(test_equal_policy),
		CASE(test_ruleset_changes_in_place), CASE(test_ruleset_forks),
		CASE(test_policy_for_nobody_here),   CASE(test_last_policy_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
