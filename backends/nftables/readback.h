/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the kernel holds in table inet weir. Reads only. */
#include "backends/nftables/render.h"

struct nft_rule_texts {
	struct nft_rule_text {
		char chain[NFT_NAME_LEN];
		char *text; /* as nft_rule_text() makes it */
	} * items;
	size_t n, size;
};
void nft_rule_texts_free(struct nft_rule_texts *list);

/* Names only; a table that does not exist has none. */
int nft_read_objects(struct nft_socket *s, struct nft_objects *ret, struct weir_error *err);
int nft_read_rules(struct nft_socket *s, struct nft_rule_texts *ret, struct weir_error *err);
/* Sorted; a set that does not exist is -ENOENT. */
int nft_read_elements(struct nft_socket *s, const char *set, struct nft_elems *ret,
		      struct weir_error *err);
bool nft_has_set(const struct nft_objects *o, const char *name);
bool nft_has_chain(const struct nft_objects *o, const char *name);
/* The kernel's rules of a chain are those of the list, in the same order. */
bool nft_same_rules(const struct nft_rule_texts *have, const struct nft_rules *want,
		    const char *chain);
