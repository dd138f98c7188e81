/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ROUTER sockets: one for all addresses that are listened on, and one for each
 * node that is connected to. The hub is the CURVE server of both: what it
 * is, its key says, and not who dials.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "hub/receive/internal.h"
#include "weir/cleanup.h"

#define TCP "tcp://"
/* Messages that libzmq keeps for us, or for a node that does not read */
#define RECEIVE_QUEUE 32
#define SEND_QUEUE    1000
#define HEARTBEAT_MS  2000
#define DEAD_MS	      6000
#define SILENT_MS     15000

static const struct {
	int option, value;
} options[] = {
	{ ZMQ_CURVE_SERVER, 1 },
	{ ZMQ_IPV6, 1 },
	{ ZMQ_LINGER, 0 },
	{ ZMQ_RCVHWM, RECEIVE_QUEUE },
	{ ZMQ_SNDHWM, SEND_QUEUE },
	{ ZMQ_HANDSHAKE_IVL, 5000 },
	{ ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS },
	{ ZMQ_HEARTBEAT_TIMEOUT, DEAD_MS },
	{ ZMQ_RECONNECT_IVL, 500 },
	{ ZMQ_RECONNECT_IVL_MAX, 10000 },
};

static int set_up(struct weir_receive *r, void *socket, struct weir_error *err)
{
	int64_t max = WEIR_LINK_BATCH_MAX;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(options); i++)
		if (zmq_setsockopt(socket, options[i].option, &options[i].value, sizeof(int)) < 0)
			return weir_error_set(err, errno, "option %d: %s", options[i].option,
					      zmq_strerror(errno));
	if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &max, sizeof(max)) < 0 ||
	    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, r->registry->secret_key,
			   WEIR_CURVE_KEY_LEN) < 0 ||
	    zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, WEIR_LINK_ZAP_DOMAIN,
			   strlen(WEIR_LINK_ZAP_DOMAIN)) < 0)
		return weir_error_set(err, errno, "CURVE: %s", zmq_strerror(errno));
	return 0;
}

static int open_socket(struct weir_receive *r, void **ret, struct weir_error *err)
{
	void *socket = zmq_socket(r->context, ZMQ_ROUTER);
	int failed;

	if (!socket)
		return weir_error_set(err, errno, "ZeroMQ: %s", zmq_strerror(errno));
	failed = set_up(r, socket, err);
	if (failed < 0)
		zmq_close(socket);
	else
		*ret = socket;
	return failed;
}

static int check_address(const char *address, struct weir_error *err)
{
	if (strncmp(address, TCP, strlen(TCP)) == 0)
		return 0;
	return weir_error_set(err, EINVAL, "%s: must begin with " TCP, address);
}

static int listen_on(struct weir_receive *r, struct weir_error *err)
{
	struct weir_link_end *e = &r->ends[r->n_ends];
	int failed = open_socket(r, &e->socket, err);

	if (failed < 0)
		return failed;
	r->n_ends++;
	weir_watch_socket(r->watch, e->socket);
	for (size_t i = 0; i < r->config.n_listen; i++) {
		const char *address = r->config.listen[i];

		failed = check_address(address, err);
		if (failed < 0)
			return failed;
		if (zmq_bind(e->socket, address) < 0)
			return weir_error_set(err, errno, "%s: %s", address, zmq_strerror(errno));
	}
	return 0;
}

static int connect_to(struct weir_receive *r, struct weir_link_end *e, struct weir_error *err)
{
	int failed = open_socket(r, &e->socket, err);

	if (failed < 0)
		return failed;
	e->since_ms = weir_receive_now_ms(CLOCK_MONOTONIC);
	weir_watch_socket(r->watch, e->socket);
	if (zmq_connect(e->socket, e->connect) < 0)
		return weir_error_set(err, errno, "%s: %s", e->connect, zmq_strerror(errno));
	return 0;
}

int weir_receive_open(struct weir_receive *r, struct weir_error *err)
{
	int failed = 0;

	r->ends = calloc(r->config.n_connect + 1, sizeof(*r->ends));
	if (!r->ends)
		return weir_error_errno(err, ENOMEM, "sockets");
	if (r->config.n_listen)
		failed = listen_on(r, err);
	for (size_t i = 0; failed == 0 && i < r->config.n_connect; i++) {
		struct weir_link_end *e = &r->ends[r->n_ends];

		failed = check_address(r->config.connect[i], err);
		if (failed < 0)
			break;
		e->connect = r->config.connect[i];
		r->n_ends++;
		failed = connect_to(r, e, err);
	}
	return failed;
}

void weir_receive_close(struct weir_receive *r)
{
	for (size_t i = 0; i < r->n_ends; i++)
		if (r->ends[i].socket)
			zmq_close(r->ends[i].socket);
	free(r->ends);
	r->ends = NULL;
	r->n_ends = 0;
}

void weir_receive_reconnect(struct weir_receive *r, uint64_t now_ms)
{
	for (size_t i = 0; i < r->n_ends; i++) {
		struct weir_link_end *e = &r->ends[i];

		if (!e->connect || now_ms < e->since_ms + SILENT_MS)
			continue;
		for (size_t k = 0; k < r->registry->nodes.n; k++)
			if (r->registry->nodes.by_name[k]->session.socket == e->socket)
				weir_session_forget(r, r->registry->nodes.by_name[k]);
		if (e->socket)
			zmq_close(weir_take(e->socket));
		e->since_ms = now_ms; /* when it fails: tried again later */
		connect_to(r, e, NULL);
	}
}

void weir_receive_send(void *socket, const uint8_t *route, size_t route_len,
		       enum weir_link_kind kind, const struct weir_link_message *m)
{
	const char *name = weir_link_kind_name(kind);
	WEIR_AUTO_FREE char *text = weir_link_write(kind, m);

	/* who does not read, or is gone, loses it: it will say hello again */
	if (text && zmq_send(socket, route, route_len, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
	    zmq_send(socket, name, strlen(name), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
		zmq_send(socket, text, strlen(text), ZMQ_DONTWAIT);
}
