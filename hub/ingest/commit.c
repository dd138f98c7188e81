/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes what need not wait any longer out of the queues and stores it, twice a
 * second, in a thread of its own. Each queue goes in the order of its seqs, so that
 * what is stored of a node is all below one number, but for halves that went with others' rows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/ingest/internal.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define MS	     1000000ull
#define PATIENCE     (30000 * MS) /* no half waits longer */
#define ROWS_MAX     (1u << 19)	  /* stored at once */
#define RETRY_MS     1000
#define EXPIRE_EVERY (60000 * MS)

/* What is on its way to the store. */
struct commit {
	struct weir_row *rows;
	size_t n, size;
	struct weir_mark *marks;
	size_t n_marks, size_marks;
};

static int add_row(struct commit *c, const struct weir_row *row)
{
	if (c->n == c->size) {
		size_t size = c->size ? c->size * 2 : 4096;
		struct weir_row *rows = realloc(c->rows, size * sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		c->rows = rows;
		c->size = size;
	}
	c->rows[c->n++] = *row;
	return 0;
}

static bool may_go(struct weir_ingest *in, const struct weir_entry *e, uint64_t now)
{
	return in->draining || !weir_sender_may_tell(e->partner, now) ||
	       e->partner->mark >= e->until || now - e->arrived > PATIENCE ||
	       in->join.waiting > in->config.max_waiting;
}

static void pop(struct weir_ingest *in, struct weir_origin *o)
{
	struct weir_entry *e = o->first;

	o->first = e->next;
	if (!o->first)
		o->last = &o->first;
	o->ahead -= e->state == WEIR_ENTRY_STORED;
	o->changed = true;
	in->entries--;
	free(e);
}

static void set_stored(struct weir_entry *e)
{
	e->state = WEIR_ENTRY_STORED;
	e->origin->ahead++;
	e->origin->changed = true;
}

/* A row goes, and what lies in other queues and is told by it. */
static int take_row(struct commit *c, struct weir_entry *e)
{
	int r = add_row(c, &e->row);

	if (r < 0)
		return r;
	if (e->absorbed)
		set_stored(e->absorbed);
	if (e->denial && --e->denial->pending == 0 && e->denial->state == WEIR_ENTRY_ABSORBED)
		set_stored(e->denial);
	return 0;
}

/* It stays until rows of other queues are stored. */
static bool depends(const struct weir_entry *e)
{
	return e->pending || e->state == WEIR_ENTRY_ABSORBED;
}

/* Behind an entry that depends on other queues, which may depend on this one, rows are stored
 * ahead of it. */
static int take_ahead(struct weir_ingest *in, struct weir_origin *o, struct commit *c, uint64_t now,
		      bool *ret_moved)
{
	int r = 0;

	for (struct weir_entry *e = o->first; r == 0 && e && c->n < ROWS_MAX; e = e->next) {
		if (e->state == WEIR_ENTRY_WAITING && !e->pending) {
			if (!may_go(in, e, now))
				break;
			weir_join_give_up(&in->join, e);
		}
		if (e->state != WEIR_ENTRY_READY || e->pending)
			continue;
		r = take_row(c, e);
		if (r == 0) {
			set_stored(e);
			*ret_moved = true;
		}
	}
	return r;
}

/* From the front of a queue as far as it goes; whether anything did. */
static int take_queue(struct weir_ingest *in, struct weir_origin *o, struct commit *c, uint64_t now,
		      bool *ret_moved)
{
	struct weir_entry *e;
	int r = 0;

	while (r == 0 && (e = o->first) && c->n < ROWS_MAX) {
		if (depends(e))
			return take_ahead(in, o, c, now, ret_moved);
		if (e->state == WEIR_ENTRY_WAITING && !may_go(in, e, now))
			break;
		if (e->state == WEIR_ENTRY_WAITING)
			weir_join_give_up(&in->join, e);
		if (e->state == WEIR_ENTRY_READY)
			r = take_row(c, e);
		if (r == 0) {
			pop(in, o);
			*ret_moved = true;
		}
	}
	return r;
}

static int take_marks(struct weir_ingest *in, struct commit *c)
{
	for (struct weir_origin *o = in->list; o; o = o->next) {
		if (!o->changed)
			continue;
		if (c->n_marks == c->size_marks) {
			size_t size = c->size_marks * 2 + 64;
			struct weir_mark *marks = realloc(c->marks, size * sizeof(*marks));

			if (!marks)
				return -ENOMEM;
			c->marks = marks;
			c->size_marks = size;
		}
		if (weir_origin_mark(o, &c->marks[c->n_marks]) < 0)
			return -ENOMEM;
		c->n_marks++;
		o->changed = false;
	}
	return 0;
}

static int take_all(struct weir_ingest *in, struct commit *c)
{
	uint64_t now = weir_ingest_clock(CLOCK_MONOTONIC);
	bool moved = true;
	int r = 0;

	/* a queue may wait for a row in another */
	while (r == 0 && moved) {
		moved = false;
		for (struct weir_origin *o = in->list; r == 0 && o; o = o->next)
			r = take_queue(in, o, c, now, &moved);
	}
	return r == 0 ? take_marks(in, c) : r;
}

static void clear(struct commit *c)
{
	for (size_t i = 0; i < c->n_marks; i++)
		free((void *)c->marks[i].ranges);
	c->n = c->n_marks = 0;
}

static void tell_stored(struct weir_ingest *in, const struct commit *c)
{
	for (size_t i = 0; in->config.stored && i < c->n_marks; i++)
		in->config.stored(in->config.data, c->marks[i].cluster, c->marks[i].node,
				  c->marks[i].boot, c->marks[i].next);
}

/* A node that waited for this speaks again in a moment. */
static void note_told(struct weir_ingest *in, const struct commit *c)
{
	uint64_t now = weir_ingest_clock(CLOCK_MONOTONIC);

	for (size_t i = 0; i < c->n_marks; i++) {
		const struct weir_mark *m = &c->marks[i];
		struct weir_origin *o = weir_origin_get(in, m->cluster, m->node, m->boot, false);

		if (o)
			o->node->heard = now;
	}
}

/* Until it is stored; an end of the hub gives up after a failure. */
static bool store(struct weir_ingest *in, const struct commit *c)
{
	struct weir_store *s = in->config.store;
	uint64_t begin = weir_ingest_clock(CLOCK_MONOTONIC);
	struct weir_error err = { "" };
	bool failing = false;
	struct timespec pause = { RETRY_MS / 1000, RETRY_MS % 1000 * (long)MS };

	while (s->ops->append(s, in->words, c->rows, c->n, c->marks, c->n_marks, &err) < 0) {
		if (!failing)
			weir_log(WEIR_LOG_ERROR,
				 "flows cannot be stored; nodes keep them until they can", "error",
				 err.text, NULL);
		failing = true;
		if (in->ending)
			return false;
		nanosleep(&pause, NULL);
	}
	if (failing)
		weir_log(WEIR_LOG_INFO, "flows are stored again", NULL);
	pthread_mutex_lock(&in->lock);
	note_told(in, c);
	in->stats.commits++;
	in->stats.commit_ns += weir_ingest_clock(CLOCK_MONOTONIC) - begin;
	pthread_mutex_unlock(&in->lock);
	tell_stored(in, c);
	return true;
}

/* All rows of the full dictionary are stored: a new one. */
static void begin_dictionary(struct weir_ingest *in)
{
	struct weir_dictionary *words = NULL;

	if (!in->draining || in->entries || weir_dictionary_new(&words) < 0)
		return;
	weir_words_clear(&in->unpacked);
	weir_dictionary_free(&in->words);
	in->words = words;
	weir_rows_begin(in);
	for (struct weir_origin *o = in->list; o; o = o->next)
		o->word = 0;
	in->draining = false;
}

static void expire(struct weir_ingest *in, uint64_t *last)
{
	struct weir_store *s = in->config.store;
	uint64_t now = weir_ingest_clock(CLOCK_MONOTONIC);
	struct weir_error err = { "" };

	if (*last && now - *last < EXPIRE_EVERY)
		return;
	*last = now;
	if (s->ops->expire(s, weir_ingest_clock(CLOCK_REALTIME), &err) < 0)
		weir_log(WEIR_LOG_WARNING, "old flows cannot be deleted", "error", err.text, NULL);
}

static void wait_a_while(struct weir_ingest *in)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (long)(in->config.commit_ms % 1000 * MS);
	until.tv_sec += in->config.commit_ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	if (!in->ending && in->entries < ROWS_MAX)
		pthread_cond_timedwait(&in->wake, &in->lock, &until);
}

/* At the end what still waits for its other half is not stored: its node sends it again. */
void *weir_commit_run(void *ingest)
{
	struct weir_ingest *in = ingest;
	struct commit c = { 0 };
	uint64_t expired = 0;
	bool ending = false, ok = true;

	while (!ending && ok) {
		pthread_mutex_lock(&in->lock);
		wait_a_while(in);
		ending = in->ending;
		if (!in->abandoned && take_all(in, &c) < 0)
			weir_log(WEIR_LOG_ERROR, "no memory to store flows; tried again", NULL);
		pthread_mutex_unlock(&in->lock);
		if (c.n || c.n_marks)
			ok = store(in, &c);
		clear(&c);
		pthread_mutex_lock(&in->lock);
		begin_dictionary(in);
		pthread_mutex_unlock(&in->lock);
		if (!ending)
			expire(in, &expired);
	}
	free(c.rows);
	free(c.marks);
	return NULL;
}
