/* SPDX-License-Identifier: Apache-2.0 */
/* From the compiler's classes to what nf_tables must tell apart. Pure. */
#include "backends/nftables/classes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

void nft_classes_free(struct nft_classes *list)
{
	for (uint32_t i = 0; i < list->n; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct nft_classes){ 0 };
}

static uint64_t mix(uint64_t h, uint64_t value)
{
	for (int i = 0; i < 8; i++, value >>= 8)
		h = (h ^ (value & 0xFF)) * 1099511628211ull;
	return h;
}

static uint64_t number_of(const struct nft_class *c)
{
	uint64_t h = mix(14695981039346656037ull, c->verdict);

	for (uint32_t i = 0; i < c->n; i++)
		h = mix(h, (uint64_t)c->ranges[i].protocol << 32 |
				   (uint64_t)c->ranges[i].first << 16 | c->ranges[i].last);
	return h;
}

static int make(const struct weir_class *from, struct nft_class **ret)
{
	struct nft_class *c = calloc(1, sizeof(*c) + from->n_ports * sizeof(struct nft_ports));

	if (!c)
		return -ENOMEM;
	c->verdict = from->verdict;
	for (uint32_t i = 0; i < from->n_ports; i++) {
		const struct weir_port_verdict *p = &from->ports[i];
		struct nft_ports *before = c->n ? &c->ranges[c->n - 1] : NULL;

		if (p->verdict == from->verdict)
			continue;
		if (before && before->protocol == p->protocol && before->last + 1 == p->first)
			before->last = p->last;
		else
			c->ranges[c->n++] = (struct nft_ports){ p->protocol, p->first, p->last };
	}
	c->number = number_of(c);
	*ret = c;
	return 0;
}

static bool same(const struct nft_class *a, const struct nft_class *b)
{
	if (a->verdict != b->verdict || a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (a->ranges[i].protocol != b->ranges[i].protocol ||
		    a->ranges[i].first != b->ranges[i].first ||
		    a->ranges[i].last != b->ranges[i].last)
			return false;
	return true;
}

int nft_classes_intern(struct nft_classes *list, const struct weir_class *class_,
		       uint32_t *ret_place)
{
	WEIR_AUTO_FREE struct nft_class *c = NULL;
	struct nft_class **items;

	if (make(class_, &c) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < list->n; i++) {
		if (same(list->items[i], c)) {
			*ret_place = i;
			return 0;
		}
		if (list->items[i]->number == c->number)
			c->number++; /* two contents, one hash: keep them apart */
	}
	items = reallocarray(list->items, list->n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	*ret_place = list->n;
	items[list->n++] = weir_take(c);
	return 0;
}
