/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Denied connections on their way to an Event. The flow thread puts them into a
 * short queue and goes on; what does not fit is counted. The same denial twice
 * in the queue is one.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/report/report.h"
#include "weir/cleanup.h"
#include "weir/object.h"
#include "weir/ruleset.h"
#include "weir/wire.h"

enum { QUEUE = 128 };

struct weir_denials {
	uv_async_t wake;
	pthread_mutex_t lock;
	struct weir_denial queue[QUEUE];
	size_t n;
	uint64_t lost;
	void (*fn)(void *data, const struct weir_denial *denial);
	void *data;
};

static void clear(struct weir_denial *d)
{
	free(d->namespace_);
	free(d->pod);
	free(d->key);
	free(d->message);
}

/* The other end: the workload when it is known, for its pods come and go. */
static char *name_peer(const struct weir_record_peer *peer)
{
	char addr[WEIR_ADDR_STRLEN], *text;
	const char *name = peer->workload ? peer->workload : peer->pod;
	int n;

	if (name && peer->namespace_)
		n = asprintf(&text, "%s/%s", peer->namespace_, name);
	else
		n = asprintf(&text, "%s", weir_addr_format(&peer->addr, addr));
	return n < 0 ? NULL : text;
}

/* The pod of this node that was denied: the side that said no. */
static bool describe(const struct weir_record *r, struct weir_denial *ret)
{
	bool egress = r->egress.verdict == WEIR_DENIED;
	const struct weir_record_peer *self = egress ? &r->src : &r->dst;
	const struct weir_record_peer *other = egress ? &r->dst : &r->src;
	WEIR_AUTO_FREE char *peer = NULL;
	char why[512], protocol[8], port[16] = "";

	*ret = (struct weir_denial){ 0 };
	if (!self->pod || !self->namespace_)
		return false;
	peer = name_peer(other);
	weir_record_why(r, why, sizeof(why));
	weir_protocol_name(r->protocol, protocol);
	if (r->dst.port)
		snprintf(port, sizeof(port), " port %u", r->dst.port);
	ret->namespace_ = strdup(self->namespace_);
	ret->pod = strdup(self->pod);
	if (!peer ||
	    asprintf(&ret->message, "%s%s %s %s %s", weir_protocol_name(r->protocol, protocol),
		     port, egress ? "to" : "from", peer, why) < 0)
		ret->message = NULL;
	if (!peer || asprintf(&ret->key, "%d %s %u %u", egress, peer, r->protocol, r->dst.port) < 0)
		ret->key = NULL;
	if (ret->namespace_ && ret->pod && ret->key && ret->message)
		return true;
	clear(ret);
	return false;
}

static bool is_queued(const struct weir_denials *q, const struct weir_denial *d)
{
	for (size_t i = 0; i < q->n; i++) {
		if (!strcmp(q->queue[i].key, d->key) && !strcmp(q->queue[i].pod, d->pod) &&
		    !strcmp(q->queue[i].namespace_, d->namespace_))
			return true;
	}
	return false;
}

void weir_denials_add(struct weir_denials *q, const struct weir_record *record)
{
	struct weir_denial d;
	bool taken, full;

	pthread_mutex_lock(&q->lock);
	full = q->n == QUEUE;
	q->lost += full;
	pthread_mutex_unlock(&q->lock);
	if (full || !describe(record, &d))
		return;
	pthread_mutex_lock(&q->lock);
	taken = q->n < QUEUE && !is_queued(q, &d);
	if (taken)
		q->queue[q->n++] = d;
	pthread_mutex_unlock(&q->lock);
	if (taken)
		uv_async_send(&q->wake);
	else
		clear(&d);
}

static void on_wake(uv_async_t *wake)
{
	struct weir_denials *q = wake->data;
	struct weir_denial taken[QUEUE];
	size_t n;

	pthread_mutex_lock(&q->lock);
	n = q->n;
	memcpy(taken, q->queue, n * sizeof(*taken));
	q->n = 0;
	pthread_mutex_unlock(&q->lock);
	for (size_t i = 0; i < n; i++) {
		q->fn(q->data, &taken[i]);
		clear(&taken[i]);
	}
}

int weir_denials_new(uv_loop_t *loop, void (*fn)(void *data, const struct weir_denial *denial),
		     void *data, struct weir_denials **ret, struct weir_error *err)
{
	struct weir_denials *q = calloc(1, sizeof(*q));

	if (!q || uv_async_init(loop, &q->wake, on_wake) < 0) {
		free(q);
		return weir_error_errno(err, ENOMEM, "denials");
	}
	pthread_mutex_init(&q->lock, NULL);
	q->wake.data = q;
	q->fn = fn;
	q->data = data;
	*ret = q;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct weir_denials *q = handle->data;

	for (size_t i = 0; i < q->n; i++)
		clear(&q->queue[i]);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

void weir_denials_free(struct weir_denials **denials)
{
	struct weir_denials *q = weir_take(*denials);

	if (q)
		uv_close((uv_handle_t *)&q->wake, on_closed);
}

uint64_t weir_denials_lost(struct weir_denials *q)
{
	uint64_t lost;

	pthread_mutex_lock(&q->lock);
	lost = q->lost;
	pthread_mutex_unlock(&q->lock);
	return lost;
}
