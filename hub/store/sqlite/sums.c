/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers with sums: rows into groups, by numbers that stand for the values of the
 * dimensions. Where a question needs no more than the files of sums have, they are
 * read in place of the flows.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/store/sqlite/dimensions.h"
#include "hub/store/sqlite/scan.h"
#include "weir/cleanup.h"

#define MINUTE (60 * 1000000000ull)
#define HOUR   (60 * MINUTE)

struct group {
	uint64_t key[WEIR_DIMS_MAX]; /* 0: not known, or hidden */
	uint64_t sums[WEIR_SUM_MAX];
	bool used;
};

struct summing {
	const struct weir_sum_query *q;
	struct weir_scan scan;
	struct weir_meter meter;
	struct weir_names names;
	struct group *groups;
	size_t n, size; /* size: a power of two */
	int time_dim;	/* index in dims, -1: none */
};

/* --- which rows ---------------------------------------------------------------------- */

static const bool summed_fields[WEIR_FILTER_FIELDS] = {
	[WEIR_FILTER_NAMESPACE] = true, [WEIR_FILTER_WORKLOAD] = true,
	[WEIR_FILTER_CLUSTER] = true,	[WEIR_FILTER_NODE] = true,
	[WEIR_FILTER_PORT] = true,	[WEIR_FILTER_PROTOCOL] = true,
	[WEIR_FILTER_VERDICT] = true,	[WEIR_FILTER_REASON] = true,
	[WEIR_FILTER_POLICY] = true,	[WEIR_FILTER_DIRECTION] = true,
};

static bool is_multiple(const struct weir_sum_query *q, uint64_t of)
{
	for (unsigned i = 0; i < q->n_dims; i++)
		if (q->dims[i] == WEIR_DIM_TIME && q->step % of)
			return false;
	return q->from % of == 0 && (q->to % of == 0 || q->to == UINT64_MAX);
}

/* The level that can answer it; RAW: only the flows themselves. */
static enum weir_level level_for(const struct weir_sum_query *q)
{
	for (unsigned i = 0; i < q->n_dims; i++)
		if (q->dims[i] >= WEIR_DIM_FROM_POD && q->dims[i] <= WEIR_DIM_TO_ADDRESS)
			return WEIR_LEVEL_RAW;
	for (size_t i = 0; i < q->filter->n_terms; i++)
		if (!summed_fields[q->filter->terms[i].field])
			return WEIR_LEVEL_RAW;
	if (is_multiple(q, HOUR))
		return WEIR_LEVEL_HOUR;
	return is_multiple(q, MINUTE) ? WEIR_LEVEL_MINUTE : WEIR_LEVEL_RAW;
}

/* --- groups -------------------------------------------------------------------------- */

static uint64_t hash(const uint64_t key[WEIR_DIMS_MAX])
{
	uint64_t h = 0;

	for (int i = 0; i < WEIR_DIMS_MAX; i++) {
		h = (h ^ key[i]) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
	}
	return h;
}

static struct group *place(struct group *groups, size_t size, const uint64_t key[WEIR_DIMS_MAX])
{
	size_t at = hash(key) & (size - 1);

	while (groups[at].used && memcmp(groups[at].key, key, sizeof(groups[at].key)) != 0)
		at = (at + 1) & (size - 1);
	return &groups[at];
}

static int grow(struct summing *s)
{
	size_t size = s->size ? s->size * 2 : 1024;
	struct group *groups = calloc(size, sizeof(*groups));

	if (!groups)
		return -ENOMEM;
	for (size_t i = 0; i < s->size; i++)
		if (s->groups[i].used)
			*place(groups, size, s->groups[i].key) = s->groups[i];
	free(s->groups);
	s->groups = groups;
	weir_meter_bytes(&s->meter, (size - s->size) * sizeof(*groups));
	s->size = size;
	return 0;
}

static int group_of(struct summing *s, const uint64_t key[WEIR_DIMS_MAX], struct group **ret)
{
	struct group *g;

	if (2 * s->n >= s->size && grow(s) < 0)
		return -ENOMEM;
	g = place(s->groups, s->size, key);
	if (!g->used) {
		memcpy(g->key, key, sizeof(g->key));
		g->used = true;
		s->n++;
	}
	*ret = g;
	return 0;
}

static void add(uint64_t to[WEIR_SUM_MAX], const uint64_t what[WEIR_SUM_MAX])
{
	for (int m = 0; m < WEIR_SUM_MAX; m++)
		to[m] += what[m];
}

/* --- rows ---------------------------------------------------------------------------- */

static int take_rows(struct summing *s, const struct weir_lens *l, const struct weir_row *rows,
		     uint32_t n)
{
	uint64_t key[WEIR_DIMS_MAX] = { 0 }, sums[WEIR_SUM_MAX];
	struct group *g;
	int r = weir_names_open(&s->names, l);

	for (uint32_t i = 0; r == 0 && i < n && !s->meter.ended; i++) {
		if (!weir_row_sums(&rows[i], sums))
			continue;
		for (unsigned d = 0; r == 0 && d < s->q->n_dims; d++)
			r = weir_names_value(&s->names, l, &rows[i], s->q->dims[d], s->q->step,
					     &key[d]);
		if (r == 0)
			r = group_of(s, key, &g);
		if (r == 0)
			add(g->sums, sums);
	}
	return r;
}

static uint64_t columns_for(const struct weir_sum_query *q)
{
	uint64_t columns = WEIR_COLS_COUNTERS | WEIR_COL_BIT(WEIR_COL_CONNECTIONS);

	for (unsigned i = 0; i < q->n_dims; i++)
		columns |= weir_dimension_columns(q->dims[i]);
	return columns;
}

static int read_files(struct summing *s, struct weir_files *f, struct weir_error *err)
{
	const struct weir_lens *lens;
	const struct weir_row *rows;
	uint32_t n;
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->n_work; i++) {
		if (s->meter.ended || !weir_meter_rows(&s->meter, f->work[i].block.rows))
			break;
		r = weir_scan_work(&s->scan, f, &f->work[i], columns_for(s->q), &lens, &rows, &n,
				   err);
		if (r == 0 && n && take_rows(s, lens, rows, n) < 0)
			r = weir_error_errno(err, ENOMEM, "sums");
	}
	return r;
}

/* --- answer -------------------------------------------------------------------------- */

/* With time the largest groups are those whose sum over all time is: rank by a key without it. */
struct total {
	uint64_t key[WEIR_DIMS_MAX], sum;
};

static int by_sum(const void *a, const void *b)
{
	const struct total *x = a, *y = b;

	if (x->sum != y->sum)
		return x->sum > y->sum ? -1 : 1;
	return memcmp(x->key, y->key, sizeof(x->key));
}

static void without_time(const struct summing *s, const uint64_t key[WEIR_DIMS_MAX],
			 uint64_t ret[WEIR_DIMS_MAX])
{
	memcpy(ret, key, WEIR_DIMS_MAX * sizeof(*ret));
	if (s->time_dim >= 0)
		ret[s->time_dim] = 0;
}

/* All groups but for their time, largest first; *ret_n of them, free(). */
static int rank(const struct summing *s, struct total **ret, size_t *ret_n)
{
	struct summing over = { .q = s->q, .time_dim = s->time_dim };
	struct total *totals;
	struct group *g;
	uint64_t key[WEIR_DIMS_MAX];
	size_t n = 0;
	int r = grow(&over);

	for (size_t i = 0; r == 0 && i < s->size; i++) {
		if (!s->groups[i].used)
			continue;
		without_time(s, s->groups[i].key, key);
		r = group_of(&over, key, &g);
		if (r == 0)
			add(g->sums, s->groups[i].sums);
	}
	totals = r == 0 ? calloc(over.n + 1, sizeof(*totals)) : NULL;
	for (size_t i = 0; totals && i < over.size; i++) {
		if (!over.groups[i].used)
			continue;
		memcpy(totals[n].key, over.groups[i].key, sizeof(totals[n].key));
		totals[n++].sum = over.groups[i].sums[s->q->by];
	}
	free(over.groups);
	if (!totals)
		return -ENOMEM;
	qsort(totals, n, sizeof(*totals), by_sum);
	*ret = totals;
	*ret_n = n;
	return 0;
}

struct line {
	uint64_t time, rank; /* rank: of the group; the limit itself: other */
	const struct group *group;
	uint64_t sums[WEIR_SUM_MAX];
};

static int by_line(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* The place in the list of totals, by a table of the same groups. */
static int number_groups(const struct total *totals, size_t n, struct group **ret, size_t *ret_size)
{
	size_t size = 64;
	struct group *g;

	while (size < 2 * n)
		size *= 2;
	*ret = calloc(size, sizeof(**ret));
	*ret_size = size;
	for (size_t i = 0; *ret && i < n; i++) {
		g = place(*ret, size, totals[i].key);
		memcpy(g->key, totals[i].key, sizeof(g->key));
		g->sums[0] = i;
		g->used = true;
	}
	return *ret ? 0 : -ENOMEM;
}

static size_t make_lines(const struct summing *s, const struct group *ranks, size_t size,
			 struct line *lines)
{
	uint64_t key[WEIR_DIMS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < s->size; i++) {
		const struct group *g = &s->groups[i];
		struct line *l = &lines[n];

		if (!g->used)
			continue;
		without_time(s, g->key, key);
		l->rank = place((struct group *)ranks, size, key)->sums[0];
		if (l->rank > s->q->limit)
			l->rank = s->q->limit;
		l->time = s->time_dim >= 0 ? g->key[s->time_dim] : 0;
		l->group = g;
		memcpy(l->sums, g->sums, sizeof(l->sums));
		n++;
	}
	qsort(lines, n, sizeof(*lines), by_line);
	return n;
}

static int tell(struct summing *s, const struct line *l, weir_sum_fn *fn, void *data)
{
	char texts[WEIR_DIMS_MAX][WEIR_NAME_TEXT];
	struct weir_sum sum = { .other = l->rank == s->q->limit };

	memcpy(sum.sums, l->sums, sizeof(sum.sums));
	for (unsigned d = 0; d < s->q->n_dims; d++)
		if (!sum.other || (int)d == s->time_dim)
			sum.values[d] = weir_names_text(&s->names, s->q->dims[d], l->group->key[d],
							texts[d]);
	return fn(data, &sum);
}

/* Lines of one time beyond the limit are one. */
static int tell_lines(struct summing *s, struct line *lines, size_t n, weir_sum_fn *fn, void *data)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (i + 1 < n && lines[i].rank == s->q->limit && lines[i + 1].rank == s->q->limit &&
		    lines[i + 1].time == lines[i].time)
			add(lines[i + 1].sums, lines[i].sums);
		else
			r = tell(s, &lines[i], fn, data);
	}
	return r;
}

static int answer(struct summing *s, weir_sum_fn *fn, void *data, struct weir_error *err)
{
	WEIR_AUTO_FREE struct total *totals = NULL;
	WEIR_AUTO_FREE struct group *ranks = NULL;
	WEIR_AUTO_FREE struct line *lines = NULL;
	size_t n, size;

	if (!s->n)
		return 0;
	lines = calloc(s->n, sizeof(*lines));
	if (!lines || rank(s, &totals, &n) < 0 || number_groups(totals, n, &ranks, &size) < 0)
		return weir_error_errno(err, ENOMEM, "sums");
	return tell_lines(s, lines, make_lines(s, ranks, size, lines), fn, data);
}

static int sum_up(struct summing *s, struct weir_sqlite *store, struct weir_files files[2],
		  struct weir_error *err)
{
	const struct weir_sum_query *q = s->q;
	enum weir_level level = level_for(q);
	int r;

	/* which files are summed up, and the sums, of the same moment */
	pthread_rwlock_rdlock(&store->summing);
	r = weir_files_open(store, WEIR_LEVEL_RAW, level, q->from, q->to, q->scope, q->filter,
			    &files[0], err);
	if (r == 0 && level != WEIR_LEVEL_RAW)
		r = weir_files_open(store, level, WEIR_LEVEL_RAW, q->from, q->to, q->scope,
				    q->filter, &files[1], err);
	pthread_rwlock_unlock(&store->summing);
	for (int i = 0; r == 0 && i < 2; i++)
		r = read_files(s, &files[i], err);
	return r;
}

int weir_sqlite_sums(struct weir_store *store, const struct weir_sum_query *q, weir_sum_fn *fn,
		     void *data, struct weir_answer_end *ret, struct weir_error *err)
{
	struct summing s = { .q = q, .time_dim = -1 };
	struct weir_files files[2] = { 0 };
	int r;

	for (unsigned d = 0; d < q->n_dims; d++)
		if (q->dims[d] == WEIR_DIM_TIME)
			s.time_dim = (int)d;
	s.scan = (struct weir_scan){ .from = q->from, .to = q->to };
	weir_meter_start(&s.meter, &q->budget);
	r = weir_scan_open(&s.scan) < 0 ? weir_error_errno(err, ENOMEM, "sums") : 0;
	if (r == 0)
		r = sum_up(&s, (struct weir_sqlite *)store, files, err);
	if (r == 0)
		r = answer(&s, fn, data, err);
	files[0].torn |= files[1].torn;
	if (r == 0)
		weir_answer_ended(&s.meter, &files[0], ret);
	for (int i = 0; i < 2; i++)
		weir_files_close(&files[i]);
	weir_scan_close(&s.scan);
	weir_names_clear(&s.names);
	free(s.groups);
	return r;
}
