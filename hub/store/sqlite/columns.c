/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The encoding of columns. Called by block.c; knows no file.
 *
 * A column: how (1 byte), width (1), base (8, little endian), then n numbers of that
 * width, all their lowest bytes first, then the next: alike bytes compress well.
 * Columns of addresses: how many (4), the addresses (17 bytes each), then a
 * column of indexes.
 */
#include "hub/store/sqlite/columns.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "weir/cleanup.h"

#define HEAD	   10u
#define ADDR_BYTES 17u
#define LEVEL	   1
#define SMALL	   64u /* bytes that are not worth compressing */

enum how { PLAIN, STEPS, HOW_MAX, COMPRESSED = 0x80 };

struct weir_codec {
	ZSTD_CCtx *pack;
	ZSTD_DCtx *unpack;
	uint64_t *values;
	uint8_t *bytes;	 /* of one column, not compressed */
	uint32_t *slots; /* addresses of a block by hash */
};

#define SLOTS (WEIR_BLOCK_ROWS * 2)

int weir_codec_new(struct weir_codec **ret)
{
	WEIR_CLEANUP(weir_codec_free) struct weir_codec *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->pack = ZSTD_createCCtx();
	c->unpack = ZSTD_createDCtx();
	c->values = malloc(WEIR_BLOCK_ROWS * sizeof(*c->values));
	c->bytes = malloc(WEIR_BLOCK_ROWS * sizeof(*c->values));
	c->slots = malloc(SLOTS * sizeof(*c->slots));
	if (!c->pack || !c->unpack || !c->values || !c->bytes || !c->slots)
		return -ENOMEM;
	ZSTD_CCtx_setParameter(c->pack, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setParameter(c->pack, ZSTD_c_checksumFlag, 1);
	*ret = weir_take(c);
	return 0;
}

void weir_codec_free(struct weir_codec **codec)
{
	struct weir_codec *c = weir_take(*codec);

	if (!c)
		return;
	ZSTD_freeCCtx(c->pack);
	ZSTD_freeDCtx(c->unpack);
	free(c->values);
	free(c->bytes);
	free(c->slots);
	free(c);
}

/* --- fields of a row as numbers --------------------------------------------------- */

static uint64_t kind_of(const struct weir_row *r)
{
	return r->type | r->verdict << 4 | r->staged << 6 | r->finish << 8 |
	       (unsigned)r->has_counters << 12 | (unsigned)r->second << 13;
}

static void set_kind(struct weir_row *r, uint64_t v)
{
	r->type = v & 15;
	r->verdict = v >> 4 & 3;
	r->staged = v >> 6 & 3;
	r->finish = v >> 8 & 15;
	r->has_counters = v >> 12 & 1;
	r->second = v >> 13 & 1;
}

/* Fields that are numbers of their own: where, and how wide. */
#define FIELD(member, n_)                                                                          \
	{                                                                                          \
		.offset = offsetof(struct weir_row, member),                                       \
		.size = sizeof(((struct weir_row *)0)->member) / (n_), .n = (n_)                   \
	}
struct field {
	uint16_t offset;
	uint8_t size, n;
};

static const struct field fields[WEIR_COL_MAX] = {
	[WEIR_COL_TIME] = FIELD(time, 1),
	[WEIR_COL_FLOW] = FIELD(flow, 1),
	[WEIR_COL_CONNECTIONS] = FIELD(connections, 1),
	[WEIR_COL_LOST] = FIELD(lost, 1),
	[WEIR_COL_COUNTERS] = FIELD(counters, WEIR_ROW_COUNTERS),
	[WEIR_COL_COUNTED] = FIELD(counted, WEIR_ROW_COUNTERS),
	[WEIR_COL_SEQ] = FIELD(seq, 2),
	[WEIR_COL_ORIGIN] = FIELD(origin, 2),
	[WEIR_COL_END] = FIELD(end, 2),
	[WEIR_COL_SIDE] = FIELD(side, 2),
	[WEIR_COL_STAGED_SIDE] = FIELD(staged_side, 2),
	[WEIR_COL_PORT] = FIELD(port, 2),
	[WEIR_COL_NAT_PORT] = FIELD(nat_port, 2),
	[WEIR_COL_PROTOCOL] = FIELD(protocol, 1),
	[WEIR_COL_LOST_AT] = FIELD(lost_at, 1),
};

/* Where the column's field lies; size 0: it is made of several. */
static struct field field_of(enum weir_column column)
{
	int first = column;
	struct field f;

	while (first > 0 && !fields[first].n)
		first--;
	f = fields[first];
	if (column - first >= f.n)
		return (struct field){ 0 };
	f.offset = (uint16_t)(f.offset + (column - first) * f.size);
	return f;
}

static void read_field(const struct weir_row *rows, uint32_t n, struct field f, uint64_t *ret)
{
	const char *p = (const char *)rows + f.offset;

	for (uint32_t i = 0; i < n; i++, p += sizeof(*rows)) {
		switch (f.size) {
		case 1:
			ret[i] = *(const uint8_t *)p;
			break;
		case 2:
			ret[i] = *(const uint16_t *)p;
			break;
		case 4:
			ret[i] = *(const uint32_t *)p;
			break;
		default:
			ret[i] = *(const uint64_t *)p;
		}
	}
}

/* Row k gets the value of place pick[k]. */
static void write_field(struct weir_row *rows, uint32_t n, struct field f, const uint64_t *values,
			const uint32_t *pick)
{
	char *p = (char *)rows + f.offset;

	for (uint32_t k = 0; k < n; k++, p += sizeof(*rows)) {
		switch (f.size) {
		case 1:
			*(uint8_t *)p = (uint8_t)values[pick[k]];
			break;
		case 2:
			*(uint16_t *)p = (uint16_t)values[pick[k]];
			break;
		case 4:
			*(uint32_t *)p = (uint32_t)values[pick[k]];
			break;
		default:
			*(uint64_t *)p = values[pick[k]];
		}
	}
}

static void read_values(enum weir_column c, const struct weir_row *rows, uint32_t n, uint64_t *ret)
{
	struct field f = field_of(c);

	if (f.size) {
		read_field(rows, n, f, ret);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct weir_row *r = &rows[i];

		if (c == WEIR_COL_AGE)
			ret[i] = r->start ? r->time - r->start + 1 : 0;
		else if (c == WEIR_COL_KIND)
			ret[i] = kind_of(r);
		else
			ret[i] = (uint64_t)(r->icmp_type << 8 | r->icmp_code);
	}
}

static void write_values(enum weir_column c, struct weir_row *rows, uint32_t n, const uint64_t *all,
			 const uint32_t *pick)
{
	struct field f = field_of(c);

	if (f.size) {
		write_field(rows, n, f, all, pick);
		return;
	}
	for (uint32_t k = 0; k < n; k++) {
		struct weir_row *r = &rows[k];
		uint64_t v = all[pick[k]];

		if (c == WEIR_COL_AGE) {
			r->start = v ? r->time - v + 1 : 0;
		} else if (c == WEIR_COL_KIND) {
			set_kind(r, v);
		} else {
			r->icmp_type = (uint8_t)(v >> 8);
			r->icmp_code = (uint8_t)v;
		}
	}
}

/* --- numbers as bytes ------------------------------------------------------------- */

static enum how how_of(enum weir_column c)
{
	return c == WEIR_COL_TIME || c == WEIR_COL_FLOW || c == WEIR_COL_SEQ ||
			       c == WEIR_COL_SEQ + 1
		       ? STEPS
		       : PLAIN;
}

static uint64_t zigzag(uint64_t step)
{
	return step << 1 ^ (uint64_t)((int64_t)step >> 63);
}

static uint64_t unzigzag(uint64_t v)
{
	return v >> 1 ^ (0 - (v & 1));
}

static uint64_t to_steps(uint64_t *v, uint32_t n)
{
	uint64_t first = v[0], last = first;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t step = v[i] - last;

		last = v[i];
		v[i] = zigzag(step);
	}
	return first;
}

static uint64_t to_offsets(uint64_t *v, uint32_t n)
{
	uint64_t low = v[0];

	for (uint32_t i = 1; i < n; i++)
		low = v[i] < low ? v[i] : low;
	for (uint32_t i = 0; i < n; i++)
		v[i] -= low;
	return low;
}

static uint8_t width_of(const uint64_t *v, uint32_t n)
{
	uint64_t all = 0;
	uint8_t width = 0;

	for (uint32_t i = 0; i < n; i++)
		all |= v[i];
	for (; all; all >>= 8)
		width++;
	return width;
}

static void split(const uint64_t *v, uint32_t n, uint8_t width, uint8_t *ret)
{
	for (uint8_t b = 0; b < width; b++)
		for (uint32_t i = 0; i < n; i++)
			*ret++ = (uint8_t)(v[i] >> 8 * b);
}

static void join(const uint8_t *bytes, uint32_t n, uint8_t width, uint64_t *ret)
{
	for (uint32_t i = 0; i < n; i++)
		ret[i] = width ? bytes[i] : 0;
	for (uint8_t b = 1; b < width; b++)
		for (uint32_t i = 0; i < n; i++)
			ret[i] |= (uint64_t)bytes[(size_t)b * n + i] << 8 * b;
}

static uint8_t *room(struct weir_bytes *b, size_t len)
{
	uint8_t *data;

	if (b->len + len > b->size) {
		data = realloc(b->data, (b->len + len) * 2);
		if (!data)
			return NULL;
		b->data = data;
		b->size = (b->len + len) * 2;
	}
	return b->data + b->len;
}

/* The codec's values, which are used up. */
static int put_values(struct weir_codec *c, enum how how, uint32_t n, struct weir_bytes *ret)
{
	uint64_t base = how == STEPS ? to_steps(c->values, n) : to_offsets(c->values, n), le;
	uint8_t width = width_of(c->values, n);
	size_t len = (size_t)width * n, bound = ZSTD_compressBound(len), got = 0;
	uint8_t *to = room(ret, HEAD + bound);

	if (!to)
		return -ENOMEM;
	split(c->values, n, width, c->bytes);
	if (len > SMALL)
		got = ZSTD_compress2(c->pack, to + HEAD, bound, c->bytes, len);
	if (len > SMALL && ZSTD_isError(got))
		return -EIO;
	if (got && got < len) {
		how |= COMPRESSED;
		len = got;
	} else {
		memcpy(to + HEAD, c->bytes, len);
	}
	le = htole64(base);
	to[0] = (uint8_t)how;
	to[1] = width;
	memcpy(to + 2, &le, sizeof(le));
	ret->len += HEAD + len;
	return 0;
}

static int take_values(struct weir_codec *c, const uint8_t *data, size_t len, uint32_t n)
{
	const uint8_t *bytes = data + HEAD;
	uint64_t base, last;
	uint8_t how, width;
	size_t want;

	if (len < HEAD)
		return -EBADMSG;
	how = data[0];
	width = data[1];
	want = (size_t)width * n;
	if ((how & ~COMPRESSED) >= HOW_MAX || width > 8)
		return -EBADMSG;
	if (how & COMPRESSED) {
		if (ZSTD_decompressDCtx(c->unpack, c->bytes, want, bytes, len - HEAD) != want)
			return -EBADMSG;
		bytes = c->bytes;
	} else if (len - HEAD != want) {
		return -EBADMSG;
	}
	memcpy(&base, data + 2, sizeof(base));
	base = last = le64toh(base);
	join(bytes, n, width, c->values);
	if ((how & ~COMPRESSED) == STEPS)
		for (uint32_t i = 0; i < n; i++)
			last = c->values[i] = last + unzigzag(c->values[i]);
	else
		for (uint32_t i = 0; i < n; i++)
			c->values[i] += base;
	return 0;
}

/* --- addresses -------------------------------------------------------------------- */

static const struct weir_addr *addr_of(enum weir_column c, const struct weir_row *r)
{
	return c < WEIR_COL_NAT ? &r->addr[c - WEIR_COL_ADDR] : &r->nat[c - WEIR_COL_NAT];
}

static uint32_t addr_hash(const struct weir_addr *a)
{
	uint64_t x, y;

	memcpy(&x, a->bytes, 8);
	memcpy(&y, a->bytes + 8, 8);
	x = (x ^ y * 0x9e3779b97f4a7c15ull ^ a->family) * 0xff51afd7ed558ccdull;
	return (uint32_t)(x >> 32);
}

/* Different addresses, in the order in which they come; the codec's values are each row's. */
static int put_addrs(struct weir_codec *c, enum weir_column column, const struct weir_row *rows,
		     uint32_t n, struct weir_bytes *ret)
{
	uint32_t known = 0, at, le;
	uint8_t *to = room(ret, 4 + (size_t)n * ADDR_BYTES);

	if (!to)
		return -ENOMEM;
	memset(c->slots, 0, SLOTS * sizeof(*c->slots));
	to += 4;
	for (uint32_t i = 0; i < n; i++) {
		const struct weir_addr *a = addr_of(column, &rows[i]);

		for (at = addr_hash(a) & (SLOTS - 1); c->slots[at]; at = (at + 1) & (SLOTS - 1))
			if (memcmp(to + (c->slots[at] - 1) * ADDR_BYTES, a, ADDR_BYTES) == 0)
				break;
		if (!c->slots[at]) {
			memcpy(to + known * ADDR_BYTES, a, ADDR_BYTES);
			c->slots[at] = ++known;
		}
		c->values[i] = c->slots[at] - 1;
	}
	le = htole32(known);
	memcpy(to - 4, &le, 4);
	ret->len += 4 + known * ADDR_BYTES;
	return put_values(c, PLAIN, n, ret);
}

static int take_addrs(struct weir_codec *c, enum weir_column column, const uint8_t *data,
		      size_t len, uint32_t n, struct weir_row *rows, const uint32_t *pick,
		      uint32_t picked)
{
	uint32_t known;
	int r;

	if (len < 4)
		return -EBADMSG;
	memcpy(&known, data, 4);
	known = le32toh(known);
	data += 4;
	len -= 4;
	if (known > n || len < (size_t)known * ADDR_BYTES)
		return -EBADMSG;
	r = take_values(c, data + known * ADDR_BYTES, len - known * ADDR_BYTES, n);
	for (uint32_t k = 0; r == 0 && k < picked; k++) {
		uint64_t at = c->values[pick[k]];

		if (at >= known)
			return -EBADMSG;
		memcpy((void *)addr_of(column, &rows[k]), data + at * ADDR_BYTES, ADDR_BYTES);
	}
	return r;
}

_Static_assert(sizeof(struct weir_addr) == ADDR_BYTES, "an address is written as it is");

static bool has_addr(enum weir_column column, const struct weir_row *rows, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (addr_of(column, &rows[i])->family)
			return true;
	return false;
}

/* ---------------------------------------------------------------------------------- */

int weir_column_encode(struct weir_codec *codec, enum weir_column column,
		       const struct weir_row *rows, uint32_t n, struct weir_bytes *ret)
{
	uint64_t any = 0;

	ret->len = 0;
	if (column >= WEIR_COL_ADDR)
		return has_addr(column, rows, n) ? put_addrs(codec, column, rows, n, ret) : 0;
	read_values(column, rows, n, codec->values);
	for (uint32_t i = 0; i < n; i++)
		any |= codec->values[i];
	return any ? put_values(codec, how_of(column), n, ret) : 0;
}

int weir_column_values(struct weir_codec *codec, enum weir_column column, const uint8_t *data,
		       size_t len, uint32_t n, const uint64_t **ret)
{
	int r = 0;

	if (column >= WEIR_COL_ADDR)
		return -EINVAL;
	if (len)
		r = take_values(codec, data, len, n);
	else
		memset(codec->values, 0, n * sizeof(*codec->values));
	if (r == 0)
		*ret = codec->values;
	return r;
}

int weir_column_decode(struct weir_codec *codec, enum weir_column column, const uint8_t *data,
		       size_t len, uint32_t n, struct weir_row *rows, const uint32_t *pick,
		       uint32_t picked)
{
	int r;

	if (column >= WEIR_COL_ADDR)
		return take_addrs(codec, column, data, len, n, rows, pick, picked);
	r = take_values(codec, data, len, n);
	if (r == 0)
		write_values(column, rows, picked, codec->values, pick);
	return r;
}
