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
		nft_add_chain(b, o->chains[i].name, o->chains[i].hook,
			      o->chains[i].comment[0] ? o->chains[i].comment : NULL);
	nft_add_rules(b, rules);
	for (size_t i = 0; i < o->n_sets; i++)
		if (o->sets[i].kind == NFT_SET_PORTS) {
			WEIR_CLEANUP(nft_elems_free) struct nft_elems ports = { 0 };

			nft_render_port_set(r, o->sets[i].name, &ports);
			write_elements(n, o->sets[i].name, &ports, b);
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
		WEIR_CLEANUP(nft_elems_free) struct nft_elems nets = { 0 };
		char name[NFT_NAME_LEN];

		nft_render_peers(&n->model.addresses, r, f, &peers);
		nft_peer_map(r, f, name);
		ret = fill(n, name, &peers, b, err);
		nft_render_nets(r, f, &nets);
		nft_net_map(r, f, name);
		if (ret == 0)
			ret = fill(n, name, &nets, b, err);
	}
	return ret;
}

/* have NULL: what the kernel holds. Half a range cannot be replaced: of a set
 * with ranges, when one differs, all of them are. */
static int write_diff(struct nft *n, const char *set, struct nft_elems *have,
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

/* One of the sets that depend on the endpoints and guards of a model. */
struct dispatch_set {
	int kind; /* a direction, SELF or GUARD */
	int f;
};
enum { SELF = WEIR_DIRECTION_MAX, GUARD, DISPATCH_KINDS };

static void render_dispatch(const struct nft_model *m, struct dispatch_set s, char *name,
			    struct nft_elems *ret)
{
	if (s.kind == SELF) {
		nft_self_set(s.f, name);
		nft_render_self(m, s.f, ret);
	} else if (s.kind == GUARD) {
		nft_guard_set(s.f, name);
		nft_render_guards(&m->guards[s.f], s.f, ret);
	} else {
		nft_endpoint_map(s.kind, s.f, name);
		nft_render_endpoints(m, s.kind, s.f, ret);
	}
}

int nft_write_dispatch(struct nft *n, const struct nft_model *have, const struct nft_model *want,
		       struct nft_batch *b, struct weir_error *err)
{
	char name[NFT_NAME_LEN];
	int r = 0;

	for (int i = 0; i < NFT_FAMILIES * DISPATCH_KINDS && r == 0; i++) {
		struct dispatch_set s = { .kind = i / NFT_FAMILIES, .f = i % NFT_FAMILIES };
		WEIR_CLEANUP(nft_elems_free) struct nft_elems old = { 0 };
		WEIR_CLEANUP(nft_elems_free) struct nft_elems new = { 0 };

		if (have)
			render_dispatch(have, s, name, &old);
		render_dispatch(want, s, name, &new);
		r = write_diff(n, name, have ? &old : NULL, &new, s.kind == GUARD, b, err);
	}
	return r;
}
