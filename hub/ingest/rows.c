/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of a batch as rows. Its names and sides are looked up in the dictionary once
 * for a batch, not for each record.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/ingest/internal.h"
#include "weir/cleanup.h"
#include "weir/policy.h"
#include "weir/ruleset.h"

struct cached {
	uint64_t batch; /* that it is of */
	uint32_t word;
	struct weir_sender *node; /* names: where it runs */
};

struct table {
	struct cached *items;
	uint32_t n;
};

struct weir_batch_cache {
	uint64_t batch;
	struct table names, sides;
	struct weir_bytes bytes;
};

int weir_rows_open(struct weir_ingest *in)
{
	in->cache = calloc(1, sizeof(*in->cache));
	return in->cache ? 0 : -ENOMEM;
}

void weir_rows_close(struct weir_ingest *in)
{
	if (!in->cache)
		return;
	free(in->cache->names.items);
	free(in->cache->sides.items);
	free(in->cache->bytes.data);
	free(weir_take(in->cache));
}

void weir_rows_begin(struct weir_ingest *in)
{
	in->cache->batch++;
}

/* The place for ref; fresh: nothing is known of it in this batch. */
static struct cached *lookup(struct weir_batch_cache *c, struct table *t, uint32_t ref, bool *fresh)
{
	if (ref >= t->n) {
		uint32_t n = ref * 2 + 64;
		struct cached *items = realloc(t->items, n * sizeof(*items));

		if (!items)
			return NULL;
		memset(items + t->n, 0, (n - t->n) * sizeof(*items));
		t->items = items;
		t->n = n;
	}
	*fresh = t->items[ref].batch != c->batch;
	t->items[ref].batch = c->batch;
	return &t->items[ref];
}

static int add_word(struct weir_ingest *in, enum weir_word_kind kind, uint32_t *ret)
{
	struct weir_bytes *b = &in->cache->bytes;
	const struct weir_word *word;
	int r;

	if (b->short_of_memory) {
		b->short_of_memory = false;
		return -ENOMEM;
	}
	r = weir_dictionary_add(in->words, kind, b->data, b->len, ret);
	if (r < 0 || *ret <= in->unpacked.n[kind])
		return r;
	word = weir_dictionary_get(in->words, kind, *ret);
	return weir_words_set(&in->unpacked, kind, *ret, word->bytes, word->len);
}

static int end_word(struct weir_ingest *in, const struct weir_origin *o,
		    const struct weir_record_peer *peer, uint32_t *ret,
		    struct weir_sender **ret_node)
{
	bool fresh;
	struct cached *c = lookup(in->cache, &in->cache->names, peer->ref, &fresh);
	int r = 0;

	if (!c)
		return -ENOMEM;
	if (fresh) {
		in->cache->bytes.len = 0;
		weir_pack_end(&in->cache->bytes, o->cluster, peer);
		r = add_word(in, WEIR_WORD_END, &c->word);
		c->node = peer->pod && peer->node
				  ? weir_sender_get(in, o->cluster, peer->node, false)
				  : NULL;
	}
	if (r < 0)
		c->batch = 0;
	*ret = c->word;
	*ret_node = c->node;
	return r;
}

static int side_word(struct weir_ingest *in, const struct weir_record_side *side, uint32_t *ret)
{
	bool fresh;
	struct cached *c = lookup(in->cache, &in->cache->sides, side->ref, &fresh);
	int r = 0;

	if (!c)
		return -ENOMEM;
	if (fresh) {
		in->cache->bytes.len = 0;
		weir_pack_side(&in->cache->bytes, side);
		r = add_word(in, WEIR_WORD_SIDE, &c->word);
	}
	if (r < 0)
		c->batch = 0;
	*ret = c->word;
	return r;
}

int weir_rows_origin(struct weir_ingest *in, struct weir_origin *o)
{
	if (o->word)
		return 0;
	in->cache->bytes.len = 0;
	weir_pack_origin(&in->cache->bytes, o->cluster, o->name, o->boot);
	return add_word(in, WEIR_WORD_ORIGIN, &o->word);
}

/* --- rows ------------------------------------------------------------------------------ */

static void copy_numbers(const struct weir_record *r, struct weir_row *row)
{
	const struct weir_record_peer *peers[] = { &r->src, &r->dst };

	*row = (struct weir_row){ .time = r->time,
				  .start = r->start,
				  .flow = r->flow,
				  .connections = r->connections,
				  .lost = r->lost,
				  .type = r->type,
				  .verdict = r->verdict,
				  .staged = r->staged,
				  .finish = r->end,
				  .protocol = r->protocol,
				  .icmp_type = r->icmp_type,
				  .icmp_code = r->icmp_code,
				  .lost_at = r->lost_at,
				  .has_counters = r->has_counters };
	for (int i = 0; i < 2; i++) {
		row->addr[i] = peers[i]->addr;
		row->port[i] = peers[i]->port;
		row->nat[i] = peers[i]->nat_addr;
		row->nat_port[i] = peers[i]->nat_port;
		row->counters[WEIR_ROW_PACKETS + i] = r->packets[i];
		row->counters[WEIR_ROW_BYTES + i] = r->bytes[i];
		row->counted[WEIR_ROW_PACKETS + i] = r->counted_packets[i];
		row->counted[WEIR_ROW_BYTES + i] = r->counted_bytes[i];
	}
}

static int copy_sides(struct weir_ingest *in, const struct weir_record *r, struct weir_row *row)
{
	int e = side_word(in, &r->egress, &row->side[WEIR_EGRESS]);

	if (e == 0)
		e = side_word(in, &r->ingress, &row->side[WEIR_INGRESS]);
	if (e == 0 && r->staged != WEIR_VERDICT_MAX &&
	    r->staged_egress.n_policies + r->staged_ingress.n_policies) {
		e = side_word(in, &r->staged_egress, &row->staged_side[WEIR_EGRESS]);
		if (e == 0)
			e = side_word(in, &r->staged_ingress, &row->staged_side[WEIR_INGRESS]);
	}
	return e;
}

/* Which half of the connection this node knows; -1: both, or its only one. */
static int half_of(const struct weir_record *r)
{
	bool out = r->egress.reason != WEIR_REASON_NOT_ENDPOINT;
	bool in = r->ingress.reason != WEIR_REASON_NOT_ENDPOINT;

	return out == in ? -1 : out ? WEIR_EGRESS : WEIR_INGRESS;
}

/* What an egress denies never reaches the other node. */
static bool begins(const struct weir_record *r, int half)
{
	return r->type == WEIR_RECORD_OPEN ||
	       (r->type == WEIR_RECORD_DENIED && half == WEIR_INGRESS);
}

static void expect_half(struct weir_ingest *in, const struct weir_origin *o,
			const struct weir_record *r, struct weir_sender *const ends[2],
			struct weir_entry *e)
{
	int half = half_of(r);
	struct weir_sender *partner = half < 0 ? NULL : ends[half == WEIR_EGRESS ? 1 : 0];

	if (!partner || partner == o->node || !weir_sender_may_tell(partner, e->arrived))
		return;
	if (begins(r, half)) {
		e->state = WEIR_ENTRY_WAITING;
		e->half = (uint8_t)half;
		e->partner = partner;
		e->until = (uint64_t)((int64_t)r->time - o->node->ahead) +
			   in->config.join_ms * 1000000ull;
	} else if (half == WEIR_INGRESS && r->type != WEIR_RECORD_DENIED) {
		e->row.second = !weir_join_is_lonely(&in->join, &e->row);
	}
}

int weir_rows_add(struct weir_ingest *in, struct weir_origin *o, const struct weir_record *r,
		  struct weir_entry *e)
{
	struct weir_sender *ends[2] = { NULL, NULL };
	int half = half_of(r), e1;

	copy_numbers(r, &e->row);
	e->first = e->last = r->seq;
	e->state = WEIR_ENTRY_READY;
	e->row.origin[half == WEIR_INGRESS ? WEIR_INGRESS : WEIR_EGRESS] = o->word;
	e->row.seq[half == WEIR_INGRESS ? WEIR_INGRESS : WEIR_EGRESS] = r->seq;
	if (r->type == WEIR_RECORD_GAP)
		return 0;
	if (half < 0)
		e->row.origin[WEIR_INGRESS] = o->word;
	e1 = end_word(in, o, &r->src, &e->row.end[0], &ends[0]);
	if (e1 == 0)
		e1 = end_word(in, o, &r->dst, &e->row.end[1], &ends[1]);
	if (e1 == 0)
		e1 = copy_sides(in, r, &e->row);
	if (e1 == 0)
		expect_half(in, o, r, ends, e);
	return e1;
}
