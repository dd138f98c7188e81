/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table of followed connections. Entries lie in chunks, so that growing moves
 * nothing; an entry is named by its number, 4 bytes instead of 8. Called by
 * follow.c. Conntrack's ids are keyed hashes of the kernel: pods cannot aim at
 * a bucket, so the id is hash enough.
 */
#include "daemon/flow/tracker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

#define CHUNK	      1024u
#define FIRST_BUCKETS 1024u

struct weir_tracker {
	uint32_t max, count, used; /* used: entries ever taken, numbers 1..used */
	uint32_t free;		   /* list of entries given back */
	uint32_t n_chunks, n_buckets;
	struct weir_track **chunks;
	uint32_t *buckets;
};

/* 0 is no entry, so that zeroed memory means none. */
static struct weir_track *entry(const struct weir_tracker *t, uint32_t number)
{
	return number ? &t->chunks[(number - 1) / CHUNK][(number - 1) % CHUNK] : NULL;
}

static uint32_t *bucket(const struct weir_tracker *t, uint32_t id)
{
	return &t->buckets[id & (t->n_buckets - 1)];
}

int weir_tracker_new(uint32_t max, struct weir_tracker **ret)
{
	WEIR_CLEANUP(weir_tracker_free) struct weir_tracker *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->max = max;
	t->n_buckets = FIRST_BUCKETS;
	t->buckets = calloc(t->n_buckets, sizeof(*t->buckets));
	t->chunks = calloc(max / CHUNK + 1, sizeof(*t->chunks));
	if (!t->buckets || !t->chunks)
		return -ENOMEM;
	*ret = weir_take(t);
	return 0;
}

void weir_tracker_free(struct weir_tracker **t)
{
	struct weir_tracker *old = weir_take(*t);

	if (!old)
		return;
	for (uint32_t i = 0; i < old->n_chunks; i++)
		free(old->chunks[i]);
	free(old->chunks);
	free(old->buckets);
	free(old);
}

uint32_t weir_tracker_count(const struct weir_tracker *t)
{
	return t->count;
}

size_t weir_tracker_bytes(const struct weir_tracker *t)
{
	return sizeof(*t) + t->n_buckets * sizeof(*t->buckets) +
	       (size_t)t->n_chunks * CHUNK * sizeof(struct weir_track);
}

/* Twice the buckets; when memory is short the chains just get longer. */
static void grow_buckets(struct weir_tracker *t)
{
	uint32_t n = t->n_buckets * 2, *old = t->buckets;
	uint32_t *fresh = calloc(n, sizeof(*fresh));

	if (!fresh)
		return;
	t->buckets = fresh;
	t->n_buckets = n;
	for (uint32_t i = 0; i < n / 2; i++) {
		for (uint32_t number = old[i], next; number; number = next) {
			struct weir_track *track = entry(t, number);
			uint32_t *head = bucket(t, track->id);

			next = track->next;
			track->next = *head;
			*head = number;
		}
	}
	free(old);
}

static int take_entry(struct weir_tracker *t, uint32_t *ret)
{
	if (t->free) {
		*ret = t->free;
		t->free = entry(t, t->free)->next;
		return 0;
	}
	if (t->used == t->n_chunks * CHUNK) {
		struct weir_track *chunk = malloc(CHUNK * sizeof(*chunk));

		if (!chunk)
			return -ENOMEM;
		t->chunks[t->n_chunks++] = chunk;
	}
	*ret = ++t->used;
	return 0;
}

static void store_tuples(struct weir_track *track, const struct weir_flow *flow)
{
	memcpy(track->addrs[0], flow->original.src.bytes, 16);
	memcpy(track->addrs[1], flow->original.dst.bytes, 16);
	memcpy(track->addrs[2], flow->reply.src.bytes, 16);
	memcpy(track->addrs[3], flow->reply.dst.bytes, 16);
	track->ports[0] = flow->original.sport;
	track->ports[1] = flow->original.dport;
	track->ports[2] = flow->reply.sport;
	track->ports[3] = flow->reply.dport;
	track->family = flow->original.src.family;
	track->protocol = flow->original.protocol;
}

int weir_tracker_add(struct weir_tracker *t, const struct weir_flow *flow,
		     const struct weir_annotation *annotation, struct weir_track **ret)
{
	struct weir_track *track;
	uint32_t number, *head;

	if (t->count >= t->max)
		return -ENOSPC;
	if (take_entry(t, &number) < 0)
		return -ENOMEM;
	if (t->count >= t->n_buckets)
		grow_buckets(t);
	track = entry(t, number);
	head = bucket(t, flow->id);
	*track = (struct weir_track){
		.next = *head,
		.id = flow->id,
		.flow = weir_flow_number(flow->id, &flow->original, flow->start),
		.start = flow->start,
		.annotation = *annotation,
	};
	store_tuples(track, flow);
	*head = number;
	t->count++;
	*ret = track;
	return 0;
}

static bool same_tuple(const struct weir_track *track, const struct weir_tuple *o)
{
	return track->protocol == o->protocol && track->family == o->src.family &&
	       track->ports[0] == o->sport && track->ports[1] == o->dport &&
	       memcmp(track->addrs[0], o->src.bytes, 16) == 0 &&
	       memcmp(track->addrs[1], o->dst.bytes, 16) == 0;
}

struct weir_track *weir_tracker_find(const struct weir_tracker *t, const struct weir_flow *flow,
				     bool oldest)
{
	struct weir_track *found = NULL;

	for (struct weir_track *i = entry(t, *bucket(t, flow->id)); i; i = entry(t, i->next)) {
		if (i->id != flow->id || !same_tuple(i, &flow->original))
			continue;
		if (i->superseded == oldest)
			return i;
		found = oldest && !found ? i : found;
	}
	return found;
}

void weir_tracker_remove(struct weir_tracker *t, struct weir_track *track)
{
	uint32_t *link = bucket(t, track->id), number;

	while (entry(t, *link) != track)
		link = &entry(t, *link)->next;
	number = *link;
	*link = track->next;
	track->next = t->free;
	track->family = 0; /* a free entry, for weir_tracker_each */
	t->free = number;
	t->count--;
}

void weir_tracker_each(struct weir_tracker *t, void (*fn)(void *data, struct weir_track *track),
		       void *data)
{
	for (uint32_t number = 1; number <= t->used; number++) {
		struct weir_track *track = entry(t, number);

		if (track->family)
			fn(data, track);
	}
}

void weir_tracker_walk(struct weir_tracker *t, uint32_t *place, uint32_t n,
		       void (*fn)(void *data, struct weir_track *track), void *data)
{
	uint32_t left = t->used > *place ? t->used - *place : 0, end;

	end = *place + (n < left ? n : left);
	for (uint32_t number = *place + 1; number <= end; number++) {
		struct weir_track *track = entry(t, number);

		if (track->family)
			fn(data, track);
	}
	*place = n < left ? end : 0;
}

static struct weir_tuple tuple(const struct weir_track *track, unsigned from)
{
	struct weir_tuple t = { .sport = track->ports[from],
				.dport = track->ports[from + 1],
				.protocol = track->protocol };

	t.src.family = t.dst.family = track->family;
	memcpy(t.src.bytes, track->addrs[from], 16);
	memcpy(t.dst.bytes, track->addrs[from + 1], 16);
	return t;
}

struct weir_tuple weir_track_original(const struct weir_track *track)
{
	return tuple(track, 0);
}

struct weir_tuple weir_track_reply(const struct weir_track *track)
{
	return tuple(track, 2);
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9E3779B97F4A7C15u;
	return h ^ (h >> 32);
}

static uint64_t mix_addr(uint64_t h, const struct weir_addr *a)
{
	uint64_t words[2];

	memcpy(words, a->bytes, sizeof(words));
	return mix(mix(h, words[0]), words[1]);
}

/*
 * The start is rounded to about a second: the time stamp of a NEW event and the
 * start in a dump, which the next process sees, lie microseconds apart.
 */
uint64_t weir_flow_number(uint32_t id, const struct weir_tuple *original, uint64_t start)
{
	uint64_t h = mix(id, start >> 30);

	h = mix_addr(mix_addr(h, &original->src), &original->dst);
	return mix(h, (uint64_t)original->sport << 32 | (uint64_t)original->dport << 16 |
			      original->protocol);
}
