/* SPDX-License-Identifier: Apache-2.0 */
/* An answer back into flows, by the list of columns; see decode.h. */
#include "hub/store/clickhouse/decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

static const uint8_t *take(struct weir_decoder *d, size_t len)
{
	static const uint8_t nothing[8];
	uint8_t *p = d->p;

	if (d->broken || (size_t)(d->end - d->p) < len) {
		d->broken = true;
		return nothing;
	}
	d->p += len;
	return p;
}

static uint64_t take_varint(struct weir_decoder *d)
{
	uint64_t v = 0;
	uint8_t byte = 0x80;

	for (unsigned shift = 0; byte & 0x80 && shift < 64 && !d->broken; shift += 7) {
		byte = *take(d, 1);
		v |= (uint64_t)(byte & 0x7f) << shift;
	}
	return v;
}

/* Moves it onto the last byte of its length: there is room for the NUL then. */
static const char *take_text(struct weir_decoder *d)
{
	uint64_t len = take_varint(d);
	char *text = (char *)d->p - 1;

	if (len > (uint64_t)(d->end - d->p))
		d->broken = true;
	if (d->broken)
		return "";
	memmove(text, d->p, len);
	text[len] = 0;
	d->p += len;
	return text;
}

static void take_addr(struct weir_decoder *d, struct weir_addr *ret)
{
	uint64_t len = take_varint(d);

	d->broken |= len != 0 && len != 4 && len != 16;
	if (d->broken)
		return;
	ret->family = len == 4 ? AF_INET : len == 16 ? AF_INET6 : 0;
	memcpy(ret->bytes, take(d, len), d->broken ? 0 : len);
}

/* The items of a flow's array; the first of its columns makes it. NULL: broken. */
static uint8_t *array_for(struct weir_decoder *d, const struct weir_ch_column *c, uint8_t *to,
			  uint64_t n)
{
	uint16_t *count = (uint16_t *)(to + c->to_count);
	void *items = d->arrays[c->array].items;

	/* each has a byte at least */
	if (n > UINT16_MAX || n > (uint64_t)(d->end - d->p) || (*count && *count != n))
		return NULL;
	if (n * c->size > d->arrays[c->array].size) {
		items = realloc(items, n * c->size);
		if (!items)
			return NULL;
		d->arrays[c->array].items = items;
		d->arrays[c->array].size = n * c->size;
	}
	*count = (uint16_t)n;
	memcpy(to + c->to, &items, sizeof(items));
	return items;
}

static const char *text_or_null(const struct weir_ch_column *c, const char *text)
{
	return *text || c->plain ? text : NULL;
}

static void take_texts(struct weir_decoder *d, const struct weir_ch_column *c, uint8_t *to)
{
	uint64_t n = take_varint(d);
	uint8_t *items = n ? array_for(d, c, to, n) : NULL;
	const char *text;

	if (n && !items)
		d->broken = true;
	for (uint64_t i = 0; !d->broken && i < n; i++) {
		text = text_or_null(c, take_text(d));
		memcpy(items + i * c->size + c->member, &text, sizeof(text));
	}
}

static void take_number(struct weir_decoder *d, const struct weir_ch_column *c, uint8_t *to,
			size_t size)
{
	const uint8_t *bytes = take(d, size);
	uint64_t before = 0;

	memcpy(&before, to + c->to, size);
	if (!c->second || !before)
		memcpy(to + c->to, bytes, size);
}

static void take_column(struct weir_decoder *d, const struct weir_ch_column *c, uint8_t *to)
{
	const char *text;

	switch ((enum weir_ch_kind)c->kind) {
	case WEIR_CH_U8:
		take_number(d, c, to, 1);
		break;
	case WEIR_CH_U16:
	case WEIR_CH_DATE:
		take_number(d, c, to, 2);
		break;
	case WEIR_CH_I32:
		take_number(d, c, to, 4);
		break;
	case WEIR_CH_U64:
		take_number(d, c, to, 8);
		break;
	case WEIR_CH_TEXT:
		text = text_or_null(c, take_text(d));
		memcpy(to + c->to, &text, sizeof(text));
		break;
	case WEIR_CH_ADDR:
		take_addr(d, (struct weir_addr *)(to + c->to));
		break;
	case WEIR_CH_TEXTS:
		take_texts(d, c, to);
		break;
	case WEIR_CH_NUMBERS:
	case WEIR_CH_KINDS:
		break;
	}
}

uint64_t weir_decoder_number(struct weir_decoder *d)
{
	uint64_t v;

	memcpy(&v, take(d, sizeof(v)), sizeof(v));
	return v;
}

int weir_decoder_next(struct weir_decoder *d, struct weir_hub_flow *ret)
{
	struct weir_hub_flow f = { 0 };

	if (d->p == d->end && !d->broken)
		return 0;
	for (size_t i = 0; !d->broken && i < weir_ch_n_columns; i++)
		if (weir_ch_columns[i].to != WEIR_CH_NOWHERE)
			take_column(d, &weir_ch_columns[i], (uint8_t *)&f);
	if (d->broken)
		return -EBADMSG;
	*ret = f;
	return 1;
}

void weir_decoder_close(struct weir_decoder *d)
{
	for (int i = 0; i < WEIR_CH_ARRAYS; i++)
		free(d->arrays[i].items);
	*d = (struct weir_decoder){ 0 };
}

void weir_decoder_names(FILE *f)
{
	bool first = true;

	for (size_t i = 0; i < weir_ch_n_columns; i++) {
		if (weir_ch_columns[i].to == WEIR_CH_NOWHERE)
			continue;
		fprintf(f, "%s`%s`", first ? "" : ", ", weir_ch_columns[i].name);
		first = false;
	}
}
