/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a log rule writes in front of a denied packet, and the flow source
 * reads: "weir:<i|e>:<tag of the ruleset>", or "weir:<i|e>:pending" for an address of
 * a guard range that is no endpoint yet.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "weir/policy.h"

#define WEIR_DENIED_PREFIX_STRLEN 20 /* "weir:i:4294967295" and its NUL fit */

/* ruleset 0: pending. Returns buf. */
static inline const char *weir_denied_prefix_format(enum weir_direction direction, uint32_t ruleset,
						    char *buf)
{
	char side = direction == WEIR_EGRESS ? 'e' : 'i';

	if (ruleset)
		snprintf(buf, WEIR_DENIED_PREFIX_STRLEN, "weir:%c:%u", side, ruleset);
	else
		snprintf(buf, WEIR_DENIED_PREFIX_STRLEN, "weir:%c:pending", side);
	return buf;
}

/* text need not end with a NUL. False: not a prefix of ours. *ret_ruleset is
 * 0 for pending. */
static inline bool weir_denied_prefix_parse(const char *text, size_t len, uint8_t *ret_direction,
					    uint32_t *ret_ruleset)
{
	uint64_t id = 0;
	size_t i = 7;

	len = strnlen(text, len);
	if (len < 8 || memcmp(text, "weir:", 5) != 0 || text[6] != ':' ||
	    (text[5] != 'i' && text[5] != 'e'))
		return false;
	if (len == 14 && memcmp(text + 7, "pending", 7) == 0)
		i = len;
	for (; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		id = id * 10 + (uint64_t)(text[i] - '0');
		if (id > UINT32_MAX)
			return false;
	}
	*ret_direction = text[5] == 'e' ? WEIR_EGRESS : WEIR_INGRESS;
	*ret_ruleset = (uint32_t)id;
	return true;
}
