/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded queue and its threads. */
#include "hub/api/work.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

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
	pthread_t threads[];
};

static struct weir_request *take(struct weir_work *w)
{
	struct weir_request *r;

	pthread_mutex_lock(&w->lock);
	while (!w->first && !w->ending)
		pthread_cond_wait(&w->more, &w->lock);
	r = w->first;
	if (r) {
		w->first = r->next;
		if (!w->first)
			w->last = &w->first;
		w->waiting--;
	}
	pthread_mutex_unlock(&w->lock);
	return r;
}

static void *work(void *data)
{
	struct weir_work *w = data;
	struct weir_request *r;

	while ((r = take(w)))
		w->fn(r);
	return NULL;
}

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
	struct weir_work *w = calloc(1, sizeof(*w) + workers * sizeof(*w->threads));
	int r = 0;

	if (!w)
		return weir_error_errno(err, ENOMEM, "workers");
	w->fn = fn;
	w->most = queue;
	w->last = &w->first;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	for (; r == 0 && w->n_threads < workers; w->n_threads += r == 0)
		r = pthread_create(&w->threads[w->n_threads], NULL, work, w);
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
	while (w->n_threads)
		pthread_join(w->threads[--w->n_threads], NULL);
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
