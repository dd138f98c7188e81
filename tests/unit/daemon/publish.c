/* SPDX-License-Identifier: Apache-2.0 */
/* Publisher over real libzmq: what was offered is received or counted, exactly. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#include "daemon/publish/publish.h"
#include "weir/cleanup.h"
#include "weir/ruleset.h"

#define OFFERED 20000u
#define LABELS	2

struct seen {
	uint64_t received, holes, next;
};

static struct weir_record make_record(uint32_t i)
{
	static const struct weir_record_label labels[LABELS] = { { "app", "web" },
								 { "tier", "front" } };
	struct weir_record r = { .time = 1700000000000000000ull + i,
				 .start = 1700000000000000000ull,
				 .flow = i + 1,
				 .staged = WEIR_VERDICT_MAX,
				 .protocol = 6,
				 .connections = 1 };

	r.src = (struct weir_record_peer){ .addr = { AF_INET, { 10, 0, 0, (uint8_t)i } },
					   .port = (uint16_t)i,
					   .namespace_ = "shop",
					   .pod = "web-1",
					   .n_labels = LABELS,
					   .labels = labels };
	r.dst = (struct weir_record_peer){ .addr = { AF_INET6, { 0xfd, 1 } }, .port = 5432 };
	return r;
}

static int check_record(void *data, const struct weir_record *r)
{
	struct seen *s = data;
	struct weir_record want = make_record((uint32_t)r->flow - 1);

	assert_true(r->seq >= s->next);
	s->holes += r->seq - s->next;
	s->next = r->seq + 1;
	s->received++;
	assert_int_equal(r->time, want.time);
	assert_int_equal(r->start, want.start);
	assert_int_equal(r->src.port, want.src.port);
	assert_int_equal(weir_addr_compare(&r->src.addr, &want.src.addr), 0);
	assert_int_equal(weir_addr_compare(&r->dst.addr, &want.dst.addr), 0);
	assert_string_equal(r->src.pod, "web-1");
	assert_string_equal(r->src.labels[1].value, "front");
	assert_null(r->dst.pod);
	return 0;
}

/* Takes what is there; false when nothing came for timeout ms. */
static bool receive(void *sub, struct seen *s, int timeout)
{
	struct weir_batch_header h;
	zmq_msg_t msg;
	char topic[32];

	zmq_setsockopt(sub, ZMQ_RCVTIMEO, &timeout, sizeof(timeout));
	if (zmq_recv(sub, topic, sizeof(topic), 0) < 0)
		return false;
	zmq_msg_init(&msg);
	assert_true(zmq_msg_recv(&msg, sub, 0) > 0);
	assert_int_equal(weir_batch_decode(zmq_msg_data(&msg), zmq_msg_size(&msg), &h, check_record,
					   s, NULL),
			 0);
	assert_true(h.first_seq + h.records >= s->next);
	s->holes += h.first_seq + h.records - s->next;
	s->next = h.first_seq + h.records;
	zmq_msg_close(&msg);
	return true;
}

static void *subscribe(void *context, const char *address)
{
	void *sub = zmq_socket(context, ZMQ_SUB);
	int queue = 2, linger = 0;

	zmq_setsockopt(sub, ZMQ_RCVHWM, &queue, sizeof(queue));
	zmq_setsockopt(sub, ZMQ_LINGER, &linger, sizeof(linger));
	zmq_setsockopt(sub, ZMQ_SUBSCRIBE, WEIR_WIRE_BATCH_TOPIC, 8);
	assert_int_equal(zmq_connect(sub, address), 0);
	return sub;
}

static void every_record_is_received_or_counted(void **state)
{
	char dir[] = "/tmp/weir-publish-XXXXXX", address[64];
	struct weir_publish_endpoint endpoint = { .address = address };
	struct weir_publish_config config = { .node = "n1",
					      .boot = "b1",
					      .n_endpoints = 1,
					      .endpoints = &endpoint,
					      .batch_records = 10,
					      .batch_ms = 10,
					      .queue = 2,
					      .history = 1 << 20 };
	struct weir_publish_stats stats = { 0 };
	struct seen slow = { .next = 1 }, stopped = { .next = 1 }, history = { .next = 1 };
	struct weir_publisher *p = NULL;
	void *context = zmq_ctx_new(), *a, *b;
	struct weir_record r;
	struct stat st;

	assert_non_null(mkdtemp(dir));
	snprintf(address, sizeof(address), "ipc://%s/s", dir);
	assert_int_equal(weir_publisher_new(&config, &p, NULL), 0);
	assert_int_equal(stat(address + 6, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	a = subscribe(context, address);
	b = subscribe(context, address);
	for (int i = 0; i < 500 && stats.subscribers < 2; i++) {
		usleep(10000);
		assert_int_equal(weir_publisher_process(p, NULL), 0);
		weir_publisher_stats(p, &stats);
	}
	assert_int_equal(stats.subscribers, 2);
	for (uint32_t i = 0; i < OFFERED; i++) {
		r = make_record(i);
		assert_int_equal(weir_publisher_add(p, &r), 0);
		assert_int_equal(r.seq, i + 1);
		if (i % 100 == 0)
			receive(a, &slow, 0);
	}
	for (int i = 0; i < 100 && (slow.next <= OFFERED || stopped.next <= OFFERED); i++) {
		while (receive(a, &slow, 20))
			;
		while (receive(b, &stopped, 20))
			;
		weir_publisher_process(p, NULL);
	}
	assert_int_equal(slow.received + slow.holes, OFFERED);
	assert_int_equal(stopped.received + stopped.holes, OFFERED);
	assert_true(stopped.holes > 0);
	assert_int_equal(weir_publisher_history(p, check_record, &history), 0);
	assert_int_equal(history.received + history.holes, OFFERED);
	printf("slow %lu + %lu, stopped %lu + %lu\n", slow.received, slow.holes, stopped.received,
	       stopped.holes);
	zmq_close(a);
	zmq_close(b);
	zmq_ctx_term(context);
	weir_publisher_free(&p, 0);
	unlink(address + 6);
	rmdir(dir);
}

static void bare_tcp_is_refused(void **state)
{
	struct weir_publish_endpoint endpoint = { .address = "tcp://0.0.0.0:39572" };
	struct weir_publish_config config = {
		.node = "n1", .boot = "b1", .n_endpoints = 1, .endpoints = &endpoint, .queue = 2
	};
	struct weir_publisher *p = NULL;
	struct weir_error err;

	assert_int_equal(weir_publisher_new(&config, &p, &err), -EPERM);
	assert_non_null(strstr(err.text, "CURVE"));
	assert_null(p);
}

/* --- topics of namespaces ---------------------------------------------------------- */

struct inbox {
	void *context, *socket;
};

static struct inbox inbox_open(const char *address, const char *topic)
{
	struct inbox in = { .context = zmq_ctx_new() };
	int linger = 0;

	in.socket = zmq_socket(in.context, ZMQ_SUB);
	zmq_setsockopt(in.socket, ZMQ_LINGER, &linger, sizeof(linger));
	zmq_setsockopt(in.socket, ZMQ_SUBSCRIBE, topic, strlen(topic));
	assert_int_equal(zmq_connect(in.socket, address), 0);
	return in;
}

static void inbox_close(struct inbox *in)
{
	zmq_close(in->socket);
	zmq_ctx_term(in->context);
}

static void wait_for(struct weir_publisher *p, unsigned subscribers)
{
	struct weir_publish_stats stats = { 0 };

	for (int i = 0; i < 500 && stats.subscribers < subscribers; i++) {
		usleep(10000);
		assert_int_equal(weir_publisher_process(p, NULL), 0);
		weir_publisher_stats(p, &stats);
	}
	assert_int_equal(stats.subscribers, subscribers);
}

/* The next message must be of this topic, say this, and have this number. */
static void expect(struct inbox *in, const char *topic, const char *part, const char *number)
{
	int timeout = 5000, n;
	char frame[4096];

	zmq_setsockopt(in->socket, ZMQ_RCVTIMEO, &timeout, sizeof(timeout));
	for (int i = 0; i < 3; i++) {
		n = zmq_recv(in->socket, frame, sizeof(frame) - 1, 0);
		assert_in_range(n, 1, sizeof(frame) - 1);
		frame[n] = 0;
		if (i == 1)
			assert_non_null(strstr(frame, part));
		else
			assert_string_equal(frame, i ? number : topic);
	}
}

static void namespaces_are_numbered_and_told_of_gaps(void **state)
{
	char dir[] = "/tmp/weir-publish-XXXXXX", address[64];
	struct weir_publish_endpoint endpoint = { .address = address };
	struct weir_publish_config config = {
		.node = "n1", .boot = "b1", .n_endpoints = 1, .endpoints = &endpoint, .queue = 100
	};
	struct weir_record gap = { .type = WEIR_RECORD_GAP, .lost = 9 }, r = make_record(0);
	struct weir_publisher *p = NULL;
	struct inbox shop, bank, all;

	assert_non_null(mkdtemp(dir));
	snprintf(address, sizeof(address), "ipc://%s/s", dir);
	assert_int_equal(weir_publisher_new(&config, &p, NULL), 0);
	shop = inbox_open(address, "ns.shop");
	bank = inbox_open(address, "ns.bank");
	wait_for(p, 2);
	assert_int_equal(weir_publisher_add(p, &r), 0);
	assert_int_equal(weir_publisher_add(p, &gap), 0);
	all = inbox_open(address, "ns.");
	wait_for(p, 3);
	assert_int_equal(weir_publisher_add(p, &r), 0);
	assert_int_equal(weir_publisher_add(p, &gap), 0);
	expect(&shop, "ns.shop", "\"web-1\"", "1");
	expect(&shop, "ns.shop", "\"lost\":9", "2");
	expect(&shop, "ns.shop", "\"web-1\"", "3");
	expect(&shop, "ns.shop", "\"lost\":9", "4");
	expect(&bank, "ns.bank", "\"lost\":9", "1");
	expect(&bank, "ns.bank", "\"lost\":9", "2");
	expect(&all, "ns.shop", "\"web-1\"", "3");
	expect(&all, "ns.", "\"lost\":9", "1");
	inbox_close(&shop);
	inbox_close(&bank);
	inbox_close(&all);
	weir_publisher_free(&p, 0);
	rmdir(dir);
}

/* --- CURVE --------------------------------------------------------------------------- */

#define KEY 41 /* Z85 and its end */

struct keys {
	char public_[KEY], secret[KEY];
};

static void write_key(const char *path, const char *key, mode_t mode)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fprintf(f, "%s\n", key);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

/* Whether a client with these keys (NULL: without any) gets to subscribe. */
static bool gets_in(struct weir_publisher *p, const char *address, const struct keys *server,
		    const struct keys *client)
{
	struct weir_publish_stats stats = { 0 };
	struct inbox in = { .context = zmq_ctx_new() };
	int linger = 0;

	in.socket = zmq_socket(in.context, ZMQ_SUB);
	zmq_setsockopt(in.socket, ZMQ_LINGER, &linger, sizeof(linger));
	zmq_setsockopt(in.socket, ZMQ_SUBSCRIBE, "", 0);
	if (client) {
		zmq_setsockopt(in.socket, ZMQ_CURVE_SERVERKEY, server->public_, KEY - 1);
		zmq_setsockopt(in.socket, ZMQ_CURVE_PUBLICKEY, client->public_, KEY - 1);
		zmq_setsockopt(in.socket, ZMQ_CURVE_SECRETKEY, client->secret, KEY - 1);
	}
	assert_int_equal(zmq_connect(in.socket, address), 0);
	for (int i = 0; i < 60 && !stats.subscribers; i++) {
		usleep(10000);
		assert_int_equal(weir_publisher_process(p, NULL), 0);
		weir_publisher_stats(p, &stats);
	}
	inbox_close(&in);
	for (int i = 0; i < 100; i++) { /* until it is gone */
		struct weir_publish_stats left;

		weir_publisher_process(p, NULL);
		weir_publisher_stats(p, &left);
		if (!left.subscribers)
			break;
		usleep(10000);
	}
	return stats.subscribers;
}

static void only_known_keys_subscribe(void **state)
{
	char dir[] = "/tmp/weir-curve-XXXXXX", clients[64], known[80], secret[64], address[64];
	struct weir_publish_endpoint endpoint = { .address = address };
	struct weir_publish_config config = { .node = "n1",
					      .boot = "b1",
					      .n_endpoints = 1,
					      .endpoints = &endpoint,
					      .curve_secret_file = secret,
					      .curve_clients_dir = clients,
					      .queue = 10 };
	struct weir_publisher *p = NULL;
	struct keys server, friend, stranger;
	struct weir_error err;

	assert_non_null(mkdtemp(dir));
	snprintf(clients, sizeof(clients), "%s/clients", dir);
	snprintf(known, sizeof(known), "%s/hub", clients);
	snprintf(secret, sizeof(secret), "%s/secret", dir);
	snprintf(address, sizeof(address), "tcp://127.0.0.1:%d", 20000 + getpid() % 10000);
	assert_int_equal(mkdir(clients, 0700), 0);
	assert_int_equal(zmq_curve_keypair(server.public_, server.secret), 0);
	assert_int_equal(zmq_curve_keypair(friend.public_, friend.secret), 0);
	assert_int_equal(zmq_curve_keypair(stranger.public_, stranger.secret), 0);
	write_key(secret, server.secret, 0644);
	assert_int_equal(weir_publisher_new(&config, &p, &err), -EPERM);
	assert_non_null(strstr(err.text, "chmod 600"));
	write_key(secret, server.secret, 0600);
	assert_int_equal(weir_publisher_new(&config, &p, &err), 0);
	assert_false(gets_in(p, address, &server, &friend)); /* not yet in the directory */
	write_key(known, friend.public_, 0644);
	assert_true(gets_in(p, address, &server, &friend));
	assert_false(gets_in(p, address, &server, &stranger));
	assert_false(gets_in(p, address, &server, NULL));
	weir_publisher_free(&p, 0);
	unlink(known);
	unlink(secret);
	rmdir(clients);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_record_is_received_or_counted),
		cmocka_unit_test(bare_tcp_is_refused),
		cmocka_unit_test(namespaces_are_numbered_and_told_of_gaps),
		cmocka_unit_test(only_known_keys_subscribe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
