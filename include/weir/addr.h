/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* IP addresses and prefixes of both families. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "weir/error.h"

/* Network byte order; an IPv4 address fills the first 4 bytes, the rest is 0,
 * so that two equal addresses are equal as memory. */
struct weir_addr {
	uint8_t family; /* AF_INET, AF_INET6, or 0: none */
	uint8_t bytes[16];
};

struct weir_prefix {
	struct weir_addr addr; /* bits behind len are 0 */
	uint8_t len;	       /* 0..32 or 0..128 */
};

#define WEIR_ADDR_STRLEN   46
#define WEIR_PREFIX_STRLEN 50

int weir_addr_parse(const char *text, struct weir_addr *ret);
/* Writes into buf (WEIR_ADDR_STRLEN) and returns it; "-" for family 0. */
const char *weir_addr_format(const struct weir_addr *a, char *buf);
int weir_addr_compare(const struct weir_addr *a, const struct weir_addr *b);
static inline size_t weir_addr_size(const struct weir_addr *a)
{
	return a->family == AF_INET ? 4 : a->family == AF_INET6 ? 16 : 0;
}
static inline uint8_t weir_addr_bits(const struct weir_addr *a)
{
	return (uint8_t)(weir_addr_size(a) * 8);
}

/* "10.0.0.0/8"; strict says whether bits behind the length are an error
 * (-EINVAL) or are cleared. An address without "/" is not a prefix. */
int weir_prefix_parse(const char *text, bool strict, struct weir_prefix *ret);
const char *weir_prefix_format(const struct weir_prefix *p, char *buf);
bool weir_prefix_contains(const struct weir_prefix *p, const struct weir_addr *a);
/* outer contains all of inner (also when they are equal) */
bool weir_prefix_covers(const struct weir_prefix *outer, const struct weir_prefix *inner);
struct weir_prefix weir_prefix_of(const struct weir_addr *a, uint8_t len);
int weir_prefix_compare(const struct weir_prefix *a, const struct weir_prefix *b);
