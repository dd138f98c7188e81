/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the backend has put in force, as lean as it can be: which elements a
 * map holds is not stored but follows from addresses, classes and ranges.
 */
#include "backends/nftables/addresses.h"
#include "backends/nftables/classes.h"
#include "backends/nftables/intervals.h"
#include "backends/nftables/objects.h"
#include "weir/ruleset.h"

enum { NFT_V4, NFT_V6, NFT_FAMILIES };
static inline uint8_t nft_family(int f)
{
	return f == NFT_V4 ? AF_INET : AF_INET6;
}
static inline int nft_family_index(const struct weir_addr *a)
{
	return a->family == AF_INET ? NFT_V4 : NFT_V6;
}

struct nft_ruleset {
	uint32_t id;  /* the compiler's */
	uint32_t tag; /* of its policies; in the log prefix */
	uint32_t key; /* ours: in the names of its chains and sets */
	uint8_t direction;
	char comment[NFT_COMMENT_MAX + 1]; /* policies, and a number of the structure */
	struct nft_classes classes;
	struct nft_idmap members;		 /* identity -> place in classes */
	uint32_t fallback;			 /* place in classes */
	struct nft_intervals nets[NFT_FAMILIES]; /* value: place in classes */
};

struct nft_endpoint {
	struct weir_addr addr;
	uint32_t rulesets[WEIR_DIRECTION_MAX]; /* ids; 0: not isolated */
	char comment[NFT_COMMENT_MAX + 1];     /* namespace/pod */
};

struct nft_model {
	struct nft_addresses addresses;
	struct nft_prefix_value *prefixes; /* sorted; value: identity */
	size_t n_prefixes;
	struct nft_ruleset **rulesets; /* by ascending id */
	size_t n_rulesets;
	struct nft_endpoint *endpoints; /* by ascending address */
	size_t n_endpoints;
	struct nft_intervals guards[NFT_FAMILIES], resolvers[NFT_FAMILIES];
};

void nft_model_free(struct nft_model *m);
struct nft_ruleset *nft_model_ruleset(const struct nft_model *m, uint32_t id);
struct nft_endpoint *nft_model_endpoint(const struct nft_model *m, const struct weir_addr *addr);

void nft_ruleset_free(struct nft_ruleset **r);
/* The ruleset after a change: from (NULL when it is new), with the peers of the
 * change; prefixes are those after the commit. Its key is 0, and classes that
 * nobody is in are left out. */
int nft_ruleset_make(const struct nft_ruleset *from, const struct weir_ruleset_change *change,
		     const struct nft_prefix_value *prefixes, size_t n_prefixes,
		     struct nft_ruleset **ret);
/* The same ruleset over other prefixes. */
int nft_ruleset_over(const struct nft_ruleset *from, const struct nft_prefix_value *prefixes,
		     size_t n_prefixes, struct nft_ruleset **ret);
/* Chain and ranges say the same: only elements of the peer maps may differ. */
bool nft_ruleset_same_structure(const struct nft_ruleset *a, const struct nft_ruleset *b);
/* What the peer map must say of an address with this identity; NULL: nothing,
 * because ranges and fallback say it. */
const struct nft_class *nft_ruleset_class_of(const struct nft_ruleset *r,
					     const struct weir_addr *addr, uint32_t identity);

/* prefixes after the changes; -ENOMEM. */
int nft_prefixes_merge(const struct nft_model *m, const struct weir_changes *changes,
		       struct nft_prefix_value **ret, size_t *ret_n);
/* Guard ranges and resolvers, joined. */
int nft_ranges_make(const struct weir_changes *changes, struct nft_model *ret);
void nft_ranges_free(struct nft_model *m);
/* Are DNS answers to be copied? */
static inline bool nft_model_listens(const struct nft_model *m)
{
	return m->resolvers[NFT_V4].n || m->resolvers[NFT_V6].n;
}
/* endpoints after the changes */
int nft_endpoints_merge(const struct nft_model *m, const struct weir_changes *changes,
			struct nft_endpoint **ret, size_t *ret_n);
static inline bool nft_is_address(const struct weir_prefix *p)
{
	return p->len == weir_addr_bits(&p->addr);
}
