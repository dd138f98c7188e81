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

enum { TOPIC, PAYLOAD, NUMBER, PARTS };

struct flow_live {
	void *context, *socket, *monitor;
	char *topic;	/* exact; NULL: every namespace */
	cJSON *numbers; /* topic: number of its last message */
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
	live->numbers = cJSON_CreateObject();
	live->context = zmq_ctx_new();
	live->socket = live->context && live->numbers ? zmq_socket(live->context, ZMQ_SUB) : NULL;
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
	cJSON_Delete((*live)->numbers);
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

struct message {
	zmq_msg_t parts[PARTS];
};

static void message_clear(struct message *m)
{
	for (unsigned i = 0; i < PARTS; i++)
		zmq_msg_close(&m->parts[i]);
}

static char *part_text(struct message *m, unsigned part)
{
	return strndup(zmq_msg_data(&m->parts[part]), zmq_msg_size(&m->parts[part]));
}

/* Topic, payload, number; further frames are of a newer weird. */
static bool receive(struct flow_live *live, struct message *m)
{
	bool more = true;
	zmq_msg_t rest;

	for (unsigned i = 0; more && i < PARTS; i++) {
		if (zmq_msg_recv(&m->parts[i], live->socket, i ? 0 : ZMQ_DONTWAIT) < 0)
			return false;
		more = zmq_msg_more(&m->parts[i]);
	}
	zmq_msg_init(&rest);
	while (more && zmq_msg_recv(&rest, live->socket, 0) >= 0)
		more = zmq_msg_more(&rest);
	zmq_msg_close(&rest);
	return true;
}

/* Subscriptions are prefixes: "ns.shop" also brings "ns.shop2". */
static bool is_ours(const struct flow_live *live, struct message *m)
{
	return !live->topic || zmq_msg_size(&m->parts[TOPIC]) == strlen(live->topic);
}

/* Messages of the topic that this subscriber was too slow for. */
static double count_missed(struct flow_live *live, struct message *m)
{
	WEIR_AUTO_FREE char *topic = part_text(m, TOPIC), *number = part_text(m, NUMBER);
	double n = number ? strtod(number, NULL) : 0, missed;
	cJSON *last;

	if (!topic || n < 1)
		return 0;
	last = cJSON_GetObjectItemCaseSensitive(live->numbers, topic);
	if (!last) {
		cJSON_AddNumberToObject(live->numbers, topic, n);
		return 0;
	}
	missed = n - last->valuedouble - 1; /* below 0: weird was started anew */
	cJSON_SetNumberValue(last, n);
	return missed > 0 ? missed : 0;
}

static int give_missed(const struct flow_live_calls *calls, double missed)
{
	cJSON *gap = cJSON_CreateObject();
	WEIR_AUTO_FREE char *text = NULL;
	int r = 0;

	cJSON_AddStringToObject(gap, "type", "gap");
	cJSON_AddNumberToObject(gap, "lost", missed);
	cJSON_AddStringToObject(gap, "lostAt", "subscriber");
	text = cJSON_PrintUnformatted(gap);
	if (text)
		r = calls->record(calls->data, gap, text, strlen(text));
	cJSON_Delete(gap);
	return text ? r : -ENOMEM;
}

static int give(struct flow_live *live, const struct flow_live_calls *calls, struct message *m)
{
	const char *text = zmq_msg_data(&m->parts[PAYLOAD]);
	size_t len = zmq_msg_size(&m->parts[PAYLOAD]);
	cJSON *record = cJSON_ParseWithLength(text, len);
	double missed = count_missed(live, m);
	int r = missed > 0 ? give_missed(calls, missed) : 0;

	if (r == 0 && record && !seen(live, (uint64_t)weirctl_number(record, "seq")))
		r = calls->record(calls->data, record, text, len);
	cJSON_Delete(record);
	return r;
}

/* One message, if there is one. */
static int read_one(struct flow_live *live, const struct flow_live_calls *calls)
{
	WEIR_CLEANUP(message_clear) struct message m;

	for (unsigned i = 0; i < PARTS; i++)
		zmq_msg_init(&m.parts[i]);
	return receive(live, &m) && is_ours(live, &m) ? give(live, calls, &m) : 0;
}

static int read_records(struct flow_live *live, const struct flow_live_calls *calls)
{
	size_t size = sizeof(int);
	int events, r = 0;

	while (!ended && r == 0 && zmq_getsockopt(live->socket, ZMQ_EVENTS, &events, &size) == 0 &&
	       (events & ZMQ_POLLIN))
		r = read_one(live, calls);
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
