/* SPDX-License-Identifier: Apache-2.0 */
/* The reconciler against a kernel that refuses: what is applied when, what is
 * tried again and how soon, and that it comes to rest. */
#include "daemon/reconcile/reconcile.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/fake/fake.h"
#include "daemon/cluster/cluster.h"
#include "daemon/source/source.h"
#include "daemon/weird.h"

#define PATIENCE_MS 20000
#define TIMES_MAX   64

static struct weird d;
static uv_loop_t loop;
static char dir[64];

/* --- a source that may not be ready ------------------------------------------- */

static bool ready;

static int is_ready(struct weir_source *s, struct weir_error *err)
{
	return ready ? 0 : weir_error_set(err, EAGAIN, "not all is known");
}

static const struct weir_source_ops source_ops = { .name = "test", .ready = is_ready };
static struct weir_source source = { .ops = &source_ops };

/* --- the fake backend, which may fail --------------------------------------------- */

static struct weir_backend_ops ops;
static unsigned applies, settles;
static uint64_t applied_at[TIMES_MAX]; /* ms */
static unsigned refuse_applies, refuse_settles, settle_again;

static int apply(struct weir_backend *b, const struct weir_changes *changes, struct weir_error *err)
{
	uv_update_time(&loop);
	if (applies < TIMES_MAX)
		applied_at[applies] = uv_now(&loop);
	applies++;
	if (refuse_applies) {
		refuse_applies--;
		weir_fake_fail_next(b, ENOSPC);
	}
	return weir_fake_ops.apply(b, changes, err);
}

static int settle(struct weir_backend *b, int *ret_ms, struct weir_error *err)
{
	settles++;
	if (refuse_settles) {
		refuse_settles--;
		return weir_error_set(err, EBUSY, "as asked");
	}
	*ret_ms = settle_again ? 10 : -1;
	settle_again -= settle_again > 0;
	return 0;
}

/* What every full run says first: the rest of the world has identities too. */
#define WORLD4 "address 0.0.0.0/0 1\n"
#define WORLD6 "address ::/0 2\n"

/* The calls since the last one. */
static const char *calls(void)
{
	static size_t seen;
	const char *all = weir_fake_calls(d.backend);

	if (seen > strlen(all))
		seen = 0;
	all += seen;
	seen += strlen(all);
	return all;
}

/* --- a small daemon ------------------------------------------------------------------- */

static void open_world(void)
{
	struct weir_world *w = &d.world;

	pthread_mutex_init(&w->lock, NULL);
	w->node = "here";
	assert_int_equal(weir_pool_new(&w->pool), 0);
	assert_int_equal(weir_compiler_new(&w->compiler), 0);
	assert_int_equal(weir_cluster_new(w->pool, w->compiler, &w->cluster), 0);
}

static int setup(void **state)
{
	const struct weir_backend_config config = { .name = "test" };

	applies = settles = refuse_applies = refuse_settles = settle_again = 0;
	ready = true;
	uv_loop_init(&loop);
	d = (struct weird){ .loop = &loop, .source = &source };
	strcpy(dir, "/tmp/weir-reconcile-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(weir_config_new(&d.config, NULL), 0);
	assert_int_equal(weir_endpoints_open(dir, &d.endpoints, NULL, NULL, NULL), 0);
	open_world();
	assert_int_equal(weir_fake_ops.open(&config, &d.backend, NULL), 0);
	calls();
	ops = weir_fake_ops;
	ops.apply = apply;
	ops.settle = settle;
	d.backend->ops = &ops;
	assert_int_equal(weir_reconcile_new(&d, &d.reconcile), 0);
	return 0;
}

static int teardown(void **state)
{
	weir_reconcile_free(&d.reconcile);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	weir_compiler_free(&d.world.compiler);
	weir_cluster_free(&d.world.cluster);
	weir_pool_free(&d.world.pool);
	free(d.world.guards);
	pthread_mutex_destroy(&d.world.lock);
	weir_endpoints_close(&d.endpoints);
	weir_config_free(&d.config);
	weir_backend_close(&d.backend);
	rmdir(dir);
	return 0;
}

static struct weir_reconcile_state state_now(void)
{
	struct weir_reconcile_state state;

	weir_reconcile_state(d.reconcile, &state);
	return state;
}

/* Until no timer is left: nothing is to be done any more. */
static void come_to_rest(void)
{
	uint64_t end;

	uv_update_time(&loop);
	end = uv_now(&loop) + PATIENCE_MS;
	while (uv_run(&loop, UV_RUN_ONCE))
		assert_true(uv_now(&loop) < end);
}

static void add_pod(const char *name, const char *ip)
{
	static const struct weir_uid unknown;
	struct weir_addr addr;

	assert_int_equal(weir_addr_parse(ip, &addr), 0);
	assert_int_equal(
		weir_cluster_set_local(d.world.cluster, "shop", name, &unknown, &addr, 1, false),
		0);
}

static void now(void)
{
	struct weir_error err = { "" };

	if (weir_reconcile_now(d.reconcile, &err) < 0)
		fail_msg("%s", err.text);
}

/* The wait before the attempt n is as long as n failures ask for. */
static void assert_backoff(unsigned first, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t waited = applied_at[first + i + 1] - applied_at[first + i];

		if (waited + 2 < (100u << i) * 3 / 4)
			fail_msg("attempt %u came after %u ms", i + 2, (unsigned)waited);
	}
}

/* --- tests ------------------------------------------------------------------------------ */

static void the_first_run_is_a_full_one(void **state)
{
	add_pod("web", "10.0.0.1");
	now();
	assert_string_equal(calls(),
			    "apply 1 full\n" WORLD4 "address 10.0.0.1/32 3 shop/web\n" WORLD6
			    "endpoint 10.0.0.1 ingress 0 egress 0\n");
	assert_true(state_now().in_sync);
	assert_int_equal(state_now().realised, 1);
	now();
	assert_string_equal(calls(), ""); /* nothing has changed */
	add_pod("db", "10.0.0.2");
	now();
	assert_string_equal(calls(), "apply 2\naddress 10.0.0.2/32 3 shop/db\n"
				     "endpoint 10.0.0.2 ingress 0 egress 0\n");
	come_to_rest();
}

static void nothing_is_applied_before_the_source_is_ready(void **state)
{
	struct weir_error err = { "" };

	ready = false;
	add_pod("web", "10.0.0.1");
	assert_int_equal(weir_reconcile_now(d.reconcile, &err), -EAGAIN);
	assert_string_equal(err.text, "source: not all is known");
	assert_int_equal(applies, 0);
	assert_false(state_now().in_sync);
	ready = true;
	come_to_rest(); /* it tries again by itself */
	assert_int_equal(applies, 1);
	assert_true(state_now().in_sync);
	assert_string_equal(state_now().error, "");
}

static void what_failed_is_tried_again_in_full(void **state)
{
	struct weir_error err = { "" };

	now();
	add_pod("web", "10.0.0.1");
	refuse_applies = 4;
	calls();
	assert_int_equal(weir_reconcile_now(d.reconcile, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "apply: "));
	assert_non_null(strstr(state_now().error, "apply: "));
	assert_false(state_now().in_sync);
	assert_int_equal(state_now().realised, 1);
	come_to_rest();
	assert_string_equal(
		calls(),
		"apply 2\napply 2 full\napply 2 full\napply 2 full\napply 2 full\n" WORLD4
		"address 10.0.0.1/32 3 shop/web\n" WORLD6 "endpoint 10.0.0.1 ingress 0 egress 0\n");
	assert_backoff(1, 4);
	assert_int_equal(state_now().failures, 4);
	assert_true(state_now().in_sync);
	assert_int_equal(state_now().realised, 2);
}

static void a_change_does_not_wait_for_the_next_attempt(void **state)
{
	struct weir_error err = { "" };
	uint64_t before;

	refuse_applies = 4;
	for (int i = 0; i < 4; i++)
		weir_reconcile_now(d.reconcile, &err);
	uv_update_time(&loop);
	before = uv_now(&loop);
	add_pod("web", "10.0.0.1");
	weir_reconcile_kick(d.reconcile);
	come_to_rest();
	assert_true(uv_now(&loop) - before < 500);
	assert_int_equal(applies, 5);
	assert_true(state_now().in_sync);
}

static void a_repair_compares_everything(void **state)
{
	add_pod("web", "10.0.0.1");
	now();
	calls();
	weir_reconcile_repair(d.reconcile);
	now();
	assert_non_null(strstr(calls(), "apply 1 full\n" WORLD4 "address 10.0.0.1/32"));
	now();
	assert_string_equal(calls(), "");
}

static void what_was_put_off_is_finished(void **state)
{
	settle_again = 3;
	now();
	assert_int_equal(settles, 1);
	come_to_rest();
	assert_int_equal(settles, 4);
	assert_int_equal(applies, 1);
}

static void what_cannot_be_finished_is_repaired_without_haste(void **state)
{
	refuse_settles = 4;
	now();
	assert_true(state_now().in_sync); /* leftovers judge nothing */
	come_to_rest();
	assert_int_equal(settles, 5);
	assert_int_equal(applies, 5);
	assert_backoff(0, 4);
	assert_true(state_now().in_sync);
	refuse_settles = 1; /* and the next failure begins at the shortest wait */
	weir_reconcile_repair(d.reconcile);
	now();
	come_to_rest();
	assert_true(applied_at[6] - applied_at[5] < 1000);
}

static void guards_go_with_every_change(void **state)
{
	struct weir_error err = { "" };

	assert_int_equal(weir_config_set(d.config, weir_config_find(&weir_config_table, "podCIDRs"),
					 "10.0.0.0/24,fd00::/64", &err),
			 0);
	now();
	assert_string_equal(calls(),
			    "apply 1 full\n" WORLD4 WORLD6 "guard 10.0.0.0/24\nguard fd00::/64\n");
	add_pod("web", "10.0.0.1");
	now();
	assert_non_null(strstr(calls(), "guard 10.0.0.0/24\nguard fd00::/64\n"));
}

static void set_node(const char *cidr)
{
	struct weir_error err = { "" };
	struct weir_node *node = NULL;
	char text[256];
	cJSON *json;

	snprintf(text, sizeof(text),
		 "{\"metadata\":{\"name\":\"here\"},\"spec\":{\"podCIDRs\":[\"%s\"]}}", cidr);
	json = cJSON_Parse(text);
	if (weir_node_decode(d.world.pool, json, &node, &err) < 0)
		fail_msg("%s", err.text);
	cJSON_Delete(json);
	assert_int_equal(weir_cluster_set_node(d.world.cluster, node), 0);
}

static void guards_are_those_of_the_node_object(void **state)
{
	struct weir_error err = { "" };

	set_node("10.1.0.0/24");
	now();
	assert_string_equal(calls(), "apply 1 full\n" WORLD4 WORLD6 "guard 10.1.0.0/24\n");
	set_node("10.2.0.0/24");
	now(); /* no pod and no policy has changed */
	assert_string_equal(calls(), "apply 1\nguard 10.2.0.0/24\n");
	now();
	assert_string_equal(calls(), "");
	weir_config_set(d.config, weir_config_find(&weir_config_table, "podCIDRs"), "10.3.0.0/24",
			&err);
	now();
	assert_string_equal(calls(), "apply 1\nguard 10.3.0.0/24\n");
}

static void one_that_ends_in_between_leaves_nothing(void **state)
{
	struct weir_error err = { "" };

	refuse_applies = 1;
	refuse_settles = 1;
	weir_reconcile_now(d.reconcile, &err);
	weir_reconcile_kick(d.reconcile);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_run_is_a_full_one),
		TEST(nothing_is_applied_before_the_source_is_ready),
		TEST(what_failed_is_tried_again_in_full),
		TEST(a_change_does_not_wait_for_the_next_attempt),
		TEST(a_repair_compares_everything),
		TEST(what_was_put_off_is_finished),
		TEST(what_cannot_be_finished_is_repaired_without_haste),
		TEST(guards_go_with_every_change),
		TEST(guards_are_those_of_the_node_object),
		TEST(one_that_ends_in_between_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
