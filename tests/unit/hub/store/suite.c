/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hub/store/suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "weir/cleanup.h"
#include "weir/policy.h"
#include "weir/ruleset.h"

#include <cmocka.h>

#define MINUTE SUITE_MINUTE

static const struct weir_budget budget = { 60000, 1ull << 40, 1ull << 32 };

void suite_append(struct weir_store *s, struct test_rows *t, size_t from, size_t n)
{
	struct weir_mark mark = { "c0", "n0", "boot-1", from + n + 1, 0, NULL };
	struct weir_error err = { "" };

	if (s->ops->append(s, t->words, t->rows + from, n, &mark, 1, &err) < 0)
		fail_msg("%s", err.text);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct lines {
	char **items;
	size_t n;
	uint64_t last;
	int order; /* of times, as they come: -1 falling, 1 rising */
};

static void add_line(struct lines *l, const char *line)
{
	l->items = realloc(l->items, (l->n + 1) * sizeof(char *));
	l->items[l->n++] = strdup(line);
}

static void free_lines(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i]);
	free(l->items);
}

static int take_flow(void *data, const struct weir_hub_flow *flow)
{
	struct lines *l = data;
	char buf[TEST_LINE];

	if (l->n)
		assert_true(l->order < 0 ? flow->record.time <= l->last
					 : flow->record.time >= l->last);
	l->last = flow->record.time;
	test_line(flow, buf);
	add_line(l, buf);
	return 0;
}

/* All pages of a question. */
static void ask(struct weir_store *s, struct weir_flow_query *q, struct lines *got)
{
	struct weir_answer_end end = { .cursor = "" };
	struct weir_error err = { "" };
	static char cursor[WEIR_CURSOR_MAX];
	size_t before;

	got->order = q->order == WEIR_NEWEST_FIRST ? -1 : 1;
	q->cursor = NULL;
	do {
		before = got->n;
		if (s->ops->flows(s, q, take_flow, got, &end, &err) < 0)
			fail_msg("%s", err.text);
		assert_true(end.complete);
		assert_true(got->n - before <= q->limit);
		if (*end.cursor)
			assert_true(got->n - before == q->limit);
		strcpy(cursor, end.cursor);
		q->cursor = cursor;
	} while (*end.cursor);
	q->cursor = NULL;
}

/* cmocka cuts long texts: only from where they differ. */
static void fail_different(const char *have, const char *want)
{
	size_t at = 0;

	while (have[at] == want[at])
		at++;
	at -= at < 100 ? at : 100;
	fail_msg("have ...%.300s\nwant ...%.300s", have + at, want + at);
}

static void compare(struct lines *got, struct lines *want)
{
	qsort(got->items, got->n, sizeof(char *), compare_lines);
	qsort(want->items, want->n, sizeof(char *), compare_lines);
	for (size_t i = 0; i < got->n && i < want->n; i++)
		if (strcmp(got->items[i], want->items[i]) != 0)
			fail_different(got->items[i], want->items[i]);
	assert_int_equal(got->n, want->n);
}

void suite_check_flows(struct weir_store *s, struct test_rows *t, uint64_t base)
{
	struct weir_scope scope;
	struct weir_filter filter;
	struct lines got = { 0 }, want = { 0 };
	char line[TEST_LINE];
	struct weir_flow_query q;

	test_scope(&scope);
	test_filter(&filter);
	q = (struct weir_flow_query){ .from = base + test_random(5) * MINUTE,
				      .to = base + (8 + test_random(5)) * MINUTE,
				      .scope = &scope,
				      .filter = &filter,
				      .order = test_random(2),
				      .limit = (uint32_t)(1 + test_random(700)),
				      .seconds = test_random(2),
				      .budget = budget };
	ask(s, &q, &got);
	for (size_t i = 0; i < t->n; i++)
		if (test_expects(t, &t->rows[i], q.from, q.to, q.seconds, &scope, &filter, line))
			add_line(&want, line);
	compare(&got, &want);
	free_lines(&got);
	free_lines(&want);
	weir_filter_clear(&filter);
	weir_scope_clear(&scope);
}

/* --- sums ------------------------------------------------------------------------------ */

struct sums {
	struct weir_sum items[4096];
	char keys[4096][512];
	size_t n;
	bool other;
};

static uint64_t *sums_of(struct sums *s, const char *key)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->keys[i], key))
			return s->items[i].sums;
	assert_true(s->n < 4096);
	snprintf(s->keys[s->n], sizeof(s->keys[0]), "%s", key);
	memset(&s->items[s->n], 0, sizeof(s->items[0]));
	return s->items[s->n++].sums;
}

static int take_sum(void *data, const struct weir_sum *sum)
{
	struct sums *s = data;
	char key[512] = "";
	uint64_t *to;

	s->other |= sum->other;
	for (int d = 0; d < 2; d++)
		snprintf(key + strlen(key), sizeof(key) - strlen(key), "%s|",
			 sum->values[d] ?: "-");
	to = sums_of(s, key);
	for (int m = 0; m < WEIR_SUM_MAX; m++)
		to[m] += sum->sums[m];
	return 0;
}

static const char *dimension(const struct weir_hub_flow *f, enum weir_dimension d, uint64_t step,
			     char *buf, size_t size)
{
	const struct weir_record *r = &f->record;
	const struct weir_record_peer *p = d == WEIR_DIM_FROM_NAMESPACE ||
							   d == WEIR_DIM_FROM_WORKLOAD ||
							   d == WEIR_DIM_FROM_POD
						   ? &r->src
						   : &r->dst;

	switch (d) {
	case WEIR_DIM_TIME:
		snprintf(buf, size, "%llu", (unsigned long long)(r->time - r->time % step));
		return buf;
	case WEIR_DIM_FROM_NAMESPACE:
	case WEIR_DIM_TO_NAMESPACE:
		return p->namespace_;
	case WEIR_DIM_FROM_WORKLOAD:
	case WEIR_DIM_TO_WORKLOAD:
		if (!p->workload)
			return p->namespace_;
		snprintf(buf, size, "%s/%s/%s", p->namespace_, p->workload_kind, p->workload);
		return buf;
	case WEIR_DIM_TO_POD:
		if (!p->pod)
			return NULL;
		snprintf(buf, size, "%s/%s", p->namespace_, p->pod);
		return buf;
	case WEIR_DIM_PORT:
		snprintf(buf, size, "%u", r->dst.port);
		return buf;
	case WEIR_DIM_VERDICT:
		return weir_verdict_name(r->verdict);
	default:
		return f->cluster;
	}
}

static void add_expected(struct sums *s, const struct weir_hub_flow *f,
			 const struct weir_sum_query *q)
{
	const struct weir_record *r = &f->record;
	char key[512] = "", buf[256];
	uint64_t *to;

	if (r->type == WEIR_RECORD_GAP)
		return;
	for (int d = 0; d < 2; d++)
		snprintf(key + strlen(key), sizeof(key) - strlen(key), "%s|",
			 dimension(f, q->dims[d], q->step, buf, sizeof(buf)) ?: "-");
	to = sums_of(s, key);
	to[WEIR_SUM_CONNECTIONS] += r->type == WEIR_RECORD_OPEN ? r->connections : 0;
	to[WEIR_SUM_DENIED] += r->type == WEIR_RECORD_DENIED ? r->connections : 0;
	to[WEIR_SUM_BYTES_TO] += r->bytes[0] - r->counted_bytes[0];
	to[WEIR_SUM_BYTES_BACK] += r->bytes[1] - r->counted_bytes[1];
	to[WEIR_SUM_BYTES] += r->bytes[0] - r->counted_bytes[0] + r->bytes[1] - r->counted_bytes[1];
	for (int i = 0; i < 2; i++)
		to[WEIR_SUM_PACKETS] += r->packets[i] - r->counted_packets[i];
}

void suite_check_sums(struct weir_store *s, struct test_rows *t, uint64_t base)
{
	static const enum weir_dimension dims[] = { WEIR_DIM_TIME,	   WEIR_DIM_FROM_NAMESPACE,
						    WEIR_DIM_TO_NAMESPACE, WEIR_DIM_FROM_WORKLOAD,
						    WEIR_DIM_TO_POD,	   WEIR_DIM_PORT,
						    WEIR_DIM_VERDICT,	   WEIR_DIM_CLUSTER };
	struct sums *got = calloc(1, sizeof(*got)), *want = calloc(1, sizeof(*want));
	struct weir_scope scope;
	struct weir_filter filter;
	struct weir_hub_flow flow;
	struct weir_answer_end end;
	struct weir_error err = { "" };
	struct weir_sum_query q;

	test_scope(&scope);
	test_filter(&filter);
	q = (struct weir_sum_query){ .from = base + test_random(5) * MINUTE,
				     .to = base + (8 + test_random(5)) * MINUTE,
				     .scope = &scope,
				     .filter = &filter,
				     .n_dims = 2,
				     .dims = { dims[test_random(4)], dims[4 + test_random(4)] },
				     .step = MINUTE * (1 + test_random(2)),
				     .by = (enum weir_measure)test_random(WEIR_SUM_MAX),
				     .limit = 4000,
				     .budget = budget };
	if (s->ops->sums(s, &q, take_sum, got, &end, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(end.complete);
	for (size_t i = 0; i < t->n; i++) {
		const struct weir_row *row = &t->rows[i];

		weir_row_to_flow(row, &t->unpacked, &flow);
		if (row->time >= q.from && row->time < q.to && !row->second &&
		    weir_scope_redact(&scope, &flow) && weir_filter_matches(&filter, &flow))
			add_expected(want, &flow, &q);
	}
	assert_int_equal(got->n, want->n);
	for (size_t i = 0; i < want->n; i++)
		assert_memory_equal(sums_of(got, want->keys[i]), want->items[i].sums,
				    sizeof(want->items[i].sums));
	assert_int_equal(got->n, want->n);
	free(got);
	free(want);
	weir_filter_clear(&filter);
	weir_scope_clear(&scope);
}

/* --------------------------------------------------------------------------------------- */

uint64_t suite_base(void)
{
	uint64_t now = (uint64_t)time(NULL) * 1000000000ull;

	return now - now % (60 * MINUTE) - 60 * MINUTE;
}

void suite_fill(struct weir_store *s, struct test_rows *t, uint64_t base, size_t n)
{
	size_t first = t->n, at = first;

	test_rows_add(t, n, base, base + 12 * MINUTE);
	while (at < t->n) {
		size_t some = 1 + test_random(200);

		some = some < t->n - at ? some : t->n - at;
		suite_append(s, t, at, some);
		at += some;
	}
}
