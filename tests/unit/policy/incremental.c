/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random events, many commits. After each one: what a consumer has that only
 * applies the changes equals the snapshot; every connection is judged as by
 * brute force over the objects, by the same rule; a fresh compile has the same
 * tables; and what is removed and added again equal is no change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/policy/brute.h"
#include "tests/unit/policy/random.h"
#include "tests/unit/policy/shadow.h"
#include "weir/cleanup.h"

struct world {
	struct bag bag;
	struct weir_compiler *compiler;
	struct shadow shadow;
	struct random random;
	const struct weir_namespace *namespaces[RANDOM_NAMESPACES];
	const struct weir_pod *pods[RANDOM_PODS];
	const struct weir_node *nodes[RANDOM_NODES];
	const struct weir_domain *domains[RANDOM_DOMAINS];
	const struct weir_policy *policies[RANDOM_ALL_POLICIES];
};

static void change_namespace(struct world *w)
{
	unsigned i = roll(&w->random, RANDOM_NAMESPACES);

	if (w->namespaces[i])
		assert_int_equal(weir_compiler_remove_namespace(w->compiler, w->namespaces[i]), 0);
	w->namespaces[i] = roll(&w->random, 4) ? random_namespace(&w->random, i) : NULL;
	if (w->namespaces[i])
		assert_int_equal(weir_compiler_add_namespace(w->compiler, w->namespaces[i]), 0);
}

static void change_pod(struct world *w)
{
	unsigned i = roll(&w->random, RANDOM_PODS);

	if (w->pods[i])
		assert_int_equal(weir_compiler_remove_pod(w->compiler, w->pods[i]), 0);
	w->pods[i] = roll(&w->random, 4) ? random_pod(&w->random, i) : NULL;
	if (w->pods[i])
		assert_int_equal(weir_compiler_add_pod(w->compiler, w->pods[i]), 0);
}

static void change_node(struct world *w)
{
	unsigned i = roll(&w->random, RANDOM_NODES);

	if (w->nodes[i])
		assert_int_equal(weir_compiler_remove_node(w->compiler, w->nodes[i]), 0);
	w->nodes[i] = roll(&w->random, 4) ? random_node(&w->random, i) : NULL;
	if (w->nodes[i])
		assert_int_equal(weir_compiler_add_node(w->compiler, w->nodes[i]), 0);
}

static void change_domain(struct world *w)
{
	unsigned i = roll(&w->random, RANDOM_DOMAINS);

	if (w->domains[i])
		assert_int_equal(weir_compiler_remove_domain(w->compiler, w->domains[i]), 0);
	w->domains[i] = roll(&w->random, 4) ? random_domain(&w->random, i) : NULL;
	if (w->domains[i])
		assert_int_equal(weir_compiler_add_domain(w->compiler, w->domains[i]), 0);
}

static void change_policy(struct world *w)
{
	unsigned i = roll(&w->random, RANDOM_ALL_POLICIES);

	if (w->policies[i])
		assert_int_equal(weir_compiler_remove_policy(w->compiler, w->policies[i]), 0);
	w->policies[i] = roll(&w->random, 3) ? random_policy(&w->random, i) : NULL;
	if (w->policies[i])
		assert_int_equal(weir_compiler_add_policy(w->compiler, w->policies[i]), 0);
}

/* Remove and add again: the same namespace, an equal policy and pod. */
static void touch_something(struct world *w)
{
	unsigned i = roll(&w->random, RANDOM_ALL_POLICIES), n = roll(&w->random, RANDOM_NAMESPACES);
	unsigned k = roll(&w->random, RANDOM_PODS), m = roll(&w->random, RANDOM_NODES);

	if (w->domains[m]) {
		weir_compiler_remove_domain(w->compiler, w->domains[m]);
		assert_int_equal(weir_compiler_add_domain(w->compiler, w->domains[m]), 0);
	}
	if (w->nodes[m]) {
		struct weir_node *node = bag_alloc(&w->bag, 1, sizeof(*node));

		*node = *w->nodes[m];
		weir_compiler_remove_node(w->compiler, w->nodes[m]);
		w->nodes[m] = node;
		assert_int_equal(weir_compiler_add_node(w->compiler, node), 0);
	}
	if (w->pods[k]) {
		struct weir_pod *pod = bag_alloc(&w->bag, 1, sizeof(*pod));

		*pod = *w->pods[k];
		weir_compiler_remove_pod(w->compiler, w->pods[k]);
		w->pods[k] = pod;
		assert_int_equal(weir_compiler_add_pod(w->compiler, pod), 0);
	}

	if (w->policies[i]) {
		struct weir_policy *p = bag_alloc(&w->bag, 1, sizeof(*p));

		*p = *w->policies[i];
		for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
			p->rules[d] = bag_alloc(&w->bag, p->n_rules[d], sizeof(*p->rules[d]));
			for (unsigned j = 0; j < p->n_rules[d]; j++) {
				p->rules[d][j] = w->policies[i]->rules[d][j];
				p->rules[d][j].policy = p;
			}
		}
		weir_compiler_remove_policy(w->compiler, w->policies[i]);
		w->policies[i] = p;
		assert_int_equal(weir_compiler_add_policy(w->compiler, p), 0);
	}
	if (w->namespaces[n]) {
		weir_compiler_remove_namespace(w->compiler, w->namespaces[n]);
		assert_int_equal(weir_compiler_add_namespace(w->compiler, w->namespaces[n]), 0);
	}
}

static void gather(const struct world *w, struct objects *o)
{
	const struct weir_pod *const *pods = w->pods;

	*o = (struct objects){
		.namespaces = calloc(RANDOM_NAMESPACES, sizeof(void *)),
		.pods = calloc(RANDOM_PODS, sizeof(void *)),
		.nodes = calloc(RANDOM_NODES, sizeof(void *)),
		.domains = calloc(RANDOM_DOMAINS, sizeof(void *)),
		.policies = calloc(RANDOM_ALL_POLICIES, sizeof(void *)),
	};
	for (unsigned i = 0; i < RANDOM_NODES; i++) {
		if (w->nodes[i])
			o->nodes[o->n_nodes++] = w->nodes[i];
	}
	for (unsigned i = 0; i < RANDOM_DOMAINS; i++) {
		if (w->domains[i])
			o->domains[o->n_domains++] = w->domains[i];
	}
	for (unsigned i = 0; i < RANDOM_NAMESPACES; i++) {
		if (w->namespaces[i])
			o->namespaces[o->n_namespaces++] = w->namespaces[i];
	}
	for (unsigned i = 0; i < RANDOM_PODS; i++) {
		if (pods[i])
			o->pods[o->n_pods++] = pods[i];
	}
	for (unsigned i = 0; i < RANDOM_ALL_POLICIES; i++) {
		if (w->policies[i])
			o->policies[o->n_policies++] = w->policies[i];
	}
}

static void release(struct objects *o)
{
	free(o->namespaces);
	free(o->pods);
	free(o->nodes);
	free(o->domains);
	free(o->policies);
}

static void check_connection(struct world *w, const struct objects *o,
			     const struct weir_connection *conn)
{
	struct weir_judgement got, want, tables;
	struct weir_explanation *e;

	brute_force(&w->bag, o, conn, &want);
	weir_compiler_judge(w->compiler, conn, &got);
	shadow_judge(&w->shadow, conn, &tables);
	assert_int_equal(got.verdict, want.verdict);
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		assert_int_equal(got.sides[d].verdict, want.sides[d].verdict);
		assert_ptr_equal(got.sides[d].rule, want.sides[d].rule);
		assert_int_equal(tables.sides[d].verdict, want.sides[d].verdict);
	}
	assert_int_equal(weir_compiler_explain(w->compiler, conn, &e, NULL), 0);
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		const struct weir_decision *x = &weir_explanation_judgement(e)->sides[d];

		if (got.sides[d].reason != WEIR_REASON_NOT_ENDPOINT)
			assert_ptr_equal(x->rule, want.sides[d].rule);
	}
	weir_explanation_free(&e);
}

static void check_all(struct world *w)
{
	static const struct {
		uint8_t protocol;
		uint16_t port;
	} tries[] = {
		{ WEIR_PROTO_TCP, 80 }, { WEIR_PROTO_TCP, 8080 }, { WEIR_PROTO_UDP, 53 },
		{ WEIR_PROTO_TCP, 53 }, { WEIR_PROTO_SCTP, 80 },  { WEIR_PROTO_ICMP, 0 },
		{ WEIR_PROTO_TCP, 79 }, { WEIR_PROTO_TCP, 91 },
	};
	struct objects o;

	gather(w, &o);
	for (unsigned s = 0; s < RANDOM_ADDRESSES; s++) {
		for (unsigned d = 0; d < RANDOM_ADDRESSES; d++) {
			unsigned t = roll(&w->random, WEIR_ARRAY_SIZE(tries));
			struct weir_connection conn =
				make_connection(random_addresses[s], random_addresses[d],
						tries[t].protocol, tries[t].port);

			if (conn.src.family == conn.dst.family)
				check_connection(w, &o, &conn);
		}
	}
	release(&o);
}

/* The explanation of a pod elsewhere is what a node says that has it. */
static void check_elsewhere(struct world *w)
{
	struct weir_compiler *other;
	struct weir_changes *changes;
	struct objects o;

	gather(w, &o);
	for (size_t i = 0; i < o.n_pods; i++) {
		struct weir_pod *p = bag_alloc(&w->bag, 1, sizeof(*p));

		*p = *o.pods[i];
		p->local = false;
		o.pods[i] = p;
	}
	assert_int_equal(weir_compiler_new(&other), 0);
	for (size_t i = 0; i < o.n_namespaces; i++)
		weir_compiler_add_namespace(other, o.namespaces[i]);
	for (size_t i = 0; i < o.n_policies; i++)
		weir_compiler_add_policy(other, o.policies[i]);
	for (size_t i = 0; i < o.n_pods; i++)
		weir_compiler_add_pod(other, o.pods[i]);
	for (size_t i = 0; i < o.n_nodes; i++)
		weir_compiler_add_node(other, o.nodes[i]);
	for (size_t i = 0; i < o.n_domains; i++)
		weir_compiler_add_domain(other, o.domains[i]);
	assert_int_equal(weir_compiler_commit(other, &changes, NULL), 0);
	weir_changes_free(&changes);
	for (size_t i = 0; i < o.n_pods; i++)
		((struct weir_pod *)o.pods[i])->local = true;
	for (unsigned n = 0; n < 60; n++) {
		struct weir_connection conn =
			make_connection(random_addresses[roll(&w->random, 10)],
					random_addresses[roll(&w->random, 10)], WEIR_PROTO_TCP,
					(uint16_t)(roll(&w->random, 2) ? 80 : 53));
		struct weir_explanation *e;
		struct weir_judgement want;

		brute_force(&w->bag, &o, &conn, &want);
		assert_int_equal(weir_compiler_explain(other, &conn, &e, NULL), 0);
		assert_int_equal(weir_explanation_judgement(e)->verdict, want.verdict);
		for (int d = 0; d < WEIR_DIRECTION_MAX; d++)
			assert_ptr_equal(weir_explanation_judgement(e)->sides[d].rule,
					 want.sides[d].rule);
		weir_explanation_free(&e);
	}
	weir_compiler_free(&other);
	release(&o);
}

/* The same tables as from a compiler that sees the objects for the first time. */
static void check_fresh(struct world *w)
{
	struct weir_compiler *fresh;
	struct weir_compiler_stats a, b;
	struct weir_changes *changes;
	struct objects o;

	gather(w, &o);
	assert_int_equal(weir_compiler_new(&fresh), 0);
	for (size_t i = o.n_policies; i-- > 0;)
		weir_compiler_add_policy(fresh, o.policies[i]);
	for (size_t i = o.n_nodes; i-- > 0;)
		weir_compiler_add_node(fresh, o.nodes[i]);
	for (size_t i = o.n_domains; i-- > 0;)
		weir_compiler_add_domain(fresh, o.domains[i]);
	for (size_t i = 0; i < o.n_pods; i++)
		weir_compiler_add_pod(fresh, o.pods[i]);
	for (size_t i = o.n_namespaces; i-- > 0;)
		weir_compiler_add_namespace(fresh, o.namespaces[i]);
	assert_int_equal(weir_compiler_commit(fresh, &changes, NULL), 0);
	shadow_assert_alike(&w->shadow, changes);
	weir_changes_free(&changes);
	weir_compiler_stats(w->compiler, &a);
	weir_compiler_stats(fresh, &b);
	assert_int_equal(a.identities, b.identities);
	assert_int_equal(a.prefixes, b.prefixes);
	assert_int_equal(a.rulesets, b.rulesets);
	assert_int_equal(a.classes, b.classes);
	assert_int_equal(a.endpoints, b.endpoints);
	weir_compiler_free(&fresh);
	release(&o);
}

static void pretend_staged(const struct objects *o, const bool *staged)
{
	for (size_t i = 0; i < o->n_policies; i++)
		((struct weir_policy *)o->policies[i])->staged = staged && staged[i];
}

/* A compiler for which staged policies are enforced says what would be without
 * the word "staged" in them. */
static void check_staged(struct world *w)
{
	bool staged[RANDOM_ALL_POLICIES];
	struct weir_compiler *c;
	struct weir_changes *changes;
	struct objects o;

	gather(w, &o);
	assert_int_equal(weir_compiler_new(&c), 0);
	weir_compiler_enforce_staged(c);
	for (size_t i = 0; i < o.n_policies; i++) {
		staged[i] = o.policies[i]->staged;
		weir_compiler_add_policy(c, o.policies[i]);
	}
	for (size_t i = 0; i < o.n_nodes; i++)
		weir_compiler_add_node(c, o.nodes[i]);
	for (size_t i = 0; i < o.n_domains; i++)
		weir_compiler_add_domain(c, o.domains[i]);
	for (size_t i = 0; i < o.n_pods; i++)
		weir_compiler_add_pod(c, o.pods[i]);
	for (size_t i = 0; i < o.n_namespaces; i++)
		weir_compiler_add_namespace(c, o.namespaces[i]);
	assert_int_equal(weir_compiler_commit(c, &changes, NULL), 0);
	weir_changes_free(&changes);
	pretend_staged(&o, NULL);
	for (unsigned n = 0; n < 60; n++) {
		struct weir_connection conn =
			make_connection(random_addresses[roll(&w->random, 10)],
					random_addresses[roll(&w->random, 10)], WEIR_PROTO_TCP,
					(uint16_t)(roll(&w->random, 2) ? 80 : 53));
		struct weir_judgement got, want;

		weir_compiler_judge(c, &conn, &got);
		brute_force(&w->bag, &o, &conn, &want);
		for (int d = 0; d < WEIR_DIRECTION_MAX; d++)
			assert_ptr_equal(got.sides[d].rule, want.sides[d].rule);
		assert_int_equal(got.verdict, want.verdict);
	}
	pretend_staged(&o, staged);
	weir_compiler_free(&c);
	release(&o);
}

static void commit(struct world *w, bool expect_nothing)
{
	struct weir_changes *changes;

	assert_int_equal(weir_compiler_commit(w->compiler, &changes, NULL), 0);
	if (expect_nothing)
		assert_true(weir_changes_empty(changes));
	shadow_apply(&w->shadow, changes);
	weir_changes_free(&changes);
	assert_int_equal(weir_compiler_snapshot(w->compiler, &changes, NULL), 0);
	shadow_assert_equal(&w->shadow, changes);
	weir_changes_free(&changes);
}

static void change_something(struct world *w)
{
	unsigned what = roll(&w->random, 11);

	if (what == 0)
		change_namespace(w);
	else if (what == 8)
		change_node(w);
	else if (what > 8)
		change_domain(w);
	else if (what < 4)
		change_pod(w);
	else
		change_policy(w);
}

/* names_only: what is learned of names comes and goes, all else stays. */
static void run(uint64_t seed, unsigned steps, bool names_only)
{
	struct world w = { .random.seed = seed * 0x9E3779B97F4A7C15ull + 1 };

	w.random.bag = &w.bag;
	bag_open(&w.bag);
	shadow_open(&w.shadow);
	assert_int_equal(weir_compiler_new(&w.compiler), 0);
	for (unsigned step = 0; step < steps; step++) {
		unsigned n = step ? 1 + roll(&w.random, 4) : 40;

		for (unsigned i = 0; i < n; i++) {
			if (names_only && step)
				change_domain(&w);
			else
				change_something(&w);
		}
		commit(&w, false);
		check_all(&w);
		touch_something(&w);
		commit(&w, true);
		if (step % 4 == 0)
			check_fresh(&w);
		if (step % 8 == 0)
			check_elsewhere(&w);
		if (step % 8 == 4)
			check_staged(&w);
	}
	weir_compiler_free(&w.compiler);
	shadow_close(&w.shadow);
	bag_empty(&w.bag);
}

static void test_random_events(void **state)
{
	const char *seed = getenv("WEIR_TEST_SEED"), *rounds = getenv("WEIR_TEST_ROUNDS");
	uint64_t first = seed ? strtoull(seed, NULL, 0) : 1;
	uint64_t n = rounds ? strtoull(rounds, NULL, 0) : 12;

	for (uint64_t i = first; i < first + n; i++) {
		if (seed)
			print_message("seed %llu\n", (unsigned long long)i);
		run(i, 24, i % 3 == 0);
	}
}

/* The verdicts are the same, and so are the rules that decide: only the order of
 * the policies, which the kernel shows, is another one. */
static void test_other_precedence(void **state)
{
	static const enum weir_tier tiers[] = { WEIR_TIER_ADMIN, WEIR_TIER_BASELINE };
	struct world w = { 0 };
	struct weir_policy *p = NULL;

	bag_open(&w.bag);
	shadow_open(&w.shadow);
	assert_int_equal(weir_compiler_new(&w.compiler), 0);
	weir_compiler_add_pod(w.compiler,
			      make_pod(&w.bag, "n", "p", "app=web", "10.0.0.1", NULL, true));
	weir_compiler_add_policy(
		w.compiler, make_policy(&w.bag, "n", "np", "", "in accept pods(app=db) 80/tcp"));
	for (unsigned i = 0; i < WEIR_ARRAY_SIZE(tiers); i++) {
		if (p)
			weir_compiler_remove_policy(w.compiler, p);
		p = make_cluster_policy(&w.bag, "cp", tiers[i], 0, "", "",
					"in deny ns()pods(app=nobody)");
		weir_compiler_add_policy(w.compiler, p);
		commit(&w, false);
	}
	weir_compiler_free(&w.compiler);
	shadow_close(&w.shadow);
	bag_empty(&w.bag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_events),
		cmocka_unit_test(test_other_precedence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
