/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the node says to the hub: token, hello, then batches from where the hub
 * wants them on. Whatever goes wrong, hello starts over; the spool forgets only
 * what the hub has acknowledged. The thread: hub.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "config.h"
#include "daemon/config/config.h"
#include "daemon/hub/internal.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define ANSWER_MS  5000u  /* enrol and hello are said again */
#define SILENT_MS  10000u /* beats are answered: the hub may have forgotten us */
#define DEAD_MS	   30000u
#define REFUSED_MS 60000u
#define RETRY_MS   5000u

static void set_error(struct weir_hub *h, const char *why)
{
	if (*why && strcmp(h->error, why) != 0)
		weir_log(WEIR_LOG_WARNING, "not connected to the hub", "error", why, NULL);
	snprintf(h->error, sizeof(h->error), "%s", why);
}

/* --- hello --------------------------------------------------------------------------- */

static void say_hello(struct weir_hub *h)
{
	struct weir_link_message m = { .version = PACKAGE_VERSION, .n_boots = h->spool.n_boots };

	snprintf(m.node, sizeof(m.node), "%s", h->config->node);
	for (unsigned i = 0; i < h->spool.n_boots; i++) {
		struct weir_spool_boot *b = &h->spool.boots[i];
		struct weir_spool_item *first = weir_spool_find(b, 0);

		memcpy(m.boots[i].boot, b->boot, sizeof(b->boot));
		m.boots[i].seq = first ? first->first : b->next;
		m.boots[i].next = b->next;
	}
	h->state = WEIR_HUB_GREETING;
	h->asked_ms = weir_hub_now_ms();
	weir_hub_tell(h, WEIR_LINK_HELLO, &m);
}

static void say_token(struct weir_hub *h)
{
	struct weir_link_message m = { .n_boots = 0 };

	snprintf(m.node, sizeof(m.node), "%s", h->config->node);
	snprintf(m.token, sizeof(m.token), "%s", h->peer.token);
	h->state = WEIR_HUB_ENROLLING;
	h->asked_ms = weir_hub_now_ms();
	weir_hub_tell(h, WEIR_LINK_ENROL, &m);
	explicit_bzero(m.token, sizeof(m.token));
}

static void greet(struct weir_hub *h)
{
	h->in_flight = 0;
	if (*h->peer.token)
		say_token(h);
	else
		say_hello(h);
}

void weir_hub_session_up(struct weir_hub *h)
{
	h->heard_ms = weir_hub_now_ms();
	h->reopen_ms = 0;
	greet(h);
}

void weir_hub_session_down(struct weir_hub *h, const char *why)
{
	if (h->announced)
		weir_log(WEIR_LOG_WARNING, "the connection to the hub is lost; records wait", NULL);
	h->announced = false;
	if (h->state != WEIR_HUB_REFUSED || *why) {
		h->state = WEIR_HUB_CONNECTING;
		if (*why) /* else it is as it was */
			set_error(h, why);
	}
	if (*why) /* libzmq gives up where a handshake has failed */
		h->reopen_ms = weir_hub_now_ms() + RETRY_MS;
}

void weir_hub_session_refused(struct weir_hub *h, const char *why)
{
	h->state = WEIR_HUB_REFUSED;
	h->reopen_ms = weir_hub_now_ms() + REFUSED_MS;
	set_error(h, why);
}

/* --- what the hub says --------------------------------------------------------------- */

static void on_enrolled(struct weir_hub *h, const struct weir_link_message *m)
{
	snprintf(h->cluster, sizeof(h->cluster), "%s", m->cluster);
	if (h->state != WEIR_HUB_ENROLLING)
		return;
	weir_log(WEIR_LOG_INFO, "enrolled with the hub", "cluster", m->cluster, "node", m->node,
		 NULL);
	weir_hub_peer_remember(h->config, &h->peer);
	explicit_bzero(h->peer.token,
		       sizeof(h->peer.token)); /* done; the key is enough from now on */
	say_hello(h);
}

static void count_in_flight(struct weir_hub *h)
{
	h->in_flight = 0;
	for (unsigned i = 0; i < h->spool.n_boots; i++) {
		const struct weir_spool_boot *b = &h->spool.boots[i];

		for (size_t k = b->head; k < b->end && b->items[k].first < b->cursor; k++)
			h->in_flight += b->items[k].len;
	}
}

/* flows.state was lost, and the numbers began anew: the hub would take what we have under
 * numbers that it knows for what it has already. */
static void skip_used(struct weir_hub *h, struct weir_spool_boot *b, uint64_t seq)
{
	char first[24];
	bool runs = b == &h->spool.boots[h->spool.n_boots - 1];

	snprintf(first, sizeof(first), "%" PRIu64, seq);
	weir_log(WEIR_LOG_ERROR,
		 "the hub has records of this boot under numbers that this node had not given out: "
		 "was flows.state removed? What waits under these numbers is lost",
		 "boot", b->boot, "next", first, NULL);
	weir_spool_lose(&h->spool, b, seq);
	if (!runs)
		return;
	pthread_mutex_lock(&h->lock);
	h->floor = seq;
	pthread_mutex_unlock(&h->lock);
}

static void send_from(struct weir_hub *h, const struct weir_link_boot *told)
{
	struct weir_spool_boot *b = weir_spool_boot(&h->spool, told->boot);

	if (!b)
		return;
	if (told->seq > b->next)
		skip_used(h, b, told->seq);
	b->cursor = told->seq;
}

static void on_welcome(struct weir_hub *h, const struct weir_link_message *m)
{
	if (h->state != WEIR_HUB_GREETING)
		return;
	for (unsigned i = 0; i < m->n_boots; i++)
		send_from(h, &m->boots[i]);
	count_in_flight(h);
	h->window = m->window < h->config->hub.window ? m->window : h->config->hub.window;
	h->state = WEIR_HUB_CONNECTED;
	if (!h->announced)
		weir_log(WEIR_LOG_INFO, "connected to the hub", "address", h->peer.address, NULL);
	h->connects += !h->announced;
	h->announced = true;
	set_error(h, "");
}

static void on_ack(struct weir_hub *h, const struct weir_link_boot *told)
{
	uint64_t before = h->spool.records;

	weir_spool_acked(&h->spool, told->boot, told->seq);
	h->acknowledged += before - h->spool.records;
	count_in_flight(h);
}

void weir_hub_session_heard(struct weir_hub *h, enum weir_link_kind kind, const void *text,
			    size_t len)
{
	struct weir_link_message m;
	struct weir_error err;

	if (kind == WEIR_LINK_KIND_MAX || weir_link_read(kind, text, len, &m, &err) < 0)
		return; /* of a newer hub; what matters it says again */
	h->heard_ms = weir_hub_now_ms();
	switch (kind) {
	case WEIR_LINK_ENROLLED:
		on_enrolled(h, &m);
		break;
	case WEIR_LINK_REFUSED:
		weir_hub_session_refused(h, m.why);
		break;
	case WEIR_LINK_WELCOME:
		on_welcome(h, &m);
		break;
	case WEIR_LINK_AGAIN:
		send_from(h, &m.boots[0]);
		count_in_flight(h);
		break;
	case WEIR_LINK_ACK:
		on_ack(h, &m.boots[0]);
		break;
	case WEIR_LINK_ENROL:
	case WEIR_LINK_HELLO:
	case WEIR_LINK_BATCH:
	case WEIR_LINK_LOST:
	case WEIR_LINK_KIND_MAX:
		break;
	}
}

/* --- sending ------------------------------------------------------------------------- */

static bool say_lost(struct weir_hub *h, const char *boot, uint64_t from, uint64_t to)
{
	struct weir_link_message m = { .n_boots = 1 };

	strcpy(m.boots[0].boot, boot);
	m.boots[0].seq = from;
	m.boots[0].next = to;
	return weir_hub_tell(h, WEIR_LINK_LOST, &m);
}

static void release(void *bytes, void *kept)
{
	if (kept)
		weir_kept_unref(kept);
	else
		free(bytes);
}

/* 1: sent. 0: the socket takes no more. -EIO: it cannot be read back, and is lost. */
static int send_item(struct weir_hub *h, struct weir_spool_item *item)
{
	const char *name = weir_link_kind_name(WEIR_LINK_BATCH);
	struct weir_kept *kept = NULL;
	uint8_t *bytes = NULL;
	zmq_msg_t msg;
	int r = weir_spool_bytes(&h->spool, item, &kept, &bytes);

	if (r < 0)
		return r == -EIO ? r : 0;
	bytes = kept ? kept->bytes : bytes;
	if (zmq_msg_init_data(&msg, bytes, item->len, release, kept) < 0) {
		release(bytes, kept);
		return 0;
	}
	if (zmq_send(h->socket, name, strlen(name), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
	    zmq_msg_send(&msg, h->socket, ZMQ_DONTWAIT) >= 0)
		return 1;
	zmq_msg_close(&msg);
	return 0;
}

/* All of a boot that may be sent; false: no more now. */
static bool send_boot(struct weir_hub *h, struct weir_spool_boot *b)
{
	struct weir_spool_item *item;
	uint64_t first;
	int r;

	while (b->cursor < b->next) {
		item = weir_spool_find(b, b->cursor);
		first = item ? item->first : b->next;
		if (first > b->cursor) { /* what was here has left the spool */
			if (!say_lost(h, b->boot, b->cursor, first - 1))
				return false;
			b->cursor = first;
			continue;
		}
		if (h->in_flight && h->in_flight + item->len > h->window)
			return false;
		r = send_item(h, item);
		if (r == 0)
			h->blocked = true;
		if (r == 0)
			return false;
		if (r < 0)
			continue;
		h->in_flight += item->len;
		h->sent++;
		h->sent_bytes += item->len;
		b->cursor = item->next;
	}
	return true;
}

/* Once all of a boot that weird did not see the end of is sent. */
static bool say_torn(struct weir_hub *h, struct weir_spool_boot *b)
{
	if (b->torn && !say_lost(h, b->boot, b->next, b->next - 1))
		return false;
	b->torn = false;
	return true;
}

static void send_beat(struct weir_hub *h)
{
	struct weir_spool_boot *b = &h->spool.boots[h->spool.n_boots - 1];

	if (!h->beat)
		return;
	if (h->beat->first_seq == b->cursor)
		weir_hub_send(h, WEIR_LINK_BATCH, h->beat->bytes, h->beat->len);
	weir_kept_unref(weir_take(h->beat));
}

void weir_hub_session_send(struct weir_hub *h)
{
	h->blocked = false;
	if (h->state != WEIR_HUB_CONNECTED)
		return;
	for (unsigned i = 0; i < h->spool.n_boots; i++) {
		struct weir_spool_boot *b = &h->spool.boots[i];

		if (!send_boot(h, b) || (i + 1 < h->spool.n_boots && !say_torn(h, b)))
			return;
	}
	send_beat(h);
}

static void reopen(struct weir_hub *h, uint64_t now)
{
	struct weir_error err = { "" };

	weir_hub_socket_close(h, 0);
	h->reopen_ms = 0;
	h->announced = false;
	h->state = WEIR_HUB_CONNECTING;
	if (weir_hub_socket_open(h, &err) < 0) {
		set_error(h, err.text);
		h->reopen_ms = now + RETRY_MS;
	}
}

void weir_hub_session_tick(struct weir_hub *h, uint64_t now)
{
	if (h->reopen_ms && now >= h->reopen_ms) {
		reopen(h, now);
		return;
	}
	switch (h->state) {
	case WEIR_HUB_ENROLLING:
	case WEIR_HUB_GREETING:
		if (now > h->heard_ms + DEAD_MS)
			reopen(h, now);
		else if (now > h->asked_ms + ANSWER_MS)
			greet(h);
		break;
	case WEIR_HUB_CONNECTED:
		if (now > h->heard_ms + SILENT_MS)
			greet(h);
		break;
	case WEIR_HUB_UNCONFIGURED:
	case WEIR_HUB_CONNECTING:
	case WEIR_HUB_REFUSED:
	case WEIR_HUB_STATE_MAX:
		break;
	}
	weir_hub_session_send(h);
}
