/* SPDX-License-Identifier: Apache-2.0 */
/* Rule hits: what is counted, what is forgotten, and that it stays bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/flow/hits.h"
#include "weir/ruleset.h"

static struct weir_pool *pool;
static struct weir_hits *hits;
static struct weir_record_policy policies[2];

static int setup(void **state)
{
	assert_int_equal(weir_pool_new(&pool), 0);
	assert_int_equal(weir_hits_new(pool, &hits), 0);
	for (int i = 0; i < 2; i++)
		policies[i] = (struct weir_record_policy){ weir_pool_string(pool, "NetworkPolicy"),
							   weir_pool_string(pool, "shop"),
							   weir_pool_string(pool, i ? "b" : "a") };
	return 0;
}

/* All references that the hits had are given back: the pool is as without them. */
static int teardown(void **state)
{
	size_t bytes;

	weir_hits_free(&hits);
	for (int i = 0; i < 2; i++) {
		weir_pool_put_string(pool, policies[i].kind);
		weir_pool_put_string(pool, policies[i].namespace_);
		weir_pool_put_string(pool, policies[i].name);
	}
	assert_null(weir_pool_find(pool, "shop"));
	assert_null(weir_pool_find(pool, "web"));
	bytes = weir_pool_bytes(pool);
	assert_true(bytes < 65536);
	weir_pool_free(&pool);
	return 0;
}

static struct weir_record open_record(int32_t rule)
{
	return (struct weir_record){
		.type = WEIR_RECORD_OPEN,
		.staged = WEIR_VERDICT_MAX,
		.connections = 1,
		.time = 7,
		.egress = { .reason = WEIR_REASON_NOT_ENDPOINT },
		.ingress = { .reason = WEIR_REASON_RULE,
			     .rule = rule,
			     .form = 3,
			     .n_policies = 1,
			     .policies = policies },
	};
}

static uint64_t count_of(int policy, uint64_t form, int32_t rule, bool staged)
{
	const struct weir_hit_key key = { .policy = policies[policy],
					  .form = form,
					  .rule = rule,
					  .direction = WEIR_INGRESS,
					  .staged = staged };
	const struct weir_hit *hit = weir_hits_find(hits, &key);

	return hit ? hit->connections : 0;
}

static void test_rules_and_isolation(void **state)
{
	struct weir_record r = open_record(2);

	weir_hits_count(hits, &r);
	weir_hits_count(hits, &r);
	assert_int_equal(count_of(0, 3, 2, false), 2);
	assert_int_equal(count_of(0, 3, 1, false), 0);
	r.type = WEIR_RECORD_END;
	weir_hits_count(hits, &r);
	assert_int_equal(count_of(0, 3, 2, false), 2);
	r.type = WEIR_RECORD_DENIED;
	r.verdict = WEIR_DENIED;
	r.connections = 5;
	r.ingress = (struct weir_record_side){ .verdict = WEIR_DENIED,
					       .reason = WEIR_REASON_ISOLATED,
					       .n_policies = 2,
					       .policies = policies };
	weir_hits_count(hits, &r);
	assert_int_equal(count_of(0, 0, -1, false), 5);
	assert_int_equal(count_of(1, 0, -1, false), 5);
	r.connections = 0; /* only packets sent again */
	weir_hits_count(hits, &r);
	assert_int_equal(count_of(1, 0, -1, false), 5);
}

struct seen {
	unsigned n;
	struct weir_staged_change last;
};

static void on_change(void *data, const struct weir_staged_change *change)
{
	struct seen *seen = data;

	seen->n++;
	seen->last = *change;
}

static void test_staged_changes(void **state)
{
	const char *web = weir_pool_string(pool, "web");
	struct weir_record r = open_record(0);
	struct seen seen = { 0 };

	r.src = (struct weir_record_peer){ .namespace_ = policies[0].namespace_, .pod = web };
	r.dst = (struct weir_record_peer){ .addr = { .family = AF_INET }, .port = 80 };
	r.staged = WEIR_DENIED;
	r.staged_egress.reason = WEIR_REASON_NOT_ENDPOINT;
	r.staged_ingress = r.ingress;
	r.staged_ingress.policies = &policies[1];
	r.staged_ingress.verdict = WEIR_DENIED;
	weir_hits_count(hits, &r);
	r.time = 9;
	weir_hits_count(hits, &r);
	r.staged = WEIR_ALLOWED; /* another rule, the same verdict: no change */
	r.staged_ingress.verdict = WEIR_ALLOWED;
	weir_hits_count(hits, &r);
	weir_hits_each_change(hits, on_change, &seen);
	assert_int_equal(seen.n, 1);
	assert_ptr_equal(seen.last.policy.name, policies[1].name);
	assert_ptr_equal(seen.last.src.pod, web);
	assert_true(seen.last.connections == 2 && seen.last.first == 7 && seen.last.last == 9);
	assert_int_equal(seen.last.port, 80);
	assert_int_equal(count_of(1, 3, 0, true), 3);
	assert_int_equal(count_of(0, 3, 0, false), 3);
	weir_pool_put_string(pool, web);
}

static bool only_form_3(void *data, const struct weir_hit_key *key, bool staged)
{
	return !staged && key->form == 3;
}

static void test_sweep(void **state)
{
	struct weir_record r = open_record(0);
	struct weir_hits_stats stats;

	weir_hits_count(hits, &r);
	r.ingress.form = 4;
	r.staged = WEIR_DENIED;
	r.staged_egress.reason = WEIR_REASON_NOT_ENDPOINT;
	r.staged_ingress = r.ingress;
	r.staged_ingress.verdict = WEIR_DENIED;
	weir_hits_count(hits, &r);
	weir_hits_stats(hits, &stats);
	assert_int_equal(stats.rules, 3);
	assert_int_equal(stats.changes, 1);
	weir_hits_sweep(hits, only_form_3, NULL);
	weir_hits_stats(hits, &stats);
	assert_int_equal(stats.rules, 1);
	assert_int_equal(stats.changes, 0);
	assert_int_equal(count_of(0, 3, 0, false), 1);
}

static void test_bounded(void **state)
{
	struct weir_hits_stats stats;

	for (int32_t i = 0; i < WEIR_HITS_MAX + 10; i++) {
		struct weir_record r = open_record(i);

		r.staged = WEIR_DENIED;
		r.dst.port = (uint16_t)i;
		r.staged_egress.reason = WEIR_REASON_NOT_ENDPOINT;
		r.staged_ingress = (struct weir_record_side){ .verdict = WEIR_DENIED,
							      .reason = WEIR_REASON_ISOLATED,
							      .n_policies = 1,
							      .policies = policies };
		weir_hits_count(hits, &r);
	}
	weir_hits_stats(hits, &stats);
	assert_int_equal(stats.rules, WEIR_HITS_MAX);
	assert_int_equal(stats.uncounted, 11); /* one place is that of the isolation */
	assert_int_equal(stats.changes, WEIR_HITS_CHANGES_MAX);
	/* there are no more ports than that: the last ten are the first ten again */
	assert_int_equal(stats.uncounted_changes, WEIR_HITS_MAX - WEIR_HITS_CHANGES_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rules_and_isolation),
		TEST(test_staged_changes),
		TEST(test_sweep),
		TEST(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
