/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DEALER socket and its monitor. The node is the CURVE client, also where it
 * listens: who dials must own the hub's key.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "daemon/config/config.h"
#include "daemon/hub/internal.h"
#include "weir/cleanup.h"

static const struct {
	int option, value;
} options[] = {
	{ ZMQ_IPV6, 1 },
	{ ZMQ_LINGER, 0 },
	{ ZMQ_IMMEDIATE, 1 }, /* nothing waits in a queue for a connection: the spool does */
	{ ZMQ_SNDHWM, 256 },
	{ ZMQ_RCVHWM, 1000 },
	{ ZMQ_HANDSHAKE_IVL, 5000 },
	{ ZMQ_HEARTBEAT_IVL, 2000 },
	{ ZMQ_HEARTBEAT_TIMEOUT, 6000 },
	{ ZMQ_RECONNECT_IVL, 500 },
	{ ZMQ_RECONNECT_IVL_MAX, 5000 },
};

static int set_up(struct weir_hub *h, struct weir_error *err)
{
	const struct weir_hub_peer *p = &h->peer;
	int64_t max = WEIR_LINK_TEXT_MAX;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(options); i++)
		if (zmq_setsockopt(h->socket, options[i].option, &options[i].value, sizeof(int)) <
		    0)
			return weir_error_set(err, errno, "option %d: %s", options[i].option,
					      zmq_strerror(errno));
	if (zmq_setsockopt(h->socket, ZMQ_MAXMSGSIZE, &max, sizeof(max)) < 0 ||
	    zmq_setsockopt(h->socket, ZMQ_CURVE_SERVERKEY, p->server_key, WEIR_CURVE_KEY_LEN) < 0 ||
	    zmq_setsockopt(h->socket, ZMQ_CURVE_PUBLICKEY, p->public_key, WEIR_CURVE_KEY_LEN) < 0 ||
	    zmq_setsockopt(h->socket, ZMQ_CURVE_SECRETKEY, p->secret_key, WEIR_CURVE_KEY_LEN) < 0)
		return weir_error_set(err, errno, "CURVE: %s (is hub.serverKey right?)",
				      zmq_strerror(errno));
	return 0;
}

static int open_monitor(struct weir_hub *h, struct weir_error *err)
{
	char name[64];
	int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
		     ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
		     ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;

	snprintf(name, sizeof(name), "inproc://hub-%u", h->opened++);
	h->monitor = zmq_socket(h->context, ZMQ_PAIR);
	if (!h->monitor || zmq_socket_monitor(h->socket, name, events) < 0 ||
	    zmq_connect(h->monitor, name) < 0)
		return weir_error_set(err, errno, "monitor: %s", zmq_strerror(errno));
	return 0;
}

static int dial(struct weir_hub *h, struct weir_error *err)
{
	const char *listen = h->config->hub.listen;
	int r = *listen ? zmq_bind(h->socket, listen) : zmq_connect(h->socket, h->peer.address);

	if (r < 0)
		return weir_error_set(err, errno, "%s: %s", *listen ? listen : h->peer.address,
				      zmq_strerror(errno));
	return 0;
}

int weir_hub_socket_open(struct weir_hub *h, struct weir_error *err)
{
	int r;

	h->socket = zmq_socket(h->context, ZMQ_DEALER);
	if (!h->socket)
		return weir_error_set(err, errno, "ZeroMQ: %s", zmq_strerror(errno));
	r = set_up(h, err);
	if (r == 0)
		r = open_monitor(h, err);
	if (r == 0)
		r = dial(h, err);
	if (r < 0)
		weir_hub_socket_close(h, 0);
	return r;
}

void weir_hub_socket_close(struct weir_hub *h, int linger_ms)
{
	if (h->socket) {
		zmq_setsockopt(h->socket, ZMQ_LINGER, &linger_ms, sizeof(linger_ms));
		zmq_socket_monitor(h->socket, NULL, 0);
		zmq_close(weir_take(h->socket));
	}
	if (h->monitor)
		zmq_close(weir_take(h->monitor));
}

bool weir_hub_send(struct weir_hub *h, enum weir_link_kind kind, const void *payload, size_t len)
{
	const char *name = weir_link_kind_name(kind);

	return zmq_send(h->socket, name, strlen(name), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
	       zmq_send(h->socket, payload, len, ZMQ_DONTWAIT) >= 0;
}

bool weir_hub_tell(struct weir_hub *h, enum weir_link_kind kind, const struct weir_link_message *m)
{
	WEIR_AUTO_FREE char *text = weir_link_write(kind, m);

	return text && weir_hub_send(h, kind, text, strlen(text));
}
