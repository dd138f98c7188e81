/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node of the hub without a kernel behind it: enrols with a token, then sends the
 * flows that it reads, one JSON object a line, and says how many the hub has
 * acknowledged. For tests that care for what the hub makes of flows.
 *
 *	node TOKEN NAME < flows.ndjson
 *
 * {"type":"open","verdict":"allowed","port":80,"bytes":[n,n],"policy":"web",
 *  "src":{"namespace":..,"pod":..,"workload":..,"addr":..},"dst":{..},"lost":n}
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "weir/flow.h"
#include "weir/link.h"
#include "weir/ruleset.h"
#include "weir/wire.h"

#define BATCH 1000 /* records */

struct node {
	void *socket;
	const char *name;
	char boot[WEIR_LINK_BOOT_MAX];
	struct weir_batch_encoder *batch;
	uint64_t next, batches,
		begun; /* seq that comes next; batches so far; first seq of this one */
	uint64_t records, beat;
	bool welcome, ended;
};

static void fail(const char *what)
{
	fprintf(stderr, "node: %s\n", what);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- the link -------------------------------------------------------------------------- */

static void dial(struct node *n, const struct weir_link_token *token)
{
	char public[41], secret[41];
	int zero = 0;

	n->socket = zmq_socket(zmq_ctx_new(), ZMQ_DEALER);
	if (zmq_curve_keypair(public, secret) < 0)
		fail("no CURVE");
	zmq_setsockopt(n->socket, ZMQ_LINGER, &zero, sizeof(zero));
	zmq_setsockopt(n->socket, ZMQ_CURVE_SERVERKEY, token->server_key, 40);
	zmq_setsockopt(n->socket, ZMQ_CURVE_PUBLICKEY, public, 40);
	zmq_setsockopt(n->socket, ZMQ_CURVE_SECRETKEY, secret, 40);
	if (zmq_connect(n->socket, token->address) < 0)
		fail(token->address);
}

static void say(struct node *n, enum weir_link_kind kind, const void *payload, size_t len)
{
	const char *name = weir_link_kind_name(kind);

	zmq_send(n->socket, name, strlen(name), ZMQ_SNDMORE);
	zmq_send(n->socket, payload, len, 0);
}

static void tell(struct node *n, enum weir_link_kind kind, const struct weir_link_message *m)
{
	char *text = weir_link_write(kind, m);

	say(n, kind, text, strlen(text));
	free(text);
}

static void hello(struct node *n)
{
	struct weir_link_message m = { .n_boots = 1 };

	snprintf(m.node, sizeof(m.node), "%s", n->name);
	strcpy(m.version, "1");
	strcpy(m.boots[0].boot, n->boot);
	m.boots[0].seq = 1;
	m.boots[0].next = n->next;
	tell(n, WEIR_LINK_HELLO, &m);
}

static void hear(struct node *n)
{
	char kind[32], text[WEIR_LINK_TEXT_MAX];
	struct weir_link_message m;
	struct weir_error err;
	int k = zmq_recv(n->socket, kind, sizeof(kind), ZMQ_DONTWAIT);
	int len = k < 0 ? -1 : zmq_recv(n->socket, text, sizeof(text), 0);
	enum weir_link_kind what;

	if (len < 0)
		return;
	what = weir_link_kind_of(kind, (size_t)k);
	if (weir_link_read(what, text, (size_t)len, &m, &err) < 0)
		fail(err.text);
	if (what == WEIR_LINK_REFUSED)
		fail(m.why);
	if (what == WEIR_LINK_AGAIN)
		fail("the hub has lost a batch");
	if (what == WEIR_LINK_ENROLLED)
		hello(n);
	n->welcome |= what == WEIR_LINK_WELCOME;
	for (unsigned i = 0; what == WEIR_LINK_ACK && i < m.n_boots; i++) {
		printf("acked %llu\n", (unsigned long long)m.boots[i].seq - 1);
		fflush(stdout);
	}
}

static void flush(struct node *n)
{
	struct weir_batch_header header = { .node = n->name,
					    .boot = n->boot,
					    .batch = ++n->batches,
					    .first_seq = n->begun,
					    .time = now() };
	uint8_t *msg;
	size_t len;

	if (weir_batch_finish(n->batch, &header, &msg, &len) < 0)
		fail("batch");
	say(n, WEIR_LINK_BATCH, msg, len);
	free(msg);
	n->begun = n->next;
	n->beat = now();
}

/* --- flows ------------------------------------------------------------------------------- */

static const char *text(const cJSON *json, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItem(json, name));
}

static uint64_t number(const cJSON *json, const char *name)
{
	const cJSON *n = cJSON_GetObjectItem(json, name);

	return n ? (uint64_t)n->valuedouble : 0;
}

static void read_end(const cJSON *json, struct weir_record_peer *p, struct weir_record_label *label)
{
	p->namespace_ = text(json, "namespace");
	p->pod = text(json, "pod");
	p->workload = text(json, "workload");
	p->workload_kind = p->workload ? "Deployment" : NULL;
	if (text(json, "addr"))
		weir_addr_parse(text(json, "addr"), &p->addr);
	if (!p->workload)
		return;
	*label = (struct weir_record_label){ "app", p->workload };
	p->labels = label;
	p->n_labels = 1;
}

static unsigned word(const char *want, const char *(*name)(unsigned), unsigned max)
{
	for (unsigned i = 0; want && i < max; i++)
		if (strcmp(name(i), want) == 0)
			return i;
	return 0;
}

static const char *type_name(unsigned i)
{
	return weir_record_type_name(i);
}

static const char *verdict_name(unsigned i)
{
	return weir_verdict_name(i);
}

static void read_flow(struct node *n, const cJSON *json)
{
	const cJSON *bytes = cJSON_GetObjectItem(json, "bytes");
	struct weir_record_policy policy = { "NetworkPolicy", "policies", text(json, "policy") };
	struct weir_record_label labels[2];
	struct weir_record r = {
		.seq = n->next,
		.time = now(),
		.flow = n->next,
		.type = (uint8_t)word(text(json, "type"), type_name, WEIR_RECORD_TYPE_MAX),
		.verdict = (uint8_t)word(text(json, "verdict"), verdict_name, WEIR_VERDICT_MAX),
		.staged = WEIR_VERDICT_MAX,
		.protocol = WEIR_PROTO_TCP,
		.connections = 1,
		.lost = number(json, "lost"),
		.has_counters = bytes != NULL
	};

	r.start = r.time;
	for (int i = 0; i < 2 && bytes; i++) {
		r.bytes[i] = (uint64_t)cJSON_GetArrayItem(bytes, i)->valuedouble;
		r.packets[i] = 1;
	}
	read_end(cJSON_GetObjectItem(json, "src"), &r.src, &labels[0]);
	read_end(cJSON_GetObjectItem(json, "dst"), &r.dst, &labels[1]);
	r.src.port = (uint16_t)(1024 + n->next % 60000);
	r.dst.port = (uint16_t)number(json, "port");
	r.egress = (struct weir_record_side){ .reason = WEIR_REASON_NO_POLICY, .rule = -1 };
	r.ingress = (struct weir_record_side){ .verdict = r.verdict,
					       .reason = policy.name ? WEIR_REASON_RULE
								     : WEIR_REASON_NO_POLICY,
					       .tier = WEIR_TIER_NETWORK_POLICY,
					       .n_policies = policy.name != NULL,
					       .policies = &policy };
	if (weir_batch_add(n->batch, &r) < 0)
		fail("batch");
	n->next++;
}

/* All whole lines that are there. */
static void read_lines(struct node *n)
{
	static char buf[1 << 20];
	static size_t len;
	ssize_t got = read(0, buf + len, sizeof(buf) - len);
	char *line = buf, *end;

	n->ended = got <= 0;
	len += got > 0 ? (size_t)got : 0;
	while ((end = memchr(line, '\n', len - (size_t)(line - buf)))) {
		cJSON *json = cJSON_ParseWithLength(line, (size_t)(end - line));

		if (!json)
			fail("a line is no JSON");
		read_flow(n, json);
		cJSON_Delete(json);
		line = end + 1;
		if (weir_batch_records(n->batch) == BATCH)
			flush(n);
	}
	len -= (size_t)(line - buf);
	memmove(buf, line, len);
	if (weir_batch_records(n->batch))
		flush(n);
}

int main(int argc, char **argv)
{
	struct node n = { .next = 1, .begun = 1 };
	struct weir_link_message m = { .n_boots = 0 };
	struct weir_link_token token;
	struct weir_error err;

	if (argc != 3)
		fail("usage: node TOKEN NAME");
	if (weir_link_token_read(argv[1], &token, &err) < 0)
		fail(err.text);
	if (weir_batch_encoder_new(&n.batch) < 0)
		fail("batch");
	n.name = argv[2];
	snprintf(n.boot, sizeof(n.boot), "boot-%llx", (unsigned long long)now());
	dial(&n, &token);
	snprintf(m.node, sizeof(m.node), "%s", n.name);
	strcpy(m.token, token.secret);
	tell(&n, WEIR_LINK_ENROL, &m);
	while (!n.ended) {
		zmq_pollitem_t items[] = { { n.socket, 0, ZMQ_POLLIN, 0 },
					   { NULL, 0, ZMQ_POLLIN, 0 } };

		zmq_poll(items, n.welcome ? 2 : 1, 100);
		hear(&n);
		if (items[1].revents)
			read_lines(&n);
		if (n.welcome && now() - n.beat > 1000000000u)
			flush(&n);
	}
	return 0;
}
