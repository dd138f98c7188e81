/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Longest-prefix match made flat: a sweep over the sorted prefixes with a
 * stack of those that are open. Pure; called by model.c.
 */
#include "backends/nftables/intervals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct open_prefix {
	uint8_t last[16];
	uint32_t value;
};

struct sweep {
	struct nft_intervals out;
	struct open_prefix stack[129]; /* nested prefixes differ in length */
	size_t depth, size;
	uint8_t at[16]; /* first address that is not written yet */
	bool done;	/* there is no address behind those that are written */
	bool failed;
};

void nft_intervals_free(struct nft_intervals *list)
{
	free(list->items);
	*list = (struct nft_intervals){ 0 };
}

bool nft_address_next(const uint8_t *a, size_t size, uint8_t *ret)
{
	memmove(ret, a, size);
	for (size_t i = size; i-- > 0;)
		if (++ret[i])
			return true;
	return false;
}

static void address_before(const uint8_t *a, size_t size, uint8_t *ret)
{
	memmove(ret, a, size);
	for (size_t i = size; i-- > 0;)
		if (ret[i]--)
			return;
}

static void last_of(const struct weir_prefix *p, uint8_t *ret)
{
	size_t size = weir_addr_size(&p->addr);

	memcpy(ret, p->addr.bytes, 16);
	for (size_t bit = p->len; bit < size * 8; bit++)
		ret[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
}

static void append(struct sweep *s, const uint8_t *last, uint32_t value)
{
	struct nft_intervals *out = &s->out;
	struct nft_interval *before = out->n ? &out->items[out->n - 1] : NULL;
	uint8_t next[16];

	if (before && before->value == value && nft_address_next(before->last, s->size, next) &&
	    memcmp(next, s->at, s->size) == 0) {
		memcpy(before->last, last, s->size);
		return;
	}
	if (out->n == out->size) {
		size_t size = out->size ? out->size * 2 : 8;
		void *items = reallocarray(out->items, size, sizeof(*out->items));

		if (!items) {
			s->failed = true;
			return;
		}
		out->items = items;
		out->size = size;
	}
	before = &out->items[out->n++];
	*before = (struct nft_interval){ .value = value };
	memcpy(before->first, s->at, s->size);
	memcpy(before->last, last, s->size);
}

/* Write from where we are to last with the value of the innermost prefix. */
static void write_to(struct sweep *s, const uint8_t *last)
{
	if (s->done || memcmp(s->at, last, s->size) > 0)
		return;
	if (s->stack[s->depth - 1].value != NFT_HOLE)
		append(s, last, s->stack[s->depth - 1].value);
	s->done = !nft_address_next(last, s->size, s->at);
}

static void enter(struct sweep *s, const struct nft_prefix_value *p)
{
	uint8_t before[16];

	while (s->depth && memcmp(s->stack[s->depth - 1].last, p->prefix.addr.bytes, s->size) < 0) {
		write_to(s, s->stack[s->depth - 1].last);
		s->depth--;
	}
	if (s->depth && memcmp(s->at, p->prefix.addr.bytes, s->size) < 0) {
		address_before(p->prefix.addr.bytes, s->size, before);
		write_to(s, before);
	}
	memcpy(s->at, p->prefix.addr.bytes, s->size);
	last_of(&p->prefix, s->stack[s->depth].last);
	s->stack[s->depth++].value = p->value;
}

int nft_intervals_flatten(const struct nft_prefix_value *prefixes, size_t n,
			  struct nft_intervals *ret)
{
	struct sweep s = { 0 };

	for (size_t i = 0; i < n; i++) {
		s.size = weir_addr_size(&prefixes[i].prefix.addr);
		enter(&s, &prefixes[i]);
	}
	while (s.depth) {
		write_to(&s, s.stack[s.depth - 1].last);
		s.depth--;
	}
	if (s.failed) {
		nft_intervals_free(&s.out);
		return -ENOMEM;
	}
	*ret = s.out;
	return 0;
}

uint32_t nft_intervals_find(const struct nft_intervals *list, const struct weir_addr *addr)
{
	size_t size = weir_addr_size(addr), low = 0, high = list->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct nft_interval *i = &list->items[mid];

		if (memcmp(addr->bytes, i->first, size) < 0)
			high = mid;
		else if (memcmp(addr->bytes, i->last, size) > 0)
			low = mid + 1;
		else
			return i->value;
	}
	return NFT_HOLE;
}
