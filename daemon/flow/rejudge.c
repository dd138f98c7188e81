/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks through the followed connections in steps, so that an ADD never waits for
 * a hundred thousand of them. What is denied goes to the backend, which blocks and
 * ends it; the END that the kernel then reports makes the record (follow.c). What
 * is blocked and is allowed again is released: the kernel's list is asked, because
 * it outlives weird. Knows no backend and no conntrack.
 */
#include "daemon/flow/rejudge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/flow/annotate.h"
#include "daemon/flow/pipeline.h"
#include "daemon/flow/spare.h"
#include "daemon/flow/tracker.h"
#include "daemon/weird.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define STEP	 1024u /* connections judged, or ended, at once */
#define SUSPECTS 1024u /* more than that: a walk finds them */
#define RETRY_MS 1000u

struct weir_rejudge {
	struct weird *d;
	uv_async_t wake;
	uv_timer_t next;
	int open;	    /* handles that are not closed yet */
	bool enforced;	    /* the kernel has the world's tables */
	bool walking;	    /* a round is under way */
	bool failing, mute; /* said so: cannot end them; cannot tell their ends */
	bool look_blocked;  /* ask the kernel what is blocked, in this round */
	bool any_blocked;   /* there may be some; unknown at the start: yes */
	uint32_t place;	    /* of the walk: a change in the middle does not begin at the front */
	uint32_t start;	    /* where the round began */
	bool wrapped;	    /* it has been at the end since */
	uint64_t began;	    /* us: the round's change */
	uint64_t round_ended;
	struct weir_ending *doomed; /* STEP of them */
	size_t n_doomed;
	pthread_mutex_t lock; /* of what follows */
	struct weir_ending suspects[SUSPECTS];
	size_t n_suspects;
	bool too_many;
	struct weir_rejudge_stats stats;
};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void on_next(uv_timer_t *timer);

static void begin_round(struct weir_rejudge *r, uint64_t in_ms)
{
	if (!r->walking)
		r->round_ended = 0;
	r->walking = true;
	r->wrapped = false;
	r->start = r->place;
	uv_timer_start(&r->next, on_next, in_ms, 0);
}

/* --- judging ---------------------------------------------------------------------- */

static void judge_track(void *data, struct weir_track *track)
{
	struct weir_rejudge *r = data;
	struct weir_ending e = { .original = weir_track_original(track),
				 .reply = weir_track_reply(track),
				 .id = track->id };
	struct weir_connection c;
	struct weir_judgement j;

	if (track->state != WEIR_TRACK_LIVE || track->superseded)
		return;
	weir_annotate_judge(&r->d->world, &e.original, &e.reply, &j);
	if (j.verdict != WEIR_DENIED)
		return;
	c = weir_annotate_connection(&e.original, &e.reply);
	if (weir_flow_spared(&r->d->world, &c, &track->annotation, &j))
		return;
	weir_pipeline_ended(r->d->pipeline, track, &j);
	r->doomed[r->n_doomed++] = e;
}

/* A failure is said once; the round begins again until it works. */
static void fail(struct weir_rejudge *r, const struct weir_error *err)
{
	if (!r->failing)
		weir_log(WEIR_LOG_ERROR, "denied connections go on; retrying", "error", err->text,
			 NULL);
	r->failing = true;
	begin_round(r, RETRY_MS);
}

/* Without this they notice when they send something. */
static void tell_ends(struct weir_rejudge *r)
{
	struct weir_error err = { "" };
	int code = weir_backend_nudge(r->d->backend, r->doomed, r->n_doomed, &err);

	if (code < 0 && !r->mute)
		weir_log(WEIR_LOG_WARNING, "idle connections that were ended are not told", "error",
			 err.text, NULL);
	r->mute = code < 0;
}

static int end_doomed(struct weir_rejudge *r)
{
	struct weir_error err = { "" };
	int code = 0;

	if (r->n_doomed)
		code = weir_backend_end(r->d->backend, r->doomed, r->n_doomed, &err);
	if (code == 0 && r->n_doomed) {
		tell_ends(r);
		r->stats.ended += r->n_doomed;
		r->round_ended += r->n_doomed;
		r->any_blocked = true;
		r->failing = false;
	}
	r->n_doomed = 0;
	if (code < 0)
		fail(r, &err);
	return code;
}

/* --- those that are blocked --------------------------------------------------------- */

struct blocked {
	struct weir_ending *items;
	size_t n, size;
	bool failed;
};

static void keep_blocked(void *data, const struct weir_ending *ending)
{
	struct blocked *b = data;

	if (b->n == b->size) {
		size_t size = b->size ? b->size * 2 : 64;
		void *items = reallocarray(b->items, size, sizeof(*b->items));

		if (!items) {
			b->failed = true;
			return;
		}
		b->items = items;
		b->size = size;
	}
	b->items[b->n++] = *ending;
}

/* Leaves those in the list that are allowed. */
static void drop_denied(const struct weir_rejudge *r, struct blocked *b)
{
	size_t n = 0;

	pthread_mutex_lock(&r->d->world.lock);
	for (size_t i = 0; i < b->n; i++) {
		struct weir_judgement j;

		weir_annotate_judge(&r->d->world, &b->items[i].original, &b->items[i].reply, &j);
		if (j.verdict != WEIR_DENIED)
			b->items[n++] = b->items[i];
	}
	pthread_mutex_unlock(&r->d->world.lock);
	b->n = n;
}

static void release_allowed(struct weir_rejudge *r)
{
	struct blocked b = { .items = NULL };
	struct weir_error err = { "" };
	int code = weir_backend_blocked(r->d->backend, keep_blocked, &b, &err);

	r->any_blocked = b.n != 0 || code < 0;
	drop_denied(r, &b);
	for (size_t i = 0; i < b.n && code == 0; i += STEP) {
		size_t n = b.n - i < STEP ? b.n - i : STEP;

		code = weir_backend_release(r->d->backend, b.items + i, n, &err);
		r->stats.released += code == 0 ? n : 0;
	}
	free(b.items);
	if (code < 0)
		weir_log(WEIR_LOG_WARNING, "ended connections cannot be let through again", "error",
			 err.text, NULL);
}

/* --- a round -------------------------------------------------------------------------- */

static void finish_round(struct weir_rejudge *r)
{
	char number[24];

	r->walking = false;
	r->stats.walks++;
	if (!r->round_ended)
		return;
	r->stats.last_us = now_us() - r->began;
	snprintf(number, sizeof(number), "%llu", (unsigned long long)r->round_ended);
	weir_log(WEIR_LOG_INFO, "connections ended that policies deny now", "connections", number,
		 NULL);
}

/* The next places; true when the round is complete. */
static bool walk(struct weir_rejudge *r)
{
	pthread_mutex_lock(&r->d->world.lock);
	weir_pipeline_walk(r->d->pipeline, &r->place, STEP, judge_track, r);
	pthread_mutex_unlock(&r->d->world.lock);
	r->wrapped |= r->place == 0;
	return r->wrapped && (r->place >= r->start);
}

static void step(struct weir_rejudge *r)
{
	if (r->look_blocked && r->any_blocked) {
		r->look_blocked = false;
		release_allowed(r);
	} else if (walk(r)) {
		if (end_doomed(r) == 0)
			finish_round(r);
		return;
	}
	if (end_doomed(r) == 0)
		uv_timer_start(&r->next, on_next, 0, 0);
}

static void on_next(uv_timer_t *timer)
{
	struct weir_rejudge *r = timer->data;
	uint64_t start = now_us(), took;

	if (!r->enforced || !r->walking || !r->d->pipeline)
		return;
	step(r);
	took = now_us() - start;
	if (took > r->stats.max_step_us)
		r->stats.max_step_us = took;
}

void weir_rejudge_applied(struct weir_rejudge *r, bool enforced)
{
	if (!r)
		return;
	r->enforced = enforced;
	r->look_blocked = true;
	if (!enforced)
		return;
	r->began = now_us();
	begin_round(r, 0);
}

/* --- single ones ------------------------------------------------------------------------ */

/* Empties the list; more than it could hold: all are looked at. */
static void judge_suspects(struct weir_rejudge *r)
{
	bool too_many;

	pthread_mutex_lock(&r->d->world.lock);
	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < r->n_suspects && r->enforced; i++) {
		struct weir_track *track = weir_pipeline_find(r->d->pipeline, r->suspects[i].id,
							      &r->suspects[i].original);

		if (track)
			judge_track(r, track);
	}
	too_many = r->too_many;
	r->n_suspects = 0;
	r->too_many = false;
	pthread_mutex_unlock(&r->lock);
	pthread_mutex_unlock(&r->d->world.lock);
	if (too_many && r->enforced)
		begin_round(r, 0);
}

/* Until the kernel has the tables nothing is ended; a round follows when it has. */
static void on_wake(uv_async_t *wake)
{
	struct weir_rejudge *r = wake->data;

	if (!r->d->pipeline)
		return;
	judge_suspects(r);
	end_doomed(r);
}

void weir_rejudge_suspect(struct weir_rejudge *r, const struct weir_flow *flow)
{
	pthread_mutex_lock(&r->lock);
	if (r->n_suspects < SUSPECTS)
		r->suspects[r->n_suspects++] = (struct weir_ending){ .original = flow->original,
								     .reply = flow->reply,
								     .id = flow->id };
	else
		r->too_many = true;
	pthread_mutex_unlock(&r->lock);
	uv_async_send(&r->wake);
}

void weir_rejudge_stats(const struct weir_rejudge *r, struct weir_rejudge_stats *ret)
{
	*ret = r ? r->stats : (struct weir_rejudge_stats){ 0 };
}

/* --- life --------------------------------------------------------------------------------- */

int weir_rejudge_new(struct weird *d, struct weir_rejudge **ret, struct weir_error *err)
{
	WEIR_AUTO_FREE struct weir_rejudge *r = calloc(1, sizeof(*r));

	if (r)
		r->doomed = calloc(STEP, sizeof(*r->doomed));
	if (!r || !r->doomed)
		return weir_error_errno(err, ENOMEM, "rejudge");
	r->d = d;
	r->any_blocked = true;
	pthread_mutex_init(&r->lock, NULL);
	uv_timer_init(d->loop, &r->next);
	uv_async_init(d->loop, &r->wake, on_wake);
	r->next.data = r->wake.data = r;
	r->open = 2;
	*ret = weir_take(r);
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct weir_rejudge *r = handle->data;

	if (--r->open)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r->doomed);
	free(r);
}

void weir_rejudge_free(struct weir_rejudge **rejudge)
{
	struct weir_rejudge *r = weir_take(*rejudge);

	if (!r)
		return;
	uv_close((uv_handle_t *)&r->next, on_closed);
	uv_close((uv_handle_t *)&r->wake, on_closed);
}
