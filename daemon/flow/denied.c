/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aggregation of denials. A flood costs one record per kind and window,
 * however many packets it has; every attempt (5-tuple) is counted in exactly
 * one record, its retransmissions only as packets. Called by follow.c.
 */
#include "daemon/flow/denied.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "daemon/flow/hash.h"
#include "daemon/flow/seen.h"
#include "daemon/flow/tracker.h"
#include "weir/cleanup.h"

#define ATTEMPTS_MAX (1u << 19)		  /* remembered in a generation, 8 bytes each */
#define ATTEMPTS_AGE (70ull * 1000000000) /* SYN retransmissions lie at most 64 s apart */

struct kind_key {
	struct weir_addr src, dst;
	uint32_t ruleset, interface; /* the second: of spoofed ones */
	uint16_t dport;
	uint8_t protocol, direction, pending, spoofed;
};

struct kind {
	UT_hash_handle hh;
	struct kind *prev, *next; /* in the order in which windows end */
	struct kind_key key;
	struct weir_annotation annotation;
	struct weir_tuple original, reply; /* of the last packet */
	uint64_t window_end;		   /* monotonic ns */
	uint64_t first, last;		   /* ns since the epoch, of what is summed up */
	uint64_t packets, bytes, connections;
};

struct weir_denied {
	struct weir_denied_config config;
	uint64_t window_ns;
	struct kind *kinds; /* by key */
	struct kind *queue;
	struct weir_seen attempts;
};

int weir_denied_new(const struct weir_denied_config *config, struct weir_denied **ret)
{
	struct weir_denied *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->config = *config;
	d->window_ns = config->window_ms * 1000000ull;
	weir_seen_init(&d->attempts, ATTEMPTS_MAX, ATTEMPTS_AGE);
	*ret = d;
	return 0;
}

static void emit(struct weir_denied *d, struct kind *k)
{
	struct weir_record r = {
		.type = WEIR_RECORD_DENIED,
		.verdict = WEIR_DENIED,
		.staged = WEIR_VERDICT_MAX,
		.time = k->last,
		.start = k->first,
		.flow = weir_flow_number(k->key.ruleset, &k->original, k->first),
		.has_counters = true,
		.packets = { k->packets },
		.bytes = { k->bytes },
		.connections = k->connections,
	};

	weir_annotation_fill(&k->annotation, &k->original, &k->reply, &r);
	d->config.emit(d->config.data, &r);
	k->packets = k->bytes = k->connections = 0;
}

static void remove_kind(struct weir_denied *d, struct kind *k)
{
	HASH_DEL(d->kinds, k);
	DL_DELETE(d->queue, k);
	weir_annotation_release(d->config.annotator, &k->annotation);
	free(k);
}

void weir_denied_free(struct weir_denied **d)
{
	struct weir_denied *old = weir_take(*d);

	if (!old)
		return;
	while (old->queue) {
		if (old->queue->packets)
			emit(old, old->queue);
		remove_kind(old, old->queue);
	}
	weir_seen_done(&old->attempts);
	free(old);
}

static struct kind_key key_of(const struct weir_flow *flow)
{
	struct kind_key key;

	memset(&key, 0, sizeof(key)); /* the hash covers the padding */
	key.src = flow->original.src;
	key.dst = flow->original.dst;
	key.ruleset = flow->ruleset;
	key.dport = flow->original.dport;
	key.protocol = flow->original.protocol;
	key.direction = flow->direction;
	key.pending = flow->pending;
	key.spoofed = flow->spoofed;
	key.interface = flow->spoofed ? flow->interface : 0;
	return key;
}

static int add_kind(struct weir_denied *d, const struct weir_flow *flow, const struct kind_key *key,
		    uint64_t now, struct kind **ret)
{
	struct kind *k;

	if (HASH_COUNT(d->kinds) >= d->config.max)
		return -ENOSPC;
	k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	memcpy(&k->key, key, sizeof(*key));
	weir_annotate_denied(d->config.annotator, flow, &k->annotation);
	k->window_end = now + d->window_ns;
	HASH_ADD(hh, d->kinds, key, sizeof(k->key), k);
	DL_APPEND(d->queue, k);
	*ret = k;
	return 0;
}

static void sum_up(struct kind *k, const struct weir_flow *flow, bool attempt)
{
	if (!k->packets)
		k->first = flow->time;
	k->last = flow->time;
	k->original = flow->original;
	k->reply = flow->reply;
	k->packets++;
	k->bytes += flow->length;
	k->connections += attempt;
}

int weir_denied_packet(struct weir_denied *d, const struct weir_flow *flow, uint64_t now,
		       bool *ret_attempt)
{
	struct kind_key key = key_of(flow);
	struct kind *k;
	int r;

	*ret_attempt = weir_seen_add(&d->attempts, weir_flow_number(0, &flow->original, 0), now);
	HASH_FIND(hh, d->kinds, &key, sizeof(key), k);
	if (k) {
		sum_up(k, flow, *ret_attempt);
		return 0;
	}
	r = add_kind(d, flow, &key, now, &k);
	if (r < 0)
		return r;
	sum_up(k, flow, *ret_attempt);
	emit(d, k);
	return 0;
}

void weir_denied_expire(struct weir_denied *d, uint64_t now)
{
	while (d->queue && d->queue->window_end <= now) {
		struct kind *k = d->queue;

		if (!k->packets) {
			remove_kind(d, k);
			continue;
		}
		emit(d, k);
		k->window_end = now + d->window_ns;
		DL_DELETE(d->queue, k);
		DL_APPEND(d->queue, k);
	}
}

uint64_t weir_denied_next(const struct weir_denied *d)
{
	return d->queue ? d->queue->window_end : UINT64_MAX;
}
