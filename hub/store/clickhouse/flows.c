/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers with flows, a page at a time. The server cannot read a table in its order and stop:
 * so first the places of the page are looked for, in spans of time that grow while too
 * few are found; then the page is read, from the span that it lies in.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hub/store/clickhouse/clickhouse.h"
#include "hub/store/clickhouse/decode.h"
#include "hub/store/clickhouse/where.h"
#include "weir/cleanup.h"

#define FIRST_SPAN (60 * 1000000000ull)
#define GROWTH	   8

struct page {
	const struct weir_flow_query *q;
	struct weir_clickhouse *s;
	struct weir_purse purse;
	uint64_t after_time, after_place; /* of the page before */
	bool has_after;
	uint64_t from, to;  /* what is left to be looked at */
	uint64_t low, high; /* where the page lies */
	size_t found;
	bool full; /* the page, and one more */
};

static bool newest_first(const struct page *p)
{
	return p->q->order == WEIR_NEWEST_FIRST;
}

/* --- cursor -------------------------------------------------------------------------- */

static void write_cursor(const struct page *p, uint64_t time, uint64_t place, char *ret)
{
	snprintf(ret, WEIR_CURSOR_MAX, "%c2.%016" PRIx64 ".%016" PRIx64,
		 newest_first(p) ? 'n' : 'o', time, place);
}

static int read_cursor(struct page *p, struct weir_error *err)
{
	char again[WEIR_CURSOR_MAX];
	const char *text = p->q->cursor;

	if (!text)
		return 0;
	if (sscanf(text, "%*c2.%16" SCNx64 ".%16" SCNx64, &p->after_time, &p->after_place) == 2) {
		write_cursor(p, p->after_time, p->after_place, again);
		p->has_after = strcmp(again, text) == 0;
	}
	if (!p->has_after)
		return weir_error_set(err, EINVAL,
				      "cursor: want the one that the page before came with, "
				      "and the same order");
	if (newest_first(p) && p->after_time < p->to)
		p->to = p->after_time + 1;
	else if (!newest_first(p) && p->after_time > p->from)
		p->from = p->after_time;
	return 0;
}

/* --- SQL ----------------------------------------------------------------------------- */

/* SELECT of these columns of the rows of the span, in order; free(). */
static char *write_select(const struct page *p, void (*columns)(FILE *f), uint64_t from,
			  uint64_t to, size_t limit, const char *format)
{
	const struct weir_flow_query *q = p->q;
	char *sql = NULL;
	size_t len;
	FILE *f = open_memstream(&sql, &len);

	if (!f)
		return NULL;
	weir_where_with(f, q->scope);
	fprintf(f, "SELECT ");
	columns(f);
	fprintf(f, " FROM weir_flows PREWHERE ");
	weir_where(f, q->seconds ? WEIR_CH_SECONDS : WEIR_CH_FLOWS, from, to, q->scope, q->filter);
	if (p->has_after)
		fprintf(f, " AND (time != %" PRIu64 " OR place > %" PRIu64 ")", p->after_time,
			p->after_place);
	fprintf(f, " ORDER BY time%s, place LIMIT %zu FORMAT %s", newest_first(p) ? " DESC" : "",
		limit, format);
	if (fclose(f) != 0) {
		free(sql);
		return NULL;
	}
	return sql;
}

static void place_columns(FILE *f)
{
	fprintf(f, "time, place");
}

static void all_columns(FILE *f)
{
	fprintf(f, "place, ");
	weir_decoder_names(f);
}

/* --- where the page lies ---------------------------------------------------------------- */

static int look(struct page *p, uint64_t from, uint64_t to, struct weir_error *err)
{
	size_t want = p->q->limit + 1u - p->found;
	WEIR_AUTO_FREE char *sql = write_select(p, place_columns, from, to, want, "JSONCompact");
	WEIR_CLEANUP(weir_table_clear) struct weir_table t = { 0 };
	struct weir_request request = { .sql = sql, .budget = &p->purse.left };
	const cJSON *row;
	int n, r;

	if (!sql)
		return weir_error_errno(err, ENOMEM, "flows");
	r = weir_ch_table(p->s, &request, &t, err);
	if (r < 0)
		return r;
	weir_purse_pay(&p->purse, t.read, t.ended);
	if (t.ended)
		return 0;
	n = cJSON_GetArraySize(t.rows);
	if (n && p->found + (size_t)n > p->q->limit) {
		row = cJSON_GetArrayItem(t.rows, n - 1);
		p->full = true;
		if (newest_first(p))
			from = weir_table_number(row, 0);
		else
			to = weir_table_number(row, 0) + 1;
	}
	p->found += (size_t)n;
	if (newest_first(p))
		p->low = from;
	else
		p->high = to;
	return 0;
}

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* The first span begins at the present, where a question reaches into the future. */
static int find(struct page *p, struct weir_error *err)
{
	uint64_t span = FIRST_SPAN, now = weir_ch_now(), at, edge;
	int r = 0;

	if (newest_first(p)) {
		at = p->to < now || p->from > now ? p->to : now;
		p->high = p->low = p->to;
		while (r == 0 && !p->full && p->to > p->from && weir_purse_ready(&p->purse)) {
			edge = at > span && at - span > p->from ? at - span : p->from;
			r = look(p, edge, p->to, err);
			p->to = at = edge;
			span *= GROWTH;
		}
		return r;
	}
	p->low = p->high = p->from;
	while (r == 0 && !p->full && p->to > p->from && weir_purse_ready(&p->purse)) {
		edge = add(p->from, span) < p->to ? add(p->from, span) : p->to;
		r = look(p, p->from, edge, err);
		p->from = edge;
		span = span > UINT64_MAX / GROWTH ? UINT64_MAX : span * GROWTH;
	}
	return r;
}

/* --- the page --------------------------------------------------------------------------- */

static int decode(struct page *p, struct weir_reply *reply, weir_flow_fn *fn, void *data,
		  struct weir_answer_end *ret, struct weir_error *err)
{
	WEIR_CLEANUP(weir_decoder_close)
	struct weir_decoder d = { .p = (uint8_t *)reply->body,
				  .end = (uint8_t *)reply->body + reply->len };
	struct weir_hub_flow flow;
	uint64_t place = 0, time = 0;
	uint32_t n = 0;
	int r = 1, told = 0;

	while (told == 0 && d.p != d.end) {
		if (n == p->q->limit) { /* one more: there is a next page */
			write_cursor(p, time, place, ret->cursor);
			break;
		}
		place = weir_decoder_number(&d);
		r = weir_decoder_next(&d, &flow);
		if (r <= 0)
			break;
		n++;
		time = flow.record.time;
		if (weir_scope_redact(p->q->scope, &flow))
			told = fn(data, &flow);
	}
	if (r <= 0)
		return weir_error_set(err, EBADMSG, "flows: the server's answer is torn");
	return told;
}

static int read_page(struct page *p, weir_flow_fn *fn, void *data, struct weir_answer_end *ret,
		     struct weir_error *err)
{
	WEIR_AUTO_FREE char *sql =
		write_select(p, all_columns, p->low, p->high, p->q->limit + 1u, "RowBinary");
	WEIR_CLEANUP(weir_reply_clear) struct weir_reply reply = { 0 };
	struct weir_request request = { .sql = sql, .budget = &p->q->budget, .wide = true };
	int r;

	if (!sql)
		return weir_error_errno(err, ENOMEM, "flows");
	r = weir_server_ask(p->s->server, &request, &reply, err);
	if (r < 0)
		return r;
	if (reply.ended)
		p->purse.ended = reply.ended;
	weir_purse_end(&p->purse, ret);
	return reply.body && reply.len ? decode(p, &reply, fn, data, ret, err) : 0;
}

int weir_ch_flows(struct weir_store *store, const struct weir_flow_query *q, weir_flow_fn *fn,
		  void *data, struct weir_answer_end *ret, struct weir_error *err)
{
	struct page p = {
		.q = q, .s = (struct weir_clickhouse *)store, .from = q->from, .to = q->to
	};
	int r = read_cursor(&p, err);

	weir_purse_open(&p.purse, &q->budget);
	if (r == 0)
		r = find(&p, err);
	if (r < 0)
		return r;
	weir_purse_end(&p.purse, ret);
	return p.found ? read_page(&p, fn, data, ret, err) : 0;
}
