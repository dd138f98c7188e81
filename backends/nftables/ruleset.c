/* SPDX-License-Identifier: Apache-2.0 */
/* One ruleset of the mirror: its classes, who is in which, and the ranges that
 * its prefixes make. Pure; called by apply.c, full.c and render.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/nftables/model.h"
#include "weir/cleanup.h"

void nft_ruleset_free(struct nft_ruleset **r)
{
	if (!*r)
		return;
	nft_classes_free(&(*r)->classes);
	nft_idmap_free(&(*r)->members);
	for (int f = 0; f < NFT_FAMILIES; f++)
		nft_intervals_free(&(*r)->nets[f]);
	free(*r);
	*r = NULL;
}

static int copy_classes(const struct nft_classes *from, struct nft_classes *ret)
{
	struct nft_classes copy = { .items = calloc(from->n + 1, sizeof(*copy.items)) };

	if (!copy.items)
		return -ENOMEM;
	for (; copy.n < from->n; copy.n++) {
		size_t size =
			sizeof(**copy.items) + from->items[copy.n]->n * sizeof(struct nft_ports);

		copy.items[copy.n] = malloc(size);
		if (!copy.items[copy.n]) {
			nft_classes_free(&copy);
			return -ENOMEM;
		}
		memcpy(copy.items[copy.n], from->items[copy.n], size);
	}
	*ret = copy;
	return 0;
}

static int copy(const struct nft_ruleset *from, struct nft_ruleset *to)
{
	if (copy_classes(&from->classes, &to->classes) < 0 ||
	    nft_idmap_copy(&from->members, &to->members) < 0)
		return -ENOMEM;
	to->id = from->id;
	to->tag = from->tag;
	to->direction = from->direction;
	to->fallback = from->fallback;
	memcpy(to->comment, from->comment, sizeof(to->comment));
	return 0;
}

/* Which policies: as many as fit, then how many more there are. */
static void describe(struct nft_ruleset *r, const struct weir_ruleset *from)
{
	size_t at = (size_t)snprintf(r->comment, sizeof(r->comment), "%s",
				     from->direction == WEIR_EGRESS ? "egress:" : "ingress:");

	for (uint32_t i = 0; i < from->n_policies; i++) {
		const struct weir_policy *p = from->policies[i];
		const char *ns = p->namespace_ ? p->namespace_ : "";
		size_t more = strlen(ns) + strlen(p->name) + 2;

		if (at + more + sizeof(" +4294967295") > sizeof(r->comment)) {
			snprintf(r->comment + at, sizeof(r->comment) - at, " +%u",
				 from->n_policies - i);
			return;
		}
		at += (size_t)snprintf(r->comment + at, sizeof(r->comment) - at, " %s%s%s", ns,
				       ns[0] ? "/" : "", p->name);
	}
}

static int take_peers(struct nft_ruleset *r, const struct weir_ruleset_change *change)
{
	for (size_t i = 0; i < change->n_peers; i++) {
		uint32_t place = NFT_IDMAP_NONE;

		if (change->peers[i].class_ &&
		    nft_classes_intern(&r->classes, change->peers[i].class_, &place) < 0)
			return -ENOMEM;
		if (nft_idmap_set(&r->members, change->peers[i].identity, place) < 0)
			return -ENOMEM;
	}
	return 0;
}

static bool names(const struct nft_idmap_slot *s)
{
	return s->key && s->value != NFT_IDMAP_NONE;
}

static void close_up(struct nft_ruleset *r, const bool *used, uint32_t *places)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->classes.n; i++) {
		places[i] = n;
		if (used[i])
			r->classes.items[n++] = r->classes.items[i];
		else
			free(r->classes.items[i]);
	}
	r->classes.n = n;
	r->fallback = places[r->fallback];
	for (uint32_t i = 0; i < r->members.size; i++)
		if (names(&r->members.slots[i]))
			r->members.slots[i].value = places[r->members.slots[i].value];
}

/* Classes that nobody is in any more. */
static int drop_unused(struct nft_ruleset *r)
{
	WEIR_AUTO_FREE bool *used = calloc(r->classes.n, sizeof(*used));
	WEIR_AUTO_FREE uint32_t *places = calloc(r->classes.n, sizeof(*places));
	uint32_t n = 1;

	if (!used || !places)
		return -ENOMEM;
	used[r->fallback] = true;
	for (uint32_t i = 0; i < r->members.size; i++) {
		uint32_t place = r->members.slots[i].value;

		if (!names(&r->members.slots[i]) || used[place])
			continue;
		used[place] = true;
		n++;
	}
	if (n < r->classes.n)
		close_up(r, used, places);
	return 0;
}

/* The ranges whose class is not that of the fallback. */
static int take_prefixes(struct nft_ruleset *r, const struct nft_prefix_value *prefixes, size_t n)
{
	for (int f = 0; f < NFT_FAMILIES; f++) {
		WEIR_AUTO_FREE struct nft_prefix_value *list = calloc(n + 1, sizeof(*list));
		size_t count = 0;
		bool named = false;

		if (!list)
			return -ENOMEM;
		for (size_t i = 0; i < n; i++) {
			uint32_t place = nft_idmap_get(&r->members, prefixes[i].value);

			if (prefixes[i].prefix.addr.family != nft_family(f))
				continue;
			if (place == NFT_IDMAP_NONE || place == r->fallback)
				place = NFT_HOLE;
			named |= place != NFT_HOLE;
			list[count++] = (struct nft_prefix_value){ prefixes[i].prefix, place };
		}
		if (named && nft_intervals_flatten(list, count, &r->nets[f]) < 0)
			return -ENOMEM;
	}
	return 0;
}

int nft_ruleset_make(const struct nft_ruleset *from, const struct weir_ruleset_change *change,
		     const struct nft_prefix_value *prefixes, size_t n_prefixes,
		     struct nft_ruleset **ret)
{
	WEIR_CLEANUP(nft_ruleset_free) struct nft_ruleset *r = calloc(1, sizeof(*r));

	if (!r || (from && copy(from, r) < 0))
		return -ENOMEM;
	r->id = change->id;
	r->tag = weir_ruleset_tag(change->ruleset);
	r->direction = change->ruleset->direction;
	describe(r, change->ruleset);
	if (nft_classes_intern(&r->classes, change->ruleset->fallback, &r->fallback) < 0 ||
	    take_peers(r, change) < 0 || drop_unused(r) < 0 ||
	    take_prefixes(r, prefixes, n_prefixes) < 0)
		return -ENOMEM;
	*ret = weir_take(r);
	return 0;
}

int nft_ruleset_over(const struct nft_ruleset *from, const struct nft_prefix_value *prefixes,
		     size_t n_prefixes, struct nft_ruleset **ret)
{
	WEIR_CLEANUP(nft_ruleset_free) struct nft_ruleset *r = calloc(1, sizeof(*r));

	if (!r || copy(from, r) < 0 || take_prefixes(r, prefixes, n_prefixes) < 0)
		return -ENOMEM;
	*ret = weir_take(r);
	return 0;
}

static bool same_class(const struct nft_ruleset *a, uint32_t at, const struct nft_ruleset *b,
		       uint32_t other)
{
	return a->classes.items[at]->number == b->classes.items[other]->number;
}

bool nft_ruleset_same_structure(const struct nft_ruleset *a, const struct nft_ruleset *b)
{
	if (a->direction != b->direction || strcmp(a->comment, b->comment) != 0 ||
	    !same_class(a, a->fallback, b, b->fallback))
		return false;
	for (int f = 0; f < NFT_FAMILIES; f++) {
		if (a->nets[f].n != b->nets[f].n)
			return false;
		for (size_t i = 0; i < a->nets[f].n; i++) {
			const struct nft_interval *x = &a->nets[f].items[i];
			const struct nft_interval *y = &b->nets[f].items[i];

			if (memcmp(x->first, y->first, sizeof(x->first)) != 0 ||
			    memcmp(x->last, y->last, sizeof(x->last)) != 0 ||
			    !same_class(a, x->value, b, y->value))
				return false;
		}
	}
	return true;
}

const struct nft_class *nft_ruleset_class_of(const struct nft_ruleset *r,
					     const struct weir_addr *addr, uint32_t identity)
{
	uint32_t said, place = nft_idmap_get(&r->members, identity);

	if (identity == WEIR_IDENTITY_NONE)
		return NULL;
	if (place == NFT_IDMAP_NONE)
		place = r->fallback;
	said = nft_intervals_find(&r->nets[nft_family_index(addr)], addr);
	if (said == NFT_HOLE)
		said = r->fallback;
	return place == said ? NULL : r->classes.items[place];
}
