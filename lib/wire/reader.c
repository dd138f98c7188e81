/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MessagePack formats that batch.v1 uses, and how to skip all others.
 * Used by decode.c. msgpack-c's unpacker allocates what an array's header
 * claims, which a hostile peer chooses: hence our own.
 */
#include "lib/wire/reader.h"

#include <errno.h>

static int take(struct weir_reader *r, size_t n, const uint8_t **ret)
{
	if (n > weir_reader_left(r))
		return -EBADMSG;
	*ret = r->p;
	r->p += n;
	return 0;
}

static int big_endian(struct weir_reader *r, unsigned n, uint64_t *ret)
{
	const uint8_t *p;
	uint64_t v = 0;

	if (take(r, n, &p) < 0)
		return -EBADMSG;
	for (unsigned i = 0; i < n; i++)
		v = v << 8 | p[i];
	*ret = v;
	return 0;
}

bool weir_read_nil(struct weir_reader *r)
{
	if (!weir_reader_left(r) || *r->p != 0xc0)
		return false;
	r->p++;
	return true;
}

/* An integer as its 64 bits, and whether it is negative. */
static int read_integer(struct weir_reader *r, uint64_t *ret, bool *ret_negative)
{
	const uint8_t *p;
	unsigned bits;

	if (take(r, 1, &p) < 0)
		return -EBADMSG;
	*ret_negative = false;
	*ret = *p;
	if (*p <= 0x7f)
		return 0;
	if (*p >= 0xe0) {
		*ret = (uint64_t)(int8_t)*p;
		*ret_negative = true;
		return 0;
	}
	if (*p < 0xcc || *p > 0xd3)
		return -EBADMSG;
	bits = 8u << (*p & 3);
	if (big_endian(r, bits / 8, ret) < 0)
		return -EBADMSG;
	if (*p >= 0xd0 && (*ret >> (bits - 1) & 1)) {
		*ret_negative = true;
		*ret |= bits == 64 ? 0 : ~0ull << bits;
	}
	return 0;
}

int weir_read_uint(struct weir_reader *r, uint64_t max, uint64_t *ret)
{
	bool negative;
	uint64_t v;

	if (read_integer(r, &v, &negative) < 0 || negative || v > max)
		return -EBADMSG;
	*ret = v;
	return 0;
}

int weir_read_int(struct weir_reader *r, int64_t *ret)
{
	bool negative;
	uint64_t v;

	if (read_integer(r, &v, &negative) < 0 || (!negative && v > INT64_MAX))
		return -EBADMSG;
	*ret = (int64_t)v;
	return 0;
}

int weir_read_array(struct weir_reader *r, uint32_t min, uint32_t *ret)
{
	const uint8_t *p;
	uint64_t n;

	if (take(r, 1, &p) < 0)
		return -EBADMSG;
	if ((*p & 0xf0) == 0x90)
		n = *p & 0x0f;
	else if ((*p != 0xdc && *p != 0xdd) || big_endian(r, *p == 0xdc ? 2 : 4, &n) < 0)
		return -EBADMSG;
	if (n < min || n > weir_reader_left(r))
		return -EBADMSG;
	*ret = (uint32_t)n;
	return 0;
}

int weir_read_str(struct weir_reader *r, const char **ret, uint32_t *ret_len)
{
	const uint8_t *p;
	uint64_t n;

	if (take(r, 1, &p) < 0)
		return -EBADMSG;
	if ((*p & 0xe0) == 0xa0)
		n = *p & 0x1f;
	else if (*p < 0xd9 || *p > 0xdb || big_endian(r, 1u << (*p - 0xd9), &n) < 0)
		return -EBADMSG;
	if (take(r, n, &p) < 0)
		return -EBADMSG;
	*ret = (const char *)p;
	*ret_len = (uint32_t)n;
	return 0;
}

int weir_read_bin(struct weir_reader *r, const uint8_t **ret, uint32_t *ret_len)
{
	const uint8_t *p;
	uint64_t n;

	if (take(r, 1, &p) < 0 || *p < 0xc4 || *p > 0xc6)
		return -EBADMSG;
	if (big_endian(r, 1u << (*p - 0xc4), &n) < 0 || take(r, n, ret) < 0)
		return -EBADMSG;
	*ret_len = (uint32_t)n;
	return 0;
}

/* Formats 0xc0..0xdf: bytes that follow, or bytes of the length that follows;
 * items: elements per unit of that length; -1 stands for bytes. */
static const struct {
	uint8_t fixed, length;
	int8_t items;
} formats[32] = {
	[0x04] = { 0, 1, -1 }, [0x05] = { 0, 2, -1 }, [0x06] = { 0, 4, -1 }, /* bin */
	[0x07] = { 1, 1, -1 }, [0x08] = { 1, 2, -1 }, [0x09] = { 1, 4, -1 }, /* ext */
	[0x0a] = { 4, 0, 0 },  [0x0b] = { 8, 0, 0 },			     /* float */
	[0x0c] = { 1, 0, 0 },  [0x0d] = { 2, 0, 0 },  [0x0e] = { 4, 0, 0 },
	[0x0f] = { 8, 0, 0 }, /* uint */
	[0x10] = { 1, 0, 0 },  [0x11] = { 2, 0, 0 },  [0x12] = { 4, 0, 0 },
	[0x13] = { 8, 0, 0 }, /* int */
	[0x14] = { 2, 0, 0 },  [0x15] = { 3, 0, 0 },  [0x16] = { 5, 0, 0 },
	[0x17] = { 9, 0, 0 },  [0x18] = { 17, 0, 0 },			     /* fixext */
	[0x19] = { 0, 1, -1 }, [0x1a] = { 0, 2, -1 }, [0x1b] = { 0, 4, -1 }, /* str */
	[0x1c] = { 0, 2, 1 },  [0x1d] = { 0, 4, 1 },			     /* array */
	[0x1e] = { 0, 2, 2 },  [0x1f] = { 0, 4, 2 },			     /* map */
};

static int skip_one(struct weir_reader *r, uint64_t *items)
{
	const uint8_t *p, *ignored;
	uint64_t n = 0;

	if (take(r, 1, &p) < 0 || *p == 0xc1)
		return -EBADMSG;
	if (*p <= 0x7f || *p >= 0xe0)
		return 0;
	if (*p <= 0x9f) {
		*items += (*p & 0x0fu) << (*p <= 0x8f);
		return 0;
	}
	if (*p <= 0xbf)
		return take(r, *p & 0x1f, &ignored);
	if (big_endian(r, formats[*p & 0x1f].length, &n) < 0)
		return -EBADMSG;
	if (formats[*p & 0x1f].items > 0) {
		*items += n * (uint64_t)formats[*p & 0x1f].items;
		return 0;
	}
	return take(r, formats[*p & 0x1f].fixed + n, &ignored);
}

int weir_read_skip(struct weir_reader *r, uint64_t n)
{
	for (; n; n--) {
		if (n > weir_reader_left(r) || skip_one(r, &n) < 0)
			return -EBADMSG;
	}
	return 0;
}
