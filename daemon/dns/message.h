/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A DNS answer (RFC 1035, 2181, 3596), reduced to what weir learns: the name
 * that was asked for, its chain of aliases, and the addresses at the end of it.
 * What is not on that chain says nothing about the question and is left out.
 */
#include <stddef.h>
#include <stdint.h>

#include "weir/addr.h"

#define WEIR_DNS_NAME_MAX  254	/* 253 characters and a NUL */
#define WEIR_DNS_CHAIN_MAX 16	/* resolvers give up earlier */
#define WEIR_DNS_ADDRS_MAX 4096 /* more A records than 64 KiB hold */

struct weir_dns_address {
	struct weir_addr addr;
	uint32_t ttl; /* seconds */
};

struct weir_dns_answer {
	/* [0] is the question's name, each other one an alias of that before it.
	 * Lower case, without the last dot. */
	unsigned n_names;
	char names[WEIR_DNS_CHAIN_MAX][WEIR_DNS_NAME_MAX];
	/* How long a name may be held for its addresses, as far as the aliases
	 * from it on say; UINT32_MAX of the last. */
	uint32_t ttls[WEIR_DNS_CHAIN_MAX];
	size_t n_addrs; /* of the last name, and so of all of them */
	struct weir_dns_address addrs[WEIR_DNS_ADDRS_MAX];
};

/* 0; -ENOMSG: a message that tells no addresses (a query, an error, another
 * kind of record); -EBADMSG: malformed. */
int weir_dns_parse(const uint8_t *message, size_t len, struct weir_dns_answer *ret);
