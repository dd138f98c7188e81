/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a request asks for: its parameters, read and checked. Which parameters a
 * route takes is a set of bits; whatever else stands there is an error that
 * names the nearest one that would be right.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/store/store.h"

enum {
	WEIR_ASK_RANGE = 1 << 0,   /* since, from, to */
	WEIR_ASK_LIMIT = 1 << 1,   /* limit */
	WEIR_ASK_PAGES = 1 << 2,   /* order, cursor */
	WEIR_ASK_FIELDS = 1 << 3,  /* fields */
	WEIR_ASK_SECONDS = 1 << 4, /* seconds */
	WEIR_ASK_SUMS = 1 << 5,	   /* by, step */
	WEIR_ASK_MEASURE = 1 << 6, /* measure */
	WEIR_ASK_VALUES = 1 << 7,  /* field, prefix */
	WEIR_ASK_LAST = 1 << 8,	   /* last */
	WEIR_ASK_LEVEL = 1 << 9,   /* level */
	WEIR_ASK_FILTERS = 1 << 10 /* all of hub/query/filter.h */
};

struct weir_param {
	const char *name, *value;
};

#define WEIR_ASK_FIELDS_MAX 64

struct weir_ask {
	uint64_t given; /* which of the plain parameters stood there, by their place in the table */
	uint64_t from, to, since;
	uint32_t limit; /* 0: not given */
	uint32_t last;
	enum weir_order order;
	const char *cursor;
	char *fields_text; /* what fields[] point into */
	size_t n_fields;
	const char *fields[WEIR_ASK_FIELDS_MAX];
	bool seconds;
	unsigned n_dims;
	enum weir_dimension dims[WEIR_DIMS_MAX];
	uint64_t step;
	enum weir_measure measure;
	enum weir_field field; /* WEIR_FILTER_FIELDS: not given */
	const char *prefix;
	bool namespaces; /* level: namespaces, not workloads */
	struct weir_filter filter;
};

/* now: ns since the epoch, what since is counted from. ret is to be cleared whatever comes
 * out; it borrows from params. -EINVAL: err names the parameter. */
int weir_ask_read(unsigned takes, const struct weir_param *params, size_t n, uint64_t now,
		  uint32_t max_limit, struct weir_ask *ret, struct weir_error *err);
void weir_ask_clear(struct weir_ask *ask);

/* Each parameter that a route with these bits takes: "limit", "namespace",
 * "from.namespace", ... */
int weir_ask_names(unsigned takes, int (*fn)(void *data, const char *name), void *data);

/* RFC 3339, or ns since the epoch. */
int weir_time_parse(const char *text, uint64_t *ret);
