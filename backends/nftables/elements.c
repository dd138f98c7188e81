/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of elements of one set. Knows keys and verdicts, not who they are. */
#include "backends/nftables/elements.h"

#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

void nft_elems_free(struct nft_elems *list)
{
	free(list->items);
	*list = (struct nft_elems){ 0 };
}

struct nft_elem *nft_elems_add(struct nft_elems *list, const void *key, size_t len,
			       const struct nft_target *target)
{
	struct nft_elem *e;

	if (list->n == list->size) {
		size_t size = list->size ? list->size * 2 : 16;
		void *items = reallocarray(list->items, size, sizeof(*list->items));

		if (!items) {
			list->failed = true;
			return NULL;
		}
		list->items = items;
		list->size = size;
	}
	e = &list->items[list->n++];
	*e = (struct nft_elem){ .key_len = (uint8_t)len, .has_target = target };
	memcpy(e->key, key, len);
	if (target)
		e->target = *target;
	return e;
}

void nft_elems_add_range(struct nft_elems *list, const void *first, const void *last, size_t len,
			 const struct nft_target *target)
{
	uint8_t behind[16];
	struct nft_elem *e;

	nft_elems_add(list, first, len, target);
	if (!nft_address_next(last, len, behind))
		return;
	e = nft_elems_add(list, behind, len, NULL);
	if (e)
		e->end = true;
}

static int compare(const void *a, const void *b)
{
	const struct nft_elem *x = a, *y = b;
	int r = memcmp(x->key, y->key, sizeof(x->key));

	return r ? r : (int)y->end - (int)x->end;
}

void nft_elems_sort(struct nft_elems *list)
{
	if (list->n)
		qsort(list->items, list->n, sizeof(*list->items), compare);
}

/* Comments count only where both are known: those in the kernel are not read. */
static bool same_value(const struct nft_elem *a, const struct nft_elem *b)
{
	if (a->comment && b->comment && strcmp(a->comment, b->comment) != 0)
		return false;
	if (a->has_target != b->has_target)
		return false;
	return !a->has_target || (a->target.verdict == b->target.verdict &&
				  strcmp(a->target.chain, b->target.chain) == 0);
}

static void keep(struct nft_elems *list, const struct nft_elem *e)
{
	struct nft_elem *added = nft_elems_add(list, e->key, e->key_len, NULL);

	if (added)
		*added = *e;
}

size_t nft_elems_diff(const struct nft_elems *have, const struct nft_elems *want,
		      struct nft_elems *ret_gone, struct nft_elems *ret_come)
{
	size_t i = 0, j = 0, n = 0;

	while (i < have->n || j < want->n) {
		const struct nft_elem *h = i < have->n ? &have->items[i] : NULL;
		const struct nft_elem *w = j < want->n ? &want->items[j] : NULL;
		int c = !h ? 1 : !w ? -1 : compare(h, w);

		i += c <= 0;
		j += c >= 0;
		if (c == 0 && same_value(h, w))
			continue;
		n++;
		if (c <= 0)
			keep(ret_gone, h);
		if (c >= 0)
			keep(ret_come, w);
	}
	return n;
}

void nft_elems_write(struct nft_batch *b, const char *set, const struct nft_elems *gone,
		     const struct nft_elems *come, struct nft_element_counts *counts)
{
	struct nft_elements out = nft_elements_begin(b, NFT_MSG_DELSETELEM, set);

	if (gone->failed || come->failed)
		b->failed = true;
	for (size_t i = 0; i < gone->n; i++)
		nft_element(&out, gone->items[i].key, gone->items[i].key_len, gone->items[i].end,
			    NULL, NULL);
	nft_elements_end(&out);
	counts->removed += out.count;
	out = nft_elements_begin(b, NFT_MSG_NEWSETELEM, set);
	for (size_t i = 0; i < come->n; i++)
		nft_element(&out, come->items[i].key, come->items[i].key_len, come->items[i].end,
			    come->items[i].has_target ? &come->items[i].target : NULL,
			    come->items[i].comment);
	nft_elements_end(&out);
	counts->added += out.count;
}
