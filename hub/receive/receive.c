/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that receives: takes turns with all sockets, finds out whose a
 * message is by the key of its connection, and hands it to the node's session.
 * Opened and closed by the hub's main thread.
 */
#include "hub/receive/receive.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "hub/receive/internal.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define WINDOW	       (32u << 20)
#define NODE_MESSAGES  5000u
#define NODE_BYTES     (64ull << 20)
#define CONNECTIONS    4096u
#define CUT_OFF_MS     60000u
#define SILENT_MS      5000u
#define ENROLMENTS     20u /* tried per second, by all strangers together */
#define TURN	       64  /* messages of one socket, before it is the next one's turn */
#define TICK_MS	       100u
#define SAVE_MS	       1000u
#define COMPLAIN_MS    60000u
#define UNREAD_WINDOWS 3u

/* --- one message ---------------------------------------------------------------- */

struct frames {
	zmq_msg_t parts[3]; /* route, kind, payload */
	int n;		    /* how many there are; more than 3: too many */
};

static void clear(struct frames *f)
{
	for (int i = 0; i < 3; i++)
		zmq_msg_close(&f->parts[i]);
}

/* False: there is none now. */
static bool read_frames(void *socket, struct frames *f)
{
	bool more = true;
	zmq_msg_t rest;

	for (int i = 0; i < 3; i++)
		zmq_msg_init(&f->parts[i]);
	zmq_msg_init(&rest);
	for (f->n = 0; more; f->n++) {
		zmq_msg_t *to = f->n < 3 ? &f->parts[f->n] : &rest;

		if (zmq_msg_recv(to, socket, ZMQ_DONTWAIT) < 0)
			return false;
		more = zmq_msg_more(to);
	}
	zmq_msg_close(&rest);
	return true;
}

static void handle(struct weir_receive *r, struct weir_link_end *end, struct frames *f)
{
	const char *key = f->n > 1 ? zmq_msg_gets(&f->parts[f->n > 2 ? 2 : 1], "User-Id") : NULL;
	struct weir_link_node *n = key ? weir_registry_node(r->registry, key) : NULL;
	struct weir_incoming in = {
		.end = end,
		.route = zmq_msg_data(&f->parts[0]),
		.route_len = zmq_msg_size(&f->parts[0]),
		.key = key,
		.kind = weir_link_kind_of(zmq_msg_data(&f->parts[1]), zmq_msg_size(&f->parts[1])),
		.payload = &f->parts[2],
		.now_ms = weir_receive_now_ms(CLOCK_MONOTONIC),
	};

	end->since_ms = in.now_ms;
	r->messages++;
	r->bytes += zmq_msg_size(in.payload);
	if (f->n > 1)
		weir_watch_handled(r->watch, zmq_msg_get(&f->parts[1], ZMQ_SRCFD),
				   zmq_msg_size(&f->parts[1]) + zmq_msg_size(in.payload));
	if (!n) {
		if (key && f->n == 3 && in.route_len <= WEIR_ROUTE_MAX)
			weir_session_stranger(r, &in);
		else
			r->ignored++;
	} else if (f->n != 3 || in.route_len > WEIR_ROUTE_MAX || in.kind == WEIR_LINK_KIND_MAX) {
		n->session.peer = weir_tcp_peer_of(&f->parts[1]);
		weir_session_cut_off(r, n, "sends what is not a message of the link");
	} else {
		weir_session_message(r, n, &in);
	}
}

/* True: there may be more. */
static bool take_turn(struct weir_receive *r, struct weir_link_end *end)
{
	struct frames f;
	bool got = true;

	for (int i = 0; got && i < TURN; i++) {
		got = read_frames(end->socket, &f);
		if (got)
			handle(r, end, &f);
		clear(&f);
	}
	return got;
}

/* --- what others have said --------------------------------------------------------- */

void weir_receive_stored(struct weir_receive *r, const char *cluster, const char *node,
			 const char *boot, uint64_t seq)
{
	struct weir_stored *s = r ? calloc(1, sizeof(*s)) : NULL;

	if (!s)
		return; /* the next acknowledgement says it, too */
	s->cluster = strdup(cluster);
	s->node = strdup(node);
	snprintf(s->boot, sizeof(s->boot), "%s", boot);
	s->seq = seq;
	pthread_mutex_lock(&r->lock);
	*r->stored_last = s;
	r->stored_last = &s->next;
	pthread_mutex_unlock(&r->lock);
	eventfd_write(r->wake, 1);
}

static struct weir_stored *take_stored(struct weir_receive *r)
{
	struct weir_stored *all;

	pthread_mutex_lock(&r->lock);
	all = weir_take(r->stored);
	r->stored_last = &r->stored;
	pthread_mutex_unlock(&r->lock);
	return all;
}

static void free_stored(struct weir_stored *s)
{
	free(s->cluster);
	free(s->node);
	free(s);
}

static void acknowledge(struct weir_receive *r)
{
	struct weir_stored *all = take_stored(r), *s;
	struct weir_link_node *n;

	while ((s = all)) {
		all = s->next;
		n = s->cluster && s->node ? weir_registry_find(r->registry, s->cluster, s->node)
					  : NULL;
		if (n)
			weir_session_stored(r, n, s->boot, s->seq);
		free_stored(s);
	}
}

static void on_changed(void *data)
{
	struct weir_receive *r = data;

	r->revoked = true;
	eventfd_write(r->wake, 1);
}

static void end_revoked(struct weir_receive *r)
{
	for (size_t i = 0; i < r->registry->nodes.n; i++) {
		struct weir_link_node *n = r->registry->nodes.by_name[i];
		bool out;

		pthread_mutex_lock(&r->registry->lock);
		out = n->state.revoked_ms != 0;
		pthread_mutex_unlock(&r->registry->lock);
		if (out && n->session.socket)
			weir_session_forget(r, n);
	}
}

static bool is_admitted(void *data, const struct weir_zap_request *request)
{
	struct weir_receive *r = data;
	bool ok = weir_registry_admits(r->registry, request->key);

	r->refused_handshakes += !ok;
	return ok;
}

/* --- the loop ------------------------------------------------------------------------- */

/* Once a minute: who tries every second must not fill the log. */
static void complain(struct weir_receive *r, uint64_t now)
{
	uint64_t refused = r->refused_handshakes;
	char count[24];

	if (refused == r->told_refused || now < r->complained_ms + COMPLAIN_MS)
		return;
	snprintf(count, sizeof(count), "%" PRIu64, refused - r->told_refused);
	weir_log(WEIR_LOG_WARNING, "keys refused: no node is enrolled with them", "handshakes",
		 count, NULL);
	r->told_refused = refused;
	r->complained_ms = now;
}

static void on_unread(void *data, int fd)
{
	struct weir_receive *r = data;

	for (size_t i = 0; i < r->registry->nodes.n; i++) {
		struct weir_link_node *n = r->registry->nodes.by_name[i];

		if (n->session.socket && n->session.peer.fd == fd) {
			weir_session_cut_off(r, n, "sends a message without end");
			return;
		}
	}
	weir_log(WEIR_LOG_WARNING, "connection ended: a message without end", NULL);
}

static void tick(struct weir_receive *r)
{
	uint64_t now = weir_receive_now_ms(CLOCK_MONOTONIC);

	if (now < r->ticked_ms + TICK_MS)
		return;
	r->ticked_ms = now;
	weir_watch_read(r->watch);
	r->connections = weir_watch_count(r->watch);
	for (size_t i = 0; i < r->registry->nodes.n; i++)
		weir_session_tick(r, r->registry->nodes.by_name[i], now);
	if (now < r->saved_ms + SAVE_MS)
		return;
	r->saved_ms = now;
	weir_registry_save(r->registry);
	weir_watch_unread(r->watch, on_unread, r);
	weir_receive_reconnect(r, now);
	complain(r, now);
}

static void *run(void *data)
{
	struct weir_receive *r = data;
	zmq_pollitem_t *items = calloc(r->n_ends + 1, sizeof(*items));
	eventfd_t woken;
	bool busy = false;

	while (items && !r->stopping) {
		items[0] = (zmq_pollitem_t){ .fd = r->wake, .events = ZMQ_POLLIN };
		for (size_t i = 0; i < r->n_ends; i++)
			items[i + 1] = (zmq_pollitem_t){ .socket = r->ends[i].socket,
							 .fd = -1,
							 .events = ZMQ_POLLIN };
		zmq_poll(items, (int)r->n_ends + 1, busy ? 0 : (long)TICK_MS);
		if (items[0].revents)
			eventfd_read(r->wake, &woken);
		if (atomic_exchange(&r->revoked, false))
			end_revoked(r);
		acknowledge(r);
		busy = false;
		for (size_t i = 0; i < r->n_ends; i++)
			if (items[i + 1].revents && take_turn(r, &r->ends[i]))
				busy = true;
		tick(r);
	}
	for (size_t i = 0; i < r->registry->nodes.n; i++)
		weir_session_forget(r, r->registry->nodes.by_name[i]);
	free(items);
	return NULL;
}

/* --- start and stop ------------------------------------------------------------------ */

static void set_defaults(struct weir_receive_config *c)
{
	c->window = c->window ? c->window : WINDOW;
	c->node_messages = c->node_messages ? c->node_messages : NODE_MESSAGES;
	c->node_bytes = c->node_bytes ? c->node_bytes : NODE_BYTES;
	c->max_connections = c->max_connections ? c->max_connections : CONNECTIONS;
	c->silent_ms = c->silent_ms ? c->silent_ms : SILENT_MS;
	c->cut_off_ms = c->cut_off_ms ? c->cut_off_ms : CUT_OFF_MS;
}

static int open_all(struct weir_receive *r, struct weir_error *err)
{
	int failed;

	r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->context = zmq_ctx_new();
	if (r->wake < 0 || !r->context ||
	    weir_watch_new(r->context, r->config.max_connections, UNREAD_WINDOWS * r->config.window,
			   &r->watch) < 0)
		return weir_error_errno(err, errno ? errno : ENOMEM, "ZeroMQ");
	failed = weir_zap_start(r->context, is_admitted, r, &r->zap, err);
	if (failed == 0)
		failed = weir_receive_open(r, err);
	if (failed == 0)
		failed = -pthread_create(&r->thread, NULL, run, r);
	r->running = failed == 0;
	return failed;
}

int weir_receive_start(const struct weir_receive_config *config, struct weir_receive **ret,
		       struct weir_error *err)
{
	struct weir_receive *r = calloc(1, sizeof(*r));
	uint64_t now = weir_receive_now_ms(CLOCK_MONOTONIC);
	int failed;

	if (!r)
		return weir_error_errno(err, ENOMEM, "receive");
	r->config = *config;
	set_defaults(&r->config);
	r->registry = config->registry;
	r->ingest = config->ingest;
	r->wake = -1;
	r->stored_last = &r->stored;
	weir_bucket_set(&r->strangers, ENROLMENTS, now);
	pthread_mutex_init(&r->lock, NULL);
	weir_registry_watch(r->registry, on_changed, r);
	failed = open_all(r, err);
	if (failed < 0) {
		weir_receive_stop(&r);
		return weir_error_prefix(err, failed, "receive");
	}
	*ret = r;
	return 0;
}

void weir_receive_stop(struct weir_receive **receive)
{
	struct weir_receive *r = weir_take(*receive);
	struct weir_stored *s;

	if (!r)
		return;
	weir_registry_watch(r->registry, NULL, NULL);
	r->stopping = true;
	if (r->running) {
		eventfd_write(r->wake, 1);
		pthread_join(r->thread, NULL);
	}
	weir_receive_close(r);
	weir_watch_free(&r->watch);
	if (r->context)
		zmq_ctx_term(r->context);
	weir_zap_stop(&r->zap);
	while ((s = r->stored)) {
		r->stored = s->next;
		free_stored(s);
	}
	if (r->wake >= 0)
		close(r->wake);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

void weir_receive_stats(struct weir_receive *r, struct weir_receive_stats *ret)
{
	*ret = (struct weir_receive_stats){
		.connections = r->connections,
		.nodes_connected = r->nodes_connected,
		.refused_handshakes = r->refused_handshakes,
		.enrolled = r->enrolled,
		.refused_enrolments = r->refused_enrolments,
		.cut_off = r->cut_off,
		.ignored = r->ignored,
		.messages = r->messages,
		.bytes = r->bytes,
	};
}
