/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an append sends: see insert.h. Columns are made a piece at a time, so that half a
 * million rows need no more memory than a few.
 */
#include "hub/store/clickhouse/insert.h"

#include <stdlib.h>
#include <string.h>

#include "hub/store/clickhouse/columns.h"
#include "hub/store/clickhouse/server.h"
#include "weir/cleanup.h"
#include "weir/policy.h"
#include "weir/ruleset.h"

#define PIECE 256 /* items at once */

static const struct weir_record_peer no_peer;
static const struct weir_record_side no_side = { .reason = WEIR_REASON_NOT_ENDPOINT, .rule = -1 };
static const struct weir_reporter nobody;

/* --- bytes ----------------------------------------------------------------------------- */

static void put(struct weir_bytes *b, const void *from, size_t len)
{
	if (b->len + len > b->size) {
		size_t size = (b->len + len) * 2 + 4096;
		uint8_t *data = realloc(b->data, size);

		if (!data) {
			b->short_of_memory = true;
			return;
		}
		b->data = data;
		b->size = size;
	}
	memcpy(b->data + b->len, from, len);
	b->len += len;
}

static void put_varint(struct weir_bytes *b, uint64_t v)
{
	uint8_t byte;

	do {
		byte = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		put(b, &byte, 1);
		v >>= 7;
	} while (v);
}

static void put_bytes(struct weir_bytes *b, const void *bytes, size_t len)
{
	put_varint(b, len);
	put(b, bytes, len);
}

static void put_text(struct weir_bytes *b, const char *text)
{
	put_bytes(b, text ?: "", text ? strlen(text) : 0);
}

/* --- what a column is made of -------------------------------------------------------------- */

static const struct weir_mark *mark_at(const struct weir_insert *in, size_t item)
{
	return item < in->n ? NULL : &in->marks[item - in->n];
}

static uint64_t rank_of(const struct weir_mark *m)
{
	uint64_t rank = m->next;

	for (size_t i = 0; i < m->n_ranges; i++)
		rank += m->ranges[i].to - m->ranges[i].from + 1;
	return rank;
}

static uint64_t hash_text(uint64_t h, const char *s)
{
	for (; s && *s; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3ull;
	return (h ^ 0xff) * 0x100000001b3ull;
}

/* Of two rows of the same time no two have the same. */
static uint64_t place_of(const struct weir_insert *in, const struct weir_row *row)
{
	int i = row->seq[WEIR_EGRESS] ? WEIR_EGRESS : WEIR_INGRESS;
	const struct weir_reporter *o = weir_words_origin(in->words, row->origin[i]);
	uint64_t h = hash_text(0xcbf29ce484222325ull, o ? o->cluster : NULL);

	h = hash_text(hash_text(h, o ? o->node : NULL), o ? o->boot : NULL) + row->seq[i];
	h = (h ^ h >> 32) * 0xd6e8feb86659fd93ull;
	return h ^ h >> 32;
}

static const struct weir_reporter *origin_at(const struct weir_insert *in, size_t item, int i,
					     struct weir_reporter *room)
{
	const struct weir_mark *m = mark_at(in, item);

	if (m && i == WEIR_EGRESS) {
		*room = (struct weir_reporter){ m->cluster, m->node, m->boot };
		return room;
	}
	return m ? &nobody : weir_words_origin(in->words, in->rows[item].origin[i]) ?: &nobody;
}

static const struct weir_record_side *side_at(const struct weir_insert *in, size_t item, int i)
{
	const struct weir_row *row = &in->rows[item];

	if (mark_at(in, item))
		return &no_side;
	return weir_words_side(in->words, i < 2 ? row->side[i] : row->staged_side[i - 2])
		       ?: &no_side;
}

static const struct weir_record_peer *end_at(const struct weir_insert *in, size_t item, int i)
{
	const struct weir_end *end;

	end = mark_at(in, item) ? NULL : weir_words_end(in->words, in->rows[item].end[i]);
	return end ? &end->peer : &no_peer;
}

union room {
	struct weir_row row;
	struct weir_reporter origin;
	struct weir_ch_stamp stamp;
};

static const void *row_at(const struct weir_insert *in, size_t item, union room *room)
{
	const struct weir_mark *m = mark_at(in, item);

	if (!m)
		return &in->rows[item];
	room->row = (struct weir_row){ .type = WEIR_CH_MARK,
				       .staged = WEIR_VERDICT_MAX,
				       .flow = rank_of(m),
				       .seq[WEIR_EGRESS] = m->next };
	return &room->row;
}

/* What the column's offset is in. */
static const void *base_of(const struct weir_insert *in, const struct weir_ch_column *c,
			   size_t item, union room *room)
{
	switch ((enum weir_ch_of)c->of) {
	case WEIR_CH_OF_APPEND:
		room->stamp = in->stamp;
		room->stamp.place = item < in->n ? place_of(in, &in->rows[item]) : item;
		return &room->stamp;
	case WEIR_CH_OF_ROW:
		return row_at(in, item, room);
	case WEIR_CH_OF_CLUSTER:
		if (item < in->n && !in->rows[item].origin[WEIR_EGRESS])
			return origin_at(in, item, WEIR_INGRESS, &room->origin);
		return origin_at(in, item, WEIR_EGRESS, &room->origin);
	case WEIR_CH_OF_ORIGIN:
		return origin_at(in, item, c->i, &room->origin);
	case WEIR_CH_OF_END:
		return end_at(in, item, c->i);
	case WEIR_CH_OF_SIDE:
		return side_at(in, item, c->i);
	case WEIR_CH_OF_MARK:
		break;
	}
	return NULL;
}

/* --- values ---------------------------------------------------------------------------- */

static void put_value(struct weir_bytes *b, const struct weir_ch_column *c, const void *base)
{
	const uint8_t *at = (const uint8_t *)base + c->from;
	const struct weir_addr *addr;

	switch ((enum weir_ch_kind)c->kind) {
	case WEIR_CH_U8:
		put(b, at, 1);
		break;
	case WEIR_CH_U16:
	case WEIR_CH_DATE:
		put(b, at, 2);
		break;
	case WEIR_CH_I32:
		put(b, at, 4);
		break;
	case WEIR_CH_U64:
		put(b, at, 8);
		break;
	case WEIR_CH_TEXT:
		put_text(b, *(const char *const *)at);
		break;
	case WEIR_CH_ADDR:
		addr = (const struct weir_addr *)at;
		put_bytes(b, addr->bytes, weir_addr_size(addr));
		break;
	case WEIR_CH_TEXTS:
	case WEIR_CH_NUMBERS:
	case WEIR_CH_KINDS:
		break;
	}
}

static size_t count_of(const struct weir_insert *in, const struct weir_ch_column *c, size_t item,
		       const void *base)
{
	if (c->kind == WEIR_CH_NUMBERS)
		return item < in->n ? 0 : mark_at(in, item)->n_ranges;
	return *(const uint16_t *)((const uint8_t *)base + c->count);
}

static void put_items(struct weir_insert *in, const struct weir_ch_column *c, size_t item,
		      const void *base)
{
	size_t n = count_of(in, c, item, base);
	const uint8_t *texts;

	if (c->kind == WEIR_CH_NUMBERS) {
		for (size_t i = 0; i < n; i++)
			put(&in->out, (const uint8_t *)&mark_at(in, item)->ranges[i] + c->from, 8);
		return;
	}
	texts = *(const uint8_t *const *)((const uint8_t *)base + c->from);
	for (size_t i = 0; i < n; i++)
		put_text(&in->out, *(const char *const *)(texts + i * c->size + c->member));
}

/* --- the block --------------------------------------------------------------------------- */

static bool is_array(const struct weir_ch_column *c)
{
	return c->kind == WEIR_CH_TEXTS || c->kind == WEIR_CH_NUMBERS;
}

static void put_item(struct weir_insert *in, const struct weir_ch_column *c, size_t item)
{
	union room room;
	const void *base = base_of(in, c, item, &room);

	if (!is_array(c)) {
		put_value(&in->out, c, base);
	} else if (in->items) {
		put_items(in, c, item, base);
	} else {
		in->offset += count_of(in, c, item, base);
		put(&in->out, &in->offset, 8);
	}
}

static void begin_column(struct weir_insert *in, const struct weir_ch_column *c)
{
	if (!in->begun) {
		put_varint(&in->out, weir_ch_n_columns);
		put_varint(&in->out, in->n + in->n_marks);
		in->begun = true;
	}
	if (!in->items) {
		put_text(&in->out, c->name);
		put_text(&in->out, weir_ch_types[c->kind]);
		in->offset = 0;
	}
}

/* A piece more. */
static void step(struct weir_insert *in)
{
	const struct weir_ch_column *c = &weir_ch_columns[in->column];
	size_t all = in->n + in->n_marks, end = in->item + PIECE;

	if (in->item == 0)
		begin_column(in, c);
	for (; in->item < all && in->item < end; in->item++)
		put_item(in, c, in->item);
	if (in->item < all)
		return;
	in->item = 0;
	in->items = is_array(c) && !in->items;
	in->column += !in->items;
}

size_t weir_insert_feed(void *data, char *buf, size_t size)
{
	struct weir_insert *in = data;
	size_t len;

	if (in->sent == in->out.len)
		in->sent = in->out.len = 0;
	while (in->out.len < size && in->column < weir_ch_n_columns && !in->out.short_of_memory)
		step(in);
	if (in->out.short_of_memory)
		return WEIR_FEED_ABORT;
	len = in->out.len - in->sent < size ? in->out.len - in->sent : size;
	memcpy(buf, in->out.data + in->sent, len);
	in->sent += len;
	return len;
}

void weir_insert_close(struct weir_insert *in)
{
	free(in->out.data);
	in->out = (struct weir_bytes){ 0 };
}

void weir_insert_names(FILE *f)
{
	for (size_t i = 0; i < weir_ch_n_columns; i++)
		fprintf(f, "%s`%s`", i ? ", " : "", weir_ch_columns[i].name);
}
