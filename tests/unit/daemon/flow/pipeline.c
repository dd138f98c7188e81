/* SPDX-License-Identifier: Apache-2.0 */
/* The flow thread with a source and a publisher that the test holds: what goes
 * in comes out, also when the thread is stopped in the middle. */
#include "daemon/flow/pipeline.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/daemon/flow/fakes.h"

#define CONNECTIONS 20000u

/* --- a publisher that counts ------------------------------------------------ */

static atomic_uint_fast64_t n[WEIR_RECORD_TYPE_MAX], lost, processed, world_was_locked;
static atomic_bool refuse;

int weir_publisher_add(struct weir_publisher *p, struct weir_record *record)
{
	if (pthread_mutex_trylock(&fake_world.lock) == 0)
		pthread_mutex_unlock(&fake_world.lock);
	else
		world_was_locked++;
	if (refuse && record->type != WEIR_RECORD_GAP)
		return -1;
	n[record->type]++;
	lost += record->type == WEIR_RECORD_GAP ? record->lost : 0;
	return 0;
}

int weir_publisher_fds(struct weir_publisher *p, int *fds, int max)
{
	return 0;
}

int weir_publisher_timeout(struct weir_publisher *p)
{
	return 20;
}

int weir_publisher_process(struct weir_publisher *p, struct weir_error *err)
{
	processed++;
	return 0;
}

/* --- a scheduler that forgets the flow thread --------------------------------- */

static atomic_bool starved;

/* In place of the C library's: where the thread waits for events to gather. */
int ppoll(struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout, const sigset_t *mask)
{
	while (starved)
		usleep(1000);
	return 0;
}

/* --- a source that gives one NEW per count of its eventfd -------------------- */

struct fake_source {
	struct weir_flow_source source;
	struct weir_flow_sink sink;
	uint32_t next;
	int fd;
	atomic_uint polls;
	bool answer;
	atomic_bool endless;
};

static int fake_fds(struct weir_flow_source *s, int *fds, int max)
{
	fds[0] = ((struct fake_source *)s)->fd;
	return 1;
}

static int fake_read(struct weir_flow_source *source, int fd, unsigned budget,
		     struct weir_error *err)
{
	struct fake_source *s = (struct fake_source *)source;
	struct weir_flow done = { .event = WEIR_FLOW_POLLED };
	unsigned i;
	eventfd_t one;

	for (i = 0; i < budget && eventfd_read(s->fd, &one) == 0; i++) {
		struct weir_flow f;

		s->next++;
		f = fake_flow(WEIR_FLOW_NEW, s->next, "10.0.1.1", (uint16_t)s->next, "10.0.0.1",
			      80);
		s->sink.flow(s->sink.data, &f);
	}
	if (s->answer)
		s->sink.flow(s->sink.data, &done);
	s->answer = false;
	if (s->endless)
		eventfd_write(s->fd, i);
	return (int)i;
}

static uint32_t fake_queued(struct weir_flow_source *s, int fd)
{
	return CONNECTIONS;
}

static int fake_poll(struct weir_flow_source *source, struct weir_error *err)
{
	struct fake_source *s = (struct fake_source *)source;

	s->polls++;
	s->answer = true;
	return 0;
}

static void fake_close(struct weir_flow_source *source)
{
	struct fake_source *s = (struct fake_source *)source;

	close(s->fd);
	s->fd = -1;
}

static const struct weir_flow_source_ops fake_ops = { fake_fds, fake_read, fake_queued, fake_poll,
						      fake_close };

static struct fake_source source;
static struct weir_pipeline *pipeline;

static int start(void **state)
{
	const struct weir_pipeline_config config = { .interval_ms = 50,
						     .denied_ms = 100,
						     .max_connections = CONNECTIONS,
						     .max_denied = 100 };

	for (int i = 0; i < WEIR_RECORD_TYPE_MAX; i++)
		n[i] = 0;
	lost = processed = world_was_locked = 0;
	refuse = starved = false;
	fake_world_open();
	assert_int_equal(weir_pipeline_new(&config, &fake_world, NULL, &pipeline, NULL), 0);
	source = (struct fake_source){ .source = { .ops = &fake_ops } };
	source.sink = weir_pipeline_sink(pipeline);
	source.fd = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
	assert_int_equal(weir_pipeline_start(pipeline, &source.source, NULL), 0);
	return 0;
}

static int finish(void **state)
{
	weir_pipeline_stop(&pipeline);
	assert_null(pipeline);
	assert_int_equal(source.fd, -1);
	fake_world_close();
	return 0;
}

static void wait_until(atomic_uint_fast64_t *value, uint64_t want)
{
	for (int i = 0; i < 5000 && *value < want; i++)
		usleep(1000);
	assert_int_equal(*value, want);
}

static void all_come_through(void **state)
{
	struct weir_pipeline_stats stats;

	eventfd_write(source.fd, CONNECTIONS);
	wait_until(&n[WEIR_RECORD_OPEN], CONNECTIONS);
	for (uint64_t before = processed; processed < before + 3;) /* until the stats are out */
		usleep(1000);
	weir_pipeline_stats(pipeline, &stats);
	assert_int_equal(stats.events[WEIR_FLOW_NEW], CONNECTIONS);
	assert_int_equal(stats.records[WEIR_RECORD_OPEN], CONNECTIONS);
	assert_int_equal(stats.connections, CONNECTIONS);
	assert_int_equal(world_was_locked, CONNECTIONS); /* names live as long as it is */
	assert_true(source.polls >= 1);
}

static void the_world_stays_usable(void **state)
{
	eventfd_write(source.fd, CONNECTIONS);
	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&fake_world.lock);
		fake_world_replace_policy();
		pthread_mutex_unlock(&fake_world.lock);
		usleep(100);
	}
	wait_until(&n[WEIR_RECORD_OPEN], CONNECTIONS);
}

static void a_stop_loses_nothing(void **state)
{
	eventfd_write(source.fd, CONNECTIONS);
	weir_pipeline_stop(&pipeline);
	assert_int_equal(n[WEIR_RECORD_OPEN] + lost, CONNECTIONS);
	fake_world_close();
	start(state);
}

static void what_the_publisher_refuses_is_lost(void **state)
{
	refuse = true;
	eventfd_write(source.fd, 100);
	wait_until(&lost, 100);
	assert_int_equal(n[WEIR_RECORD_OPEN], 0);
}

static void what_happened_before_a_change_is_told_before_it(void **state)
{
	starved = true;
	eventfd_write(source.fd, 1000);
	weir_world_lock_to_change(&fake_world);
	assert_int_equal(n[WEIR_RECORD_OPEN], 1000);
	pthread_mutex_unlock(&fake_world.lock);
	starved = false;
}

static void a_change_does_not_wait_for_what_comes_after(void **state)
{
	starved = true;
	source.endless = true;
	eventfd_write(source.fd, 1000);
	weir_world_lock_to_change(&fake_world);
	assert_true(n[WEIR_RECORD_OPEN] >= 1000);
	pthread_mutex_unlock(&fake_world.lock);
	source.endless = false;
	starved = false;
}

/* The thread has always something to do, and the lock is never free for long. */
static void a_busy_thread_lets_changes_through(void **state)
{
	source.endless = true;
	eventfd_write(source.fd, 1000);
	for (int i = 0; i < 50; i++) {
		weir_world_lock_to_change(&fake_world);
		pthread_mutex_unlock(&fake_world.lock);
	}
	source.endless = false;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_come_through),
		TEST(the_world_stays_usable),
		TEST(a_stop_loses_nothing),
		TEST(what_the_publisher_refuses_is_lost),
		TEST(what_happened_before_a_change_is_told_before_it),
		TEST(a_change_does_not_wait_for_what_comes_after),
		TEST(a_busy_thread_lets_changes_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
