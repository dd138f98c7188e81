/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The two encodings of flow records: batch.v1 (MessagePack, names interned
 * per batch, self-contained) and one JSON object per record. docs/WIRE.md is
 * the specification; this is its implementation for both directions.
 */
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"
#include "weir/json.h"
#include "weir/record.h"

#define WEIR_WIRE_BATCH_TOPIC "batch.v1"
#define WEIR_WIRE_NS_TOPIC    "ns." /* + namespace */

/* --- batch.v1 ----------------------------------------------------------------- */

struct weir_batch_header {
	const char *node;   /* node name */
	const char *boot;   /* boot id of the node, as in /proc/sys/kernel/random/boot_id */
	uint64_t batch;	    /* number of the batch, per boot, from 1, without holes */
	uint64_t first_seq; /* seq of its first record */
	uint32_t records;   /* how many records */
	uint64_t time;	    /* ns since the epoch, when it was closed */
};

struct weir_batch_encoder;
int weir_batch_encoder_new(struct weir_batch_encoder **ret);
void weir_batch_encoder_free(struct weir_batch_encoder **e);
/* Append; -ENOMEM changes nothing. */
int weir_batch_add(struct weir_batch_encoder *e, const struct weir_record *record);
size_t weir_batch_records(const struct weir_batch_encoder *e);
size_t weir_batch_bytes(const struct weir_batch_encoder *e);
/* The finished message (malloc'd); the encoder is empty again. header->records
 * and first_seq are taken from what was added. */
int weir_batch_finish(struct weir_batch_encoder *e, const struct weir_batch_header *header,
		      uint8_t **ret, size_t *ret_len);

/* Decode a message from an untrusted peer: every length is checked, nothing
 * is allocated beyond a small multiple of len. fn is called for each record
 * (strings valid during the call, and the header's node and boot, which are
 * NULL afterwards); non-zero ends and is returned. */
int weir_batch_decode(const uint8_t *msg, size_t len, struct weir_batch_header *ret,
		      int (*fn)(void *data, const struct weir_record *record), void *data,
		      struct weir_error *err);

/* Only its header, whose node and boot point into names; cheap, and as strict. */
#define WEIR_BATCH_NODE_MAX 254 /* with the NUL; a longer one is not valid here */
#define WEIR_BATCH_BOOT_MAX 40
struct weir_batch_names {
	char node[WEIR_BATCH_NODE_MAX], boot[WEIR_BATCH_BOOT_MAX];
};
int weir_batch_read_header(const uint8_t *msg, size_t len, struct weir_batch_header *ret,
			   struct weir_batch_names *names, struct weir_error *err);

/* --- JSON --------------------------------------------------------------------- */

/* Append one record as one JSON object (no newline). node: name of the node
 * that reports. Members, those that are empty left out (weirctl reads them):
 *   {"seq":n,"time":ns,"start":ns,"node":"n1","flow":n,"type":"open",
 *    "verdict":"allowed","protocol":"TCP","icmpType":n,"icmpCode":n,
 *    "src":{"addr":"10.0.0.1","port":n,"natAddr":..,"natPort":n,"namespace":..,"pod":..,
 *           "workloadKind":..,"workload":..,"node":..,"service":"ns/name","labels":{..}},
 *    "dst":{..},
 *    "egress":{"verdict":..,"reason":..,"tier":..,"rule":n,"ruleName":..,
 *              "policies":[{"kind":..,"namespace":..,"name":..}],"more":n},
 *    "ingress":{..},"staged":"denied","stagedEgress":{..},"stagedIngress":{..},
 *    "stagedWhy":weir_record_why(),"packets":[n,n],"bytes":[n,n],"connections":n,"end":"fin",
 *    "why":weir_record_why(),"lost":n,"lostAt":"conntrack"} */
int weir_record_to_json(const struct weir_record *record, const char *node,
			struct weir_json_buffer *out);
/* The same for a flow of the hub: node is the first of nodes, and more members
 *   "cluster":"c1","nodes":{"egress":"n1","ingress":"n2"},"second":true
 * and, if fields are given, only those: "time", "src", "src.pod", ... */
struct weir_json_flow {
	const char *cluster, *nodes[2]; /* [WEIR_EGRESS], [WEIR_INGRESS]; NULL: none */
	bool second;
	size_t n_fields; /* 0: all */
	const char *const *fields;
};
int weir_flow_to_json(const struct weir_record *record, const struct weir_json_flow *hub,
		      struct weir_json_buffer *out);
/* Each name that may stand in fields; fn's non-zero return ends and is returned. */
int weir_json_members(int (*fn)(void *data, const char *name), void *data);
/* One line for a terminal: "allowed by NetworkPolicy shop/web rule 0", "denied:
 * isolated for ingress by shop/default-deny", ... into buf. */
const char *weir_record_why(const struct weir_record *record, char *buf, size_t size);
