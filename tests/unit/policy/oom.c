/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory runs out at every single place where the compiler asks for some: once,
 * and from there on for good. Nothing leaks, and as soon as there is memory
 * again the tables say what the objects say. Linked with --wrap.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/policy/brute.h"

static struct {
	long left;     /* allocations until one fails; negative: none does */
	bool for_good; /* and all that follow */
	bool failed;
	long live;
} memory;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);

static bool fails(void)
{
	if (memory.left < 0 || (memory.left > 0 && memory.left--))
		return false;
	if (!memory.for_good)
		memory.left = -1;
	memory.failed = true;
	return true;
}

static void *count(void *p)
{
	memory.live += p != NULL;
	return p;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : count(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : count(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t size)
{
	if (fails())
		return NULL;
	return p ? __real_realloc(p, size) : count(__real_realloc(NULL, size));
}

void __wrap_free(void *p)
{
	memory.live -= p != NULL;
	__real_free(p);
}

static void memory_is_back(void)
{
	memory.left = -1;
}

enum { PODS = 4, POLICIES = 6 };

struct world {
	struct bag bag;
	const struct weir_namespace *ns[2], *ns_later;
	const struct weir_pod *pods[PODS];
	const struct weir_node *node, *node_later;
	const struct weir_domain *domain, *domain_later;
	const struct weir_policy *policies[POLICIES], *later;
};

static void make_world(struct world *w)
{
	struct bag *b = &w->bag;

	bag_open(b);
	w->ns[0] = make_namespace(b, "a", "team=x");
	w->ns[1] = make_namespace(b, "b", "");
	w->ns_later = make_namespace(b, "b", "team=x");
	w->pods[0] = make_pod(b, "a", "web", "app=web", "10.0.0.1,fd00::1", "http:80/tcp", true);
	w->pods[1] = make_pod(b, "a", "db", "app=db", "10.0.0.2", NULL, true);
	w->pods[2] = make_pod(b, "b", "client", "app=web", "10.0.0.3", "http:81/tcp", false);
	w->pods[3] = make_pod(b, "b", "other", "app=x", "10.1.0.4", NULL, true);
	w->policies[0] = make_policy(b, "a", "p0", "app=web", "in accept pods() http/tcp");
	w->policies[1] =
		make_policy(b, "a", "p1", "", "in accept ns(team=x)pods(app=web|x) 1-90/tcp");
	w->policies[2] = make_policy(b, "b", "p2", "",
				     "out accept * http/tcp;in accept 10.0.0.0/8-10.1.0.0/16");
	w->policies[3] = make_policy(b, "a", "p3", "app=db", "in;out accept 10.0.0.3/32 53/udp");
	w->policies[4] = make_cluster_policy(b, "p4", WEIR_TIER_ADMIN, 1, "team=x", "",
					     "in pass pods(app=x)ns() 7/tcp");
	w->policies[5] = make_cluster_policy(b, "p5", WEIR_TIER_BASELINE, 1, "", "",
					     "out deny nodes(zone=a) 443/tcp;"
					     "out deny domains(*.test|b.test) 53/tcp");
	w->node = make_node(b, "n1", "zone=b", "9.9.9.9,fd00::9");
	w->node_later = make_node(b, "n1", "zone=a", "9.9.9.9");
	w->domain = make_domain(b, "a.test", "9.9.9.9,10.0.0.2");
	w->domain_later = make_domain(b, "a.test", "9.9.9.8,10.0.0.3");
	w->later = make_policy(b, "a", "p6", "", "in accept * 80/tcp,443/tcp");
}

static bool commit(struct weir_compiler *c)
{
	struct weir_changes *changes;

	if (weir_compiler_commit(c, &changes, NULL) < 0)
		return false;
	weir_changes_free(&changes);
	return true;
}

/* Each step again once there is memory. */
static void must(int r, struct weir_compiler *c, int (*fn)(struct weir_compiler *, const void *),
		 const void *object)
{
	if (r == 0)
		return;
	assert_int_equal(r, -ENOMEM);
	memory_is_back();
	assert_int_equal(fn(c, object), 0);
}

#define MUST(fn, c, object)                                                                        \
	must(fn(c, object), c, (int (*)(struct weir_compiler *, const void *))fn, object)

static void must_commit(struct weir_compiler *c)
{
	if (commit(c))
		return;
	memory_is_back();
	assert_true(commit(c));
}

static void expect_as_objects(struct world *w, struct weir_compiler *c,
			      const struct weir_namespace **ns, const struct weir_policy **policies,
			      size_t n_policies)
{
	static const char *const addrs[] = { "10.0.0.1", "10.0.0.2", "10.0.0.3",
					     "10.1.0.4", "9.9.9.9",  "9.9.9.8" };
	static const uint16_t ports[] = { 7, 53, 80, 81, 443 };
	long live = memory.live; /* brute force interns words */
	struct objects o = { ns, w->pods,	   policies, 2, PODS, n_policies, &w->node_later,
			     1,	 &w->domain_later, 1 };

	for (size_t i = 0; i < 6 * 6 * 5; i++) {
		struct weir_connection conn = make_connection(addrs[i % 6], addrs[i / 6 % 6],
							      WEIR_PROTO_TCP, ports[i / 36]);
		struct weir_judgement ours, right;

		weir_compiler_judge(c, &conn, &ours);
		brute_force(&w->bag, &o, &conn, &right);
		assert_int_equal(ours.verdict, right.verdict);
	}
	memory.live = live;
}

static void fill(struct world *w, struct weir_compiler *c)
{
	for (size_t i = 0; i < 2; i++)
		MUST(weir_compiler_add_namespace, c, w->ns[i]);
	for (size_t i = 0; i < PODS; i++)
		MUST(weir_compiler_add_pod, c, w->pods[i]);
	MUST(weir_compiler_add_node, c, w->node);
	MUST(weir_compiler_add_domain, c, w->domain);
	for (size_t i = 0; i < POLICIES; i++)
		MUST(weir_compiler_add_policy, c, w->policies[i]);
}

/* A policy goes, another comes, a namespace and a node have other labels,
 * a name other addresses. */
static void change(struct world *w, struct weir_compiler *c)
{
	MUST(weir_compiler_remove_policy, c, w->policies[0]);
	MUST(weir_compiler_add_policy, c, w->later);
	MUST(weir_compiler_remove_namespace, c, w->ns[1]);
	MUST(weir_compiler_add_namespace, c, w->ns_later);
	MUST(weir_compiler_remove_node, c, w->node);
	MUST(weir_compiler_add_node, c, w->node_later);
	MUST(weir_compiler_remove_domain, c, w->domain);
	MUST(weir_compiler_add_domain, c, w->domain_later);
}

static void look(struct weir_compiler *c)
{
	struct weir_connection conn = make_connection("10.0.0.1", "10.0.0.3", WEIR_PROTO_TCP, 81);
	struct weir_explanation *e = NULL;
	struct weir_changes *all = NULL;

	if (weir_compiler_explain(c, &conn, &e, NULL) < 0)
		memory_is_back();
	weir_explanation_free(&e);
	if (weir_compiler_snapshot(c, &all, NULL) < 0)
		memory_is_back();
	weir_changes_free(&all);
}

/* False: all went well, there is no place so late. */
static bool run(struct world *w, long place, bool for_good)
{
	const struct weir_namespace *ns_now[] = { w->ns[0], w->ns_later };
	const struct weir_policy *now[POLICIES];
	struct weir_compiler *c = NULL;
	long live = memory.live;
	bool failed;

	for (size_t i = 1; i < POLICIES; i++)
		now[i] = w->policies[i];
	now[0] = w->later;
	memory.left = place;
	memory.for_good = for_good;
	memory.failed = false;
	if (weir_compiler_new(&c) < 0) {
		memory_is_back();
		assert_int_equal(weir_compiler_new(&c), 0);
	}
	fill(w, c);
	must_commit(c);
	change(w, c);
	must_commit(c);
	look(c);
	failed = memory.failed;
	memory_is_back();
	expect_as_objects(w, c, ns_now, now, POLICIES);
	weir_compiler_free(&c);
	assert_int_equal(memory.live, live);
	return failed;
}

static void at_every_place(bool for_good)
{
	struct world w = { 0 };
	long place = 0;

	memory_is_back();
	make_world(&w);
	while (run(&w, place, for_good))
		place++;
	assert_true(place > 100);
	bag_empty(&w.bag);
}

static void test_one_fails(void **state)
{
	at_every_place(false);
}

static void test_all_fail_from_there(void **state)
{
	at_every_place(true);
}

/* Freed in the middle of what has failed, without a commit that repairs it. */
static void test_freed_when_broken(void **state)
{
	struct world w = { 0 };
	struct weir_compiler *c = NULL;

	memory_is_back();
	make_world(&w);
	for (long place = 0, live = memory.live;; place++) {
		bool done;

		assert_int_equal(weir_compiler_new(&c), 0);
		fill(&w, c);
		memory.left = place;
		memory.for_good = true;
		done = commit(c);
		weir_compiler_free(&c);
		memory_is_back();
		assert_int_equal(memory.live, live);
		if (done)
			break;
	}
	bag_empty(&w.bag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_fails),
		cmocka_unit_test(test_all_fail_from_there),
		cmocka_unit_test(test_freed_when_broken),
	};

	memory.left = -1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
