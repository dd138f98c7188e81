/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deleting what is out of force, a moment later: a packet that was looking an
 * address up in an old map must find it there.
 */
#include <errno.h>
#include <time.h>

#include "backends/nftables/nft.h"
#include "weir/cleanup.h"

#define GRACE_NS 2000000ull /* measured: >= 1 ms shows no wrong verdict */

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

void nft_garbage_since(struct nft *n)
{
	n->garbage_since = now();
}

void nft_garbage_add(struct nft *n, const struct nft_ruleset *r)
{
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };

	nft_render_ruleset(r, n->nflog_group, &n->garbage, &rules);
	nft_garbage_since(n);
}

/* Rules let go of sets, sets let go of chains. */
static void write_deletion(const struct nft_objects *o, struct nft_batch *b)
{
	for (size_t i = 0; i < o->n_chains; i++)
		nft_flush_chain(b, o->chains[i].name);
	for (size_t i = 0; i < o->n_sets; i++)
		nft_delete_set(b, o->sets[i].name);
	for (size_t i = 0; i < o->n_chains; i++)
		nft_delete_chain(b, o->chains[i].name);
}

int nft_settle(struct nft *n, int *ret_ms, struct weir_error *err)
{
	WEIR_CLEANUP(nft_batch_free) struct nft_batch b = { 0 };
	uint64_t age = now() - n->garbage_since;
	int r;

	*ret_ms = -1;
	if (!n->garbage.n_chains && !n->garbage.n_sets)
		return 0;
	if (age < GRACE_NS) {
		*ret_ms = (int)((GRACE_NS - age) / 1000000) + 1;
		return 0;
	}
	write_deletion(&n->garbage, &b);
	r = nft_send(n, &b, err);
	/* What could not be deleted is in nobody's way; a full apply finds it. */
	if (r < 0)
		n->needs_full = true;
	nft_objects_free(&n->garbage);
	return r;
}
