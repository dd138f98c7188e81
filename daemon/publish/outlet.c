/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An XPUB socket and what those behind it may see. ZeroMQ subscribes prefixes
 * ("ns.shop" also is "ns.shop-test"), and its manual mode, which would tell
 * subscribers of one socket apart, reads freed memory when one of them leaves
 * early (libzmq 4.3.4, xpub.cpp: pending pipes) and mixes them up when one sends what is no
 * subscription. So whoever sees only some namespaces has an address, and thus a
 * socket, of its own, on which nothing else is ever sent.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "daemon/publish/internal.h"
#include "weir/cleanup.h"

#define TOPIC_MAX 320

int weir_outlet_new(void *context, uint32_t queue, struct weir_outlet **ret, struct weir_error *err)
{
	struct weir_outlet *o = calloc(1, sizeof(*o));
	int verbose = 1, hwm = (int)queue;

	if (!o)
		return weir_error_errno(err, ENOMEM, "publisher");
	o->socket = zmq_socket(context, ZMQ_XPUB);
	if (!o->socket) {
		free(o);
		return weir_error_set(err, errno, "ZeroMQ: %s", zmq_strerror(errno));
	}
	zmq_setsockopt(o->socket, ZMQ_XPUB_VERBOSER, &verbose, sizeof(verbose));
	zmq_setsockopt(o->socket, ZMQ_SNDHWM, &hwm, sizeof(hwm));
	*ret = o;
	return 0;
}

void weir_outlet_free(struct weir_outlet **outlet, int linger_ms)
{
	struct weir_outlet *o = weir_take(*outlet);

	if (!o)
		return;
	zmq_setsockopt(o->socket, ZMQ_LINGER, &linger_ms, sizeof(linger_ms));
	zmq_close(o->socket);
	weir_topics_free(&o->prefixes);
	weir_topics_free(&o->counters);
	free(o);
}

bool weir_outlet_pending(struct weir_outlet *o)
{
	int events = 0;
	size_t size = sizeof(events);

	return zmq_getsockopt(o->socket, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN);
}

int weir_outlet_read(struct weir_outlet *o)
{
	zmq_msg_t msg;
	int failed = 0;

	zmq_msg_init(&msg);
	while (zmq_msg_recv(&msg, o->socket, ZMQ_DONTWAIT) >= 0)
		failed += weir_topics_change(&o->prefixes, zmq_msg_data(&msg), zmq_msg_size(&msg)) <
			  0;
	zmq_msg_close(&msg);
	return failed;
}

/* --- records ------------------------------------------------------------------------ */

/* JSON of the record, once for all of an outlet's topics. */
struct saying {
	struct weir_outlet *outlet;
	const struct weir_record *record;
	const char *node;
	struct weir_json_buffer *json;
	int failed;
};

/* Topic, record, number: whatever fails leaves a hole in the topic's numbers. */
static void say(struct saying *s, const char *topic)
{
	struct weir_outlet *o = s->outlet;
	char number[24];
	int len;

	if (!weir_topics_match(&o->prefixes, topic))
		return;
	len = snprintf(number, sizeof(number), "%" PRIu64, weir_topics_next(&o->counters, topic));
	if (!s->json->len && weir_record_to_json(s->record, s->node, s->json) < 0) {
		s->failed++;
		return;
	}
	if (zmq_send(o->socket, topic, strlen(topic), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
	    zmq_send(o->socket, s->json->text, s->json->len, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
	    zmq_send(o->socket, number, (size_t)len, ZMQ_DONTWAIT) < 0)
		s->failed++;
}

static void say_to_namespace(struct saying *s, const char *namespace_)
{
	char topic[TOPIC_MAX];

	snprintf(topic, sizeof(topic), WEIR_WIRE_NS_TOPIC "%s", namespace_);
	say(s, topic);
}

/* Nobody knows which namespaces the lost records were of: all who listen are told. */
static void say_gap(struct saying *s)
{
	const struct weir_topics *prefixes = &s->outlet->prefixes;
	size_t len = strlen(WEIR_WIRE_NS_TOPIC);

	say(s, WEIR_WIRE_NS_TOPIC);
	for (size_t i = 0; i < prefixes->n; i++)
		if (prefixes->items[i].len > len &&
		    strncmp(prefixes->items[i].name, WEIR_WIRE_NS_TOPIC, len) == 0)
			say(s, prefixes->items[i].name);
}

/* What of it may be seen here; false: nothing. */
static bool show(const struct weir_outlet *o, struct weir_record *r, bool *ret_src, bool *ret_dst)
{
	*ret_src = weir_client_sees(o->namespaces, r->src.namespace_);
	*ret_dst = weir_client_sees(o->namespaces, r->dst.namespace_);
	if (r->type == WEIR_RECORD_GAP) {
		r->lost = 0; /* how many: of all namespaces */
		weir_record_hide_numbers(r);
		return true;
	}
	if (!*ret_src) {
		weir_record_hide_peer(&r->src);
		weir_record_hide_side(&r->egress);
		weir_record_hide_side(&r->staged_egress);
	}
	if (!*ret_dst) {
		weir_record_hide_peer(&r->dst);
		weir_record_hide_side(&r->ingress);
		weir_record_hide_side(&r->staged_ingress);
	}
	if (!*ret_src || !*ret_dst)
		weir_record_hide_numbers(r);
	return *ret_src || *ret_dst;
}

int weir_outlet_say(struct weir_outlet *o, const struct weir_record *record, const char *node,
		    struct weir_json_buffer *json)
{
	struct weir_record shown = *record;
	struct saying s = { .outlet = o, .record = &shown, .node = node, .json = json };
	const char *src = record->src.namespace_, *dst = record->dst.namespace_;
	bool own_src = true, own_dst = true;

	if (!o->prefixes.n || (o->restricted && !show(o, &shown, &own_src, &own_dst)))
		return 0;
	json->len = 0;
	if (record->type == WEIR_RECORD_GAP) {
		say_gap(&s);
		return s.failed;
	}
	if (src && own_src)
		say_to_namespace(&s, src);
	if (dst && own_dst && (!src || !own_src || strcmp(src, dst) != 0))
		say_to_namespace(&s, dst);
	return s.failed;
}
