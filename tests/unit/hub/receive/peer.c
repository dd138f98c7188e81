/* SPDX-License-Identifier: Apache-2.0 */
/* A node that says exactly what a test wants it to. */
#include "tests/unit/hub/receive/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#include <cmocka.h>

#include "weir/cleanup.h"
#include "weir/ruleset.h"
#include "weir/wire.h"

static void *context;

uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void peer_keys(struct peer *p, const char *name)
{
	snprintf(p->name, sizeof(p->name), "%s", name);
	assert_int_equal(zmq_curve_keypair(p->public, p->secret), 0);
}

void peer_open(struct peer *p, const char *server_key, unsigned *port, bool bind)
{
	int zero = 0, one = 1;
	char address[64];
	size_t size = sizeof(address);

	if (!context)
		context = zmq_ctx_new();
	p->socket = zmq_socket(context, ZMQ_DEALER);
	zmq_setsockopt(p->socket, ZMQ_LINGER, &zero, sizeof(zero));
	zmq_setsockopt(p->socket, ZMQ_IMMEDIATE, &one, sizeof(one));
	zmq_setsockopt(p->socket, ZMQ_CURVE_SERVERKEY, server_key, 40);
	zmq_setsockopt(p->socket, ZMQ_CURVE_PUBLICKEY, p->public, 40);
	zmq_setsockopt(p->socket, ZMQ_CURVE_SECRETKEY, p->secret, 40);
	if (bind) {
		assert_int_equal(zmq_bind(p->socket, "tcp://127.0.0.1:*"), 0);
		zmq_getsockopt(p->socket, ZMQ_LAST_ENDPOINT, address, &size);
		*port = (unsigned)atoi(strrchr(address, ':') + 1);
		return;
	}
	snprintf(address, sizeof(address), "tcp://127.0.0.1:%u", *port);
	assert_int_equal(zmq_connect(p->socket, address), 0);
}

void peer_close(struct peer *p)
{
	if (p->socket)
		zmq_close(weir_take(p->socket));
}

/* Waits for the connection, for a time. */
void peer_send(struct peer *p, enum weir_link_kind kind, const void *payload, size_t len)
{
	const char *name = weir_link_kind_name(kind);
	int ms = 1000;

	zmq_setsockopt(p->socket, ZMQ_SNDTIMEO, &ms, sizeof(ms));
	if (zmq_send(p->socket, name, strlen(name), ZMQ_SNDMORE) >= 0)
		zmq_send(p->socket, payload, len, 0);
}

void peer_tell(struct peer *p, enum weir_link_kind kind, const struct weir_link_message *m)
{
	WEIR_AUTO_FREE char *text = weir_link_write(kind, m);

	peer_send(p, kind, text, strlen(text));
}

void peer_hello(struct peer *p, const char *boot, uint64_t first, uint64_t next)
{
	struct weir_link_message m = { .n_boots = 1 };

	strcpy(m.node, p->name);
	strcpy(m.version, "1");
	strcpy(m.boots[0].boot, boot);
	m.boots[0].seq = first;
	m.boots[0].next = next;
	peer_tell(p, WEIR_LINK_HELLO, &m);
}

void peer_batch(struct peer *p, const char *boot, uint64_t first, unsigned records)
{
	struct weir_batch_header header = { .node = p->name,
					    .boot = boot,
					    .batch = 1,
					    .first_seq = first,
					    .time = (uint64_t)time(NULL) * 1000000000u };
	struct weir_record record = { .staged = WEIR_VERDICT_MAX, .connections = 1 };
	struct weir_batch_encoder *e = NULL;
	WEIR_AUTO_FREE uint8_t *msg = NULL;
	size_t len = 0;

	assert_int_equal(weir_batch_encoder_new(&e), 0);
	for (unsigned i = 0; i < records; i++) {
		record.seq = first + i;
		assert_int_equal(weir_batch_add(e, &record), 0);
	}
	assert_int_equal(weir_batch_finish(e, &header, &msg, &len), 0);
	weir_batch_encoder_free(&e);
	peer_send(p, WEIR_LINK_BATCH, msg, len);
}

enum weir_link_kind peer_hear(struct peer *p, struct weir_link_message *ret, int ms)
{
	char kind[32], text[WEIR_LINK_TEXT_MAX];
	struct weir_error err;
	enum weir_link_kind k;
	int n, len;

	zmq_setsockopt(p->socket, ZMQ_RCVTIMEO, &ms, sizeof(ms));
	n = zmq_recv(p->socket, kind, sizeof(kind), 0);
	if (n < 0)
		return WEIR_LINK_KIND_MAX;
	len = zmq_recv(p->socket, text, sizeof(text), 0);
	assert_true(len > 0);
	k = weir_link_kind_of(kind, (size_t)n);
	if (weir_link_read(k, text, (size_t)len, ret, &err) < 0)
		fail_msg("the hub says what cannot be read: %s", err.text);
	return k;
}

bool peer_wait(struct peer *p, enum weir_link_kind kind, struct weir_link_message *ret, int ms)
{
	uint64_t end = now_ms() + (uint64_t)ms, now;

	while ((now = now_ms()) < end)
		if (peer_hear(p, ret, (int)(end - now)) == kind)
			return true;
	return false;
}
