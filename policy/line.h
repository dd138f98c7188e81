/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The port space as one line: TCP, UDP, SCTP (65536 points each), and one
 * point for everything else. Rules cover stretches of it; a change concerns a
 * stretch of it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "weir/policy.h"

enum { WEIR_LINE_OTHER = 3 << 16, WEIR_LINE_END = WEIR_LINE_OTHER + 1 };

struct stretch { /* from..to-1; zeroed memory is an empty one */
	uint32_t from, to;
};
#define WEIR_WHOLE_LINE ((struct stretch){ 0, WEIR_LINE_END })

struct portset;

/* The protocol of a point before WEIR_LINE_OTHER. */
uint8_t weir_line_protocol(uint32_t at);
uint32_t weir_line_of(uint8_t protocol, uint16_t port);
/* Calls fn for each stretch that the rule covers; names mean what named says. */
int weir_line_each(const struct weir_rule *rule, const struct portset *named,
		   int (*fn)(void *data, struct stretch s, const struct weir_rule *rule),
		   void *data);
/* One stretch with everything that the rule can cover, whatever names mean. */
struct stretch weir_line_reach(const struct weir_rule *rule);

static inline bool weir_stretch_empty(struct stretch s)
{
	return s.from >= s.to;
}

static inline struct stretch weir_stretch_common(struct stretch a, struct stretch b)
{
	return (struct stretch){
		.from = a.from > b.from ? a.from : b.from,
		.to = a.to < b.to ? a.to : b.to,
	};
}

/* The least one that has all of both. */
static inline struct stretch weir_stretch_hull(struct stretch a, struct stretch b)
{
	if (weir_stretch_empty(a) || weir_stretch_empty(b))
		return weir_stretch_empty(a) ? b : a;
	return (struct stretch){
		.from = a.from < b.from ? a.from : b.from,
		.to = a.to > b.to ? a.to : b.to,
	};
}
