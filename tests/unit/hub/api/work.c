/* SPDX-License-Identifier: Apache-2.0 */
/* Workers: a bounded queue, in order, and one address never keeps the others waiting. */
#include "hub/api/work.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "hub/api/request.h"

#define QUEUE 5

static sem_t begun, gate;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char order[64][WEIR_FROM_MAX];
static unsigned n_order;
static struct weir_request requests[64];

/* Those of "slow" wait at the gate. */
static void do_one(struct weir_request *r)
{
	pthread_mutex_lock(&lock);
	strcpy(order[n_order++], r->from);
	pthread_mutex_unlock(&lock);
	sem_post(&begun);
	if (strcmp(r->from, "slow") == 0)
		sem_wait(&gate);
}

static struct weir_work *start(unsigned workers)
{
	struct weir_work *w = NULL;
	struct weir_error err;

	sem_init(&begun, 0, 0);
	sem_init(&gate, 0, 0);
	n_order = 0;
	assert_int_equal(weir_work_start(workers, QUEUE, do_one, &w, &err), 0);
	return w;
}

static int submit(struct weir_work *w, unsigned i, const char *from)
{
	int r = weir_work_reserve(w);

	strcpy(requests[i].from, from);
	if (r == 0)
		weir_work_submit(w, &requests[i]);
	return r;
}

static bool has_begun(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 5;
	return sem_timedwait(&begun, &until) == 0;
}

static void one_is_left_for_others(void **state)
{
	struct weir_work *w = start(3);

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(submit(w, i, "slow"), 0);
	assert_true(has_begun() && has_begun());
	for (unsigned i = 4; i < 7; i++) { /* past those of "slow" that still wait */
		assert_int_equal(submit(w, i, "other"), 0);
		assert_true(has_begun());
	}
	assert_int_equal(n_order, 5);
	for (unsigned i = 0; i < 4; i++)
		sem_post(&gate);
	assert_true(has_begun() && has_begun());
	weir_work_free(&w);
	assert_int_equal(n_order, 7);
}

static void bounded_and_in_order(void **state)
{
	struct weir_work *w = start(1);

	assert_int_equal(submit(w, 0, "slow"), 0);
	assert_true(has_begun());
	for (unsigned i = 1; i <= QUEUE; i++)
		assert_int_equal(submit(w, i, (const char[]){ (char)('a' + i), 0 }), 0);
	assert_true(submit(w, QUEUE + 1, "x") < 0);
	sem_post(&gate);
	weir_work_end(w);
	assert_int_equal(n_order, QUEUE + 1); /* what was queued is done */
	for (unsigned i = 1; i <= QUEUE; i++)
		assert_int_equal(order[i][0], 'a' + i);
	assert_true(submit(w, 0, "late") < 0);
	weir_work_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_left_for_others),
		cmocka_unit_test(bounded_and_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
