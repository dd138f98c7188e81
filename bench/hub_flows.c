/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hub_flows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/ruleset.h"
#include "weir/wire.h"

#define BATCH	   1000u
#define NAMESPACES 50u
#define WORKLOADS  (BENCH_PODS / 5)
#define PEERS	   6u	 /* workloads that one talks to */
#define OUTSIDE	   5000u /* addresses */
#define NAME_LEN   48

static uint64_t state = 42;

static uint64_t pick(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

/* Few talk much. */
static uint16_t pick_pod(void)
{
	uint64_t r = pick(BENCH_PODS);

	return (uint16_t)(r * r / BENCH_PODS);
}

static uint16_t pick_peer(uint16_t src)
{
	return (uint16_t)((src % WORKLOADS * 13 + pick(PEERS) * 29) % WORKLOADS +
			  WORKLOADS * pick(BENCH_PODS / WORKLOADS));
}

void bench_flows(struct bench_flow *flows, size_t n, uint64_t from, uint64_t to)
{
	static const uint16_t ports[] = { 80, 443, 5432, 6379, 53, 8080, 9090, 9200 };

	for (size_t i = 0; i < n; i++) {
		struct bench_flow *f = &flows[i];
		bool outside = pick(10) == 0, denied = pick(20) == 0;
		uint16_t src = pick_pod();

		*f = (struct bench_flow){
			.time = from + (to - from) / n * i + pick(50000000),
			.src = src,
			.dst = outside ? BENCH_PODS : pick_peer(src),
			.outside = (uint32_t)pick(OUTSIDE),
			.sport = (uint16_t)(32768 + pick(28000)),
			.packets = (uint32_t)(4 + pick(40)),
			.type = denied	  ? WEIR_RECORD_DENIED
				: pick(2) ? WEIR_RECORD_OPEN
					  : WEIR_RECORD_END,
			.verdict = denied ? WEIR_DENIED : WEIR_ALLOWED,
		};
		f->dport = ports[f->dst % WORKLOADS % 8];
		f->bytes = f->packets * (uint32_t)(60 + pick(1000));
		f->node = (uint8_t)(f->src % BENCH_NODES);
	}
}

const char *bench_node(unsigned node)
{
	static char names[BENCH_NODES][16];

	snprintf(names[node], sizeof(names[node]), "node-%u", node);
	return names[node];
}

static void fill_pod(struct weir_record_peer *p, unsigned pod)
{
	static char pods[BENCH_PODS][NAME_LEN], workloads[BENCH_PODS][NAME_LEN],
		namespaces[NAMESPACES][16];
	static struct weir_record_label labels[BENCH_PODS][2];
	char *ns = namespaces[pod % WORKLOADS % NAMESPACES];

	if (!*pods[pod]) {
		snprintf(ns, 16, "team-%u", pod % WORKLOADS % NAMESPACES);
		snprintf(workloads[pod], NAME_LEN, "service-%u", pod % WORKLOADS);
		snprintf(pods[pod], NAME_LEN, "service-%u-7c9f6d5b4-x%u", pod % WORKLOADS, pod);
		labels[pod][0] = (struct weir_record_label){ "app", workloads[pod] };
		labels[pod][1] = (struct weir_record_label){ "pod-template-hash", "7c9f6d5b4" };
	}
	p->namespace_ = ns;
	p->pod = pods[pod];
	p->workload_kind = "Deployment";
	p->workload = workloads[pod];
	p->node = bench_node(pod % BENCH_NODES);
	p->labels = labels[pod];
	p->n_labels = 2;
	p->addr = (struct weir_addr){ AF_INET, { 10, 1, (uint8_t)(pod >> 8), (uint8_t)pod } };
}

void bench_record(const struct bench_flow *f, struct weir_record *r)
{
	static const struct weir_record_policy allow = { "NetworkPolicy", "team-1",
							 "allow-clients" };
	static const struct weir_record_policy deny = { "NetworkPolicy", "team-1", "default-deny" };
	struct weir_record_side open = { .reason = WEIR_REASON_NO_POLICY, .rule = -1 };
	struct weir_record_side nobody = { .reason = WEIR_REASON_NOT_ENDPOINT, .rule = -1 };

	*r = (struct weir_record){ .time = f->time,
				   .start = f->time - 5000000,
				   .flow = f->time * 31 + f->sport,
				   .type = f->type,
				   .verdict = f->verdict,
				   .staged = WEIR_VERDICT_MAX,
				   .end = f->type == WEIR_RECORD_END ? WEIR_END_FIN : 0,
				   .protocol = f->dport == 53 ? 17 : 6,
				   .connections = 1,
				   .has_counters = f->type == WEIR_RECORD_END,
				   .egress = f->verdict ? nobody : open,
				   .ingress = nobody };
	fill_pod(&r->src, f->src);
	if (f->dst < BENCH_PODS)
		fill_pod(&r->dst, f->dst);
	else
		r->dst.addr =
			(struct weir_addr){ AF_INET,
					    { 198, (uint8_t)(f->outside >> 16),
					      (uint8_t)(f->outside >> 8), (uint8_t)f->outside } };
	r->src.port = f->sport;
	r->dst.port = f->dport;
	if (f->verdict) {
		r->egress = (struct weir_record_side){ .verdict = WEIR_DENIED,
						       .reason = WEIR_REASON_ISOLATED,
						       .rule = -1,
						       .n_policies = 1,
						       .policies = &deny };
	} else if (f->dst % 3 == 0) {
		r->egress = (struct weir_record_side){ .reason = WEIR_REASON_RULE,
						       .n_policies = 1,
						       .policies = &allow };
	}
	if (r->has_counters || f->verdict) {
		r->packets[0] = f->packets / 2;
		r->packets[1] = f->verdict ? 0 : f->packets - f->packets / 2;
		r->bytes[0] = f->bytes / 3;
		r->bytes[1] = f->verdict ? 0 : f->bytes - f->bytes / 3;
	}
}

static void close_batch(struct weir_batch_encoder *e, unsigned node, uint64_t *seq, uint64_t time,
			struct bench_batch *ret)
{
	struct weir_batch_header h = { .node = bench_node(node),
				       .boot = "bench",
				       .batch = 1,
				       .first_seq = *seq,
				       .time = time };

	ret->node = (uint8_t)node;
	ret->records = (uint32_t)weir_batch_records(e);
	*seq += ret->records;
	if (weir_batch_finish(e, &h, &ret->bytes, &ret->len) < 0)
		abort();
}

struct node {
	struct weir_batch_encoder *encoder;
	uint64_t seq;
};

static void add(struct node *nodes, unsigned node, struct weir_record *r, struct bench_batch *to,
		size_t *n_batches)
{
	struct node *n = &nodes[node];

	r->seq = n->seq + weir_batch_records(n->encoder);
	if (weir_batch_add(n->encoder, r) < 0)
		abort();
	if (weir_batch_records(n->encoder) == BATCH)
		close_batch(n->encoder, node, &n->seq, r->time, &to[(*n_batches)++]);
}

/* The destination's node sees a connection begin, too, a little later. */
static bool other_half(const struct bench_flow *f, struct weir_record *r)
{
	if (f->type != WEIR_RECORD_OPEN || f->dst >= BENCH_PODS || f->dst % BENCH_NODES == f->node)
		return false;
	r->ingress = r->egress;
	r->egress = (struct weir_record_side){ .reason = WEIR_REASON_NOT_ENDPOINT, .rule = -1 };
	r->time += 100000;
	return true;
}

size_t bench_batches(const struct bench_flow *flows, size_t n, uint64_t first_seq[BENCH_NODES],
		     struct bench_batch **ret)
{
	struct node nodes[BENCH_NODES] = { 0 };
	size_t n_batches = 0;

	*ret = calloc(2 * n / BATCH + 3 * BENCH_NODES + 1, sizeof(**ret));
	for (unsigned i = 0; i < BENCH_NODES; i++) {
		nodes[i].seq = first_seq[i];
		if (weir_batch_encoder_new(&nodes[i].encoder) < 0 || !*ret)
			abort();
	}
	for (size_t i = 0; i < n; i++) {
		struct weir_record r;

		bench_record(&flows[i], &r);
		add(nodes, flows[i].node, &r, *ret, &n_batches);
		if (other_half(&flows[i], &r))
			add(nodes, flows[i].dst % BENCH_NODES, &r, *ret, &n_batches);
	}
	for (unsigned i = 0; i < BENCH_NODES; i++) {
		if (weir_batch_records(nodes[i].encoder))
			close_batch(nodes[i].encoder, i, &nodes[i].seq, flows[n - 1].time,
				    &(*ret)[n_batches++]);
		first_seq[i] = nodes[i].seq;
	}
	for (unsigned i = 0; i < BENCH_NODES; i++) { /* a beat: nothing that is older comes */
		close_batch(nodes[i].encoder, i, &nodes[i].seq, flows[n - 1].time + 10000000000u,
			    &(*ret)[n_batches++]);
		weir_batch_encoder_free(&nodes[i].encoder);
	}
	return n_batches;
}
