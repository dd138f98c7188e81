/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's session: enrolment, hello and welcome, what the node says is lost, and
 * how it ends. Everything can be said again: after a lost message, a new connection
 * or a restart of either end, hello starts over. Batches: batches.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "hub/ingest/ingest.h"
#include "hub/receive/internal.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define PENALTY_MAX_MS	 3600000u
#define ASK_MS		 200u
#define BOOTS_PER_SECOND 8u /* never heard of before, of one node */
#define LOST_MAX	 (1ull << 40)

static void lock(struct weir_receive *r)
{
	pthread_mutex_lock(&r->registry->lock);
}

static void unlock(struct weir_receive *r)
{
	pthread_mutex_unlock(&r->registry->lock);
}

static void reply(const struct weir_incoming *in, enum weir_link_kind kind,
		  const struct weir_link_message *m)
{
	weir_receive_send(in->end->socket, in->route, in->route_len, kind, m);
}

static void refuse(const struct weir_incoming *in, const char *why)
{
	struct weir_link_message m = { .n_boots = 0 };

	snprintf(m.why, sizeof(m.why), "%s", why);
	reply(in, WEIR_LINK_REFUSED, &m);
}

static int read_message(const struct weir_incoming *in, struct weir_link_message *ret,
			struct weir_error *err)
{
	return weir_link_read(in->kind, zmq_msg_data(in->payload), zmq_msg_size(in->payload), ret,
			      err);
}

/* --- up and down ------------------------------------------------------------------- */

static void set_up(struct weir_receive *r, struct weir_link_node *n, bool up)
{
	struct weir_session *s = &n->session;

	if (s->up == up)
		return;
	s->up = up;
	r->nodes_connected += up ? 1 : (uint64_t)-1;
	lock(r);
	n->state.connected = up;
	unlock(r);
	weir_ingest_node_up(r->ingest, n->state.cluster, n->state.node, up);
	weir_log(WEIR_LOG_INFO, up ? "node connected" : "node is silent", "cluster",
		 n->state.cluster, "node", n->state.node, NULL);
}

void weir_session_down(struct weir_receive *r, struct weir_link_node *n)
{
	set_up(r, n, false);
}

void weir_session_forget(struct weir_receive *r, struct weir_link_node *n)
{
	struct weir_session *s = &n->session;

	set_up(r, n, false);
	weir_tcp_peer_end(&s->peer);
	s->peer.fd = -1;
	s->socket = NULL;
	s->route_len = 0;
}

static uint64_t punish(struct weir_receive *r, struct weir_link_node *n, uint64_t now)
{
	uint64_t first = r->config.cut_off_ms;

	lock(r);
	if (!n->penalty_ms || n->refused_until_ms + PENALTY_MAX_MS < now)
		n->penalty_ms = first;
	else
		n->penalty_ms *= 2;
	if (n->penalty_ms > PENALTY_MAX_MS)
		n->penalty_ms = PENALTY_MAX_MS;
	n->refused_until_ms = now + n->penalty_ms;
	n->state.cut_off++;
	unlock(r);
	r->cut_off++;
	return n->penalty_ms;
}

void weir_session_cut_off(struct weir_receive *r, struct weir_link_node *n, const char *why)
{
	uint64_t ms = punish(r, n, weir_receive_now_ms(CLOCK_MONOTONIC));
	char seconds[24];

	snprintf(seconds, sizeof(seconds), "%" PRIu64, (ms + 999) / 1000);
	weir_log(WEIR_LOG_WARNING, "node cut off: it breaks the rules of the link", "cluster",
		 n->state.cluster, "node", n->state.node, "error", why, "seconds", seconds, NULL);
	weir_session_forget(r, n);
}

/* --- enrolment ----------------------------------------------------------------------- */

static void enrol(struct weir_receive *r, const struct weir_incoming *in)
{
	struct weir_link_message m, answer = { .n_boots = 0 };
	struct weir_link_node *n = NULL;
	struct weir_error err = { "" };
	int failed = read_message(in, &m, &err);

	if (failed == 0)
		failed = weir_registry_enrol(r->registry, in->key, m.token, m.node, &n, &err);
	explicit_bzero(m.token, sizeof(m.token));
	if (failed < 0) {
		r->refused_enrolments++;
		weir_log(WEIR_LOG_WARNING, "enrolment refused", "node", m.node, "error", err.text,
			 NULL);
		refuse(in, err.text);
		return;
	}
	r->enrolled++;
	weir_log(WEIR_LOG_INFO, "node enrolled", "cluster", n->state.cluster, "node", n->state.node,
		 NULL);
	memcpy(answer.cluster, n->state.cluster, sizeof(answer.cluster));
	memcpy(answer.node, n->state.node, sizeof(answer.node));
	reply(in, WEIR_LINK_ENROLLED, &answer);
}

void weir_session_stranger(struct weir_receive *r, struct weir_incoming *in)
{
	struct weir_tcp_peer peer = weir_tcp_peer_of(in->payload);

	if (in->kind == WEIR_LINK_ENROL && weir_bucket_take(&r->strangers, 1, in->now_ms)) {
		enrol(r, in);
		return;
	}
	r->ignored++;
	weir_tcp_peer_end(&peer);
}

/* --- hello ---------------------------------------------------------------------------- */

static struct weir_session_boot *find_boot(struct weir_session *s, const char *boot)
{
	for (unsigned i = 0; i < WEIR_LINK_BOOTS_MAX; i++)
		if (!strcmp(s->boots[i].boot, boot))
			return &s->boots[i];
	return NULL;
}

struct weir_session_boot *weir_session_boot(struct weir_link_node *n, const char *boot)
{
	return *boot ? find_boot(&n->session, boot) : NULL;
}

/* In place of the one that is used no more. */
static struct weir_session_boot *add_boot(struct weir_session *s, const char *boot)
{
	struct weir_session_boot *oldest = &s->boots[0];

	for (unsigned i = 1; i < WEIR_LINK_BOOTS_MAX; i++)
		if (s->boots[i].used_at < oldest->used_at)
			oldest = &s->boots[i];
	*oldest = (struct weir_session_boot){ 0 };
	strcpy(oldest->boot, boot);
	return oldest;
}

static void note_lost(struct weir_receive *r, struct weir_link_node *n, const char *boot,
		      uint64_t from, uint64_t to)
{
	char count[24] = "unknown", at[24];
	struct weir_error err;

	if (from <= to)
		snprintf(count, sizeof(count), "%" PRIu64, to - from + 1);
	snprintf(at, sizeof(at), "%" PRIu64, from <= to ? from : to + 1);
	if (weir_ingest_lost(r->ingest, n->state.cluster, n->state.node, boot, from, to, &err) <
	    0) {
		weir_log(WEIR_LOG_ERROR, "a gap cannot be stored", "cluster", n->state.cluster,
			 "node", n->state.node, "error", err.text, NULL);
		return;
	}
	weir_log(WEIR_LOG_WARNING, "records of a node are lost", "cluster", n->state.cluster,
		 "node", n->state.node, "boot", boot, "seq", at, "records", count, NULL);
	lock(r);
	n->state.lost += from <= to ? to - from + 1 : 0;
	unlock(r);
}

/* From where on the node is to send this boot; 0: it tells of too many boots. */
static uint64_t resume(struct weir_receive *r, struct weir_link_node *n,
		       const struct weir_link_boot *told, uint64_t now)
{
	struct weir_session_boot *b = weir_session_boot(n, told->boot);
	bool known = false;
	uint64_t next =
		weir_ingest_next(r->ingest, n->state.cluster, n->state.node, told->boot, &known);

	if (!next && !b && !weir_bucket_take(&n->session.new_boots, 1, now))
		return 0;
	if (!b) {
		b = add_boot(&n->session, told->boot);
		b->stored = next; /* nothing of it was handed in by us that might not be, yet */
	}
	b->first = told->seq;
	b->used_at = now;
	b->again_at = 0;
	if (next)
		return next;
	if (known && told->seq > 1)
		note_lost(r, n, told->boot, 1, told->seq - 1);
	return told->seq;
}

static bool is_told(const struct weir_link_message *m, const char *boot)
{
	for (unsigned i = 0; i < m->n_boots; i++)
		if (!strcmp(m->boots[i].boot, boot))
			return true;
	return false;
}

/* The node was rebooted, and knows nothing of the boot before any more. */
static void end_boot_before(struct weir_receive *r, struct weir_link_node *n,
			    const struct weir_link_message *hello)
{
	char before[WEIR_LINK_BOOT_MAX];
	uint64_t next;
	bool known;

	weir_registry_boot(r->registry, n, hello->boots[hello->n_boots - 1].boot, before);
	if (!*before || is_told(hello, before))
		return;
	next = weir_ingest_next(r->ingest, n->state.cluster, n->state.node, before, &known);
	if (next)
		note_lost(r, n, before, next, next - 1);
}

static void adopt(struct weir_receive *r, struct weir_link_node *n, const struct weir_incoming *in,
		  const struct weir_link_message *hello)
{
	struct weir_session *s = &n->session;

	s->socket = in->end->socket;
	memcpy(s->route, in->route, in->route_len);
	s->route_len = in->route_len;
	s->peer = weir_tcp_peer_of(in->payload);
	s->heard_ms = in->now_ms;
	s->unacked = 0;
	lock(r);
	memcpy(n->state.version, hello->version, sizeof(n->state.version));
	unlock(r);
	set_up(r, n, true);
}

static void welcome(struct weir_receive *r, struct weir_link_node *n,
		    const struct weir_incoming *in, const struct weir_link_message *hello)
{
	struct weir_link_message answer = { .window = r->config.window, .n_boots = hello->n_boots };

	for (unsigned i = 0; i < hello->n_boots; i++) {
		memcpy(answer.boots[i].boot, hello->boots[i].boot, WEIR_LINK_BOOT_MAX);
		answer.boots[i].seq = resume(r, n, &hello->boots[i], in->now_ms);
		if (!answer.boots[i].seq) {
			weir_session_cut_off(r, n, "tells of new boots all the time");
			return;
		}
	}
	reply(in, WEIR_LINK_WELCOME, &answer);
	for (unsigned i = 0; i < hello->n_boots; i++)
		weir_session_ack(n, weir_session_boot(n, hello->boots[i].boot));
}

static void hello(struct weir_receive *r, struct weir_link_node *n, const struct weir_incoming *in)
{
	struct weir_link_message m;
	struct weir_error err;
	int failed = read_message(in, &m, &err);

	if (failed == 0 && strcmp(m.node, n->state.node) != 0)
		failed = weir_error_set(&err, EPERM, "this key is enrolled as node %s",
					n->state.node);
	if (failed == -EBADMSG) {
		weir_session_cut_off(r, n, err.text);
	} else if (failed < 0) {
		weir_log(WEIR_LOG_WARNING, "node refused", "cluster", n->state.cluster, "node",
			 n->state.node, "error", err.text, NULL);
		refuse(in, err.text);
	} else {
		adopt(r, n, in, &m);
		end_boot_before(r, n, &m);
		welcome(r, n, in, &m);
	}
}

/* --- lost ---------------------------------------------------------------------------- */

static void lost(struct weir_receive *r, struct weir_link_node *n, const struct weir_incoming *in)
{
	struct weir_session_boot *b;
	struct weir_link_message m;
	struct weir_error err;
	uint64_t from, to, next;
	bool known;

	if (read_message(in, &m, &err) < 0) {
		weir_session_cut_off(r, n, err.text);
		return;
	}
	from = m.boots[0].seq;
	to = m.boots[0].next;
	b = weir_session_boot(n, m.boots[0].boot);
	if (!b || to > LOST_MAX) {
		weir_session_cut_off(r, n, "tells of losses that cannot be");
		return;
	}
	next = weir_ingest_next(r->ingest, n->state.cluster, n->state.node, b->boot, &known);
	if (!next)
		next = b->first;
	if (to + 1 < next || (from > to && b->unknown == to + 1) || (from <= to && to < next))
		return; /* said before */
	if (from <= to && from > next) {
		weir_session_again(r, n, b, in->now_ms);
		return;
	}
	note_lost(r, n, b->boot, from > to ? to + 1 : next, to);
	if (from > to)
		b->unknown = to + 1;
}

/* --- all messages of a node ---------------------------------------------------------- */

static bool within_rate(struct weir_receive *r, struct weir_link_node *n,
			const struct weir_incoming *in)
{
	struct weir_session *s = &n->session;

	if (!s->messages.per_second) {
		weir_bucket_set(&s->messages, r->config.node_messages, in->now_ms);
		weir_bucket_set(&s->bytes, r->config.node_bytes, in->now_ms);
		weir_bucket_set(&s->new_boots, BOOTS_PER_SECOND, in->now_ms);
	}
	if (weir_bucket_take(&s->messages, 1, in->now_ms) &&
	    weir_bucket_take(&s->bytes, zmq_msg_size(in->payload), in->now_ms))
		return true;
	lock(r);
	n->state.throttled++;
	unlock(r);
	/* as after any loss: once it may, it starts where we stand */
	for (unsigned i = 0; i < WEIR_LINK_BOOTS_MAX; i++)
		if (in->kind == WEIR_LINK_BATCH && *s->boots[i].boot && !s->boots[i].again_at)
			s->boots[i].again_at = in->now_ms + ASK_MS;
	return false;
}

static bool is_of_session(const struct weir_link_node *n, const struct weir_incoming *in)
{
	const struct weir_session *s = &n->session;

	return s->socket == in->end->socket && s->route_len == in->route_len &&
	       memcmp(s->route, in->route, in->route_len) == 0;
}

void weir_session_message(struct weir_receive *r, struct weir_link_node *n,
			  struct weir_incoming *in)
{
	if (!within_rate(r, n, in))
		return;
	if (in->kind == WEIR_LINK_ENROL) {
		enrol(r, in);
	} else if (in->kind == WEIR_LINK_HELLO) {
		hello(r, n, in);
	} else if (in->kind != WEIR_LINK_BATCH && in->kind != WEIR_LINK_LOST) {
		n->session.peer = weir_tcp_peer_of(in->payload);
		weir_session_cut_off(r, n, "sends what only the hub may send");
	} else if (!is_of_session(n, in)) {
		r->ignored++; /* of a connection that another has replaced */
	} else {
		n->session.heard_ms = in->now_ms;
		set_up(r, n, true);
		lock(r);
		n->state.last_seen_ms = weir_receive_now_ms(CLOCK_REALTIME);
		unlock(r);
		if (in->kind == WEIR_LINK_BATCH)
			weir_session_batch(r, n, in);
		else
			lost(r, n, in);
	}
}

/* --- asking again, acknowledging ----------------------------------------------------- */

static void send_boot(struct weir_link_node *n, enum weir_link_kind kind, const char *boot,
		      uint64_t seq)
{
	struct weir_link_message m = { .n_boots = 1 };
	struct weir_session *s = &n->session;

	strcpy(m.boots[0].boot, boot);
	m.boots[0].seq = seq;
	if (s->socket && s->route_len)
		weir_receive_send(s->socket, s->route, s->route_len, kind, &m);
}

void weir_session_again(struct weir_receive *r, struct weir_link_node *n,
			struct weir_session_boot *b, uint64_t now_ms)
{
	bool known;
	uint64_t next;

	if (now_ms < b->asked_at + ASK_MS) {
		b->again_at = b->asked_at + ASK_MS;
		return;
	}
	next = weir_ingest_next(r->ingest, n->state.cluster, n->state.node, b->boot, &known);
	send_boot(n, WEIR_LINK_AGAIN, b->boot, next ? next : b->first);
	b->asked_at = now_ms;
	b->again_at = 0;
	lock(r);
	n->state.asked++;
	unlock(r);
}

void weir_session_ack(struct weir_link_node *n, struct weir_session_boot *b)
{
	if (b->stored)
		send_boot(n, WEIR_LINK_ACK, b->boot, b->stored);
}

void weir_session_stored(struct weir_receive *r, struct weir_link_node *n, const char *boot,
			 uint64_t seq)
{
	struct weir_session_boot *b = weir_session_boot(n, boot);

	if (!b || seq <= b->stored)
		return;
	b->stored = seq;
	n->session.unacked = 0;
	weir_session_ack(n, b);
	lock(r);
	if (!strcmp(n->state.boot, boot))
		n->state.next_seq = seq;
	unlock(r);
}

void weir_session_tick(struct weir_receive *r, struct weir_link_node *n, uint64_t now_ms)
{
	struct weir_session *s = &n->session;

	if (!s->socket)
		return;
	if (s->up && now_ms > s->heard_ms + r->config.silent_ms)
		weir_session_down(r, n);
	for (unsigned i = 0; i < WEIR_LINK_BOOTS_MAX; i++)
		if (s->boots[i].again_at && now_ms >= s->boots[i].again_at)
			weir_session_again(r, n, &s->boots[i], now_ms);
}
