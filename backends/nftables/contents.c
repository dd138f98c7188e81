/* SPDX-License-Identifier: Apache-2.0 */
/* Finding and comparing what was read back. Pure; called by recognise.c, full.c
 * and verify.c. */
#include <stdlib.h>
#include <string.h>

#include "backends/nftables/readback.h"
#include "weir/cleanup.h"

void nft_contents_free(struct nft_contents *c)
{
	nft_objects_free(&c->objects);
	for (uint32_t i = 0; i < c->rules.n; i++)
		free(c->rules.items[i].text);
	free(c->rules.items);
	*c = (struct nft_contents){ 0 };
}

static int by_set_name(const void *a, const void *b)
{
	return strcmp(((const struct nft_set *)a)->name, ((const struct nft_set *)b)->name);
}

static int by_chain_name(const void *a, const void *b)
{
	return strcmp(((const struct nft_chain *)a)->name, ((const struct nft_chain *)b)->name);
}

void nft_objects_sort(struct nft_objects *o)
{
	if (o->n_sets)
		qsort(o->sets, o->n_sets, sizeof(*o->sets), by_set_name);
	if (o->n_chains)
		qsort(o->chains, o->n_chains, sizeof(*o->chains), by_chain_name);
}

static int set_is(const void *name, const void *set)
{
	return strcmp(name, ((const struct nft_set *)set)->name);
}

static int chain_is(const void *name, const void *chain)
{
	return strcmp(name, ((const struct nft_chain *)chain)->name);
}

const struct nft_set *nft_find_set(const struct nft_objects *o, const char *name)
{
	return o->n_sets ? bsearch(name, o->sets, o->n_sets, sizeof(*o->sets), set_is) : NULL;
}

const struct nft_chain *nft_find_chain(const struct nft_objects *o, const char *name)
{
	return o->n_chains ? bsearch(name, o->chains, o->n_chains, sizeof(*o->chains), chain_is)
			   : NULL;
}

bool nft_has_set(const struct nft_objects *o, const struct nft_set *set)
{
	const struct nft_set *found = nft_find_set(o, set->name);

	return found && found->kind == set->kind && found->family == set->family;
}

void nft_objects_missing(const struct nft_objects *from, const struct nft_objects *in,
			 struct nft_objects *ret)
{
	for (size_t i = 0; i < from->n_sets; i++)
		if (!nft_find_set(in, from->sets[i].name))
			nft_objects_add_set(ret, 0, 0, from->sets[i].name);
	for (size_t i = 0; i < from->n_chains; i++)
		if (!nft_find_chain(in, from->chains[i].name))
			nft_objects_add_chain(ret, from->chains[i].name, -1, NULL);
}

bool nft_same_hook(const struct nft_chain *a, const struct nft_chain *b)
{
	return a->hook == b->hook && a->priority == b->priority &&
	       strcmp(a->device, b->device) == 0;
}

static int by_chain_and_place(const void *a, const void *b)
{
	const struct nft_rule_text *x = a, *y = b;
	int r = strcmp(x->chain, y->chain);

	return r ? r : x->place < y->place ? -1 : x->place > y->place;
}

void nft_rule_texts_sort(struct nft_rule_texts *list)
{
	if (list->n)
		qsort(list->items, list->n, sizeof(*list->items), by_chain_and_place);
}

static uint32_t first_of(const struct nft_rule_texts *list, const char *chain)
{
	uint32_t low = 0, high = list->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (strcmp(list->items[mid].chain, chain) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool nft_same_rules(const struct nft_rule_texts *have, const struct nft_rules *want,
		    const char *chain)
{
	uint32_t at = first_of(have, chain);

	for (size_t i = 0; i < want->n; i++) {
		WEIR_AUTO_FREE char *text = NULL;

		if (strcmp(want->items[i].chain, chain) != 0)
			continue;
		text = nft_rule_text(want->items[i].rule);
		if (!text || at == have->n || strcmp(have->items[at].chain, chain) != 0 ||
		    strcmp(text, have->items[at].text) != 0)
			return false;
		at++;
	}
	return at == have->n || strcmp(have->items[at].chain, chain) != 0;
}
