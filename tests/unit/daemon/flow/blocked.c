/* SPDX-License-Identifier: Apache-2.0 */
/* What is blocked is released when it is allowed and forgotten when the kernel has let go
 * of it: not before, and not when the kernel could not be told. */
#include "daemon/flow/blocked.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon/weird.h"
#include "tests/unit/daemon/flow/fakes.h"

/* A kernel of which one thing counts: how many are blocked. */
static size_t in_kernel, asked;
static size_t in_flight; /* so many are blocked again by packets that were being judged */
static int failure;

static int release(struct weir_backend *b, const struct weir_ending *endings, size_t n,
		   struct weir_error *err)
{
	size_t back = in_flight < n ? in_flight : n;

	if (failure)
		return weir_error_errno(err, failure, "release");
	in_kernel = back;
	in_flight -= back;
	return 0;
}

static int still_blocked(struct weir_backend *b, const struct weir_ending *e,
			 struct weir_error *err)
{
	if (failure)
		return weir_error_errno(err, failure, "ask");
	return asked++ < in_kernel;
}

static const struct weir_backend_ops ops = {
	.name = "test",
	.release = release,
	.still_blocked = still_blocked,
};

static struct weir_backend backend = { &ops };
static struct weird d;
static struct weir_blocked *list;
static struct weir_error err;

static int set_up(void **state)
{
	fake_world_open();
	d.world = fake_world;
	d.backend = &backend;
	pthread_mutex_init(&d.world.lock, NULL);
	in_flight = 0;
	failure = 0;
	return weir_blocked_new(&d, &list);
}

static int tear_down(void **state)
{
	weir_blocked_free(&list);
	pthread_mutex_destroy(&d.world.lock);
	fake_world_close();
	return 0;
}

/* Connections to a port that the policy denies. */
static void block(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct weir_flow f = fake_flow(WEIR_FLOW_NEW, 1, "10.0.1.1", (uint16_t)(1000 + i),
					       "10.0.0.1", 81);
		const struct weir_ending e = { .original = f.original, .reply = f.reply };

		weir_blocked_add(list, &e);
	}
	in_kernel = n;
}

static int look_again(uint64_t now)
{
	asked = 0;
	return weir_blocked_look_again(list, now, &err);
}

static void denied_stays(void **state)
{
	block(3);
	assert_int_equal(weir_blocked_release(list, 0, &err), 0);
	assert_false(weir_blocked_pending(list));
	assert_int_equal(in_kernel, 3);
	assert_int_equal(weir_blocked_released(list), 0);
}

static void allowed_is_forgotten_after_a_second_look(void **state)
{
	block(3);
	fake_world_allow_all(true);
	assert_int_equal(weir_blocked_release(list, 0, &err), 0);
	assert_int_equal(weir_blocked_released(list), 3);
	assert_int_equal(look_again(WEIR_BLOCKED_LOOK_MS - 1), 0);
	assert_int_equal(asked, 0);
	assert_int_equal(look_again(WEIR_BLOCKED_LOOK_MS), 0);
	assert_int_equal(asked, 3);
	assert_int_equal(look_again(WEIR_BLOCKED_GRACE_MS - 1), 0);
	assert_true(weir_blocked_pending(list)); /* a packet may still be under way */
	assert_int_equal(asked, 0);
	assert_int_equal(look_again(WEIR_BLOCKED_GRACE_MS), 0);
	assert_int_equal(asked, 3);
	assert_false(weir_blocked_pending(list));
}

/* Packets in flight have blocked two again, and one of these another time. */
static void released_until_the_kernel_lets_go(void **state)
{
	block(3);
	fake_world_allow_all(true);
	in_flight = 2;
	assert_int_equal(weir_blocked_release(list, 0, &err), 0);
	assert_int_equal(in_kernel, 2);
	in_flight = 1;
	assert_int_equal(look_again(1000), 0);
	assert_int_equal(in_kernel, 1);
	assert_int_equal(look_again(2000), 0);
	assert_int_equal(in_kernel, 0);
	assert_true(weir_blocked_pending(list));
	assert_int_equal(look_again(3000), 0);
	assert_false(weir_blocked_pending(list));
	assert_int_equal(weir_blocked_released(list), 3);
}

static void a_failure_forgets_nothing(void **state)
{
	block(3);
	fake_world_allow_all(true);
	failure = ENOBUFS;
	assert_int_equal(weir_blocked_release(list, 0, &err), -ENOBUFS);
	assert_int_equal(weir_blocked_released(list), 0);
	failure = 0;
	in_flight = 3;
	assert_int_equal(weir_blocked_release(list, 500, &err), 0);
	assert_int_equal(weir_blocked_released(list), 3);
	failure = ENOBUFS;
	assert_int_equal(look_again(1500), -ENOBUFS);
	assert_true(weir_blocked_pending(list));
	failure = 0;
	assert_int_equal(look_again(2500), 0);
	assert_int_equal(in_kernel, 0);
	assert_int_equal(look_again(3500), 0);
	assert_false(weir_blocked_pending(list));
}

/* It is blocked, as far as anybody knows, and waits for the next time. */
static void denied_meanwhile(void **state)
{
	block(2);
	fake_world_allow_all(true);
	assert_int_equal(weir_blocked_release(list, 0, &err), 0);
	fake_world_allow_all(false);
	in_kernel = 2;
	assert_int_equal(look_again(1000), 0);
	assert_false(weir_blocked_pending(list));
	assert_int_equal(in_kernel, 2);
	fake_world_allow_all(true);
	weir_blocked_changed(list);
	assert_int_equal(weir_blocked_release(list, 2000, &err), 0);
	assert_int_equal(in_kernel, 0);
	assert_true(weir_blocked_pending(list));
}

static void many_in_steps(void **state)
{
	int steps = 1, looks = 0;

	block(5000);
	fake_world_allow_all(true);
	while (weir_blocked_release(list, 0, &err) > 0)
		steps++;
	assert_int_equal(steps, 5);
	assert_int_equal(weir_blocked_released(list), 5000);
	for (; weir_blocked_pending(list); looks++)
		assert_int_equal(look_again(1000), 0);
	assert_int_equal(looks, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(denied_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(allowed_is_forgotten_after_a_second_look, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(released_until_the_kernel_lets_go, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_failure_forgets_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(denied_meanwhile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_in_steps, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
