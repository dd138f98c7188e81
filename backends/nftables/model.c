/* SPDX-License-Identifier: Apache-2.0 */
/* The mirror of what is in force, and what it is after changes. Allocates and
 * computes; sends nothing to the kernel. Called by apply.c and full.c. */
#include "backends/nftables/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

void nft_model_free(struct nft_model *m)
{
	nft_addresses_free(&m->addresses);
	free(m->prefixes);
	for (size_t i = 0; i < m->n_rulesets; i++)
		nft_ruleset_free(&m->rulesets[i]);
	free(m->rulesets);
	free(m->endpoints);
	nft_ranges_free(m);
	*m = (struct nft_model){ 0 };
}

static int by_id(const void *key, const void *item)
{
	uint32_t id = *(const uint32_t *)key, other = (*(struct nft_ruleset *const *)item)->id;

	return id < other ? -1 : id > other;
}

struct nft_ruleset *nft_model_ruleset(const struct nft_model *m, uint32_t id)
{
	struct nft_ruleset **found = m->n_rulesets ? bsearch(&id, m->rulesets, m->n_rulesets,
							     sizeof(*m->rulesets), by_id)
						   : NULL;

	return found ? *found : NULL;
}

static int by_addr(const void *key, const void *item)
{
	return weir_addr_compare(key, &((const struct nft_endpoint *)item)->addr);
}

struct nft_endpoint *nft_model_endpoint(const struct nft_model *m, const struct weir_addr *addr)
{
	return m->n_endpoints
		       ? bsearch(addr, m->endpoints, m->n_endpoints, sizeof(*m->endpoints), by_addr)
		       : NULL;
}

static int compare_prefixes(const void *a, const void *b)
{
	return weir_prefix_compare(&((const struct nft_prefix_value *)a)->prefix,
				   &((const struct nft_prefix_value *)b)->prefix);
}

static const struct weir_address_change *prefix_change(const struct weir_changes *changes,
						       const struct weir_prefix *p)
{
	size_t low = 0, high = changes->n_addresses;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = weir_prefix_compare(p, &changes->addresses[mid].prefix);

		if (c == 0)
			return &changes->addresses[mid];
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

int nft_prefixes_merge(const struct nft_model *m, const struct weir_changes *changes,
		       struct nft_prefix_value **ret, size_t *ret_n)
{
	struct nft_prefix_value *list =
		calloc(m->n_prefixes + changes->n_addresses + 1, sizeof(*list));
	size_t n = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_prefixes; i++)
		if (!prefix_change(changes, &m->prefixes[i].prefix))
			list[n++] = m->prefixes[i];
	for (size_t i = 0; i < changes->n_addresses; i++) {
		const struct weir_address_change *a = &changes->addresses[i];

		if (a->identity != WEIR_IDENTITY_NONE && !nft_is_address(&a->prefix))
			list[n++] = (struct nft_prefix_value){ a->prefix, a->identity };
	}
	qsort(list, n, sizeof(*list), compare_prefixes);
	*ret = list;
	*ret_n = n;
	return 0;
}

static int join(const struct weir_prefix *items, size_t n_items, uint8_t family,
		struct nft_intervals *ret)
{
	WEIR_AUTO_FREE struct nft_prefix_value *list = calloc(n_items + 1, sizeof(*list));
	size_t n = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < n_items; i++)
		if (items[i].addr.family == family)
			list[n++].prefix = items[i];
	qsort(list, n, sizeof(*list), compare_prefixes);
	return nft_intervals_flatten(list, n, ret);
}

int nft_ranges_make(const struct weir_changes *changes, struct nft_model *ret)
{
	int r = 0;

	for (int f = 0; f < NFT_FAMILIES && r == 0; f++) {
		r = join(changes->guards, changes->n_guards, nft_family(f), &ret->guards[f]);
		if (r == 0)
			r = join(changes->resolvers, changes->n_resolvers, nft_family(f),
				 &ret->resolvers[f]);
	}
	return r;
}

void nft_ranges_free(struct nft_model *m)
{
	for (int f = 0; f < NFT_FAMILIES; f++) {
		nft_intervals_free(&m->guards[f]);
		nft_intervals_free(&m->resolvers[f]);
	}
}

static int compare_endpoints(const void *a, const void *b)
{
	return weir_addr_compare(&((const struct nft_endpoint *)a)->addr,
				 &((const struct nft_endpoint *)b)->addr);
}

static struct nft_endpoint endpoint_of(const struct weir_endpoint_change *c)
{
	struct nft_endpoint e = { .addr = c->addr };

	memcpy(e.rulesets, c->rulesets, sizeof(e.rulesets));
	snprintf(e.comment, sizeof(e.comment), "%s/%s", c->pod->namespace_, c->pod->name);
	return e;
}

int nft_endpoints_merge(const struct nft_model *m, const struct weir_changes *changes,
			struct nft_endpoint **ret, size_t *ret_n)
{
	size_t old = m->n_endpoints, n = old;
	struct nft_endpoint *list = calloc(old + changes->n_endpoints + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	if (old)
		memcpy(list, m->endpoints, old * sizeof(*list));
	for (size_t i = 0; i < changes->n_endpoints; i++) {
		const struct weir_endpoint_change *c = &changes->endpoints[i];
		struct nft_endpoint *known = nft_model_endpoint(m, &c->addr);

		if (known)
			known = list + (known - m->endpoints);
		if (known && !c->pod)
			known->addr.bytes[0] = 0, known->addr.family = 0;
		else if (known)
			*known = endpoint_of(c);
		else if (c->pod)
			list[n++] = endpoint_of(c);
	}
	for (size_t i = old = 0; i < n; i++)
		if (list[i].addr.family)
			list[old++] = list[i];
	qsort(list, old, sizeof(*list), compare_endpoints);
	*ret = list;
	*ret_n = old;
	return 0;
}
