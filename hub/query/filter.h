/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Which flows somebody wants: a list of terms that must all hold. A term names a
 * field, one or both ends, and values of which one must match; negated: none may.
 *
 * In a URL a term is "[from.|to.]FIELD=[!]VALUE": values of the same name without
 * "!" are alternatives. Terms of a field of an end without "from." or "to." must
 * hold all at one and the same end (negated: at neither).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/flow.h"
#include "weir/addr.h"
#include "weir/error.h"

enum weir_field {
	/* of an end */
	WEIR_FILTER_NAMESPACE,
	WEIR_FILTER_POD,      /* "pod" or "namespace/pod" */
	WEIR_FILTER_WORKLOAD, /* "name" or "Kind/name" */
	WEIR_FILTER_LABEL,    /* "key" or "key=value" */
	WEIR_FILTER_ADDRESS,  /* address or prefix; also what it is behind NAT */
	WEIR_FILTER_SERVICE,  /* "namespace/name"; of a destination */
	WEIR_FILTER_END_NODE, /* "hostNode": where the end runs */
	/* of the flow */
	WEIR_FILTER_CLUSTER,
	WEIR_FILTER_NODE,      /* who reported */
	WEIR_FILTER_PORT,      /* of the destination: number or "low-high" */
	WEIR_FILTER_PROTOCOL,  /* TCP, UDP, SCTP, ICMP, ICMPv6, or a number */
	WEIR_FILTER_VERDICT,   /* allowed, denied */
	WEIR_FILTER_STAGED,    /* allowed, denied */
	WEIR_FILTER_REASON,    /* weir_reason_name() of a side */
	WEIR_FILTER_POLICY,    /* "name", "namespace/name" or "Kind/[namespace/]name" of a side */
	WEIR_FILTER_DIRECTION, /* egress, ingress: the side that denied, or that a policy allowed */
	WEIR_FILTER_TYPE,      /* open, update, end, denied, gap */
	WEIR_FILTER_FIELDS
};
const char *weir_field_name(enum weir_field field); /* as in a URL: "namespace", "hostNode" */
/* The field of this name; WEIR_FILTER_FIELDS: none. */
enum weir_field weir_field_of(const char *name);
static inline bool weir_field_is_of_end(enum weir_field field)
{
	return field < WEIR_FILTER_CLUSTER;
}

enum weir_term_end { WEIR_EITHER_END, WEIR_FROM_END, WEIR_TO_END };

struct weir_term_value {
	char *text;			/* as given */
	char *kind, *namespace_, *name; /* its parts, where the field has some; else NULL */
	struct weir_prefix prefix;	/* ADDRESS */
	uint32_t low, high; /* PORT: range; PROTOCOL, VERDICT, STAGED, REASON, DIRECTION, TYPE:
			       number in low */
};

struct weir_term {
	uint8_t field; /* weir_field */
	uint8_t end;   /* weir_term_end */
	bool negated;
	size_t n_values;
	struct weir_term_value *values;
};

struct weir_filter {
	size_t n_terms;
	struct weir_term *terms;
};

#define WEIR_FILTER_TERMS_MAX  32
#define WEIR_FILTER_VALUES_MAX 256 /* of one term */
#define WEIR_FILTER_TEXT_MAX   512 /* of one value */

/* Adds "name=value" of a URL. -ENOENT: name is no field, with or without from., to.
 * -EINVAL: err names the parameter and says what it wants. */
int weir_filter_add(struct weir_filter *filter, const char *name, const char *value,
		    struct weir_error *err);
void weir_filter_clear(struct weir_filter *filter);

/* Whether a flow is wanted. It must be redacted already (access.h): what a person may
 * not see must not be found by asking for it. A gap has no ends: it passes whenever cluster, node
 * and type do. */
bool weir_filter_matches(const struct weir_filter *filter, const struct weir_hub_flow *flow);

/* One term, of a field of the flow; one term, of a field of an end, at this end. For stores
 * that look ends up by number. */
bool weir_term_holds(const struct weir_term *term, const struct weir_hub_flow *flow);
bool weir_term_holds_of_end(const struct weir_term *term, const struct weir_record_peer *end);
