/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that talks to the hub: takes batches over into the spool, listens to
 * the socket and to its monitor. What is said: session.c. Started by flows.c.
 */
#include "daemon/hub/hub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <zmq.h>

#include "daemon/config/config.h"
#include "daemon/hub/internal.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define TICK_MS	       200u
#define LOOK_MS	       2000u  /* at the token's file */
#define ENDS_MS	       10000u /* between two writes of where this boot is */
#define LEAVE_MS       500
#define BROKEN_OFF_MAX 5
#define OFFERED_MAX    (8u << 20) /* bytes that wait for our thread */

static const char *const names[] = {
	[WEIR_HUB_UNCONFIGURED] = "unconfigured", [WEIR_HUB_CONNECTING] = "connecting",
	[WEIR_HUB_ENROLLING] = "enrolling",	  [WEIR_HUB_GREETING] = "greeting",
	[WEIR_HUB_REFUSED] = "refused",		  [WEIR_HUB_CONNECTED] = "connected",
};
_Static_assert(WEIR_ARRAY_SIZE(names) == WEIR_HUB_STATE_MAX, "a name for each state");

const char *weir_hub_state_name(enum weir_hub_state state)
{
	return state < WEIR_HUB_STATE_MAX ? names[state] : "unknown";
}

uint64_t weir_hub_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* --- from the flow thread ------------------------------------------------------------ */

/* Our thread may be waiting for a disk. */
static void drop_offered(struct weir_hub *h)
{
	struct weir_offered *o = h->offered;

	h->offered = o->next;
	if (!h->offered)
		h->offered_last = &h->offered;
	h->offered_bytes -= o->kept->len;
	h->overrun += o->kept->records;
	h->overrun_next = o->kept->first_seq + o->kept->records;
	weir_kept_unref(o->kept);
	free(o);
}

uint64_t weir_hub_offer(struct weir_hub *h, struct weir_kept *batch)
{
	struct weir_offered *o = calloc(1, sizeof(*o));
	uint64_t floor;

	pthread_mutex_lock(&h->lock);
	if (o) {
		o->kept = weir_kept_ref(batch);
		*h->offered_last = o;
		h->offered_last = &o->next;
		h->offered_bytes += batch->len;
	} else {
		h->overrun += batch->records;
		h->overrun_next = batch->first_seq + batch->records;
	}
	while (h->offered_bytes > OFFERED_MAX && h->offered != o)
		drop_offered(h);
	floor = h->floor;
	pthread_mutex_unlock(&h->lock);
	eventfd_write(h->wake, 1);
	return floor;
}

static void take_one(struct weir_hub *h, struct weir_kept *k)
{
	h->next_seq = k->first_seq + k->records;
	if (k->records) {
		weir_spool_add(&h->spool, k);
		return;
	}
	if (h->beat)
		weir_kept_unref(h->beat);
	h->beat = weir_kept_ref(k);
}

static void take_offered(struct weir_hub *h)
{
	struct weir_offered *all, *o;
	uint64_t overrun, overrun_next;

	pthread_mutex_lock(&h->lock);
	all = weir_take(h->offered);
	h->offered_last = &h->offered;
	h->offered_bytes = 0;
	overrun = h->overrun;
	overrun_next = h->overrun_next;
	h->overrun = 0;
	pthread_mutex_unlock(&h->lock);
	if (overrun)
		weir_spool_skip(&h->spool, overrun_next, overrun);
	while ((o = all)) {
		all = o->next;
		take_one(h, o->kept);
		weir_kept_unref(o->kept);
		free(o);
	}
}

/* --- the loop ------------------------------------------------------------------------ */

/* A hub that is being started, or ended, breaks a handshake off now and then; one with
 * another key does it each time. */
static void on_event(struct weir_hub *h, uint16_t what)
{
	if (what == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
		h->broken_off = 0;
		weir_hub_session_up(h);
	} else if (what == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
		weir_hub_session_down(h, "the hub knows no node with this key: make a token with "
					 "weirctl hub enrol");
	} else if (what == ZMQ_EVENT_DISCONNECTED || ++h->broken_off < BROKEN_OFF_MAX) {
		weir_hub_session_down(h, "");
	} else {
		weir_hub_session_down(h, "no handshake: is hub.serverKey the hub's?");
	}
}

static void read_monitor(struct weir_hub *h)
{
	uint8_t event[6];
	uint16_t what;
	char address[256];

	while (h->monitor &&
	       zmq_recv(h->monitor, event, sizeof(event), ZMQ_DONTWAIT) == sizeof(event)) {
		zmq_recv(h->monitor, address, sizeof(address), ZMQ_DONTWAIT);
		memcpy(&what, event, sizeof(what));
		on_event(h, what);
	}
}

static void read_socket(struct weir_hub *h)
{
	zmq_msg_t kind, text;

	for (;;) {
		zmq_msg_init(&kind);
		zmq_msg_init(&text);
		if (!h->socket || zmq_msg_recv(&kind, h->socket, ZMQ_DONTWAIT) < 0)
			break;
		if (zmq_msg_more(&kind) && zmq_msg_recv(&text, h->socket, 0) >= 0)
			weir_hub_session_heard(
				h, weir_link_kind_of(zmq_msg_data(&kind), zmq_msg_size(&kind)),
				zmq_msg_data(&text), zmq_msg_size(&text));
		zmq_msg_close(&kind);
		zmq_msg_close(&text);
	}
	zmq_msg_close(&kind);
	zmq_msg_close(&text);
}

/* A new token, or the first; also what was known before is read again. */
static void look_for_token(struct weir_hub *h, uint64_t now)
{
	struct weir_error err = { "" };
	bool first = !h->looked_ms;

	if (!first && now < h->looked_ms + LOOK_MS)
		return;
	h->looked_ms = now;
	if (!first && !weir_hub_peer_changed(h->config, &h->peer))
		return;
	if (weir_hub_peer_read(h->config, &h->peer, &err) < 0)
		weir_log(WEIR_LOG_ERROR, "no token for the hub", "error", err.text, NULL);
	snprintf(h->error, sizeof(h->error), "%.255s", err.text);
	if (*h->peer.server_key && (*h->config->hub.listen || *h->peer.address))
		h->reopen_ms = now;
}

static void show(struct weir_hub *h)
{
	pthread_mutex_lock(&h->lock);
	h->status = (struct weir_hub_status){
		.state = h->state,
		.connected = h->state == WEIR_HUB_CONNECTED,
		.waiting = h->spool.records,
		.memory = h->spool.memory,
		.disk = h->spool.disk,
		.acknowledged = h->acknowledged,
		.sent = h->sent,
		.sent_bytes = h->sent_bytes,
		.lost = h->spool.lost,
		.connects = h->connects,
	};
	snprintf(h->status.address, sizeof(h->status.address), "%s",
		 *h->config->hub.listen ? h->config->hub.listen : h->peer.address);
	snprintf(h->status.error, sizeof(h->status.error), "%s", h->error);
	snprintf(h->status.cluster, sizeof(h->status.cluster), "%s", h->cluster);
	pthread_mutex_unlock(&h->lock);
}

static void wait_for_something(struct weir_hub *h)
{
	short out = h->blocked ? ZMQ_POLLOUT : 0;
	zmq_pollitem_t items[] = {
		{ .fd = h->wake, .events = ZMQ_POLLIN },
		{ .socket = h->socket, .fd = -1, .events = (short)(ZMQ_POLLIN | out) },
		{ .socket = h->monitor, .fd = -1, .events = ZMQ_POLLIN },
	};
	eventfd_t woken;

	zmq_poll(items, h->socket ? 3 : 1, TICK_MS);
	if (items[0].revents)
		eventfd_read(h->wake, &woken);
}

static void work(struct weir_hub *h)
{
	uint64_t now = weir_hub_now_ms();

	take_offered(h);
	look_for_token(h, now);
	read_monitor(h);
	read_socket(h);
	weir_hub_session_tick(h, now);
	if (now >= h->kept_ms + ENDS_MS) {
		weir_hub_ends_write(h->config->state_dir, &h->spool, h->next_seq, false);
		h->kept_ms = now;
	}
	show(h);
}

static bool is_all_sent(const struct weir_hub *h)
{
	const struct weir_spool_boot *b = &h->spool.boots[h->spool.n_boots - 1];

	return h->state != WEIR_HUB_CONNECTED || b->cursor >= b->next;
}

static void *run(void *data)
{
	struct weir_hub *h = data;
	uint64_t end;

	while (!h->stopping) {
		work(h);
		if (!h->stopping)
			wait_for_something(h);
	}
	end = weir_hub_now_ms() + LEAVE_MS;
	for (work(h); !is_all_sent(h) && weir_hub_now_ms() < end; work(h))
		wait_for_something(h);
	return NULL;
}

/* --- start and stop
 * --------------------------------------------------------------------------------- */

static int open_all(struct weir_hub *h, uint64_t next_seq, struct weir_error *err)
{
	const struct weir_config *c = h->config;
	int r = weir_spool_open(h->boot, c->hub.spool.path, c->hub.spool.memory, c->hub.spool.disk,
				&h->spool, err);

	if (r < 0)
		return r;
	weir_spool_skip(&h->spool, next_seq, 0);
	weir_hub_ends_read(c->state_dir, &h->spool);
	h->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	h->context = zmq_ctx_new();
	if (h->wake < 0 || !h->context)
		return weir_error_errno(err, errno, "ZeroMQ");
	r = -pthread_create(&h->thread, NULL, run, h);
	h->running = r == 0;
	return r < 0 ? weir_error_errno(err, -r, "thread") : 0;
}

int weir_hub_start(const struct weir_config *config, const char *boot, uint64_t next_seq,
		   struct weir_hub **ret, struct weir_error *err)
{
	struct weir_hub *h;
	int r;

	if (!*config->hub.address && !*config->hub.listen && !*config->hub.token_file)
		return 0;
	h = calloc(1, sizeof(*h));
	if (!h)
		return weir_error_errno(err, ENOMEM, "hub");
	h->config = config;
	h->wake = -1;
	h->next_seq = next_seq;
	h->offered_last = &h->offered;
	snprintf(h->boot, sizeof(h->boot), "%s", boot);
	pthread_mutex_init(&h->lock, NULL);
	r = open_all(h, next_seq, err);
	if (r < 0) {
		weir_hub_stop(&h, next_seq);
		return weir_error_prefix(err, r, "hub");
	}
	*ret = h;
	return 0;
}

void weir_hub_stop(struct weir_hub **hub, uint64_t next_seq)
{
	struct weir_hub *h = weir_take(*hub);

	if (!h)
		return;
	if (h->running) {
		h->stopping = true;
		eventfd_write(h->wake, 1);
		pthread_join(h->thread, NULL);
		weir_hub_ends_write(h->config->state_dir, &h->spool, next_seq, true);
	}
	weir_hub_socket_close(h, LEAVE_MS);
	if (h->context)
		zmq_ctx_term(h->context);
	while (h->offered)
		drop_offered(h);
	if (h->beat)
		weir_kept_unref(h->beat);
	if (h->spool.path)
		weir_spool_close(&h->spool);
	if (h->wake >= 0)
		close(h->wake);
	explicit_bzero(&h->peer, sizeof(h->peer));
	pthread_mutex_destroy(&h->lock);
	free(h);
}

void weir_hub_status(struct weir_hub *h, struct weir_hub_status *ret)
{
	pthread_mutex_lock(&h->lock);
	*ret = h->status;
	pthread_mutex_unlock(&h->lock);
}
