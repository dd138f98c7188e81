/* SPDX-License-Identifier: Apache-2.0 */
/* The streams of answers.c: few at a time, because resolvers answer by TCP only what is
 * too long for UDP. The one that was quiet for longest makes room. Pure. */
#include "backends/flow/stream.h"

#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

enum { FIN = 1, SYN = 2, RST = 4 };

static void drop(struct weir_stream *s)
{
	free(s->bytes);
	*s = (struct weir_stream){ 0 };
}

void weir_streams_clear(struct weir_streams *s)
{
	for (size_t i = 0; i < WEIR_STREAMS_MAX; i++)
		drop(&s->items[i]);
}

static bool same(const struct weir_tuple *a, const struct weir_tuple *b)
{
	return a->protocol == b->protocol && a->sport == b->sport && a->dport == b->dport &&
	       weir_addr_compare(&a->src, &b->src) == 0 && weir_addr_compare(&a->dst, &b->dst) == 0;
}

static struct weir_stream *find(struct weir_streams *s, const struct weir_tuple *tuple)
{
	for (size_t i = 0; i < WEIR_STREAMS_MAX; i++)
		if (same(&s->items[i].tuple, tuple))
			return &s->items[i];
	return NULL;
}

static struct weir_stream *oldest(struct weir_streams *s)
{
	struct weir_stream *ret = &s->items[0];

	for (size_t i = 1; i < WEIR_STREAMS_MAX; i++)
		if (s->items[i].used < ret->used)
			ret = &s->items[i];
	return ret;
}

static void begin(struct weir_streams *s, struct weir_stream *st, const struct weir_payload *syn)
{
	if (!st)
		st = oldest(s);
	drop(st);
	st->tuple = syn->tuple;
	st->next = syn->tcp_seq + 1;
	st->used = ++s->clock;
}

/* Not more than one message and one segment: whole messages are taken out. */
static bool append(struct weir_stream *st, const struct weir_payload *segment)
{
	uint8_t *bytes = realloc(st->bytes, st->len + segment->len);

	if (!bytes)
		return false;
	memcpy(bytes + st->len, segment->data, segment->len);
	st->bytes = bytes;
	st->len += segment->len;
	st->next += (uint32_t)segment->len;
	return true;
}

static void take_messages(struct weir_stream *st,
			  void (*fn)(void *data, const struct weir_tuple *tuple,
				     const uint8_t *message, size_t len),
			  void *data)
{
	size_t at = 0;

	while (st->len - at >= 2) {
		size_t len = (size_t)(st->bytes[at] << 8 | st->bytes[at + 1]);

		if (st->len - at - 2 < len)
			break;
		fn(data, &st->tuple, st->bytes + at + 2, len);
		at += 2 + len;
	}
	st->len -= at;
	if (st->len)
		memmove(st->bytes, st->bytes + at, st->len);
	else
		free(weir_take(st->bytes));
}

void weir_streams_feed(struct weir_streams *s, const struct weir_payload *segment,
		       void (*fn)(void *data, const struct weir_tuple *tuple,
				  const uint8_t *message, size_t len),
		       void *data)
{
	struct weir_stream *st = find(s, &segment->tuple);

	if (segment->tcp_flags & SYN) {
		begin(s, st, segment);
		return;
	}
	if (!st)
		return;
	st->used = ++s->clock;
	if (segment->len && (int32_t)(segment->tcp_seq + (uint32_t)segment->len - st->next) > 0) {
		if (segment->tcp_seq != st->next || !append(st, segment)) {
			drop(st);
			return;
		}
		take_messages(st, fn, data);
	}
	if (segment->tcp_flags & (FIN | RST))
		drop(st);
}
