/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of blocked connections. Called by rejudge.c, which has the timers and logs;
 * knows the backend's facade and the judge, neither conntrack nor the pipeline.
 */
#include "daemon/flow/blocked.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/flow/annotate.h"
#include "daemon/weird.h"
#include "weir/cleanup.h"

#define STEP   1024u  /* judged or released at once */
#define ITEMS  32768u /* remembered */
#define LET_GO UINT64_MAX

struct item {
	struct weir_ending ending;
	uint64_t due;	   /* ms: released, to be looked at then; LET_GO; 0: blocked */
	uint64_t released; /* when it was last let through */
};

struct weir_blocked {
	struct weird *d;
	struct item items[ITEMS]; /* oldest first */
	size_t n, place;	  /* place: of the next step of releasing */
	size_t chosen[STEP], n_chosen;
	struct weir_ending batch[STEP];
	uint64_t released;
};

int weir_blocked_new(struct weird *d, struct weir_blocked **ret)
{
	struct weir_blocked *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->d = d;
	*ret = b;
	return 0;
}

void weir_blocked_free(struct weir_blocked **b)
{
	free(weir_take(*b));
}

void weir_blocked_add(void *data, const struct weir_ending *ending)
{
	struct weir_blocked *b = data;

	if (b->n == ITEMS) {
		b->n /= 2;
		b->place = 0;
		memmove(b->items, b->items + ITEMS - b->n, b->n * sizeof(*b->items));
	}
	b->items[b->n++] = (struct item){ .ending = *ending };
}

void weir_blocked_changed(struct weir_blocked *b)
{
	b->place = 0;
}

/* With the world's lock. */
static bool is_allowed(const struct weir_blocked *b, const struct weir_ending *e)
{
	struct weir_judgement j;

	weir_annotate_judge(&b->d->world, &e->original, &e->reply, &j);
	return j.verdict != WEIR_DENIED;
}

/* All that are chosen or, on an error, none. */
static int release_chosen(struct weir_blocked *b, uint64_t now_ms, struct weir_error *err)
{
	int r = 0;

	for (size_t i = 0; i < b->n_chosen; i++)
		b->batch[i] = b->items[b->chosen[i]].ending;
	if (b->n_chosen)
		r = weir_backend_release(b->d->backend, b->batch, b->n_chosen, err);
	for (size_t i = 0; i < b->n_chosen && r == 0; i++)
		b->items[b->chosen[i]].released = now_ms;
	for (size_t i = 0; i < b->n_chosen && r == 0; i++)
		b->items[b->chosen[i]].due = now_ms + WEIR_BLOCKED_LOOK_MS;
	return r;
}

int weir_blocked_release(struct weir_blocked *b, uint64_t now_ms, struct weir_error *err)
{
	int r;

	b->n_chosen = 0;
	pthread_mutex_lock(&b->d->world.lock);
	for (; b->place < b->n && b->n_chosen < STEP; b->place++)
		if (!b->items[b->place].due && is_allowed(b, &b->items[b->place].ending))
			b->chosen[b->n_chosen++] = b->place;
	pthread_mutex_unlock(&b->d->world.lock);
	r = release_chosen(b, now_ms, err);
	if (r == 0)
		b->released += b->n_chosen;
	if (r == 0 && b->place < b->n)
		return 1;
	b->place = 0;
	return r;
}

/* Those that are due; one that has been denied since stays blocked, if it is. */
static void choose_due(struct weir_blocked *b, uint64_t now_ms)
{
	b->n_chosen = 0;
	pthread_mutex_lock(&b->d->world.lock);
	for (size_t i = 0; i < b->n && b->n_chosen < STEP; i++) {
		struct item *item = &b->items[i];

		if (!item->due || item->due > now_ms)
			continue;
		item->due = is_allowed(b, &item->ending) ? now_ms + WEIR_BLOCKED_GRACE_MS : 0;
		if (item->due)
			b->chosen[b->n_chosen++] = i;
	}
	pthread_mutex_unlock(&b->d->world.lock);
}

/* Leaves those chosen that the kernel still blocks. */
static int ask_chosen(struct weir_blocked *b, uint64_t now_ms, struct weir_error *err)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < b->n_chosen && r >= 0; i++) {
		struct item *item = &b->items[b->chosen[i]];

		r = weir_backend_still_blocked(b->d->backend, &item->ending, err);
		if (r > 0)
			b->chosen[kept++] = b->chosen[i];
		else if (r == 0 && now_ms >= item->released + WEIR_BLOCKED_GRACE_MS)
			item->due = LET_GO;
		else if (r == 0)
			item->due = item->released + WEIR_BLOCKED_GRACE_MS;
	}
	b->n_chosen = kept;
	return r < 0 ? r : 0;
}

static void forget_let_go(struct weir_blocked *b)
{
	size_t kept = 0;

	for (size_t i = 0; i < b->n; i++)
		if (b->items[i].due != LET_GO)
			b->items[kept++] = b->items[i];
	if (kept < b->n)
		b->place = 0;
	b->n = kept;
}

int weir_blocked_look_again(struct weir_blocked *b, uint64_t now_ms, struct weir_error *err)
{
	int r;

	choose_due(b, now_ms);
	r = ask_chosen(b, now_ms, err);
	if (r == 0)
		r = release_chosen(b, now_ms, err);
	forget_let_go(b);
	return r;
}

bool weir_blocked_pending(const struct weir_blocked *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->items[i].due)
			return true;
	return false;
}

uint64_t weir_blocked_released(const struct weir_blocked *b)
{
	return b->released;
}
