/* SPDX-License-Identifier: Apache-2.0 */
/* Address index of cluster.c: a multimap by linear probing. */
#include "daemon/cluster/addresses.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MIN 16

static size_t home(const struct weir_addresses *a, const struct weir_addr *addr)
{
	uint64_t low, high;

	memcpy(&high, addr->bytes, 8);
	memcpy(&low, addr->bytes + 8, 8);
	high = (high ^ addr->family) * 0x9e3779b97f4a7c15ull;
	high = (high ^ (high >> 32) ^ low) * 0x9e3779b97f4a7c15ull;
	return (high ^ (high >> 32)) & (a->size - 1);
}

static void insert(struct weir_addresses *a, struct weir_claim claim)
{
	size_t i = home(a, claim.addr);

	while (a->slots[i].addr)
		i = (i + 1) & (a->size - 1);
	a->slots[i] = claim;
	a->n++;
}

static int grow(struct weir_addresses *a, size_t more)
{
	struct weir_addresses bigger = { .size = a->size ? a->size : SIZE_MIN, .clock = a->clock };

	while ((a->n + more) * 4 > bigger.size * 3)
		bigger.size *= 2;
	if (bigger.size == a->size)
		return 0;
	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < a->size; i++) {
		if (a->slots[i].addr)
			insert(&bigger, a->slots[i]);
	}
	free(a->slots);
	*a = bigger;
	return 0;
}

int weir_addresses_claim(struct weir_addresses *a, const void *owner, const struct weir_addr *addrs,
			 size_t n)
{
	if (grow(a, n) < 0)
		return -ENOMEM;
	a->clock++;
	for (size_t i = 0; i < n; i++)
		insert(a, (struct weir_claim){ &addrs[i], owner, a->clock });
	return 0;
}

static void drop_slot(struct weir_addresses *a, size_t hole)
{
	size_t mask = a->size - 1;

	for (size_t i = (hole + 1) & mask; a->slots[i].addr; i = (i + 1) & mask) {
		if (((i - home(a, a->slots[i].addr)) & mask) >= ((i - hole) & mask)) {
			a->slots[hole] = a->slots[i];
			hole = i;
		}
	}
	a->slots[hole] = (struct weir_claim){ 0 };
	a->n--;
}

void weir_addresses_drop(struct weir_addresses *a, const void *owner, const struct weir_addr *addrs,
			 size_t n)
{
	for (size_t k = 0; a->size && k < n; k++) {
		size_t i = home(a, &addrs[k]);

		while (a->slots[i].addr &&
		       (a->slots[i].addr != &addrs[k] || a->slots[i].owner != owner))
			i = (i + 1) & (a->size - 1);
		if (a->slots[i].addr)
			drop_slot(a, i);
	}
}

const void *weir_addresses_find(const struct weir_addresses *a, const struct weir_addr *addr,
				bool (*fits)(const void *owner, void *data), void *data)
{
	const struct weir_claim *best = NULL;

	if (!a->size)
		return NULL;
	for (size_t i = home(a, addr); a->slots[i].addr; i = (i + 1) & (a->size - 1)) {
		const struct weir_claim *c = &a->slots[i];

		if (weir_addr_compare(c->addr, addr) || (best && best->since > c->since))
			continue;
		if (!fits || fits(c->owner, data))
			best = c;
	}
	return best ? best->owner : NULL;
}

void weir_addresses_clear(struct weir_addresses *a)
{
	free(a->slots);
	*a = (struct weir_addresses){ 0 };
}
