/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded queue and its threads. Used twice by api.c: for sign-ins, and for questions. */
#include "hub/api/work.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hub/api/request.h"
#include "weir/cleanup.h"

struct weir_work {
	pthread_mutex_t lock;
	pthread_cond_t more;
	void (*fn)(struct weir_request *r);
	struct weir_request *first, **last;
	unsigned waiting, most; /* reserved or queued */
	bool ending;
	unsigned n_threads;
	struct worker {
		struct weir_work *work;
		pthread_t thread;
		char from[WEIR_FROM_MAX]; /* whose request it has; "": nobody's */
	} workers[];
};

/* --- which request comes next ------------------------------------------------------- */

static bool may_have_another(const struct weir_work *w, const char *from)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->n_threads; i++)
		n += strcmp(w->workers[i].from, from) == 0;
	return n + 1 < w->n_threads || n == 0 || w->ending;
}

/* The oldest of somebody who does not keep the others from theirs. */
static struct weir_request *pick(struct weir_work *w)
{
	struct weir_request **at, *r;

	for (at = &w->first; *at && !may_have_another(w, (*at)->from);)
		at = &(*at)->next;
	r = *at;
	if (!r)
		return NULL;
	*at = r->next;
	if (w->last == &r->next)
		w->last = at;
	w->waiting--;
	return r;
}

static struct weir_request *take(struct worker *me)
{
	struct weir_work *w = me->work;
	struct weir_request *r;

	pthread_mutex_lock(&w->lock);
	if (*me->from) {
		*me->from = 0;
		pthread_cond_signal(&w->more); /* what was held back may be picked now */
	}
	while (!(r = pick(w)) && !(w->ending && !w->first))
		pthread_cond_wait(&w->more, &w->lock);
	if (r)
		strcpy(me->from, r->from);
	pthread_mutex_unlock(&w->lock);
	return r;
}

static void *run(void *data)
{
	struct worker *me = data;
	struct weir_request *r;

	while ((r = take(me)))
		me->work->fn(r);
	return NULL;
}

/* --- for others ------------------------------------------------------------------------ */

int weir_work_reserve(struct weir_work *w)
{
	int r = -EAGAIN;

	pthread_mutex_lock(&w->lock);
	if (w->waiting < w->most && !w->ending) {
		w->waiting++;
		r = 0;
	}
	pthread_mutex_unlock(&w->lock);
	return r;
}

void weir_work_submit(struct weir_work *w, struct weir_request *r)
{
	pthread_mutex_lock(&w->lock);
	r->next = NULL;
	*w->last = r;
	w->last = &r->next;
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
}

int weir_work_start(unsigned workers, unsigned queue, void (*fn)(struct weir_request *r),
		    struct weir_work **ret, struct weir_error *err)
{
	struct weir_work *w = calloc(1, sizeof(*w) + workers * sizeof(*w->workers));
	int r = 0;

	if (!w)
		return weir_error_errno(err, ENOMEM, "workers");
	w->fn = fn;
	w->most = queue;
	w->last = &w->first;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	pthread_mutex_lock(&w->lock);
	for (; r == 0 && w->n_threads < workers; w->n_threads += r == 0) {
		struct worker *me = &w->workers[w->n_threads];

		me->work = w;
		r = pthread_create(&me->thread, NULL, run, me);
	}
	pthread_mutex_unlock(&w->lock);
	if (r) {
		weir_work_free(&w);
		return weir_error_errno(err, r, "workers: thread");
	}
	*ret = w;
	return 0;
}

void weir_work_end(struct weir_work *w)
{
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_broadcast(&w->more);
	pthread_mutex_unlock(&w->lock);
	for (unsigned i = 0; i < w->n_threads; i++)
		pthread_join(w->workers[i].thread, NULL);
	w->n_threads = 0;
}

void weir_work_free(struct weir_work **work)
{
	struct weir_work *w = weir_take(*work);

	if (!w)
		return;
	weir_work_end(w);
	pthread_cond_destroy(&w->more);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
