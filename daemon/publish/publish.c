/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers, batches, sends and remembers flow records. A subscriber that is too
 * slow loses messages in its own queue and nobody waits for it; as every
 * record and batch is numbered it sees exactly how many. While it is quiet an
 * empty batch a second shows losses at the end. Called by the flow thread.
 */
#include "daemon/publish/publish.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#include "daemon/publish/internal.h"
#include "daemon/publish/kept.h"
#include "weir/cleanup.h"

#define BEAT_MS	    1000
#define BATCH_BYTES (1u << 20) /* far below what a hub takes (weir/link.h) */
#define LOOK_MS	    2000
#define WAITING_MAX 4u /* batches' worth of records that wait for memory */
#define MS_NS	    1000000ull

struct weir_publisher {
	void *context;
	struct weir_outlet *all; /* everything, batches too */
	struct weir_scoped scoped;
	char *node, *boot;
	struct weir_batch_encoder *encoder;
	struct weir_json_buffer json;
	struct weir_auth auth;
	unsigned batch_records, batch_ms;
	size_t history_max, history_bytes;
	uint64_t looked;	    /* monotonic ms: at the folder of keys */
	uint64_t opened, last_sent; /* monotonic ms: first record of the batch; last batch */
	pthread_mutex_t lock;	    /* of the history */
	struct weir_kept *oldest, **newest;
	struct weir_numbers own, *numbers; /* own: when nobody gave us some */
	uint64_t (*on_batch)(void *data, struct weir_kept *batch);
	void *data;
	_Atomic uint64_t records, batches, bytes, dropped, gaps, subscribers;
};

static uint64_t now_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000 * MS_NS + (uint64_t)t.tv_nsec;
}

void weir_kept_unref(struct weir_kept *k)
{
	if (atomic_fetch_sub(&k->refs, 1) > 1)
		return;
	free(k->bytes);
	free(k);
}

static void unref(void *bytes, void *hint)
{
	weir_kept_unref(hint);
}

static int open_sockets(struct weir_publisher *p, const struct weir_publish_config *c,
			struct weir_error *err)
{
	int r;

	p->context = zmq_ctx_new();
	if (!p->context)
		return weir_error_set(err, errno, "ZeroMQ: %s", zmq_strerror(errno));
	r = weir_outlet_new(p->context, c->queue, &p->all, err);
	if (r == 0 && c->curve_secret_file)
		r = weir_auth_start(&p->auth, p->context, c->curve_clients_dir, err);
	if (r == 0)
		r = weir_publish_open(p->all->socket, c, err);
	if (r < 0)
		return r;
	p->scoped.context = p->context;
	p->scoped.queue = c->queue;
	p->scoped.dir = c->curve_clients_dir ? strdup(c->curve_clients_dir) : NULL;
	p->scoped.secret_file = c->curve_secret_file ? strdup(c->curve_secret_file) : NULL;
	weir_scoped_look(&p->scoped);
	return 0;
}

int weir_publisher_new(const struct weir_publish_config *c, struct weir_publisher **ret,
		       struct weir_error *err)
{
	struct weir_publisher *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return weir_error_errno(err, ENOMEM, "publisher");
	pthread_mutex_init(&p->lock, NULL);
	p->newest = &p->oldest;
	p->node = strdup(c->node);
	p->boot = strdup(c->boot);
	p->batch_records = c->batch_records ? c->batch_records : 1000;
	p->batch_ms = c->batch_ms ? c->batch_ms : 100;
	p->history_max = c->history;
	p->own.seq = p->own.batch = 1;
	p->numbers = c->numbers ? c->numbers : &p->own;
	p->on_batch = c->on_batch;
	p->data = c->data;
	p->last_sent = now_ns(CLOCK_MONOTONIC) / MS_NS;
	r = p->node && p->boot ? weir_batch_encoder_new(&p->encoder) : -ENOMEM;
	r = r < 0 ? weir_error_errno(err, ENOMEM, "publisher") : open_sockets(p, c, err);
	if (r < 0) {
		weir_publisher_free(&p, 0);
		return weir_error_prefix(err, r, "publish");
	}
	*ret = p;
	return 0;
}

static void remember(struct weir_publisher *p, struct weir_kept *k)
{
	struct weir_kept *old;

	pthread_mutex_lock(&p->lock);
	atomic_fetch_add(&k->refs, 1);
	*p->newest = k;
	p->newest = &k->next;
	p->history_bytes += k->len;
	while (p->history_bytes > p->history_max && (old = p->oldest)) {
		p->oldest = old->next;
		if (!p->oldest)
			p->newest = &p->oldest;
		p->history_bytes -= old->len;
		unref(NULL, old);
	}
	pthread_mutex_unlock(&p->lock);
}

/* Takes over a reference of k. */
static void send_batch(struct weir_publisher *p, struct weir_kept *k)
{
	zmq_msg_t msg;

	if (zmq_msg_init_data(&msg, k->bytes, k->len, unref, k) < 0) {
		unref(NULL, k);
		p->dropped++;
		return;
	}
	if (zmq_send(p->all->socket, WEIR_WIRE_BATCH_TOPIC, strlen(WEIR_WIRE_BATCH_TOPIC),
		     ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
	    zmq_msg_send(&msg, p->all->socket, ZMQ_DONTWAIT) < 0) {
		p->dropped++;
		zmq_msg_close(&msg);
	}
}

static int close_batch(struct weir_publisher *p)
{
	struct weir_batch_header h = { .node = p->node,
				       .boot = p->boot,
				       .batch = p->numbers->batch,
				       .first_seq = p->numbers->seq,
				       .time = now_ns(CLOCK_REALTIME) };
	struct weir_kept *k = calloc(1, sizeof(*k));
	uint32_t n = (uint32_t)weir_batch_records(p->encoder);
	uint64_t floor;

	if (!k || weir_batch_finish(p->encoder, &h, &k->bytes, &k->len) < 0) {
		free(k);
		return -ENOMEM;
	}
	k->refs = 1;
	k->first_seq = h.first_seq - n;
	k->records = n;
	p->numbers->batch++;
	p->batches++;
	p->bytes += k->len;
	p->last_sent = now_ns(CLOCK_MONOTONIC) / MS_NS;
	if (n)
		remember(p, k);
	floor = p->on_batch ? p->on_batch(p->data, k) : 0;
	if (p->numbers->seq < floor)
		p->numbers->seq = floor;
	send_batch(p, k);
	return 0;
}

static void say(struct weir_publisher *p, const struct weir_record *r)
{
	for (struct weir_outlet *o = p->all; o; o = o->next)
		p->dropped += (uint64_t)weir_outlet_say(o, r, p->node, &p->json);
	for (struct weir_outlet *o = p->scoped.first; o; o = o->next)
		p->dropped += (uint64_t)weir_outlet_say(o, r, p->node, &p->json);
}

int weir_publisher_add(struct weir_publisher *p, struct weir_record *record)
{
	size_t n = weir_batch_records(p->encoder);
	int r;

	if (n >= p->batch_records * WAITING_MAX)
		return -ENOBUFS;
	record->seq = p->numbers->seq;
	r = weir_batch_add(p->encoder, record);
	if (r < 0)
		return r;
	p->numbers->seq++;
	p->records++;
	p->gaps += record->type == WEIR_RECORD_GAP;
	if (!n)
		p->opened = now_ns(CLOCK_MONOTONIC) / MS_NS;
	say(p, record);
	if (n + 1 >= p->batch_records || weir_batch_bytes(p->encoder) >= BATCH_BYTES)
		close_batch(p); /* without memory: tried again by process */
	return 0;
}

static int fd_of(struct weir_outlet *o, int *ret)
{
	size_t size = sizeof(*ret);

	return zmq_getsockopt(o->socket, ZMQ_FD, ret, &size) == 0 ? 1 : 0;
}

int weir_publisher_fds(struct weir_publisher *p, int *fds, int max)
{
	int n = max > 0 ? fd_of(p->all, fds) : 0;

	for (struct weir_outlet *o = p->scoped.first; o && n < max; o = o->next)
		n += fd_of(o, fds + n);
	return n;
}

static uint64_t due(const struct weir_publisher *p)
{
	return weir_batch_records(p->encoder) ? p->opened + p->batch_ms : p->last_sent + BEAT_MS;
}

int weir_publisher_timeout(struct weir_publisher *p)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC) / MS_NS, then = due(p);

	/* ZMQ_FD tells of a change once only */
	if (weir_outlet_pending(p->all))
		return 0;
	for (struct weir_outlet *o = p->scoped.first; o; o = o->next)
		if (weir_outlet_pending(o))
			return 0;
	return then > now ? (int)(then - now) : 0;
}

static void read_subscriptions(struct weir_publisher *p, uint64_t now)
{
	uint64_t subscribers;

	if (now >= p->looked + LOOK_MS) {
		weir_scoped_look(&p->scoped);
		p->looked = now;
	}
	p->dropped += (uint64_t)weir_outlet_read(p->all);
	subscribers = weir_topics_count(&p->all->prefixes);
	for (struct weir_outlet *o = p->scoped.first; o; o = o->next) {
		p->dropped += (uint64_t)weir_outlet_read(o);
		subscribers += weir_topics_count(&o->prefixes);
	}
	p->subscribers = subscribers;
}

int weir_publisher_process(struct weir_publisher *p, struct weir_error *err)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC) / MS_NS;

	read_subscriptions(p, now);
	if (now < due(p))
		return 0;
	if (close_batch(p) < 0)
		return weir_error_errno(err, ENOMEM, "publish: batch");
	return 0;
}

int weir_publisher_flush(struct weir_publisher *p)
{
	return weir_batch_records(p->encoder) ? close_batch(p) : 0;
}

/* References to all batches, so that decoding holds no lock. */
static int snapshot(struct weir_publisher *p, struct weir_kept ***ret, size_t *ret_n)
{
	struct weir_kept **all;
	size_t n = 0;

	pthread_mutex_lock(&p->lock);
	for (struct weir_kept *k = p->oldest; k; k = k->next)
		n++;
	all = calloc(n + 1, sizeof(struct weir_kept *));
	n = 0;
	for (struct weir_kept *k = p->oldest; all && k; k = k->next) {
		atomic_fetch_add(&k->refs, 1);
		all[n++] = k;
	}
	pthread_mutex_unlock(&p->lock);
	*ret = all;
	*ret_n = n;
	return all ? 0 : -ENOMEM;
}

int weir_publisher_history(struct weir_publisher *p,
			   int (*fn)(void *data, const struct weir_record *record), void *data)
{
	struct weir_batch_header header;
	struct weir_kept **all;
	size_t n;
	int r = snapshot(p, &all, &n);

	for (size_t i = 0; i < n; i++) {
		if (r == 0)
			r = weir_batch_decode(all[i]->bytes, all[i]->len, &header, fn, data, NULL);
		unref(NULL, all[i]);
	}
	free(all);
	return r;
}

void weir_publisher_stats(struct weir_publisher *p, struct weir_publish_stats *ret)
{
	*ret = (struct weir_publish_stats){
		.records = p->records,
		.batches = p->batches,
		.bytes = p->bytes,
		.dropped_messages = p->dropped,
		.gaps = p->gaps,
		.subscribers = p->subscribers,
		.next_seq = p->numbers->seq,
		.next_batch = p->numbers->batch,
	};
}

void weir_publisher_free(struct weir_publisher **publisher, int linger_ms)
{
	struct weir_publisher *p = weir_take(*publisher);
	struct weir_kept *k;

	if (!p)
		return;
	if (p->all && p->encoder && weir_batch_records(p->encoder))
		close_batch(p);
	weir_scoped_free(&p->scoped, linger_ms);
	weir_outlet_free(&p->all, linger_ms);
	if (p->context)
		zmq_ctx_term(p->context);
	weir_auth_stop(&p->auth);
	while ((k = p->oldest)) {
		p->oldest = k->next;
		unref(NULL, k);
	}
	weir_batch_encoder_free(&p->encoder);
	weir_json_buffer_free(&p->json);
	pthread_mutex_destroy(&p->lock);
	free(p->node);
	free(p->boot);
	free(p);
}
