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
#include "weir/object.h"
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
	if (got->n)
		qsort(got->items, got->n, sizeof(char *), compare_lines);
	if (want->n)
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

static const char *end_text(const struct weir_record_peer *p, enum weir_dimension d, char *buf,
			    size_t size)
{
	switch (d) {
	case WEIR_DIM_FROM_NAMESPACE:
	case WEIR_DIM_TO_NAMESPACE:
		return p->namespace_;
	case WEIR_DIM_FROM_POD:
	case WEIR_DIM_TO_POD:
		snprintf(buf, size, "%s/%s", p->namespace_, p->pod);
		return p->pod ? buf : NULL;
	case WEIR_DIM_FROM_ADDRESS:
	case WEIR_DIM_TO_ADDRESS:
		return p->addr.family ? weir_addr_format(&p->addr, buf) : NULL;
	default:
		snprintf(buf, size, "%s/%s/%s", p->namespace_, p->workload_kind, p->workload);
		return p->workload ? buf : p->namespace_;
	}
}

/* The side that denied; else the one with a rule, the source's first. */
static const struct weir_record_side *deciding(const struct weir_record *r)
{
	bool out = r->egress.reason != WEIR_REASON_NOT_ENDPOINT;

	if (r->verdict == WEIR_DENIED)
		return out && r->egress.verdict == WEIR_DENIED ? &r->egress : &r->ingress;
	return r->egress.reason == WEIR_REASON_RULE || r->ingress.reason == WEIR_REASON_NOT_ENDPOINT
		       ? &r->egress
		       : &r->ingress;
}

static const char *policy_text(const struct weir_record_policy *p, char *buf, size_t size)
{
	snprintf(buf, size, "%s/%s%s%s", p->kind, p->namespace_ ?: "", p->namespace_ ? "/" : "",
		 p->name);
	return buf;
}

/* Of a redacted flow. */
static const char *dimension(const struct weir_hub_flow *f, enum weir_dimension d, uint64_t step,
			     char *buf, size_t size)
{
	const struct weir_record *r = &f->record;

	switch (d) {
	case WEIR_DIM_TIME:
		snprintf(buf, size, "%llu", (unsigned long long)(r->time - r->time % step));
		return buf;
	case WEIR_DIM_CLUSTER:
		return f->cluster;
	case WEIR_DIM_NODE:
		return f->nodes[WEIR_EGRESS] ?: f->nodes[WEIR_INGRESS];
	case WEIR_DIM_PORT:
		snprintf(buf, size, "%u", r->dst.port);
		return buf;
	case WEIR_DIM_PROTOCOL:
		return weir_protocol_name(r->protocol, buf);
	case WEIR_DIM_VERDICT:
		return weir_verdict_name(r->verdict);
	case WEIR_DIM_REASON:
		return weir_reason_name(deciding(r)->reason);
	case WEIR_DIM_POLICY:
		return deciding(r)->n_policies ? policy_text(deciding(r)->policies, buf, size)
					       : NULL;
	default:
		return end_text((d - WEIR_DIM_FROM_NAMESPACE) % 2 ? &r->dst : &r->src, d, buf,
				size);
	}
}
_Static_assert((WEIR_DIM_TO_ADDRESS - WEIR_DIM_FROM_NAMESPACE) % 2 == 1, "in pairs");

static void add_expected(struct sums *s, const struct weir_hub_flow *f,
			 const struct weir_sum_query *q)
{
	const struct weir_record *r = &f->record;
	char key[512] = "", buf[256];
	uint64_t *to;

	if (r->type == WEIR_RECORD_GAP)
		return;
	for (unsigned d = 0; d < q->n_dims; d++)
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

static void brute_force(struct test_rows *t, const struct weir_sum_query *q, struct sums *want)
{
	struct weir_hub_flow flow;

	for (size_t i = 0; i < t->n; i++) {
		const struct weir_row *row = &t->rows[i];

		weir_row_to_flow(row, &t->unpacked, &flow);
		if (row->time >= q->from && row->time < q->to && !row->second &&
		    weir_scope_redact(q->scope, &flow) && weir_filter_matches(q->filter, &flow))
			add_expected(want, &flow, q);
	}
}

static void make_question(struct weir_sum_query *q, struct weir_scope *scope,
			  struct weir_filter *filter, uint64_t base)
{
	test_scope(scope);
	test_filter(filter);
	*q = (struct weir_sum_query){ .from = base + test_random(5) * MINUTE,
				      .to = base + (8 + test_random(5)) * MINUTE,
				      .scope = scope,
				      .filter = filter,
				      .n_dims = 2,
				      .step = MINUTE * (1 + test_random(2)),
				      .by = (enum weir_measure)test_random(WEIR_SUM_MAX),
				      .limit = 4000,
				      .budget = budget };
	if (test_random(4) == 0) { /* what sums per hour can answer */
		q->from = base;
		q->to = UINT64_MAX;
		q->step = 60 * MINUTE;
	}
}

static void ask_sums(struct weir_store *s, const struct weir_sum_query *q, weir_sum_fn *fn,
		     void *data)
{
	struct weir_answer_end end;
	struct weir_error err = { "" };

	if (s->ops->sums(s, q, fn, data, &end, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(end.complete);
}

void suite_check_sums(struct weir_store *s, struct test_rows *t, uint64_t base)
{
	struct sums *got = calloc(1, sizeof(*got)), *want = calloc(1, sizeof(*want));
	struct weir_scope scope;
	struct weir_filter filter;
	struct weir_sum_query q;

	make_question(&q, &scope, &filter, base);
	q.dims[0] = (enum weir_dimension)test_random(WEIR_DIM_FROM_POD);
	q.dims[1] = (enum weir_dimension)(WEIR_DIM_FROM_POD +
					  test_random(WEIR_DIM_MAX - WEIR_DIM_FROM_POD));
	ask_sums(s, &q, take_sum, got);
	assert_false(got->other);
	brute_force(t, &q, want);
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

/* --- the largest, and the others -------------------------------------------------------- */

struct top {
	struct sums named, other;
	uint64_t last; /* time */
};

/* The value is the last dimension; the time is before it, or is not asked for. */
static int take_top(void *data, const struct weir_sum *sum)
{
	struct top *top = data;
	int last = sum->values[1] || (sum->values[0] && strlen(sum->values[0]) == 19);
	const char *value = sum->values[last] ?: "-";
	uint64_t time = last ? strtoull(sum->values[0], NULL, 10) : 0;
	char key[512];
	uint64_t *to;

	assert_true(time >= top->last);
	top->last = time;
	snprintf(key, sizeof(key), "%s|", sum->other ? "others" : value);
	to = sums_of(sum->other ? &top->other : &top->named, key);
	for (int m = 0; m < WEIR_SUM_MAX; m++)
		to[m] += sum->sums[m];
	return 0;
}

static void compare_top(const struct weir_sum_query *q, struct top *got, struct sums *want)
{
	uint64_t least = UINT64_MAX, others[WEIR_SUM_MAX] = { 0 };
	size_t named = got->named.n;

	assert_int_equal(named, want->n < q->limit ? want->n : q->limit);
	for (size_t i = 0; i < named; i++) {
		assert_memory_equal(got->named.items[i].sums, sums_of(want, got->named.keys[i]),
				    sizeof(others));
		if (got->named.items[i].sums[q->by] < least)
			least = got->named.items[i].sums[q->by];
	}
	assert_int_equal(got->other.n, want->n > q->limit);
	for (size_t i = 0; i < want->n; i++) {
		bool is_named = false;

		for (size_t k = 0; !is_named && k < named; k++)
			is_named = !strcmp(got->named.keys[k], want->keys[i]);
		assert_true(is_named || want->items[i].sums[q->by] <= least);
		for (int m = 0; !is_named && m < WEIR_SUM_MAX; m++)
			others[m] += want->items[i].sums[m];
	}
	if (got->other.n)
		assert_memory_equal(got->other.items[0].sums, others, sizeof(others));
}

void suite_check_top(struct weir_store *s, struct test_rows *t, uint64_t base)
{
	struct top *got = calloc(1, sizeof(*got));
	struct sums *want = calloc(1, sizeof(*want));
	enum weir_dimension d;
	struct weir_scope scope;
	struct weir_filter filter;
	struct weir_sum_query q;

	make_question(&q, &scope, &filter, base);
	d = (enum weir_dimension)(1 + test_random(WEIR_DIM_MAX - 1));
	q.limit = (uint32_t)(1 + test_random(5));
	q.n_dims = (unsigned)(1 + test_random(2));
	q.dims[q.n_dims - 1] = d;
	ask_sums(s, &q, take_top, got);
	q.n_dims = 1;
	q.dims[0] = d;
	brute_force(t, &q, want);
	compare_top(&q, got, want);
	free(got);
	free(want);
	weir_filter_clear(&filter);
	weir_scope_clear(&scope);
}

/* --- values ----------------------------------------------------------------------------- */

static void add_value(struct lines *l, const char *text, const char *prefix)
{
	if (!text || !*text || strncmp(text, prefix, strlen(prefix)) != 0)
		return;
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->items[i], text))
			return;
	add_line(l, text);
}

static void add_of_end(struct lines *l, const struct weir_record_peer *p, enum weir_field field,
		       const char *prefix)
{
	char buf[256] = "";

	if (field == WEIR_FILTER_NAMESPACE)
		add_value(l, p->namespace_, prefix);
	else if (field == WEIR_FILTER_SERVICE)
		add_value(l, p->service, prefix);
	else if (field == WEIR_FILTER_END_NODE)
		add_value(l, p->node, prefix);
	else if (field == WEIR_FILTER_ADDRESS && p->addr.family)
		add_value(l, weir_addr_format(&p->addr, buf), prefix);
	else if (field == WEIR_FILTER_POD && p->pod)
		snprintf(buf, sizeof(buf), "%s/%s", p->namespace_, p->pod);
	else if (field == WEIR_FILTER_WORKLOAD && p->workload)
		snprintf(buf, sizeof(buf), "%s/%s", p->workload_kind, p->workload);
	if (field == WEIR_FILTER_POD || field == WEIR_FILTER_WORKLOAD)
		add_value(l, buf, prefix);
	for (uint16_t i = 0; field == WEIR_FILTER_LABEL && i < p->n_labels; i++) {
		snprintf(buf, sizeof(buf), "%s=%s", p->labels[i].key, p->labels[i].value);
		add_value(l, buf, prefix);
	}
}

static void add_of_flow(struct lines *l, const struct weir_hub_flow *f, enum weir_field field,
			const char *prefix)
{
	const struct weir_record_side *sides[] = { &f->record.egress, &f->record.ingress };
	char buf[256];

	if (field == WEIR_FILTER_CLUSTER)
		add_value(l, f->cluster, prefix);
	for (int i = 0; field == WEIR_FILTER_NODE && i < 2; i++)
		add_value(l, f->nodes[i], prefix);
	snprintf(buf, sizeof(buf), "%u", f->record.dst.port);
	if (field == WEIR_FILTER_PORT)
		add_value(l, buf, prefix);
	for (int i = 0; field == WEIR_FILTER_POLICY && i < 2; i++)
		for (uint16_t k = 0; k < sides[i]->n_policies; k++)
			add_value(l, policy_text(&sides[i]->policies[k], buf, sizeof(buf)), prefix);
	if (weir_field_is_of_end(field)) {
		add_of_end(l, &f->record.src, field, prefix);
		add_of_end(l, &f->record.dst, field, prefix);
	}
}

static int take_value(void *data, const char *value)
{
	add_line(data, value);
	return 0;
}

void suite_check_values(struct weir_store *s, struct test_rows *t, uint64_t base)
{
	static const char *const prefixes[] = { "", "", "s", "n1", "1", "NetworkPolicy/", "%'\\" };
	struct lines got = { 0 }, want = { 0 };
	struct weir_answer_end end;
	struct weir_error err = { "" };
	struct weir_hub_flow flow;
	struct weir_scope scope;
	struct weir_value_query q = { .from = base + test_random(5) * MINUTE,
				      .to = base + (8 + test_random(5)) * MINUTE,
				      .scope = &scope,
				      .field = (enum weir_field)test_random(WEIR_FILTER_FIELDS),
				      .prefix = prefixes[test_random(7)],
				      .limit = 10000,
				      .budget = budget };

	test_scope(&scope);
	if (s->ops->values(s, &q, take_value, &got, &end, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(end.complete);
	for (size_t i = 1; i < got.n; i++)
		assert_true(strcmp(got.items[i - 1], got.items[i]) < 0);
	for (size_t i = 0; i < t->n && !weir_values_are_known(q.field); i++) {
		weir_row_to_flow(&t->rows[i], &t->unpacked, &flow);
		if (t->rows[i].type != WEIR_RECORD_GAP && flow.record.time >= q.from &&
		    flow.record.time < q.to && weir_scope_redact(&scope, &flow))
			add_of_flow(&want, &flow, q.field, q.prefix);
	}
	if (weir_values_are_known(q.field))
		weir_known_values(q.field, q.prefix, q.limit, take_value, &want);
	compare(&got, &want);
	free_lines(&got);
	free_lines(&want);
	weir_scope_clear(&scope);
}
/* --------------------------------------------------------------------------------------- */

uint64_t suite_base(void)
{
	static uint64_t base; /* the same when an hour begins meanwhile */
	uint64_t now = (uint64_t)time(NULL) * 1000000000ull;

	base = base ?: now - now % (60 * MINUTE) - 60 * MINUTE;
	return base;
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
