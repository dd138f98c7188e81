/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a log rule writes in front of a denied packet, and the flow source
 * reads: "weir:<i|e>:<tag of the ruleset>", or "weir:<i|e>:pending" for an address of
 * a guard range that is no endpoint yet, or "weir:e:spoofed" for one that is not its
 * sender's.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "weir/policy.h"

#define WEIR_DENIED_PREFIX_STRLEN 20 /* "weir:i:4294967295" and its NUL fit */

#define WEIR_SPOOFED_PREFIX "weir:e:spoofed"

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

struct weir_denied_prefix {
	uint8_t direction;
	bool pending, spoofed;
	uint32_t ruleset; /* 0: pending or spoofed */
};

static inline bool weir_denied_prefix_is(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(text, word, len) == 0;
}

/* text need not end with a NUL. False: not a prefix of ours. */
static inline bool weir_denied_prefix_parse(const char *text, size_t len,
					    struct weir_denied_prefix *ret)
{
	uint64_t id = 0;

	len = strnlen(text, len);
	if (len < 8 || memcmp(text, "weir:", 5) != 0 || text[6] != ':' ||
	    (text[5] != 'i' && text[5] != 'e'))
		return false;
	*ret = (struct weir_denied_prefix){ .direction =
						    text[5] == 'e' ? WEIR_EGRESS : WEIR_INGRESS };
	ret->spoofed = weir_denied_prefix_is(text, len, WEIR_SPOOFED_PREFIX);
	ret->pending = weir_denied_prefix_is(text + 7, len - 7, "pending");
	for (size_t i = 7; i < len && !ret->spoofed && !ret->pending; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		id = id * 10 + (uint64_t)(text[i] - '0');
		if (id > UINT32_MAX)
			return false;
	}
	ret->ruleset = (uint32_t)id;
	ret->pending |= !ret->spoofed && !id;
	return true;
}
