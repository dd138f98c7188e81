/* SPDX-License-Identifier: Apache-2.0 */
/* The table of addresses: a hash by address, and a list for each identity.
 * Places are numbers, so that the table can move when it grows. */
#include "backends/nftables/addresses.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/ruleset.h"

void nft_addresses_free(struct nft_addresses *t)
{
	free(t->items);
	free(t->buckets);
	free(t->dirty);
	nft_idmap_free(&t->first);
	*t = (struct nft_addresses){ 0 };
}

static uint32_t bucket_of(const struct nft_addresses *t, const struct weir_addr *a)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < weir_addr_size(a); i++)
		h = (h ^ a->bytes[i]) * 16777619u;
	return (h ^ h >> 15) & (t->size - 1);
}

static void link_bucket(struct nft_addresses *t, uint32_t at)
{
	uint32_t *bucket = &t->buckets[bucket_of(t, &t->items[at].addr)];

	t->items[at].hash_next = *bucket;
	*bucket = at;
}

static int grow(struct nft_addresses *t)
{
	uint32_t size = t->size ? t->size * 2 : 64;
	void *items = reallocarray(t->items, size, sizeof(*t->items));
	void *buckets;

	if (!items)
		return -ENOMEM;
	t->items = items;
	buckets = reallocarray(t->buckets, size, sizeof(*t->buckets));
	if (!buckets)
		return -ENOMEM;
	t->buckets = buckets;
	t->size = size;
	memset(t->buckets, 0xFF, size * sizeof(*t->buckets));
	for (uint32_t i = 0; i < t->used; i++)
		if (t->items[i].addr.family)
			link_bucket(t, i);
	return 0;
}

static uint32_t find(const struct nft_addresses *t, const struct weir_addr *a)
{
	uint32_t at = t->size ? t->buckets[bucket_of(t, a)] : NFT_NO_ADDRESS;

	while (at != NFT_NO_ADDRESS && weir_addr_compare(&t->items[at].addr, a) != 0)
		at = t->items[at].hash_next;
	return at;
}

static uint32_t insert(struct nft_addresses *t, const struct weir_addr *a)
{
	uint32_t at;

	if (t->n == t->size && grow(t) < 0)
		return NFT_NO_ADDRESS;
	if (t->n == t->used) {
		at = t->used++;
	} else {
		at = t->free_;
		t->free_ = t->items[at].hash_next;
	}
	t->n++;
	t->items[at] = (struct nft_address){ .addr = *a,
					     .same_next = NFT_NO_ADDRESS,
					     .same_before = NFT_NO_ADDRESS };
	link_bucket(t, at);
	return at;
}

static void remove_at(struct nft_addresses *t, uint32_t at)
{
	uint32_t *link = &t->buckets[bucket_of(t, &t->items[at].addr)];

	while (*link != at)
		link = &t->items[*link].hash_next;
	*link = t->items[at].hash_next;
	t->items[at] = (struct nft_address){ .hash_next = t->free_ };
	t->free_ = at;
	t->n--;
}

int nft_addresses_stage(struct nft_addresses *t, const struct weir_addr *addr, uint32_t identity)
{
	uint32_t at = find(t, addr);

	if (at == NFT_NO_ADDRESS && identity == WEIR_IDENTITY_NONE)
		return 0;
	if (t->n_dirty == t->dirty_size) {
		uint32_t size = t->dirty_size ? t->dirty_size * 2 : 16;
		void *dirty = reallocarray(t->dirty, size, sizeof(*t->dirty));

		if (!dirty)
			return -ENOMEM;
		t->dirty = dirty;
		t->dirty_size = size;
	}
	if (at == NFT_NO_ADDRESS)
		at = insert(t, addr);
	if (at == NFT_NO_ADDRESS)
		return -ENOMEM;
	if (!t->items[at].dirty)
		t->dirty[t->n_dirty++] = at;
	t->items[at].dirty = true;
	t->items[at].next = identity;
	return 0;
}

uint32_t nft_addresses_first(const struct nft_addresses *t, uint32_t identity)
{
	return nft_idmap_get(&t->first, identity);
}

static void unlink_same(struct nft_addresses *t, struct nft_address *a)
{
	if (a->same_next != NFT_NO_ADDRESS)
		t->items[a->same_next].same_before = a->same_before;
	if (a->same_before != NFT_NO_ADDRESS)
		t->items[a->same_before].same_next = a->same_next;
	else
		nft_idmap_set(&t->first, a->identity, a->same_next); /* is there: cannot fail */
}

static int link_same(struct nft_addresses *t, uint32_t at)
{
	struct nft_address *a = &t->items[at];

	a->same_before = NFT_NO_ADDRESS;
	a->same_next = nft_addresses_first(t, a->identity);
	if (nft_idmap_set(&t->first, a->identity, at) < 0) {
		a->same_next = NFT_NO_ADDRESS;
		return -ENOMEM;
	}
	if (a->same_next != NFT_NO_ADDRESS)
		t->items[a->same_next].same_before = at;
	return 0;
}

int nft_addresses_commit(struct nft_addresses *t)
{
	int r = 0;

	for (uint32_t i = 0; i < t->n_dirty; i++) {
		struct nft_address *a = &t->items[t->dirty[i]];

		a->dirty = false;
		if (a->identity != WEIR_IDENTITY_NONE)
			unlink_same(t, a);
		a->identity = a->next;
		if (a->identity == WEIR_IDENTITY_NONE)
			remove_at(t, t->dirty[i]);
		else if (link_same(t, t->dirty[i]) < 0)
			r = -ENOMEM;
	}
	t->n_dirty = 0;
	return r;
}

void nft_addresses_abort(struct nft_addresses *t)
{
	for (uint32_t i = 0; i < t->n_dirty; i++) {
		struct nft_address *a = &t->items[t->dirty[i]];

		a->dirty = false;
		a->next = a->identity;
		if (a->identity == WEIR_IDENTITY_NONE)
			remove_at(t, t->dirty[i]);
	}
	t->n_dirty = 0;
}
