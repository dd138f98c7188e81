/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow thread: waits for the kernel and for subscribers, reads events in
 * batches, and takes the world's lock for one batch at a time. Before the world
 * changes the main thread reads in its place: a flow thread that the scheduler
 * keeps waiting must not explain a connection by policies that came after it.
 * What an event means is follow.c's business. Opened by main, stopped by main.
 */
#include "daemon/flow/pipeline.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "daemon/flow/follow.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define BATCH	   256u
#define SOURCE_FDS 8
#define ALL_FDS	   32
#define SECOND_NS  1000000000ull
/* To be woken for each event costs more than to read it, and whoever opens
 * the connection pays for the waking: let a few gather. */
#define GATHER_NS 2000000ull
#define NEVER	  UINT64_MAX

struct weir_pipeline {
	struct weir_pipeline_config config;
	struct weir_world *world;
	struct weir_publisher *publisher;
	struct weir_flow_source *source;
	struct weir_follow follow;
	pthread_t thread;
	bool running;
	int wake;		    /* eventfd: the thread shall look what there is to do */
	pthread_mutex_t turn, busy; /* enter(); all that follows but the stats */
	bool backlog;		    /* the last read has not taken all */
	bool stopping;
	uint64_t next_update, next_poll; /* monotonic ns; the second: not before */
	uint64_t next_complaint;
	unsigned n; /* events read, not yet followed */
	struct weir_flow batch[BATCH];
	pthread_mutex_t stats_lock;
	struct weir_pipeline_stats stats;
};

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

static int publish(void *data, struct weir_record *record)
{
	struct weir_pipeline *p = data;

	if (record->type == WEIR_RECORD_DENIED && p->config.denied)
		p->config.denied(p->config.data, record);
	return weir_publisher_add(p->publisher, record);
}

static void follow_batch(struct weir_pipeline *p)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	if (!p->n)
		return;
	pthread_mutex_lock(&p->world->lock);
	for (unsigned i = 0; i < p->n; i++)
		weir_follow_flow(&p->follow, &p->batch[i], now);
	pthread_mutex_unlock(&p->world->lock);
	p->n = 0;
}

static void on_flow(void *data, const struct weir_flow *flow)
{
	struct weir_pipeline *p = data;

	p->batch[p->n++] = *flow;
	if (p->n == BATCH)
		follow_batch(p);
}

struct weir_flow_sink weir_pipeline_sink(struct weir_pipeline *p)
{
	return (struct weir_flow_sink){ .flow = on_flow, .data = p };
}

/* The flow thread holds "busy" whenever it does not wait, and under load it lets
 * go of it only to take it again. A mutex knows no queue: with "turn" whoever
 * came second is the next. */
static void enter(struct weir_pipeline *p)
{
	pthread_mutex_lock(&p->turn);
	pthread_mutex_lock(&p->busy);
	pthread_mutex_unlock(&p->turn);
}

static void leave(struct weir_pipeline *p)
{
	pthread_mutex_unlock(&p->busy);
}

static void init_locks(struct weir_pipeline *p)
{
	pthread_mutex_init(&p->turn, NULL);
	pthread_mutex_init(&p->busy, NULL);
	pthread_mutex_init(&p->stats_lock, NULL);
}

int weir_pipeline_new(const struct weir_pipeline_config *config, struct weir_world *world,
		      struct weir_publisher *publisher, struct weir_pipeline **ret,
		      struct weir_error *err)
{
	WEIR_AUTO_FREE struct weir_pipeline *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return weir_error_errno(err, ENOMEM, "flow pipeline");
	p->config = *config;
	p->world = world;
	p->publisher = publisher;
	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->wake < 0)
		return weir_error_errno(err, errno, "flow pipeline: eventfd");
	r = weir_follow_init(&p->follow, config, world, publish, p, clock_ns(CLOCK_REALTIME));
	if (r < 0) {
		close(p->wake);
		return weir_error_errno(err, -r, "flow pipeline");
	}
	init_locks(p);
	*ret = weir_take(p);
	return 0;
}

/* A source that fails again and again is worth a line a minute. */
static void complain(struct weir_pipeline *p, const struct weir_error *err)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	if (now < p->next_complaint)
		return;
	p->next_complaint = now + 60 * SECOND_NS;
	weir_log(WEIR_LOG_WARNING, "flow events cannot be read", "error", err->text, NULL);
}

static void poll_counters(struct weir_pipeline *p)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	bool update = now >= p->next_update;
	struct weir_error err;
	int r;

	if (p->follow.polling || now < p->next_poll ||
	    (!update && !weir_follow_wants_poll(&p->follow)))
		return;
	p->next_poll = now + SECOND_NS;
	if (update)
		p->next_update = now + p->config.interval_ms * 1000000ull;
	pthread_mutex_lock(&p->world->lock);
	weir_follow_poll(&p->follow, update);
	pthread_mutex_unlock(&p->world->lock);
	r = p->source->ops->poll_counters(p->source, &err);
	if (r == 0)
		return;
	complain(p, &err);
	p->follow.polling = false;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* How long there is nothing to do, in ms; -1: until something comes. */
static int idle_ms(struct weir_pipeline *p)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), next = weir_follow_next(&p->follow);
	int publisher = weir_publisher_timeout(p->publisher);

	if (!p->follow.polling)
		next = earlier(next,
			       weir_follow_wants_poll(&p->follow) ? p->next_poll : p->next_update);
	if (publisher >= 0)
		next = earlier(next, now + (uint64_t)publisher * 1000000u);
	if (next == NEVER)
		return -1;
	return next <= now ? 0 : (int)earlier((next - now + 999999) / 1000000, 60000);
}

static void gather(struct weir_pipeline *p, const struct pollfd *fds, int n)
{
	const struct timespec pause = { .tv_nsec = GATHER_NS };
	struct pollfd wake = { .fd = p->wake, .events = POLLIN };

	for (int i = 0; i < n; i++) {
		if (fds[i].revents) {
			ppoll(&wake, 1, &pause, NULL);
			return;
		}
	}
}

static void read_source(struct weir_pipeline *p, const struct pollfd *fds, int n)
{
	struct weir_error err;
	int r;

	p->backlog = false;
	for (int i = 0; i < n; i++) {
		if (!fds[i].revents)
			continue;
		r = p->source->ops->read(p->source, fds[i].fd, BATCH, &err);
		if (r < 0)
			complain(p, &err);
		p->backlog |= r >= (int)BATCH;
		follow_batch(p);
	}
}

static void tick(struct weir_pipeline *p)
{
	struct weir_error err;

	pthread_mutex_lock(&p->world->lock);
	weir_follow_tick(&p->follow, clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_REALTIME));
	pthread_mutex_unlock(&p->world->lock);
	if (weir_publisher_process(p->publisher, &err) < 0)
		complain(p, &err);
	pthread_mutex_lock(&p->stats_lock);
	p->stats = p->follow.stats;
	pthread_mutex_unlock(&p->stats_lock);
}

static int watch(struct pollfd *polls, int used, const int *fds, int n)
{
	for (int i = 0; i < n; i++)
		polls[used + i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	return used + n;
}

/* polls: [0] wake, then the source's, then the publisher's. Lets the others in
 * while it waits. */
static int wait_for_work(struct weir_pipeline *p, struct pollfd *polls, int *ret_source)
{
	int fds[ALL_FDS], n = watch(polls, 0, &p->wake, 1), ms = idle_ms(p), r;
	bool backlog = p->backlog;

	*ret_source = p->source->ops->fds(p->source, fds, SOURCE_FDS);
	n = watch(polls, n, fds, *ret_source);
	n = watch(polls, n, fds, weir_publisher_fds(p->publisher, fds, ALL_FDS - n));
	leave(p);
	r = poll(polls, (nfds_t)n, ms) < 0 ? -errno : 0;
	if (r == 0 && !backlog && !polls[0].revents)
		gather(p, polls + 1, *ret_source);
	enter(p);
	return r;
}

static void *run(void *data)
{
	struct weir_pipeline *p = data;
	struct pollfd polls[ALL_FDS];
	int n_source, r;
	eventfd_t n;

	enter(p);
	while (!p->stopping) {
		r = wait_for_work(p, polls, &n_source);
		if (r == -EINTR)
			continue;
		eventfd_read(p->wake, &n);
		if (r == 0)
			read_source(p, polls + 1, n_source);
		poll_counters(p);
		tick(p);
	}
	leave(p);
	return NULL;
}

static bool is_quiet(struct weir_pipeline *p)
{
	int fds[SOURCE_FDS], n = p->source->ops->fds(p->source, fds, SOURCE_FDS);
	struct pollfd polls[SOURCE_FDS];

	watch(polls, 0, fds, n);
	return poll(polls, (nfds_t)n, 0) == 0;
}

/* All that the kernel had reported before, and not all that it goes on to
 * report: that may be more than we can read. */
static void drain(struct weir_pipeline *p)
{
	struct weir_error err;
	int fds[SOURCE_FDS], n, r;

	n = p->source->ops->fds(p->source, fds, SOURCE_FDS);
	for (int i = 0; i < n; i++) {
		uint32_t left = p->source->ops->queued(p->source, fds[i]);

		for (r = 1; r > 0 && left; left -= (uint32_t)r < left ? (uint32_t)r : left) {
			r = p->source->ops->read(p->source, fds[i], left, &err);
			if (r < 0)
				complain(p, &err);
			r = r < 0 ? 0 : r;
		}
	}
	follow_batch(p);
}

void weir_pipeline_drain(struct weir_pipeline *p)
{
	enter(p);
	if (!is_quiet(p)) {
		drain(p);
		eventfd_write(p->wake, 1); /* records wait to be sent */
	}
	leave(p);
}

static void before_change(void *data)
{
	weir_pipeline_drain(data);
}

static void end_thread(struct weir_pipeline *p)
{
	enter(p);
	p->stopping = true;
	leave(p);
	eventfd_write(p->wake, 1);
	pthread_join(p->thread, NULL);
}

int weir_pipeline_start(struct weir_pipeline *p, struct weir_flow_source *source,
			struct weir_error *err)
{
	sigset_t all, before;
	int r;

	p->source = source;
	sigfillset(&all); /* signals are the main thread's */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&p->thread, NULL, run, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r)
		return weir_error_errno(err, r, "flow thread");
	pthread_setname_np(p->thread, "weird-flows");
	p->running = true;
	p->world->before_change = before_change;
	p->world->before_data = p;
	return 0;
}

struct weir_hits *weir_pipeline_hits(struct weir_pipeline *p)
{
	return p->follow.hits;
}

void weir_pipeline_stop(struct weir_pipeline **p)
{
	struct weir_pipeline *old = weir_take(*p);

	if (!old)
		return;
	if (old->running) {
		old->world->before_change = NULL;
		end_thread(old);
		drain(old);
	}
	if (old->source)
		old->source->ops->close(old->source);
	pthread_mutex_lock(&old->world->lock);
	weir_follow_done(&old->follow);
	pthread_mutex_unlock(&old->world->lock);
	pthread_mutex_destroy(&old->turn);
	pthread_mutex_destroy(&old->busy);
	pthread_mutex_destroy(&old->stats_lock);
	close(old->wake);
	free(old);
}

void weir_pipeline_walk(struct weir_pipeline *p, uint32_t *place, uint32_t n,
			void (*fn)(void *data, struct weir_track *track), void *data)
{
	weir_tracker_walk(p->follow.tracker, place, n, fn, data);
}

struct weir_track *weir_pipeline_find(struct weir_pipeline *p, uint32_t id,
				      const struct weir_tuple *original)
{
	const struct weir_flow flow = { .id = id, .original = *original };

	return weir_tracker_find(p->follow.tracker, &flow, false);
}

void weir_pipeline_ended(struct weir_pipeline *p, struct weir_track *track,
			 const struct weir_judgement *why)
{
	weir_follow_ended(&p->follow, track, why);
}

void weir_pipeline_stats(struct weir_pipeline *p, struct weir_pipeline_stats *ret)
{
	pthread_mutex_lock(&p->stats_lock);
	*ret = p->stats;
	pthread_mutex_unlock(&p->stats_lock);
}
