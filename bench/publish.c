/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records per second from the publisher to a subscriber in another process,
 * over ipc, beside libzmq sending the same bytes in messages of the same size.
 * Rounds alternate; medians and the ratio of medians.
 *
 *   publish [ROUNDS [RECORDS]]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "daemon/publish/publish.h"
#include "weir/cleanup.h"
#include "weir/object.h"
#include "weir/ruleset.h"

#define PODS	   1000u
#define QUEUE	   1000000u
#define ROUNDS_MAX 101

struct totals {
	uint64_t messages, bytes;
};

struct measure {
	double seconds, cpu;
	struct totals sent;
};

static char address[64];
static struct {
	char name[24];
	struct weir_record_label labels[2];
	char app[16];
} pods[PODS];

static void die(const char *what)
{
	fprintf(stderr, "publish: %s: %s\n", what, strerror(errno));
	exit(2);
}

static double now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* --- the subscriber, a process of its own ------------------------------------------ */

static bool receive(void *socket, struct totals *t)
{
	zmq_msg_t msg;
	int more = 1;

	while (more) {
		zmq_msg_init(&msg);
		if (zmq_msg_recv(&msg, socket, 0) < 0)
			return false;
		t->bytes += zmq_msg_size(&msg);
		more = zmq_msg_more(&msg);
		zmq_msg_close(&msg);
	}
	t->messages++;
	return true;
}

/* Says 'r' when the first message has come, and 'd' when it has as many as the
 * sender then tells. */
static void subscribe(int from_parent, int to_parent)
{
	struct totals got = { 0 };
	uint64_t want = UINT64_MAX;
	void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_SUB);
	int unlimited = 0, wait_ms = 20;

	zmq_setsockopt(socket, ZMQ_RCVHWM, &unlimited, sizeof(unlimited));
	zmq_setsockopt(socket, ZMQ_RCVTIMEO, &wait_ms, sizeof(wait_ms));
	zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0);
	if (zmq_connect(socket, address) < 0)
		die(address);
	while (got.messages < want) {
		bool first = !got.messages;

		if (receive(socket, &got)) {
			if (first && write(to_parent, "r", 1) != 1)
				die("pipe");
		} else if (want == UINT64_MAX && got.messages > 1) {
			/* quiet: the sender has told, or will */
			if (read(from_parent, &want, sizeof(want)) != sizeof(want))
				die("pipe");
		}
	}
	if (write(to_parent, "d", 1) != 1)
		die("pipe");
	zmq_close(socket);
	zmq_ctx_destroy(context);
	exit(0);
}

struct subscriber {
	pid_t pid;
	int to, from;
};

static struct subscriber start_subscriber(void)
{
	int down[2], up[2];
	struct subscriber s;

	if (pipe(down) < 0 || pipe(up) < 0)
		die("pipe");
	s.pid = fork();
	if (s.pid == 0)
		subscribe(down[0], up[1]);
	close(down[0]);
	close(up[1]);
	s.to = down[1];
	s.from = up[0];
	return s;
}

static void wait_done(struct subscriber *s, uint64_t messages)
{
	char c;

	if (write(s->to, &messages, sizeof(messages)) < 0 || read(s->from, &c, 1) != 1 || c != 'd')
		die("the subscriber");
	close(s->to);
	close(s->from);
	waitpid(s->pid, NULL, 0);
}

/* --- the two senders ------------------------------------------------------------------- */

static void make_pods(void)
{
	for (unsigned i = 0; i < PODS; i++) {
		snprintf(pods[i].name, sizeof(pods[i].name), "web-7d4b9c-%u", i);
		snprintf(pods[i].app, sizeof(pods[i].app), "app-%u", i % 50);
		pods[i].labels[0] = (struct weir_record_label){ "app", pods[i].app };
		pods[i].labels[1] = (struct weir_record_label){ "tier", i % 2 ? "front" : "back" };
	}
}

static void make_peer(struct weir_record_peer *p, unsigned pod, uint16_t port)
{
	*p = (struct weir_record_peer){
		.addr = { .family = AF_INET,
			  .bytes = { 10, 77, (uint8_t)(pod >> 8), (uint8_t)pod } },
		.port = port,
		.namespace_ = pod % 3 ? "shop" : "payments",
		.pod = pods[pod].name,
		.workload_kind = "Deployment",
		.workload = pods[pod].app,
		.node = "node-1",
		.n_labels = 2,
		.labels = pods[pod].labels,
	};
}

static void make_record(struct weir_record *r, uint64_t n)
{
	static const struct weir_record_policy policy = { "NetworkPolicy", "shop", "allow-web" };

	*r = (struct weir_record){
		.time = 1700000000000000000u + n * 1000,
		.start = 1700000000000000000u + n * 900,
		.flow = n * 2654435761u,
		.type = n % 2 ? WEIR_RECORD_END : WEIR_RECORD_OPEN,
		.staged = WEIR_VERDICT_MAX,
		.protocol = WEIR_PROTO_TCP,
		.has_counters = n % 2,
		.packets = { n % 100, n % 90 },
		.bytes = { n % 100000, n % 900000 },
		.connections = 1,
		.egress = { .reason = WEIR_REASON_NO_POLICY, .rule = -1 },
		.ingress = { .reason = WEIR_REASON_RULE,
			     .tier = WEIR_TIER_NETWORK_POLICY,
			     .rule = 0,
			     .n_policies = 1,
			     .policies = &policy },
	};
	make_peer(&r->src, (unsigned)(n * 7 % PODS), (uint16_t)(32768 + n % 28000));
	make_peer(&r->dst, (unsigned)(n * 13 % PODS), 8080);
}

static void wait_subscribed(struct weir_publisher *p, struct subscriber *s)
{
	struct weir_record record;
	struct weir_publish_stats stats;
	char c;

	do {
		weir_publisher_process(p, NULL);
		usleep(1000);
		weir_publisher_stats(p, &stats);
	} while (!stats.subscribers);
	make_record(&record, 0);
	weir_publisher_add(p, &record);
	weir_publisher_flush(p);
	if (read(s->from, &c, 1) != 1)
		die("the subscriber");
}

static struct measure send_records(uint64_t records)
{
	const struct weir_publish_endpoint endpoint = { .address = address };
	const struct weir_publish_config config = {
		.node = "node-1",
		.boot = "boot",
		.n_endpoints = 1,
		.endpoints = &endpoint,
		.batch_records = 1000,
		.batch_ms = 100,
		.queue = QUEUE,
		.history = 1 << 20,
	};
	struct weir_publisher *p;
	struct weir_publish_stats before, after;
	struct weir_record record;
	struct weir_error err;
	struct subscriber s;
	struct measure m;
	double start, cpu;

	if (weir_publisher_new(&config, &p, &err) < 0) {
		fprintf(stderr, "publish: %s\n", err.text);
		exit(2);
	}
	s = start_subscriber();
	wait_subscribed(p, &s);
	weir_publisher_stats(p, &before);
	start = now(CLOCK_MONOTONIC);
	cpu = now(CLOCK_THREAD_CPUTIME_ID);
	for (uint64_t n = 0; n < records; n++) {
		make_record(&record, n);
		weir_publisher_add(p, &record);
	}
	weir_publisher_flush(p);
	m.cpu = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
	weir_publisher_stats(p, &after);
	wait_done(&s, after.batches);
	m.seconds = now(CLOCK_MONOTONIC) - start;
	m.sent.messages = after.batches - before.batches;
	m.sent.bytes = after.bytes - before.bytes;
	weir_publisher_free(&p, 0);
	return m;
}

static struct measure send_bytes(struct totals like)
{
	void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_XPUB);
	size_t size = like.bytes / like.messages;
	WEIR_AUTO_FREE char *payload = calloc(1, size);
	int queue = QUEUE, linger = 0;
	struct subscriber s;
	struct measure m = { .sent = like };
	double start, cpu;
	char c;

	zmq_setsockopt(socket, ZMQ_SNDHWM, &queue, sizeof(queue));
	zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger));
	if (zmq_bind(socket, address) < 0)
		die(address);
	s = start_subscriber();
	if (zmq_recv(socket, &c, 1, 0) < 0) /* the subscription */
		die("zmq_recv");
	zmq_send(socket, payload, size, 0);
	if (read(s.from, &c, 1) != 1)
		die("the subscriber");
	start = now(CLOCK_MONOTONIC);
	cpu = now(CLOCK_THREAD_CPUTIME_ID);
	for (uint64_t n = 0; n < like.messages; n++)
		zmq_send(socket, payload, size, 0);
	m.cpu = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
	wait_done(&s, like.messages + 1);
	m.seconds = now(CLOCK_MONOTONIC) - start;
	zmq_close(socket);
	zmq_ctx_destroy(context);
	return m;
}

/* --- the table ------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, unsigned n)
{
	qsort(values, n, sizeof(*values), compare);
	return values[n / 2];
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 7;
	uint64_t records = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
	double weir[ROUNDS_MAX], zmq[ROUNDS_MAX], encode[ROUNDS_MAX], ratio[ROUNDS_MAX];
	struct measure w = { 0 }, z;

	if (rounds < 1 || rounds > ROUNDS_MAX || !records)
		return 2;
	snprintf(address, sizeof(address), "ipc:///tmp/weir-bench-publish-%d.sock", getpid());
	make_pods();
	for (unsigned i = 0; i < rounds; i++) {
		w = send_records(records);
		z = send_bytes(w.sent);
		weir[i] = (double)records / w.seconds;
		encode[i] = (double)records / w.cpu;
		zmq[i] = (double)records / z.seconds;
		ratio[i] = weir[i] / zmq[i];
	}
	printf("%u rounds of %lu records, %.1f bytes a record, %.0f records a batch\n", rounds,
	       records, (double)w.sent.bytes / (double)records,
	       (double)records / (double)w.sent.messages);
	printf("records/s delivered      weir %12.0f   libzmq, same bytes %12.0f   ratio %.3f\n",
	       median(weir, rounds), median(zmq, rounds), median(ratio, rounds));
	printf("records per CPU second of the publishing thread %12.0f\n", median(encode, rounds));
	return 0;
}
