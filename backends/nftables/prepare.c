/* SPDX-License-Identifier: Apache-2.0 */
/* Writing rendered objects into batches: whole rulesets under a new key, and
 * the maps that dispatch to them. Called by apply.c and full.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/nftables/nft.h"
#include "weir/cleanup.h"

int nft_send(struct nft *n, struct nft_batch *b, struct weir_error *err)
{
	bool uncertain = false;
	int r = nft_batch_send(&n->socket, b, &uncertain, err);

	if (uncertain)
		n->needs_full = true;
	return r;
}

static void write_elements(struct nft *n, const char *set, const struct nft_elems *come,
			   struct nft_batch *b)
{
	const struct nft_elems none = { 0 };

	nft_elems_write(b, set, &none, come, &n->elements);
}

int nft_write_objects(struct nft *n, const struct nft_ruleset *r, const struct nft_objects *o,
		      const struct nft_rules *rules, struct nft_batch *b)
{
	if (o->failed || rules->failed)
		return -ENOMEM;
	for (size_t i = 0; i < o->n_sets; i++)
		nft_add_set(b, &o->sets[i]);
	for (size_t i = 0; i < o->n_chains; i++)
		nft_add_chain(b, &o->chains[i]);
	nft_add_rules(b, rules);
	for (size_t i = 0; i < o->n_sets; i++) {
		WEIR_CLEANUP(nft_elems_free) struct nft_elems elems = { 0 };

		nft_render_constant_set(r, &o->sets[i], &elems);
		write_elements(n, o->sets[i].name, &elems, b);
	}
	return 0;
}

/* A long map is filled by several transactions: nothing refers to it yet. */
static int fill(struct nft *n, const char *map, const struct nft_elems *elems, struct nft_batch *b,
		struct weir_error *err)
{
	const size_t step = 4096;
	int r = elems->failed ? -ENOMEM : 0;

	for (size_t at = 0; at < elems->n && r == 0; at += step) {
		struct nft_elems part = { .items = elems->items + at };

		part.n = elems->n - at < step ? elems->n - at : step;
		write_elements(n, map, &part, b);
		if (b->len > NFT_BATCH_SOFT)
			r = nft_send(n, b, err);
	}
	return r;
}

int nft_prepare_ruleset(struct nft *n, const struct nft_ruleset *r, struct nft_batch *b,
			struct weir_error *err)
{
	WEIR_CLEANUP(nft_objects_free) struct nft_objects o = { 0 };
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };
	int ret;

	nft_render_ruleset(r, n->nflog_group, &o, &rules);
	ret = nft_write_objects(n, r, &o, &rules, b);
	for (int f = 0; f < NFT_FAMILIES && ret == 0; f++) {
		WEIR_CLEANUP(nft_elems_free) struct nft_elems peers = { 0 };
		char name[NFT_NAME_LEN];

		nft_render_peers(&n->model.addresses, r, f, &peers);
		nft_peer_map(r, f, name);
		ret = fill(n, name, &peers, b, err);
	}
	return ret;
}

int nft_write_diff(struct nft *n, const char *set, struct nft_elems *have,
		   const struct nft_elems *want, bool ranges, struct nft_batch *b,
		   struct weir_error *err)
{
	WEIR_CLEANUP(nft_elems_free) struct nft_elems read = { 0 };
	WEIR_CLEANUP(nft_elems_free) struct nft_elems gone = { 0 };
	WEIR_CLEANUP(nft_elems_free) struct nft_elems come = { 0 };
	size_t differ;

	if (!have) {
		int r = nft_read_elements(&n->socket, set, &read, err);

		if (r < 0)
			return r;
		have = &read;
	}
	differ = nft_elems_diff(have, want, &gone, &come);
	if (have->failed || want->failed || gone.failed || come.failed)
		return weir_error_errno(err, ENOMEM, "set %s", set);
	if (differ)
		nft_elems_write(b, set, ranges ? have : &gone, ranges ? want : &come, &n->elements);
	return 0;
}

static struct nft_target target_of(const struct nft_model *m, const struct nft_endpoint *e,
				   int direction)
{
	return nft_endpoint_target(nft_model_ruleset(m, e->rulesets[direction]));
}

static void add_endpoint(const struct nft_model *m, const struct nft_endpoint *e, int kind,
			 struct nft_elems *ret)
{
	if (kind == NFT_SELF)
		nft_render_self(e, ret);
	else
		nft_render_endpoint(m, e, kind, ret);
}

static bool same_endpoint(const struct nft_model *have, const struct nft_endpoint *h,
			  const struct nft_model *want, const struct nft_endpoint *w, int kind)
{
	struct nft_target t, u;

	if (kind == NFT_SELF)
		return true;
	t = target_of(have, h, kind);
	u = target_of(want, w, kind);
	return strcmp(t.chain, u.chain) == 0 && strcmp(h->comment, w->comment) == 0;
}

/* Both lists are sorted by address. */
static void diff_endpoints(const struct nft_model *have, const struct nft_model *want, int kind,
			   int f, struct nft_elems *gone, struct nft_elems *come)
{
	size_t i = 0, j = 0;

	while (i < have->n_endpoints || j < want->n_endpoints) {
		const struct nft_endpoint *h = i < have->n_endpoints ? &have->endpoints[i] : NULL;
		const struct nft_endpoint *w = j < want->n_endpoints ? &want->endpoints[j] : NULL;
		int c = !h ? 1 : !w ? -1 : weir_addr_compare(&h->addr, &w->addr);

		i += c <= 0;
		j += c >= 0;
		if (nft_family_index(c <= 0 ? &h->addr : &w->addr) != f)
			continue;
		if (c == 0 && same_endpoint(have, h, want, w, kind))
			continue;
		if (c <= 0)
			add_endpoint(have, h, kind, gone);
		if (c >= 0)
			add_endpoint(want, w, kind, come);
	}
}

int nft_write_dispatch_changes(struct nft *n, const struct nft_model *have,
			       const struct nft_model *want, struct nft_batch *b,
			       struct weir_error *err)
{
	char name[NFT_NAME_LEN];
	int r = 0;

	for (int kind = 0; kind <= NFT_SELF; kind++) {
		for (int f = 0; f < NFT_FAMILIES; f++) {
			WEIR_CLEANUP(nft_elems_free) struct nft_elems gone = { 0 }, come = { 0 };

			diff_endpoints(have, want, kind, f, &gone, &come);
			nft_dispatch_set(kind, f, name);
			nft_elems_write(b, name, &gone, &come, &n->elements);
		}
	}
	for (int kind = NFT_GUARD; kind < NFT_DISPATCH_KINDS; kind++) {
		for (int f = 0; f < NFT_FAMILIES && r == 0; f++) {
			WEIR_CLEANUP(nft_elems_free) struct nft_elems old = { 0 }, new = { 0 };

			nft_render_dispatch(have, kind, f, &old);
			nft_render_dispatch(want, kind, f, &new);
			nft_dispatch_set(kind, f, name);
			r = nft_write_diff(n, name, &old, &new, true, b, err);
		}
	}
	return r;
}

int nft_repair_dispatch(struct nft *n, const struct nft_model *want, struct nft_batch *b,
			struct weir_error *err)
{
	char name[NFT_NAME_LEN];
	int r = 0;

	for (int kind = 0; kind < NFT_DISPATCH_KINDS; kind++) {
		for (int f = 0; f < NFT_FAMILIES && r == 0; f++) {
			WEIR_CLEANUP(nft_elems_free) struct nft_elems elems = { 0 };

			nft_render_dispatch(want, kind, f, &elems);
			nft_dispatch_set(kind, f, name);
			r = nft_write_diff(n, name, NULL, &elems, kind >= NFT_GUARD, b, err);
		}
	}
	return r;
}
