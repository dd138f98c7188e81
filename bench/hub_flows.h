/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Flows of a made-up fleet, alike for all that are measured against one another. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/record.h"

#define BENCH_NODES 16u
#define BENCH_PODS  2000u

struct bench_flow {
	uint64_t time;	   /* ns */
	uint16_t src, dst; /* pods; dst >= BENCH_PODS: outside */
	uint32_t outside;
	uint16_t sport, dport;
	uint32_t packets, bytes;
	uint8_t type, verdict, node;
};

/* n flows with times of a day before now, in order; every tenth goes outside, every
 * twentieth is denied; a workload talks to six others. */
void bench_flows(struct bench_flow *flows, size_t n, uint64_t from, uint64_t to);
/* All that weird says of it; strings are static. */
void bench_record(const struct bench_flow *flow, struct weir_record *ret);
/* Batches of what the nodes see of the flows, of up to 1,000 records, encoded as weird does: of a
 * connection between two nodes both. At the end a beat of each node. */
struct bench_batch {
	uint8_t *bytes;
	size_t len;
	uint8_t node;
	uint32_t records;
};
size_t bench_batches(const struct bench_flow *flows, size_t n, uint64_t first_seq[BENCH_NODES],
		     struct bench_batch **ret);
const char *bench_node(unsigned node);
