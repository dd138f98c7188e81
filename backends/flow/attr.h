/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Netlink attributes, read in place. libmnl's iterators are function calls;
 * an event has some thirty attributes and there may be 100,000 a second, so
 * here they are inline. Lengths are checked: the walk never leaves the buffer.
 */
#include <endian.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct weir_attrs {
	const uint8_t *p, *end;
};

struct weir_attr {
	uint16_t type; /* without the flags */
	uint16_t len;  /* of data */
	const uint8_t *data;
};

/* The next attribute; false at the end, also when the rest is malformed. */
static inline bool weir_attr_next(struct weir_attrs *in, struct weir_attr *ret)
{
	struct nlattr head;
	size_t left = (size_t)(in->end - in->p), step;

	if (left < sizeof(head))
		return false;
	memcpy(&head, in->p, sizeof(head));
	if (head.nla_len < sizeof(head) || head.nla_len > left)
		return false;
	ret->type = head.nla_type & NLA_TYPE_MASK;
	ret->len = (uint16_t)(head.nla_len - sizeof(head));
	ret->data = in->p + sizeof(head);
	step = NLA_ALIGN(head.nla_len);
	in->p += step < left ? step : left;
	return true;
}

static inline struct weir_attrs weir_attr_nest(const struct weir_attr *a)
{
	return (struct weir_attrs){ a->data, a->data + a->len };
}

/* Numbers come in network byte order; 0 when the attribute is too short. */
static inline uint8_t weir_attr_u8(const struct weir_attr *a)
{
	return a->len ? a->data[0] : 0;
}

static inline uint16_t weir_attr_u16(const struct weir_attr *a)
{
	uint16_t v = 0;

	memcpy(&v, a->data, a->len < sizeof(v) ? 0 : sizeof(v));
	return be16toh(v);
}

static inline uint32_t weir_attr_u32(const struct weir_attr *a)
{
	uint32_t v = 0;

	memcpy(&v, a->data, a->len < sizeof(v) ? 0 : sizeof(v));
	return be32toh(v);
}

static inline uint64_t weir_attr_u64(const struct weir_attr *a)
{
	uint64_t v = 0;

	memcpy(&v, a->data, a->len < sizeof(v) ? 0 : sizeof(v));
	return be64toh(v);
}
