/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the kernel holds in the table of a socket. Reads only. */
#include "backends/nftables/render.h"

struct nft_rule_texts {
	struct nft_rule_text {
		char chain[NFT_NAME_LEN];
		uint32_t place; /* in the dump, which has the rules of a chain in order */
		char *text;	/* as nft_rule_text() makes it */
	} * items;
	uint32_t n, size;
};

/* All but elements. Sorted by name. */
struct nft_contents {
	bool exists;	  /* the table */
	bool next_exists; /* NFT_TABLE_NEXT */
	char comment[NFT_COMMENT_MAX + 1];
	struct nft_objects objects; /* a kind that weir does not use is NFT_SET_KIND_MAX */
	struct nft_rule_texts rules;
};
void nft_contents_free(struct nft_contents *c);
/* A table that does not exist is empty. */
int nft_read_contents(struct nft_socket *s, struct nft_contents *ret, struct weir_error *err);

/* Sorted; a set that does not exist is -ENOENT. */
int nft_read_elements(struct nft_socket *s, const char *set, struct nft_elems *ret,
		      struct weir_error *err);

/* fn for each rule of the table, until it returns an error; restart: from the
 * first one again. */
typedef int (*nft_rule_fn)(void *data, const struct nftnl_rule *rule);
int nft_each_rule(struct nft_socket *s, nft_rule_fn fn, void (*restart)(void *data), void *data);

/* --- looking in there (contents.c) ---------------------------------------------- */

void nft_objects_sort(struct nft_objects *o);
/* NULL: not there. The lists are sorted. */
const struct nft_set *nft_find_set(const struct nft_objects *o, const char *name);
const struct nft_chain *nft_find_chain(const struct nft_objects *o, const char *name);
/* There is a set of this name that holds and says the same kind of thing. */
bool nft_has_set(const struct nft_objects *o, const struct nft_set *set);
/* The names of "from" that are not in "in", both sorted. */
void nft_objects_missing(const struct nft_objects *from, const struct nft_objects *in,
			 struct nft_objects *ret);
/* Both are reached by the same packets, or both by jumps alone. */
bool nft_same_hook(const struct nft_chain *a, const struct nft_chain *b);
void nft_rule_texts_sort(struct nft_rule_texts *list);
/* The kernel's rules of a chain are those of the list, in the same order. */
bool nft_same_rules(const struct nft_rule_texts *have, const struct nft_rules *want,
		    const char *chain);
