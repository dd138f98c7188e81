/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacked words by number, and a row as a flow with their names. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/rows/pack.h"
#include "weir/cleanup.h"
#include "weir/ruleset.h"

/* The place of a number in blocks of items; made when it is not there. NULL: no memory. */
static void *place(void **blocks, size_t size, uint32_t number)
{
	void **block = &blocks[number / WEIR_WORDS_BLOCK];

	if (!*block)
		*block = calloc(WEIR_WORDS_BLOCK, size);
	return *block ? (char *)*block + number % WEIR_WORDS_BLOCK * size : NULL;
}

int weir_words_set(struct weir_words *w, enum weir_word_kind kind, uint32_t number,
		   const uint8_t *bytes, size_t len)
{
	struct weir_record_side *side;
	struct weir_reporter *origin;
	struct weir_end *end;
	int r = -ENOMEM;

	if (!number || number >= WEIR_DICTIONARY_MAX)
		return -EBADMSG;
	switch (kind) {
	case WEIR_WORD_END:
		end = place((void **)w->ends, sizeof(*end), number);
		r = end ? weir_unpack_end(bytes, len, end) : r;
		break;
	case WEIR_WORD_SIDE:
		side = place((void **)w->sides, sizeof(*side), number);
		r = side ? weir_unpack_side(bytes, len, side) : r;
		break;
	case WEIR_WORD_ORIGIN:
		origin = place((void **)w->origins, sizeof(*origin), number);
		r = origin ? weir_unpack_origin(bytes, len, origin) : r;
		break;
	case WEIR_WORD_KINDS:
		return -EINVAL;
	}
	if (r == 0 && number > w->n[kind])
		w->n[kind] = number;
	return r;
}

const struct weir_end *weir_words_end(const struct weir_words *w, uint32_t number)
{
	const struct weir_end *block = w->ends[number / WEIR_WORDS_BLOCK % WEIR_WORDS_BLOCKS];

	return number && number <= w->n[WEIR_WORD_END] && block ? &block[number % WEIR_WORDS_BLOCK]
								: NULL;
}

const struct weir_record_side *weir_words_side(const struct weir_words *w, uint32_t number)
{
	const struct weir_record_side *block =
		w->sides[number / WEIR_WORDS_BLOCK % WEIR_WORDS_BLOCKS];

	return number && number <= w->n[WEIR_WORD_SIDE] && block ? &block[number % WEIR_WORDS_BLOCK]
								 : NULL;
}

const struct weir_reporter *weir_words_origin(const struct weir_words *w, uint32_t number)
{
	const struct weir_reporter *block =
		w->origins[number / WEIR_WORDS_BLOCK % WEIR_WORDS_BLOCKS];

	return number && number <= w->n[WEIR_WORD_ORIGIN] && block
		       ? &block[number % WEIR_WORDS_BLOCK]
		       : NULL;
}

void weir_words_clear(struct weir_words *w)
{
	for (uint32_t b = 0; b < WEIR_WORDS_BLOCKS; b++) {
		for (uint32_t i = 0; w->ends[b] && i < WEIR_WORDS_BLOCK; i++)
			weir_end_clear(&w->ends[b][i]);
		for (uint32_t i = 0; w->sides[b] && i < WEIR_WORDS_BLOCK; i++)
			weir_side_clear(&w->sides[b][i]);
		free(w->ends[b]);
		free(w->sides[b]);
		free(w->origins[b]);
	}
	memset(w, 0, sizeof(*w));
}

/* --- a row as a flow ------------------------------------------------------------- */

static const struct weir_record_side nobody = { .reason = WEIR_REASON_NOT_ENDPOINT, .rule = -1 };

static void fill_peer(const struct weir_row *row, const struct weir_words *w, int i,
		      struct weir_record_peer *ret)
{
	const struct weir_end *end = weir_words_end(w, row->end[i]);

	*ret = end ? end->peer : (struct weir_record_peer){ 0 };
	ret->addr = row->addr[i];
	ret->port = row->port[i];
	ret->nat_addr = row->nat[i];
	ret->nat_port = row->nat_port[i];
}

static struct weir_record_side side_of(const struct weir_words *w, uint32_t number)
{
	const struct weir_record_side *side = weir_words_side(w, number);

	return side ? *side : nobody;
}

static void fill_reporters(const struct weir_row *row, const struct weir_words *w,
			   struct weir_hub_flow *f)
{
	for (int i = 0; i < 2; i++) {
		const struct weir_reporter *o = weir_words_origin(w, row->origin[i]);

		if (!o)
			continue;
		f->nodes[i] = o->node;
		f->cluster = o->cluster;
	}
}

void weir_row_to_flow(const struct weir_row *row, const struct weir_words *w,
		      struct weir_hub_flow *f)
{
	struct weir_record *r = &f->record;

	*f = (struct weir_hub_flow){ .second = row->second };
	fill_reporters(row, w, f);
	r->seq = row->seq[WEIR_EGRESS] ?: row->seq[WEIR_INGRESS];
	r->time = row->time;
	r->start = row->start;
	r->flow = row->flow;
	r->type = row->type;
	r->verdict = row->verdict;
	r->staged = row->staged;
	r->end = row->finish;
	r->protocol = row->protocol;
	r->icmp_type = row->icmp_type;
	r->icmp_code = row->icmp_code;
	r->lost_at = row->lost_at;
	r->lost = row->lost;
	r->connections = row->connections;
	r->has_counters = row->has_counters;
	fill_peer(row, w, 0, &r->src);
	fill_peer(row, w, 1, &r->dst);
	r->egress = side_of(w, row->side[WEIR_EGRESS]);
	r->ingress = side_of(w, row->side[WEIR_INGRESS]);
	r->staged_egress = side_of(w, row->staged_side[WEIR_EGRESS]);
	r->staged_ingress = side_of(w, row->staged_side[WEIR_INGRESS]);
	for (int i = 0; i < 2; i++) {
		r->packets[i] = row->counters[WEIR_ROW_PACKETS + i];
		r->bytes[i] = row->counters[WEIR_ROW_BYTES + i];
		r->counted_packets[i] = row->counted[WEIR_ROW_PACKETS + i];
		r->counted_bytes[i] = row->counted[WEIR_ROW_BYTES + i];
	}
}
