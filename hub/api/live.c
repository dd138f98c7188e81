/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live streams: a thread takes flows out of the block that the receiving thread
 * fills, feeds the groups, and wakes those clients that wait. Locks are held for
 * as long as it takes to copy a flow, or to move messages into a ring.
 */
#include "hub/api/live.h"

#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hub/api/copy.h"
#include "hub/api/internal.h"
#include "hub/api/live-group.h"
#include "hub/config/config.h"
#include "weir/cleanup.h"

#define BLOCK_SIZE	(8u << 20)
#define BEAT_NS		15000000000ull
#define TICK_NS		1000000000ull
#define GROUP_BYTES_MIN (64u << 10)
#define PIECE		(16u << 10)

struct weir_live_client {
	struct weir_live *live;
	struct weir_live_group *group;
	struct weir_live_client *next;	   /* of the group */
	struct MHD_Connection *connection; /* NULL: whoever reads asks again by itself */
	uint64_t at;			   /* number of the message that comes next */
	uint64_t ends;			   /* ns, monotonic */
	uint64_t spoke;			   /* the last time that it was sent anything */
	bool waits, ended;
	struct weir_message *message; /* at which it is */
	size_t offset;
	char own[96]; /* a message for it alone: what it lost, or the beat */
	size_t own_len;
};

struct weir_live {
	const struct weir_hub_config *config;
	_Atomic unsigned n_clients;

	pthread_mutex_t in_lock;
	pthread_cond_t in_more;
	struct weir_block in;
	bool ending;

	pthread_mutex_t lock; /* of all below */
	struct weir_live_group *groups;
	unsigned n_groups;
	struct weir_live_stats stats;

	struct weir_block out; /* of the thread */
	pthread_t thread;
	bool has_thread;
};

/* --- flows come in ------------------------------------------------------------------ */

void weir_live_publish(struct weir_live *live, const struct weir_hub_flow *flow, bool joined)
{
	bool first;

	if (!live->n_clients)
		return;
	pthread_mutex_lock(&live->in_lock);
	first = !live->in.len;
	weir_block_add(&live->in, flow, joined);
	if (first)
		pthread_cond_signal(&live->in_more);
	pthread_mutex_unlock(&live->in_lock);
}

/* Waits for flows, for a second at most; false: it is over. */
static bool fetch(struct weir_live *live)
{
	struct weir_block full;
	struct timespec until;
	bool goes_on;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += TICK_NS / 1000000000;
	live->out.len = live->out.lost = 0;
	pthread_mutex_lock(&live->in_lock);
	if (!live->in.len && !live->ending)
		pthread_cond_timedwait(&live->in_more, &live->in_lock, &until);
	full = live->in;
	live->in = live->out;
	live->out = full;
	goes_on = !live->ending;
	pthread_mutex_unlock(&live->in_lock);
	return goes_on;
}

/* --- groups ------------------------------------------------------------------------- */

static void drop_group(struct weir_live *live, struct weir_live_group *g)
{
	struct weir_live_group **at = &live->groups;

	if (--g->refs)
		return;
	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	live->n_groups--;
	weir_live_group_free(g);
}

static void wake(struct weir_live_client *c)
{
	if (!c->waits)
		return;
	c->waits = false;
	if (c->connection)
		MHD_resume_connection(c->connection);
}

/* Clients that nothing was said to for a while, and those whose time is up. */
static void beat(struct weir_live_group *g, uint64_t now)
{
	for (struct weir_live_client *c = g->clients; c; c = c->next)
		if (c->waits && (c->ended || now >= c->ends || now - c->spoke >= BEAT_NS))
			wake(c);
}

static void feed(struct weir_live *live, struct weir_live_group *g)
{
	const struct weir_block_flow *f;
	size_t at = 0;

	while ((f = weir_block_next(&live->out, &at)))
		weir_live_group_flow(g, f);
	if (live->out.lost)
		weir_live_group_unread(g, live->out.lost);
}

/* The group is held by a reference while it is fed without the lock. */
static void turn(struct weir_live *live)
{
	uint64_t now = weir_api_clock();
	struct weir_live_group *g, *next;
	size_t max_bytes;

	pthread_mutex_lock(&live->lock);
	live->stats.unread += live->out.lost;
	max_bytes = live->config->live.memory / (live->n_groups + 1);
	if (max_bytes < GROUP_BYTES_MIN)
		max_bytes = GROUP_BYTES_MIN;
	for (g = live->groups; g; g = next) {
		g->refs++;
		if (live->out.len || live->out.lost) {
			pthread_mutex_unlock(&live->lock);
			feed(live, g);
			pthread_mutex_lock(&live->lock);
		}
		if (weir_live_group_flush(g, max_bytes))
			for (struct weir_live_client *c = g->clients; c; c = c->next)
				wake(c);
		beat(g, now);
		next = g->next;
		drop_group(live, g);
	}
	for (size_t at = 0; weir_block_next(&live->out, &at);)
		live->stats.flows++;
	pthread_mutex_unlock(&live->lock);
}

static void *run(void *data)
{
	struct weir_live *live = data;

	while (fetch(live))
		turn(live);
	return NULL;
}

/* --- clients -------------------------------------------------------------------------- */

static struct weir_live_group *group_for(struct weir_live *live, struct weir_request *r)
{
	WEIR_AUTO_FREE char *key = weir_live_group_key(r);
	struct weir_live_group *g;

	if (!key)
		return NULL;
	for (g = live->groups; g; g = g->next)
		if (strcmp(g->key, key) == 0)
			return g;
	g = weir_live_group_new(r, live->config->live.queue);
	if (!g)
		return NULL;
	g->next = live->groups;
	live->groups = g;
	live->n_groups++;
	return g;
}

int weir_live_join(struct weir_live *live, struct weir_request *r, struct weir_live_client **ret,
		   struct weir_error *err)
{
	struct weir_live_client *c;

	if (++live->n_clients > live->config->live.max_clients) {
		live->n_clients--;
		return weir_error_set(err, EUSERS, "there are %u live streams already",
				      live->config->live.max_clients);
	}
	c = calloc(1, sizeof(*c));
	pthread_mutex_lock(&live->lock);
	if (c && (c->group = group_for(live, r))) {
		c->group->refs++;
		c->next = c->group->clients;
		c->group->clients = c;
		c->at = c->group->ring.next;
	}
	pthread_mutex_unlock(&live->lock);
	if (!c || !c->group) {
		live->n_clients--;
		free(c);
		return weir_error_errno(err, ENOMEM, "live stream");
	}
	c->live = live;
	c->connection = r->connection;
	c->spoke = weir_api_clock();
	c->ends = c->spoke + live->config->live.max_age_ms * 1000000ull;
	/* the reader's headers go at once, and it knows that it is heard */
	c->own_len =
		(size_t)snprintf(c->own, sizeof(c->own), "%s", c->group->events ? ":\n\n" : "\n");
	*ret = c;
	return 0;
}

void weir_live_leave(struct weir_live_client **client)
{
	struct weir_live_client *c = weir_take(*client), **at;

	if (!c)
		return;
	pthread_mutex_lock(&c->live->lock);
	for (at = &c->group->clients; *at != c;)
		at = &(*at)->next;
	*at = c->next;
	weir_message_drop(&c->message);
	drop_group(c->live, c->group);
	pthread_mutex_unlock(&c->live->lock);
	c->live->n_clients--;
	free(c);
}

static size_t copy(struct weir_live_client *c, const char *from, size_t len, char *buf, size_t max)
{
	size_t n = len - c->offset < max ? len - c->offset : max;

	memcpy(buf, from + c->offset, n);
	c->offset += n;
	if (c->offset < len)
		return n;
	c->offset = 0;
	c->own_len = 0;
	weir_message_drop(&c->message);
	return n;
}

/* What the client is to be told before its next flow: own, or nothing. */
static void say_own(struct weir_live_client *c, uint64_t now)
{
	const struct weir_ring *ring = &c->group->ring;
	uint64_t lost = c->at < ring->first ? ring->first - c->at : 0;
	bool events = c->group->events;

	if (lost) {
		c->at = ring->first;
		c->live->stats.lost += lost;
		c->own_len =
			(size_t)snprintf(c->own, sizeof(c->own),
					 events ? "event: lost\ndata: {\"lost\":%" PRIu64 "}\n\n"
						: "{\"lost\":%" PRIu64 "}\n",
					 lost);
	} else if (c->at == ring->next && now - c->spoke >= BEAT_NS) {
		c->own_len = (size_t)snprintf(c->own, sizeof(c->own), events ? ":\n\n" : "\n");
	}
}

/* One piece; 0: there is none. */
static size_t piece(struct weir_live_client *c, char *buf, size_t max, uint64_t now)
{
	if (!c->message && !c->own_len)
		say_own(c, now);
	if (c->own_len)
		return copy(c, c->own, c->own_len, buf, max);
	if (!c->message && c->at < c->group->ring.next)
		c->message = weir_ring_take(&c->group->ring, c->at++);
	return c->message ? copy(c, c->message->text, c->message->len, buf, max) : 0;
}

long weir_live_read(struct weir_live_client *c, char *buf, size_t max)
{
	uint64_t now = weir_api_clock();
	bool over;
	size_t n = 0, more;

	pthread_mutex_lock(&c->live->lock);
	over = (c->ended || now >= c->ends) && !c->offset;
	while (!over && n < max && (more = piece(c, buf + n, max - n, now)))
		n += more;
	if (n)
		c->spoke = now;
	else if (!over && !c->waits) {
		c->waits = true;
		if (c->connection)
			MHD_suspend_connection(c->connection);
	}
	pthread_mutex_unlock(&c->live->lock);
	return over ? -1 : (long)n;
}

static ssize_t reader(void *data, uint64_t pos, char *buf, size_t max)
{
	long n = weir_live_read(data, buf, max);

	return n < 0 ? MHD_CONTENT_READER_END_OF_STREAM : n;
}

struct MHD_Response *weir_live_response(struct weir_live_client *client)
{
	return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE, reader, client, NULL);
}

/* --- life ------------------------------------------------------------------------------- */

int weir_live_start(const struct weir_hub_config *config, struct weir_live **ret,
		    struct weir_error *err)
{
	struct weir_live *live = calloc(1, sizeof(*live));
	int r;

	if (!live)
		return weir_error_errno(err, ENOMEM, "live streams");
	live->config = config;
	pthread_mutex_init(&live->in_lock, NULL);
	pthread_mutex_init(&live->lock, NULL);
	pthread_cond_init(&live->in_more, NULL);
	r = weir_block_init(&live->in, BLOCK_SIZE);
	if (r == 0)
		r = weir_block_init(&live->out, BLOCK_SIZE);
	if (r == 0)
		r = -pthread_create(&live->thread, NULL, run, live);
	live->has_thread = r == 0;
	if (r < 0) {
		weir_live_free(&live);
		return weir_error_errno(err, -r, "live streams");
	}
	*ret = live;
	return 0;
}

void weir_live_drop(struct weir_live *live)
{
	pthread_mutex_lock(&live->lock);
	for (struct weir_live_group *g = live->groups; g; g = g->next) {
		for (struct weir_live_client *c = g->clients; c; c = c->next) {
			c->ended = true;
			wake(c);
		}
	}
	pthread_mutex_unlock(&live->lock);
}

void weir_live_end(struct weir_live *live)
{
	pthread_mutex_lock(&live->in_lock);
	live->ending = true;
	pthread_cond_signal(&live->in_more);
	pthread_mutex_unlock(&live->in_lock);
	if (live->has_thread)
		pthread_join(live->thread, NULL);
	live->has_thread = false;
	weir_live_drop(live);
}

void weir_live_free(struct weir_live **live)
{
	struct weir_live *l = weir_take(*live);

	if (!l)
		return;
	if (l->has_thread)
		weir_live_end(l);
	weir_block_clear(&l->in);
	weir_block_clear(&l->out);
	pthread_mutex_destroy(&l->in_lock);
	pthread_mutex_destroy(&l->lock);
	pthread_cond_destroy(&l->in_more);
	free(l);
}

void weir_live_stats(struct weir_live *live, struct weir_live_stats *ret)
{
	pthread_mutex_lock(&live->lock);
	*ret = live->stats;
	ret->clients = live->n_clients;
	ret->groups = live->n_groups;
	for (struct weir_live_group *g = live->groups; g; g = g->next)
		ret->bytes += g->ring.bytes;
	pthread_mutex_unlock(&live->lock);
}
