/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deleting what is out of force, a moment later: a packet that was looking an
 * address up in an old map must find it there. Two heaps: what comes while one
 * is waiting goes on the other, so that it does not wait for ever.
 */
#include <errno.h>
#include <string.h>
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

static bool is_empty(const struct nft_objects *o)
{
	return !o->n_chains && !o->n_sets;
}

/* Where the next object goes. */
static struct nft_objects *heap(struct nft_garbage *g)
{
	if (is_empty(&g->waiting)) {
		g->since = now();
		return &g->waiting;
	}
	return &g->later;
}

void nft_garbage_free(struct nft_garbage *g)
{
	nft_objects_free(&g->waiting);
	nft_objects_free(&g->later);
}

void nft_garbage_replace(struct nft *n, struct nft_objects *old)
{
	nft_garbage_free(&n->garbage);
	n->garbage.waiting = *old;
	n->garbage.since = now();
	*old = (struct nft_objects){ 0 };
}

void nft_garbage_add_ruleset(struct nft *n, const struct nft_ruleset *r)
{
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };

	nft_render_ruleset(r, n->nflog_group, heap(&n->garbage), &rules);
}

void nft_garbage_add_class(struct nft *n, const struct nft_ruleset *r, const struct nft_class *c)
{
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };

	if (c->n)
		nft_render_class(r, c, heap(&n->garbage), &rules);
}

/* Names of "from" that are in "which" go; true when there was one. */
static bool take_out(struct nft_objects *from, const struct nft_objects *which)
{
	size_t n_chains = 0, n_sets = 0, before = from->n_chains;

	for (size_t i = 0; i < from->n_chains; i++)
		if (strcmp(from->chains[i].name, which->chains[0].name) != 0)
			from->chains[n_chains++] = from->chains[i];
	from->n_chains = n_chains;
	for (size_t i = 0; i < from->n_sets; i++) {
		bool in = false;

		for (size_t j = 0; j < which->n_sets; j++)
			in |= strcmp(from->sets[i].name, which->sets[j].name) == 0;
		if (!in)
			from->sets[n_sets++] = from->sets[i];
	}
	from->n_sets = n_sets;
	return n_chains < before;
}

bool nft_garbage_take_back(struct nft *n, const struct nft_objects *class_)
{
	bool waiting, later;

	if (!class_->n_chains)
		return false;
	waiting = take_out(&n->garbage.waiting, class_);
	later = take_out(&n->garbage.later, class_);
	return waiting || later;
}

/* Rules let go of sets, sets let go of chains. */
void nft_delete_objects(struct nft_batch *b, const struct nft_objects *o)
{
	for (size_t i = 0; i < o->n_chains; i++)
		nft_flush_chain(b, o->chains[i].name);
	for (size_t i = 0; i < o->n_sets; i++)
		nft_delete_set(b, o->sets[i].name);
	for (size_t i = 0; i < o->n_chains; i++)
		nft_delete_chain(b, o->chains[i].name);
}

static int delete_waiting(struct nft *n, struct weir_error *err)
{
	WEIR_CLEANUP(nft_batch_free) struct nft_batch b = nft_batch_for(&n->socket);
	struct nft_garbage *g = &n->garbage;
	int r;

	nft_delete_objects(&b, &g->waiting);
	r = nft_send(n, &b, err);
	/* What could not be deleted is in nobody's way; a full apply finds it. */
	if (r < 0 || g->waiting.failed)
		n->needs_full = true;
	nft_objects_free(&g->waiting);
	g->waiting = g->later;
	g->later = (struct nft_objects){ 0 };
	g->since = now();
	return r;
}

int nft_settle(struct nft *n, int *ret_ms, struct weir_error *err)
{
	struct nft_garbage *g = &n->garbage;
	uint64_t age = now() - g->since;
	int r = 0;

	if (!is_empty(&g->waiting) && age >= GRACE_NS) {
		r = delete_waiting(n, err);
		age = 0;
	}
	*ret_ms = is_empty(&g->waiting) ? -1 : (int)((GRACE_NS - age) / 1000000) + 1;
	return r;
}
