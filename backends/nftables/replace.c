/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table that another version of weir has laid out, or whose sets are of other
 * types, cannot be repaired piece by piece. All is built in a second table
 * beside it, then the first is deleted and built anew, then the second goes. A
 * packet passes when both let it: at no moment is less enforced than all there
 * was or all there shall be. Called by full.c.
 */
#include <string.h>

#include "backends/nftables/nft.h"
#include "weir/cleanup.h"

bool nft_is_usable(const struct nft *n, const struct nft_contents *have)
{
	WEIR_CLEANUP(nft_objects_free) struct nft_objects o = { 0 };
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };

	if (!have->exists)
		return true;
	if (strcmp(have->comment, NFT_TABLE_COMMENT) != 0)
		return false;
	nft_render_stable(n, &o, &rules);
	for (size_t i = 0; i < o.n_sets; i++)
		if (nft_find_set(&have->objects, o.sets[i].name) &&
		    !nft_has_set(&have->objects, &o.sets[i]))
			return false;
	for (size_t i = 0; i < o.n_chains; i++) {
		const struct nft_chain *c = nft_find_chain(&have->objects, o.chains[i].name);

		if (c && !nft_same_hook(c, &o.chains[i]))
			return false;
	}
	return true;
}

int nft_drop_table(struct nft *n, const char *table, struct weir_error *err)
{
	WEIR_CLEANUP(nft_batch_free) struct nft_batch b = nft_batch_for(&n->socket);

	b.table = table;
	nft_delete_table(&b);
	return nft_send(n, &b, err);
}

/* The model into a table that may hold what a process that was killed built. */
static int build_in(struct nft *n, const char *table, struct weir_error *err)
{
	WEIR_CLEANUP(nft_contents_free) struct nft_contents have = { 0 };
	const char *before = n->socket.table;
	int r;

	n->socket.table = table;
	r = nft_read_contents(&n->socket, &have, err);
	if (r == 0 && !nft_is_usable(n, &have)) {
		nft_contents_free(&have);
		r = nft_drop_table(n, table, err);
	}
	if (r == 0)
		r = nft_put_in_force(n, &have, err);
	n->socket.table = before;
	return r;
}

int nft_replace_table(struct nft *n, struct weir_error *err)
{
	int r = build_in(n, NFT_TABLE_NEXT, err);

	n->repairs++;
	if (r == 0)
		r = build_in(n, NFT_TABLE, err);
	return r;
}
