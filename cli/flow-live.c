/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live stream: a ZeroMQ subscription to the ns. topics of one node.
 * Knows messages and signals, nothing of how records look.
 */
#include "cli/flow.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "weir/cleanup.h"
#include "weir/wire.h"

#define RECENT 256 /* a record with two namespaces comes on two topics, one behind the other */

struct flow_live {
	void *context, *socket, *monitor;
	char *topic; /* exact; NULL: every namespace */
	uint64_t recent[RECENT];
	unsigned next;
};

static volatile sig_atomic_t ended, resized;

static void on_signal(int number)
{
	if (number == SIGWINCH)
		resized = 1;
	else
		ended = 1;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGWINCH, &action, NULL);
}

static int subscribe(struct flow_live *live, const char *namespace_)
{
	const char *topic = WEIR_WIRE_NS_TOPIC;
	size_t size;

	if (namespace_) {
		size = strlen(topic) + strlen(namespace_) + 1;
		live->topic = malloc(size);
		if (!live->topic)
			return -1;
		snprintf(live->topic, size, "%s%s", topic, namespace_);
		topic = live->topic;
	}
	return zmq_setsockopt(live->socket, ZMQ_SUBSCRIBE, topic, strlen(topic));
}

/* Tells of connections that come and go. */
static int open_monitor(struct flow_live *live)
{
	static const char address[] = "inproc://weirctl-monitor";

	if (zmq_socket_monitor(live->socket, address,
			       ZMQ_EVENT_CONNECTED | ZMQ_EVENT_DISCONNECTED) != 0)
		return -1;
	live->monitor = zmq_socket(live->context, ZMQ_PAIR);
	return live->monitor ? zmq_connect(live->monitor, address) : -1;
}

int flow_live_open(const char *address, const char *namespace_, struct flow_live **ret,
		   struct weir_error *err)
{
	struct flow_live *live = calloc(1, sizeof(*live));
	int code;

	if (!live)
		return weir_error_set(err, ENOMEM, "out of memory");
	catch_signals();
	live->context = zmq_ctx_new();
	live->socket = live->context ? zmq_socket(live->context, ZMQ_SUB) : NULL;
	if (!live->socket || zmq_setsockopt(live->socket, ZMQ_LINGER, &(int){ 0 }, sizeof(int)) ||
	    open_monitor(live) || subscribe(live, namespace_) ||
	    zmq_connect(live->socket, address)) {
		code = zmq_errno();
		flow_live_close(&live);
		return weir_error_set(err, code, "flow stream %s: %s", address, zmq_strerror(code));
	}
	*ret = live;
	return 0;
}

void flow_live_close(struct flow_live **live)
{
	if (!*live)
		return;
	if ((*live)->monitor) {
		zmq_setsockopt((*live)->monitor, ZMQ_LINGER, &(int){ 0 }, sizeof(int));
		zmq_close((*live)->monitor);
	}
	if ((*live)->socket)
		zmq_close((*live)->socket);
	if ((*live)->context)
		zmq_ctx_term((*live)->context);
	free((*live)->topic);
	free(*live);
	*live = NULL;
}

static bool seen(struct flow_live *live, uint64_t seq)
{
	for (unsigned i = 0; i < RECENT; i++)
		if (seq && live->recent[i] == seq)
			return true;
	live->recent[live->next++ % RECENT] = seq;
	return false;
}

/* A message is its topic and its payload; false: not for us. */
static bool receive(struct flow_live *live, zmq_msg_t *payload)
{
	bool ours = true, first = true;

	while (first || zmq_msg_more(payload)) {
		if (zmq_msg_recv(payload, live->socket, first ? ZMQ_DONTWAIT : 0) < 0)
			return false;
		/* subscriptions are prefixes: "ns.shop" also brings "ns.shop2" */
		if (first && live->topic)
			ours = zmq_msg_size(payload) == strlen(live->topic);
		first = false;
	}
	return ours;
}

static int give(struct flow_live *live, const struct flow_live_calls *calls, zmq_msg_t *payload)
{
	const char *text = zmq_msg_data(payload);
	size_t len = zmq_msg_size(payload);
	cJSON *record = cJSON_ParseWithLength(text, len);
	int r = 0;

	if (record && !seen(live, (uint64_t)weirctl_number(record, "seq")))
		r = calls->record(calls->data, record, text, len);
	cJSON_Delete(record);
	return r;
}

static int read_records(struct flow_live *live, const struct flow_live_calls *calls)
{
	size_t size = sizeof(int);
	zmq_msg_t payload;
	int events, r = 0;

	zmq_msg_init(&payload);
	while (!ended && r == 0 && zmq_getsockopt(live->socket, ZMQ_EVENTS, &events, &size) == 0 &&
	       (events & ZMQ_POLLIN)) {
		if (receive(live, &payload))
			r = give(live, calls, &payload);
	}
	zmq_msg_close(&payload);
	fflush(stdout);
	return r ? r : ferror(stdout) ? -EIO : 0;
}

static void read_monitor(struct flow_live *live, const struct flow_live_calls *calls)
{
	uint16_t event = 0;
	zmq_msg_t msg;
	int more;

	zmq_msg_init(&msg);
	if (zmq_msg_recv(&msg, live->monitor, ZMQ_DONTWAIT) >= (int)sizeof(event))
		memcpy(&event, zmq_msg_data(&msg), sizeof(event));
	do {
		more = zmq_msg_more(&msg);
		if (more && zmq_msg_recv(&msg, live->monitor, 0) < 0)
			more = 0;
	} while (more);
	zmq_msg_close(&msg);
	if (event)
		calls->connected(calls->data, event == ZMQ_EVENT_CONNECTED);
}

int flow_live_run(struct flow_live *live, const struct flow_live_calls *calls,
		  struct weir_error *err)
{
	zmq_pollitem_t items[] = {
		{ .socket = live->socket, .events = ZMQ_POLLIN },
		{ .socket = live->monitor, .events = ZMQ_POLLIN },
	};
	int r = 0;

	while (!ended && r == 0) {
		if (resized) {
			resized = 0;
			calls->resized(calls->data);
		}
		if (zmq_poll(items, WEIR_ARRAY_SIZE(items), -1) < 0) {
			if (zmq_errno() == EINTR)
				continue;
			return weir_error_set(err, zmq_errno(), "flow stream: %s",
					      zmq_strerror(zmq_errno()));
		}
		if (items[1].revents & ZMQ_POLLIN)
			read_monitor(live, calls);
		if (items[0].revents & ZMQ_POLLIN)
			r = read_records(live, calls);
	}
	if (r < 0)
		return weir_error_errno(err, -r, "flow stream");
	return 0;
}
