/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Messages that add and delete the objects of table inet weir. */
#include <stdint.h>

#include "backends/nftables/netlink.h"
#include "backends/nftables/rules.h"
#include "weir/addr.h"

#define NFT_COMMENT_MAX 127 /* what nft takes and shows; without the NUL */

/* What a set holds and says. */
enum nft_set_kind {
	NFT_SET_ADDR_VMAP,   /* address -> verdict */
	NFT_SET_PREFIX_VMAP, /* range of addresses -> verdict */
	NFT_SET_PREFIXES,    /* ranges of addresses */
	NFT_SET_ADDR_PAIRS,  /* address . address */
	NFT_SET_PORTS,	     /* ranges of ports; family is not used */
	NFT_SET_ADDRS,	     /* addresses */
	NFT_SET_IFACE_ADDRS, /* interface . address; its index in the byte order of the host */
	NFT_SET_TUPLES,	     /* protocol . address . port . address . port, for a time */
	NFT_SET_KIND_MAX
};

struct nft_set {
	char name[NFT_NAME_LEN];
	uint8_t kind;
	uint8_t family;
};

struct nft_chain {
	char name[NFT_NAME_LEN];
	int hook;	 /* < 0: not a base chain */
	int priority;	 /* of a base chain */
	char device[16]; /* of a base chain of the family netdev, else "" */
	char comment[NFT_COMMENT_MAX + 1];
};

struct nft_target {
	int verdict;		  /* NFT_RETURN, NFT_GOTO */
	char chain[NFT_NAME_LEN]; /* of NFT_GOTO, else "" */
};

void nft_add_table(struct nft_batch *b, const char *comment);
void nft_delete_table(struct nft_batch *b);
void nft_add_chain(struct nft_batch *b, const struct nft_chain *chain);
void nft_delete_chain(struct nft_batch *b, const char *name);
void nft_flush_chain(struct nft_batch *b, const char *name);
void nft_add_set(struct nft_batch *b, const struct nft_set *set);
void nft_delete_set(struct nft_batch *b, const char *name);
/* Kind and family of a set in the kernel; left alone when weir makes none such. */
void nft_set_recognise(uint32_t flags, uint32_t key_type, uint32_t data_type, struct nft_set *ret);
void nft_add_rules(struct nft_batch *b, const struct nft_rules *rules);
/* The rules of this chain and no others: no packet misses them in between. */
void nft_refill_chain(struct nft_batch *b, const char *chain, const struct nft_rules *rules);

#define NFT_TUPLES_MAX	     262144u /* elements of such a set: 4 MB of buckets, taken at once */
#define NFT_TUPLE_TIMEOUT_MS 600000u /* of an element of NFT_SET_TUPLES that nothing refreshes */

/* Elements, many to a message: begin, any number of elements of one set and
 * one operation, end. */
struct nft_elements {
	struct nft_batch *batch;
	const char *set;
	uint16_t type; /* NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM */
	struct nlmsghdr *nlh;
	struct nlattr *list;
	uint64_t count;
	bool again; /* one that is there already is no error */
};

struct nft_elements nft_elements_begin(struct nft_batch *b, uint16_t type, const char *set);
/* target NULL: a set or a deletion; comment NULL: none; interval_end: the
 * first value behind a range. */
void nft_element(struct nft_elements *e, const void *key, size_t key_len, bool interval_end,
		 const struct nft_target *target, const char *comment);
void nft_elements_end(struct nft_elements *e);
