/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parameters of a URL, by a table. Called for each request, also with what a
 * stranger made up: everything is bounded, every error names its parameter.
 */
#include "hub/api/ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"
#include "weir/config.h"
#include "weir/near.h"
#include "weir/wire.h"

#define MS		1000000ull
#define SECOND		(1000 * MS)
#define RANGE_DEFAULT	(15 * 60 * SECOND)
#define CLOCKS_APART	(5 * 60 * SECOND) /* of nodes and hub: without "to", so far ahead */
#define FIELDS_TEXT_MAX 2048
#define PREFIX_MAX	253
#define LAST_MAX	10000

/* --- one function for each -------------------------------------------------------- */

static int read_since(struct weir_ask *a, const char *text)
{
	uint64_t ms;

	if (weir_duration_parse(text, &ms) < 0 ||
	    __builtin_mul_overflow(ms, (uint64_t)MS, &a->since))
		return -EINVAL;
	return 0;
}

static int read_from(struct weir_ask *a, const char *text)
{
	return weir_time_parse(text, &a->from);
}

static int read_to(struct weir_ask *a, const char *text)
{
	return weir_time_parse(text, &a->to);
}

static int read_count(const char *text, uint32_t max, uint32_t *ret)
{
	unsigned long n;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	n = strtoul(text, &end, 10);
	if (*end || !n || n > max)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

static int read_limit(struct weir_ask *a, const char *text)
{
	return read_count(text, UINT32_MAX, &a->limit);
}

static int read_last(struct weir_ask *a, const char *text)
{
	return read_count(text, LAST_MAX, &a->last);
}

static int read_order(struct weir_ask *a, const char *text)
{
	a->order = strcmp(text, "oldest") == 0 ? WEIR_OLDEST_FIRST : WEIR_NEWEST_FIRST;
	return a->order == WEIR_OLDEST_FIRST || strcmp(text, "newest") == 0 ? 0 : -EINVAL;
}

static int read_cursor(struct weir_ask *a, const char *text)
{
	a->cursor = text;
	return *text && strlen(text) < WEIR_CURSOR_MAX ? 0 : -EINVAL;
}

static int same_name(void *data, const char *name)
{
	return strcmp(data, name) == 0;
}

static int read_fields(struct weir_ask *a, const char *text)
{
	if (strlen(text) > FIELDS_TEXT_MAX)
		return -EINVAL;
	a->fields_text = strdup(text);
	if (!a->fields_text)
		return -ENOMEM;
	for (char *save = NULL, *f = strtok_r(a->fields_text, ",", &save); f;
	     f = strtok_r(NULL, ",", &save)) {
		if (a->n_fields == WEIR_ASK_FIELDS_MAX || !weir_json_members(same_name, f))
			return -EINVAL;
		a->fields[a->n_fields++] = f;
	}
	return a->n_fields ? 0 : -EINVAL;
}

static int read_seconds(struct weir_ask *a, const char *text)
{
	a->seconds = strcmp(text, "true") == 0;
	return a->seconds || strcmp(text, "false") == 0 ? 0 : -EINVAL;
}

static bool has_dim(const struct weir_ask *a, enum weir_dimension d)
{
	for (unsigned i = 0; i < a->n_dims; i++)
		if (a->dims[i] == d)
			return true;
	return false;
}

static int read_by(struct weir_ask *a, const char *text)
{
	char copy[256];

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	for (char *save = NULL, *word = strtok_r(copy, ",", &save); word;
	     word = strtok_r(NULL, ",", &save)) {
		enum weir_dimension d = weir_dimension_of(word);

		if (d == WEIR_DIM_MAX || a->n_dims == WEIR_DIMS_MAX || has_dim(a, d))
			return -EINVAL;
		a->dims[a->n_dims++] = d;
	}
	return a->n_dims ? 0 : -EINVAL;
}

static int read_step(struct weir_ask *a, const char *text)
{
	uint64_t ms;

	if (weir_duration_parse(text, &ms) < 0 || ms < 1000 ||
	    __builtin_mul_overflow(ms, (uint64_t)MS, &a->step))
		return -EINVAL;
	return 0;
}

static int read_measure(struct weir_ask *a, const char *text)
{
	a->measure = weir_measure_of(text);
	return a->measure == WEIR_SUM_MAX ? -EINVAL : 0;
}

static int read_field(struct weir_ask *a, const char *text)
{
	a->field = weir_field_of(text);
	return a->field == WEIR_FILTER_FIELDS ? -EINVAL : 0;
}

static int read_prefix(struct weir_ask *a, const char *text)
{
	a->prefix = text;
	return strlen(text) > PREFIX_MAX ? -EINVAL : 0;
}

static int read_level(struct weir_ask *a, const char *text)
{
	a->namespaces = strcmp(text, "namespace") == 0;
	return a->namespaces || strcmp(text, "workload") == 0 ? 0 : -EINVAL;
}

/* --- the table -------------------------------------------------------------------- */

static const struct plain {
	const char *name;
	unsigned of;
	int (*read)(struct weir_ask *a, const char *text);
	const char *want;
} plains[] = {
	{ "since", WEIR_ASK_RANGE, read_since, "a duration like 15m" },
	{ "from", WEIR_ASK_RANGE, read_from, "a time like 2026-01-31T12:00:00Z, or ns" },
	{ "to", WEIR_ASK_RANGE, read_to, "a time like 2026-01-31T12:00:00Z, or ns" },
	{ "limit", WEIR_ASK_LIMIT, read_limit, "a number from 1 on" },
	{ "order", WEIR_ASK_PAGES, read_order, "newest or oldest" },
	{ "cursor", WEIR_ASK_PAGES, read_cursor, "the cursor of an answer" },
	{ "fields", WEIR_ASK_FIELDS, read_fields,
	  "members of a flow, separated by commas, like time,src.pod" },
	{ "seconds", WEIR_ASK_SECONDS, read_seconds, "true or false" },
	{ "by", WEIR_ASK_SUMS, read_by,
	  "up to 4 dimensions, separated by commas, like from.namespace,to.namespace" },
	{ "step", WEIR_ASK_SUMS, read_step, "a duration like 1m, from 1s on" },
	{ "measure", WEIR_ASK_MEASURE, read_measure,
	  "connections, denied, packets, bytes, bytesTo or bytesBack" },
	{ "field", WEIR_ASK_VALUES, read_field, "the name of a filter, like namespace" },
	{ "prefix", WEIR_ASK_VALUES, read_prefix, "at most 253 bytes" },
	{ "last", WEIR_ASK_LAST, read_last, "a number from 1 to 10000" },
	{ "level", WEIR_ASK_LEVEL, read_level, "workload or namespace" },
};

static int name_filter(enum weir_field f, int (*fn)(void *data, const char *name), void *data)
{
	static const char *const ends[] = { "from.", "to." };
	char name[64];
	int r = fn(data, weir_field_name(f));

	for (size_t i = 0; r == 0 && weir_field_is_of_end(f) && i < WEIR_ARRAY_SIZE(ends); i++) {
		snprintf(name, sizeof(name), "%s%s", ends[i], weir_field_name(f));
		r = fn(data, name);
	}
	return r;
}

int weir_ask_names(unsigned takes, int (*fn)(void *data, const char *name), void *data)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < WEIR_ARRAY_SIZE(plains); i++)
		if (takes & plains[i].of)
			r = fn(data, plains[i].name);
	for (unsigned f = 0; r == 0 && takes & WEIR_ASK_FILTERS && f < WEIR_FILTER_FIELDS; f++)
		r = name_filter(f, fn, data);
	return r;
}

struct nearest {
	const char *to;
	char name[64];
	unsigned distance;
};

static int compare(void *data, const char *name)
{
	struct nearest *n = data;
	unsigned d = weir_distance(n->to, name);

	if (d < n->distance) {
		n->distance = d;
		snprintf(n->name, sizeof(n->name), "%s", name);
	}
	return 0;
}

static int unknown(unsigned takes, const char *name, struct weir_error *err)
{
	struct nearest n = { .to = name, .distance = 4 };

	weir_ask_names(takes, compare, &n);
	if (*n.name)
		return weir_error_set(err, EINVAL,
				      "%.64s: no such parameter here; did you mean \"%s\"?", name,
				      n.name);
	return weir_error_set(err, EINVAL, "%.64s: no such parameter here", name);
}

static const struct plain *find(unsigned takes, const char *name)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(plains); i++)
		if ((takes & plains[i].of) && strcmp(plains[i].name, name) == 0)
			return &plains[i];
	return NULL;
}

static int read_plain(struct weir_ask *a, const struct plain *p, const char *value,
		      struct weir_error *err)
{
	uint64_t bit = 1ull << (p - plains);

	if (a->given & bit)
		return weir_error_set(err, EINVAL, "%s: given twice", p->name);
	a->given |= bit;
	if (p->read(a, value) < 0)
		return weir_error_set(err, EINVAL, "%s: \"%.64s\": want %s", p->name, value,
				      p->want);
	return 0;
}

static int read_one(struct weir_ask *a, unsigned takes, const struct weir_param *p,
		    struct weir_error *err)
{
	const struct plain *plain = find(takes, p->name);
	int r;

	if (plain)
		return read_plain(a, plain, p->value, err);
	if (!(takes & WEIR_ASK_FILTERS))
		return unknown(takes, p->name, err);
	r = weir_filter_add(&a->filter, p->name, p->value, err);
	return r == -ENOENT ? unknown(takes, p->name, err) : r;
}

/* --- what they mean together -------------------------------------------------------- */

static int complete(struct weir_ask *a, unsigned takes, uint64_t now, uint32_t max_limit,
		    struct weir_error *err)
{
	if (a->limit > max_limit)
		return weir_error_set(err, EINVAL, "limit: want at most %u", max_limit);
	if (takes & WEIR_ASK_SUMS && has_dim(a, WEIR_DIM_TIME) && !a->step)
		return weir_error_set(err, EINVAL,
				      "step: \"by\" has time: want a duration like 1m");
	if (takes & WEIR_ASK_SUMS && !a->n_dims)
		return weir_error_set(err, EINVAL, "by: want dimensions, like from.namespace");
	if (takes & WEIR_ASK_VALUES && a->field == WEIR_FILTER_FIELDS)
		return weir_error_set(err, EINVAL,
				      "field: want the name of a filter, like namespace");
	if (!(takes & WEIR_ASK_RANGE))
		return 0;
	if (a->since && a->from)
		return weir_error_set(err, EINVAL, "since: means nothing beside from");
	if (!a->from) {
		uint64_t back = a->since ?: RANGE_DEFAULT, end = a->to ?: now;

		a->from = end > back ? end - back : 1;
	}
	if (!a->to)
		a->to = now + CLOCKS_APART;
	if (a->from >= a->to)
		return weir_error_set(err, EINVAL, "to: is not later than from");
	return 0;
}

int weir_ask_read(unsigned takes, const struct weir_param *params, size_t n, uint64_t now,
		  uint32_t max_limit, struct weir_ask *ret, struct weir_error *err)
{
	int r = 0;

	*ret = (struct weir_ask){ .field = WEIR_FILTER_FIELDS, .prefix = "" };
	for (size_t i = 0; r == 0 && i < n; i++)
		r = read_one(ret, takes, &params[i], err);
	return r < 0 ? r : complete(ret, takes, now, max_limit, err);
}

void weir_ask_clear(struct weir_ask *ask)
{
	weir_filter_clear(&ask->filter);
	free(weir_take(ask->fields_text));
}
