/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records a second from the publisher to a subscriber over ipc, against libzmq
 * alone sending as many bytes in messages of the same size. Rounds alternate;
 * medians. Also encoding alone, and bytes a record, with the names, labels,
 * policies and NAT of 1000 pods.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "daemon/publish/publish.h"
#include "weir/ruleset.h"

#define PODS	1000u
#define RECORDS 1000000u
#define BATCH	1000u
#define ROUNDS	5

static char names[PODS][32], workloads[PODS][32];
static struct weir_record_label labels[PODS][2];
static struct weir_record_policy policies[50];
static char policy_names[50][32];
static uint64_t arrived; /* at the subscriber */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void make_world(void)
{
	for (unsigned i = 0; i < PODS; i++) {
		snprintf(names[i], sizeof(names[i]), "web-%u-7c9fd8b6c5-x%03u", i / 10, i);
		snprintf(workloads[i], sizeof(workloads[i]), "web-%u", i / 10);
		labels[i][0] = (struct weir_record_label){ "app", workloads[i] };
		labels[i][1] = (struct weir_record_label){ "tier", i % 2 ? "front" : "back" };
	}
	for (unsigned i = 0; i < 50; i++) {
		snprintf(policy_names[i], sizeof(policy_names[i]), "allow-web-%u", i);
		policies[i] =
			(struct weir_record_policy){ "NetworkPolicy", "shop", policy_names[i] };
	}
}

static struct weir_record_peer peer(unsigned i)
{
	return (struct weir_record_peer){
		.addr = { AF_INET, { 10, 0, (uint8_t)(i >> 8), (uint8_t)i } },
		.namespace_ = "shop",
		.pod = names[i],
		.workload_kind = "Deployment",
		.workload = workloads[i],
		.node = "node-1",
		.n_labels = 2,
		.labels = labels[i],
	};
}

static struct weir_record make_record(unsigned n)
{
	struct weir_record r = { .type = n % 2 ? WEIR_RECORD_END : WEIR_RECORD_OPEN,
				 .time = 1700000000000000000u + n * 1000ull,
				 .start = 1700000000000000000u,
				 .flow = n,
				 .staged = WEIR_VERDICT_MAX,
				 .protocol = 6,
				 .connections = 1,
				 .has_counters = n % 2,
				 .packets = { n % 90, n % 70 },
				 .bytes = { n % 9000, n % 70000 } };

	r.src = peer(n * 7919u % PODS);
	r.dst = peer(n * 104729u / 3 % PODS);
	r.src.port = (uint16_t)(32768 + n % 28000);
	r.dst.port = 8080;
	if (n % 3 == 0) {
		r.dst.nat_addr = (struct weir_addr){ AF_INET, { 10, 96, 0, (uint8_t)n } };
		r.dst.nat_port = 80;
	}
	r.ingress = (struct weir_record_side){ .reason = WEIR_REASON_RULE,
					       .rule = (int32_t)(n % 5),
					       .n_policies = 1,
					       .policies = &policies[n % 50] };
	r.egress = (struct weir_record_side){ .reason = WEIR_REASON_NO_POLICY, .rule = -1 };
	return r;
}

struct subscriber {
	const char *address;
	void *context;
	uint64_t want;	     /* records, or messages of libzmq alone */
	bool records, whole; /* whole: decodes every record, not only header and tables */
};

static int stop(void *data, const struct weir_record *record)
{
	return 1;
}

/* Reads each batch; ends when all has come or nothing comes. */
static void *receive(void *data)
{
	struct subscriber *s = data;
	void *socket = zmq_socket(s->context, ZMQ_SUB);
	int none = 0, timeout = 3000;
	struct weir_batch_header h;
	zmq_msg_t msg;

	zmq_setsockopt(socket, ZMQ_RCVHWM, &none, sizeof(none));
	zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout, sizeof(timeout));
	zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "b", 1);
	zmq_connect(socket, s->address);
	zmq_msg_init(&msg);
	for (arrived = 0; arrived < s->want && zmq_msg_recv(&msg, socket, 0) >= 0;) {
		if (zmq_msg_more(&msg))
			continue;
		if (!s->records)
			arrived++;
		else if (weir_batch_decode(zmq_msg_data(&msg), zmq_msg_size(&msg), &h,
					   s->whole ? NULL : stop, NULL, NULL) >= 0)
			arrived += h.records;
	}
	zmq_msg_close(&msg);
	zmq_close(socket);
	return NULL;
}

static double publish(const char *address, bool whole, double *ret_bytes)
{
	struct weir_publish_endpoint endpoint = { .address = address };
	struct weir_publish_config config = { .node = "n",
					      .boot = "b",
					      .n_endpoints = 1,
					      .endpoints = &endpoint,
					      .batch_records = BATCH,
					      .batch_ms = 1000 };
	struct subscriber s = { address, zmq_ctx_new(), RECORDS, true, whole };
	struct weir_publish_stats stats = { 0 };
	struct weir_publisher *p;
	pthread_t thread;
	double start;

	if (weir_publisher_new(&config, &p, NULL) < 0)
		exit(1);
	pthread_create(&thread, NULL, receive, &s);
	while (!stats.subscribers) {
		usleep(1000);
		weir_publisher_process(p, NULL);
		weir_publisher_stats(p, &stats);
	}
	start = now();
	for (unsigned i = 0; i < RECORDS; i++) {
		struct weir_record r = make_record(i);

		weir_publisher_add(p, &r);
	}
	pthread_join(thread, NULL);
	start = now() - start;
	weir_publisher_stats(p, &stats);
	*ret_bytes = (double)stats.bytes / RECORDS;
	weir_publisher_free(&p, 0);
	zmq_ctx_term(s.context);
	return (double)arrived / start;
}

/* The same bytes, by libzmq alone; in records a second too. */
static double bare(const char *address, size_t size)
{
	struct subscriber s = { address, zmq_ctx_new(), RECORDS / BATCH, false, false };
	void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_XPUB);
	char *bytes = calloc(1, size), word[8];
	int none = 0;
	pthread_t thread;
	double start;

	zmq_setsockopt(socket, ZMQ_SNDHWM, &none, sizeof(none));
	zmq_bind(socket, address);
	pthread_create(&thread, NULL, receive, &s);
	zmq_recv(socket, word, sizeof(word), 0);
	start = now();
	for (unsigned i = 0; i < RECORDS / BATCH; i++) {
		zmq_send(socket, "batch.v1", 8, ZMQ_SNDMORE);
		zmq_send(socket, bytes, size, 0);
	}
	pthread_join(thread, NULL);
	start = now() - start;
	zmq_close(socket);
	zmq_ctx_term(context);
	zmq_ctx_term(s.context);
	free(bytes);
	return (double)arrived * BATCH / start;
}

static double encode(void)
{
	struct weir_batch_header h = { .node = "n", .boot = "b" };
	struct weir_batch_encoder *e;
	double start = now();
	uint8_t *msg;
	size_t len;

	if (weir_batch_encoder_new(&e) < 0)
		exit(1);
	for (unsigned i = 0; i < RECORDS; i++) {
		struct weir_record r = make_record(i);

		r.seq = i + 1;
		if (weir_batch_add(e, &r) < 0)
			exit(1);
		if (weir_batch_records(e) == BATCH && weir_batch_finish(e, &h, &msg, &len) == 0)
			free(msg);
	}
	weir_batch_encoder_free(&e);
	return RECORDS / (now() - start);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), by_value);
	return v[ROUNDS / 2];
}

int main(void)
{
	char dir[] = "/tmp/weir-bench-XXXXXX", address[64];
	double ours[ROUNDS], theirs[ROUNDS], alone[ROUNDS], decoded[ROUNDS], bytes = 0;

	if (!mkdtemp(dir))
		return 1;
	snprintf(address, sizeof(address), "ipc://%s/s", dir);
	make_world();
	for (int i = 0; i < ROUNDS; i++) {
		ours[i] = publish(address, false, &bytes);
		decoded[i] = publish(address, true, &bytes);
		theirs[i] = bare(address, (size_t)(bytes * BATCH));
		alone[i] = encode();
	}
	printf("published  %.0f records/s, %.1f bytes a record\n", median(ours), bytes);
	printf("decoded    %.0f records/s by a subscriber that reads every record\n",
	       median(decoded));
	printf("libzmq     %.0f records/s as bare messages of %.0f bytes\n", median(theirs),
	       bytes * BATCH);
	printf("encoded    %.0f records/s\n", median(alone));
	printf("ratio      %.3f of libzmq alone\n", median(ours) / median(theirs));
	rmdir(dir);
	return 0;
}
