/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The conversation with nf_tables: batches that are one transaction each, and
 * dumps. A batch is all or nothing in the kernel.
 */
#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

#define NFT_TABLE	"weir"
#define NFT_TABLE_NEXT	"weir_next"  /* beside it, while one of another layout is replaced */
#define NFT_MESSAGE_MAX (64 * 1024)  /* of one message: an attribute's length has 16 bits */
#define NFT_BATCH_SOFT	(512 * 1024) /* fills of unreferenced sets are cut about here */
#define NFT_BATCH_HARD	(16 * 1024 * 1024)
#define NFT_COMMIT_MAX	(NFT_BATCH_HARD / 2) /* of elements of live maps in one transaction */

struct nft_socket {
	struct mnl_socket *nl;
	const char *table; /* what is read and written */
	uint8_t family;	   /* of that: NFPROTO_INET, NFPROTO_NETDEV */
	uint32_t seq;
	uint64_t transactions, retries;
};

int nft_socket_open(struct nft_socket *s, uint8_t family, struct weir_error *err);
void nft_socket_close(struct nft_socket *s);

/* One transaction being written. After a failed allocation
 * further messages are dropped and nft_batch_send says -ENOMEM. */
struct nft_batch {
	const char *table;
	uint8_t family;
	char *buf;
	size_t len, size;
	uint32_t first_seq, messages;
	bool failed;
};

static inline struct nft_batch nft_batch_for(const struct nft_socket *s)
{
	return (struct nft_batch){ .table = s->table, .family = s->family };
}
void nft_batch_free(struct nft_batch *b);
static inline bool nft_batch_empty(const struct nft_batch *b)
{
	return b->messages == 0;
}
/* Room for one message; end it with nft_batch_put. NULL when memory is short. */
struct nlmsghdr *nft_batch_message(struct nft_batch *b, uint16_t type, uint16_t flags);
void nft_batch_put(struct nft_batch *b, const struct nlmsghdr *nlh);

/* Commit the transaction and empty the batch. 0: all of it is in force; -errno:
 * nothing is, and err names the object that the kernel refused;
 * *ret_uncertain: the answer was lost, it may be either. */
int nft_batch_send(struct nft_socket *s, struct nft_batch *b, bool *ret_uncertain,
		   struct weir_error *err);

/* Send one dump request, or one that is acknowledged, and call fn for each message; again from
 * the start (restart is called first) when the kernel says that others wrote meanwhile. */
struct nft_dump {
	int (*message)(const struct nlmsghdr *nlh, void *data);
	void (*restart)(void *data);
	void *data;
};
int nft_dump(struct nft_socket *s, struct nlmsghdr *request, const struct nft_dump *dump);
