/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks through the followed connections in steps, so that an ADD never waits for
 * a hundred thousand of them. What is denied goes to the backend, which blocks and
 * ends it; the END that the kernel then reports makes the record (follow.c). What
 * is blocked and is allowed again is released (blocked.c). Knows no backend and no
 * conntrack.
 */
#include "daemon/flow/rejudge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/flow/annotate.h"
#include "daemon/flow/blocked.h"
#include "daemon/flow/pipeline.h"
#include "daemon/flow/spare.h"
#include "daemon/flow/tracker.h"
#include "daemon/weird.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define STEP	 1024u /* connections judged, or ended, at once */
#define SUSPECTS 1024u /* more than that: a walk finds them */
#define RETRY_MS 1000u
#define AGAIN_MS 100u /* between steps through those that were released */

struct weir_rejudge {
	struct weird *d;
	uv_async_t wake;
	uv_idle_t next; /* a step in each turn of the loop: others get theirs */
	uv_timer_t retry;
	uv_timer_t again;   /* looks at what was released, and tries what could not be */
	int open;	    /* handles that are not closed yet */
	bool enforced;	    /* the kernel has the world's tables */
	bool walking;	    /* a round is under way */
	bool failing, mute; /* said so: cannot end them; cannot tell their ends */
	bool stuck;	    /* said so: cannot release them; tried again by the timer */
	bool look_blocked;  /* some of those that are blocked may be allowed by now */
	bool asked;	    /* the kernel, what is blocked */
	uint32_t place;	    /* of the walk: a change in the middle does not begin at the front */
	uint32_t start;	    /* where the round began */
	bool wrapped;	    /* it has been at the end since */
	uint64_t began;	    /* us: the round's change */
	uint64_t round_ended;
	struct weir_ending batch[STEP]; /* to be ended */
	size_t n_batch;
	struct weir_blocked *blocked;
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

static void on_next(uv_idle_t *idle);

static void begin_round(struct weir_rejudge *r)
{
	if (!r->walking)
		r->round_ended = 0;
	r->walking = true;
	r->wrapped = false;
	r->start = r->place;
	uv_timer_stop(&r->retry);
	uv_idle_start(&r->next, on_next);
}

static void on_retry(uv_timer_t *timer)
{
	begin_round(timer->data);
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
	r->batch[r->n_batch++] = e;
}

/* A failure is said once; the round begins again until it works. */
static void fail(struct weir_rejudge *r, const struct weir_error *err)
{
	if (!r->failing)
		weir_log(WEIR_LOG_ERROR, "denied connections go on; retrying", "error", err->text,
			 NULL);
	r->failing = true;
	uv_idle_stop(&r->next);
	uv_timer_start(&r->retry, on_retry, RETRY_MS, 0);
}

/* Without this they notice when they send something. */
static void tell_ends(struct weir_rejudge *r)
{
	struct weir_error err = { "" };
	int code = weir_backend_nudge(r->d->backend, r->batch, r->n_batch, &err);

	if (code < 0 && !r->mute)
		weir_log(WEIR_LOG_WARNING, "idle connections that were ended are not told", "error",
			 err.text, NULL);
	r->mute = code < 0;
}

static int end_doomed(struct weir_rejudge *r)
{
	struct weir_error err = { "" };
	int code = 0;

	if (r->n_batch)
		code = weir_backend_end(r->d->backend, r->batch, r->n_batch, &err);
	if (code == 0 && r->n_batch) {
		tell_ends(r);
		r->stats.ended += r->n_batch;
		r->round_ended += r->n_batch;
		for (size_t i = 0; i < r->n_batch; i++)
			weir_blocked_add(r->blocked, &r->batch[i]);
		r->failing = false;
	}
	r->n_batch = 0;
	if (code < 0)
		fail(r, &err);
	return code;
}

/* --- those that are blocked --------------------------------------------------------- */

/* Once, after a start; to ask the kernel for a hundred thousand takes seconds. */
static void ask_blocked(struct weir_rejudge *r)
{
	struct weir_error err = { "" };

	if (weir_backend_blocked(r->d->backend, weir_blocked_add, r->blocked, &err) < 0)
		weir_log(WEIR_LOG_WARNING, "ended connections of an earlier weird are not known",
			 "error", err.text, NULL);
	r->asked = true;
}

/* A failure is said once; the timer tries again. */
static void on_released(struct weir_rejudge *r, int code, const struct weir_error *err)
{
	if (code < 0 && !r->stuck)
		weir_log(WEIR_LOG_WARNING,
			 "ended connections cannot be let through again; retrying", "error",
			 err->text, NULL);
	r->stuck = code < 0;
	r->stats.released = weir_blocked_released(r->blocked);
}

static void on_again(uv_timer_t *timer)
{
	struct weir_rejudge *r = timer->data;
	struct weir_error err = { "" };

	if (r->stuck) {
		r->look_blocked = true;
		uv_idle_start(&r->next, on_next);
		return;
	}
	on_released(r, weir_blocked_look_again(r->blocked, uv_now(r->d->loop), &err), &err);
	if (r->stuck || weir_blocked_pending(r->blocked))
		uv_timer_start(timer, on_again, r->stuck ? RETRY_MS : AGAIN_MS, 0);
}

static void release_allowed(struct weir_rejudge *r)
{
	struct weir_error err = { "" };
	int code;

	if (!r->asked)
		ask_blocked(r);
	code = weir_blocked_release(r->blocked, uv_now(r->d->loop), &err);
	on_released(r, code, &err);
	r->look_blocked = code > 0;
	if (r->stuck || weir_blocked_pending(r->blocked))
		uv_timer_start(&r->again, on_again, r->stuck ? RETRY_MS : AGAIN_MS, 0);
}

/* --- a round -------------------------------------------------------------------------- */

static void finish_round(struct weir_rejudge *r)
{
	char number[24];

	uv_idle_stop(&r->next);
	r->walking = false;
	r->stats.walks++;
	r->stats.last_us = now_us() - r->began;
	if (!r->round_ended)
		return;
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
	bool complete;

	if (r->look_blocked) {
		release_allowed(r);
		return;
	}
	complete = walk(r);
	if (end_doomed(r) == 0 && complete)
		finish_round(r);
}

static void on_next(uv_idle_t *idle)
{
	struct weir_rejudge *r = idle->data;
	uint64_t start = now_us(), took;

	if (!r->enforced || !r->d->pipeline || !(r->walking || r->look_blocked)) {
		uv_idle_stop(idle);
		return;
	}
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
	weir_blocked_changed(r->blocked);
	if (!enforced)
		return;
	r->began = now_us();
	begin_round(r);
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
		begin_round(r);
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

	if (!r || weir_blocked_new(d, &r->blocked) < 0)
		return weir_error_errno(err, ENOMEM, "rejudge");
	r->d = d;
	pthread_mutex_init(&r->lock, NULL);
	uv_idle_init(d->loop, &r->next);
	uv_timer_init(d->loop, &r->retry);
	uv_timer_init(d->loop, &r->again);
	uv_async_init(d->loop, &r->wake, on_wake);
	r->next.data = r->retry.data = r->again.data = r->wake.data = r;
	r->open = 4;
	*ret = weir_take(r);
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct weir_rejudge *r = handle->data;

	if (--r->open)
		return;
	pthread_mutex_destroy(&r->lock);
	weir_blocked_free(&r->blocked);
	free(r);
}

void weir_rejudge_free(struct weir_rejudge **rejudge)
{
	struct weir_rejudge *r = weir_take(*rejudge);

	if (!r)
		return;
	uv_close((uv_handle_t *)&r->next, on_closed);
	uv_close((uv_handle_t *)&r->retry, on_closed);
	uv_close((uv_handle_t *)&r->again, on_closed);
	uv_close((uv_handle_t *)&r->wake, on_closed);
}
