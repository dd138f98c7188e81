/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From blocks to the rows that a question wants. First times and ends, which
 * rule out most, then the row's own numbers, then whole flows where nothing less
 * tells; only then the columns that are asked for.
 */
#include "hub/store/sqlite/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "weir/cleanup.h"
#include "weir/ruleset.h"

/* --- whole blocks ------------------------------------------------------------------ */

static int read_columns(struct weir_partition *p, struct weir_codec *codec,
			const struct weir_block *b, uint64_t columns, struct weir_bytes *bytes,
			struct weir_row *rows, const uint32_t *pick, uint32_t picked,
			struct weir_error *err)
{
	int r = 0;

	for (int c = 0; r == 0 && c < WEIR_COL_MAX; c++) {
		if (!(columns & WEIR_COL_BIT(c)))
			continue;
		r = weir_partition_column(p, b->id, (enum weir_column)c, bytes, err);
		if (r < 0 || !bytes->len)
			continue;
		r = weir_column_decode(codec, (enum weir_column)c, bytes->data, bytes->len, b->rows,
				       rows, pick, picked);
		if (r < 0)
			r = weir_error_set(err, -r, "%s: block %llu is torn", p->path,
					   (unsigned long long)b->id);
	}
	return r;
}

int weir_block_rows(struct weir_partition *p, struct weir_codec *codec,
		    const struct weir_block *block, struct weir_bytes *bytes, struct weir_row *rows,
		    struct weir_error *err)
{
	WEIR_AUTO_FREE uint32_t *pick = malloc(block->rows * sizeof(*pick) + 1);

	if (!pick)
		return weir_error_errno(err, ENOMEM, "block");
	for (uint32_t i = 0; i < block->rows; i++)
		pick[i] = i;
	memset(rows, 0, block->rows * sizeof(*rows));
	return read_columns(p, codec, block, WEIR_COLS_ALL, bytes, rows, pick, block->rows, err);
}

/* --- budget ------------------------------------------------------------------------- */

static uint64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void weir_meter_start(struct weir_meter *m, const struct weir_budget *budget)
{
	*m = (struct weir_meter){ .budget = *budget };
	m->deadline = budget->max_ms ? monotonic() + budget->max_ms * 1000000u : UINT64_MAX;
}

bool weir_meter_rows(struct weir_meter *m, uint64_t rows)
{
	m->rows += rows;
	if (m->budget.max_rows && m->rows > m->budget.max_rows)
		m->ended = "rows";
	else if (monotonic() > m->deadline)
		m->ended = "time";
	return !m->ended;
}

bool weir_meter_bytes(struct weir_meter *m, uint64_t bytes)
{
	m->bytes += bytes;
	if (m->budget.max_bytes && m->bytes > m->budget.max_bytes)
		m->ended = "memory";
	return !m->ended;
}

/* --- lens --------------------------------------------------------------------------- */

static bool is_number(uint8_t field)
{
	return field == WEIR_FILTER_PORT || field == WEIR_FILTER_PROTOCOL ||
	       field == WEIR_FILTER_VERDICT || field == WEIR_FILTER_STAGED ||
	       field == WEIR_FILTER_TYPE;
}

static void sort_terms(struct weir_lens *l)
{
	for (size_t i = 0; i < l->filter->n_terms; i++) {
		const struct weir_term *t = &l->filter->terms[i];
		uint32_t bit = 1u << i;

		if (is_number(t->field)) {
			l->numbers |= bit;
		} else if (t->field == WEIR_FILTER_CLUSTER) {
			l->from |= bit; /* both ends are of the same */
		} else if (!weir_field_is_of_end(t->field)) {
			l->whole = true;
		} else if (t->end == WEIR_EITHER_END && !t->negated) {
			l->either |= bit;
		} else {
			if (t->end != WEIR_TO_END)
				l->from |= bit;
			if (t->end != WEIR_FROM_END)
				l->to |= bit;
		}
		if (t->field == WEIR_FILTER_ADDRESS)
			l->addresses |= bit;
	}
}

static void judge_end(struct weir_lens *l, uint32_t number)
{
	const struct weir_end *end = weir_words_end(&l->p->words, number);
	uint32_t terms = (l->from | l->to | l->either) & ~l->addresses;
	struct weir_hub_flow flow = { .cluster = end ? end->cluster : NULL };
	struct weir_record_peer peer;

	if (!end || !end->cluster)
		return;
	l->visible[number] = l->all || weir_scope_has(l->scope, end->cluster, end->peer.namespace_);
	peer = end->peer;
	if (!l->visible[number])
		weir_scope_redact_peer(&peer);
	for (size_t i = 0; i < l->filter->n_terms; i++) {
		const struct weir_term *t = &l->filter->terms[i];
		bool of_end = weir_field_is_of_end(t->field);

		if (terms >> i & 1 &&
		    (of_end ? weir_term_holds_of_end(t, &peer) : weir_term_holds(t, &flow)))
			l->holds[number] |= 1u << i;
	}
}

int weir_lens_open(struct weir_partition *p, const struct weir_scope *scope,
		   const struct weir_filter *filter, struct weir_lens **ret, struct weir_error *err)
{
	WEIR_CLEANUP(weir_lens_close) struct weir_lens *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return weir_error_errno(err, ENOMEM, "question");
	l->p = weir_partition_ref(p);
	l->scope = scope;
	l->filter = filter;
	l->all = weir_scope_is_all(scope);
	r = weir_partition_load_words(p, err);
	if (r < 0)
		return r;
	l->n_ends = p->words.n[WEIR_WORD_END] + 1;
	l->visible = calloc(l->n_ends, sizeof(*l->visible));
	l->holds = calloc(l->n_ends, sizeof(*l->holds));
	if (!l->visible || !l->holds)
		return weir_error_errno(err, ENOMEM, "question");
	sort_terms(l);
	for (uint32_t i = 1; i < l->n_ends; i++)
		judge_end(l, i);
	*ret = weir_take(l);
	return 0;
}

void weir_lens_close(struct weir_lens **lens)
{
	struct weir_lens *l = weir_take(*lens);

	if (!l)
		return;
	weir_partition_unref(&l->p);
	free(l->visible);
	free(l->holds);
	free(l);
}

bool weir_lens_flow(const struct weir_lens *l, const struct weir_row *row,
		    struct weir_hub_flow *ret)
{
	weir_row_to_flow(row, &l->p->words, ret);
	return weir_scope_redact(l->scope, ret);
}

/* --- scan --------------------------------------------------------------------------- */

#define COLS_FIRST (WEIR_COL_BIT(WEIR_COL_TIME) | WEIR_COL_PAIR(WEIR_COL_END))

int weir_scan_open(struct weir_scan *s)
{
	if (weir_codec_new(&s->codec) < 0)
		return -ENOMEM;
	for (int i = 0; i < 2; i++)
		s->ends[i] = malloc(WEIR_BLOCK_ROWS * sizeof(*s->ends[i]));
	s->pick = malloc(WEIR_BLOCK_ROWS * sizeof(*s->pick));
	s->times = malloc(WEIR_BLOCK_ROWS * sizeof(*s->times));
	s->rows = malloc(WEIR_BLOCK_ROWS * sizeof(*s->rows));
	return s->ends[0] && s->ends[1] && s->pick && s->times && s->rows ? 0 : -ENOMEM;
}

void weir_scan_close(struct weir_scan *s)
{
	weir_codec_free(&s->codec);
	free(s->bytes.data);
	free(s->ends[0]);
	free(s->ends[1]);
	free(s->pick);
	free(s->times);
	free(s->rows);
	memset(s, 0, sizeof(*s));
}

static int values(struct weir_scan *s, const struct weir_lens *l, const struct weir_block *b,
		  enum weir_column c, const uint64_t **ret, struct weir_error *err)
{
	int r = weir_partition_column(l->p, b->id, c, &s->bytes, err);

	if (r < 0)
		return r;
	r = weir_column_values(s->codec, c, s->bytes.data, s->bytes.len, b->rows, ret);
	return r < 0 ? weir_error_set(err, -r, "%s: block %llu is torn", l->p->path,
				      (unsigned long long)b->id)
		     : 0;
}

static int read_first(struct weir_scan *s, const struct weir_lens *l, const struct weir_block *b,
		      struct weir_error *err)
{
	const uint64_t *v;
	int r = 0;

	for (int i = 0; r == 0 && i < 2; i++) {
		r = values(s, l, b, (enum weir_column)(WEIR_COL_END + i), &v, err);
		for (uint32_t k = 0; r == 0 && k < b->rows; k++)
			s->ends[i][k] = v[k] < l->n_ends ? (uint32_t)v[k] : 0;
	}
	if (r == 0)
		r = values(s, l, b, WEIR_COL_TIME, &v, err);
	if (r == 0)
		memcpy(s->times, v, b->rows * sizeof(*v));
	return r;
}

static bool ends_hold(const struct weir_lens *l, uint32_t src, uint32_t dst, uint32_t without)
{
	uint32_t from = l->from & ~without, to = l->to & ~without, either = l->either & ~without;

	if (!l->all && !l->visible[src] && !l->visible[dst])
		return false;
	return (l->holds[src] & from) == from && (l->holds[dst] & to) == to &&
	       ((l->holds[src] & either) == either || (l->holds[dst] & either) == either);
}

static uint32_t pick_by_ends(struct weir_scan *s, const struct weir_lens *l,
			     const struct weir_block *b)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->rows; i++)
		if (s->times[i] >= s->from && s->times[i] < s->to &&
		    ((!s->ends[0][i] && !s->ends[1][i]) || /* a gap: judged as a flow */
		     ends_hold(l, s->ends[0][i], s->ends[1][i], l->addresses)))
			s->pick[n++] = i;
	return n;
}

static bool is_gap(const struct weir_row *row)
{
	return row->type == WEIR_RECORD_GAP;
}

/* The terms that hold of an end, with those of addresses, as far as they may be seen. */
static uint32_t bits_of(const struct weir_lens *l, const struct weir_row *row, int i)
{
	const struct weir_end *end = weir_words_end(&l->p->words, row->end[i]);
	struct weir_record_peer peer = { .namespace_ = end ? end->peer.namespace_ : NULL,
					 .addr = row->addr[i],
					 .nat_addr = row->nat[i] };
	uint32_t bits = l->holds[row->end[i]];

	if (!weir_lens_sees(l, row->end[i]))
		weir_scope_redact_peer(&peer);
	for (size_t t = 0; t < l->filter->n_terms; t++)
		if (l->addresses >> t & 1 && weir_term_holds_of_end(&l->filter->terms[t], &peer))
			bits |= 1u << t;
	return bits;
}

static bool addresses_hold(const struct weir_lens *l, const struct weir_row *row)
{
	uint32_t src, dst;

	if (!l->addresses || is_gap(row))
		return true;
	src = bits_of(l, row, 0);
	dst = bits_of(l, row, 1);
	return (src & l->from) == l->from && (dst & l->to) == l->to &&
	       ((src & l->either) == l->either || (dst & l->either) == l->either);
}

static bool row_holds(const struct weir_scan *s, const struct weir_lens *l,
		      const struct weir_row *row)
{
	struct weir_hub_flow flow = { .record = { .protocol = row->protocol,
						  .verdict = row->verdict,
						  .staged = row->staged,
						  .type = row->type,
						  .dst.port = row->port[1] } };

	if (row->second && !s->seconds)
		return false;
	for (size_t i = 0; i < l->filter->n_terms && !is_gap(row); i++)
		if (l->numbers >> i & 1 && !weir_term_holds(&l->filter->terms[i], &flow))
			return false;
	return addresses_hold(l, row);
}

static bool flow_holds(const struct weir_lens *l, const struct weir_row *row)
{
	struct weir_hub_flow flow;

	return weir_lens_flow(l, row, &flow) && weir_filter_matches(l->filter, &flow);
}

/* Drops picks whose row does not hold; rows and picks stay side by side. */
static uint32_t keep_rows(struct weir_scan *s, const struct weir_lens *l, uint32_t n, bool whole)
{
	uint32_t kept = 0;

	for (uint32_t k = 0; k < n; k++) {
		const struct weir_row *row = &s->rows[k];
		bool holds = whole ? (!l->whole && !is_gap(row)) || flow_holds(l, row)
				   : row_holds(s, l, row);

		if (!holds)
			continue;
		if (kept != k)
			s->rows[kept] = *row;
		s->pick[kept++] = s->pick[k];
	}
	return kept;
}

/* What a flow is judged by, beyond what the row tells; its cluster is the reporter's. */
static uint64_t columns_to_judge(const struct weir_lens *l)
{
	return WEIR_COL_PAIR(WEIR_COL_ORIGIN) | (l->whole ? WEIR_COL_PAIR(WEIR_COL_SIDE) : 0);
}

static void fill_first(struct weir_scan *s, uint32_t n)
{
	memset(s->rows, 0, n * sizeof(*s->rows));
	for (uint32_t k = 0; k < n; k++) {
		s->rows[k].time = s->times[s->pick[k]];
		s->rows[k].end[0] = s->ends[0][s->pick[k]];
		s->rows[k].end[1] = s->ends[1][s->pick[k]];
	}
}

/* The columns that are still missing; all of them anew when the question wants fewer rows. */
static int read_last(struct weir_scan *s, const struct weir_lens *l, const struct weir_block *b,
		     uint64_t columns, uint64_t have, uint32_t *n, struct weir_error *err)
{
	uint32_t fewer = s->narrow ? s->narrow(s->data, s->times, s->pick, *n) : *n;
	uint64_t want = columns & ~have;

	if (fewer != *n) {
		*n = fewer;
		fill_first(s, fewer);
		want = (columns | have) & ~COLS_FIRST;
	}
	return read_columns(l->p, s->codec, b, want, &s->bytes, s->rows, s->pick, *n, err);
}

int weir_scan_block(struct weir_scan *s, const struct weir_lens *l, const struct weir_block *b,
		    uint64_t columns, const struct weir_row **ret, uint32_t *ret_n,
		    struct weir_error *err)
{
	uint64_t have = COLS_FIRST, numbers = WEIR_COL_BIT(WEIR_COL_KIND), more;
	uint32_t n = 0;
	int r = read_first(s, l, b, err);

	if (l->numbers)
		numbers |= WEIR_COL_BIT(WEIR_COL_PROTOCOL) | WEIR_COL_BIT(WEIR_COL_PORT + 1);
	if (l->addresses)
		numbers |= WEIR_COL_PAIR(WEIR_COL_ADDR) | WEIR_COL_PAIR(WEIR_COL_NAT);
	if (r == 0)
		n = pick_by_ends(s, l, b);
	if (r == 0 && n) {
		fill_first(s, n);
		r = read_columns(l->p, s->codec, b, numbers, &s->bytes, s->rows, s->pick, n, err);
		have |= numbers;
	}
	if (r == 0 && n) {
		n = keep_rows(s, l, n, false);
		more = columns_to_judge(l) & ~have;
		r = read_columns(l->p, s->codec, b, more, &s->bytes, s->rows, s->pick, n, err);
		have |= more;
	}
	if (r == 0 && n) {
		n = keep_rows(s, l, n, true);
		r = read_last(s, l, b, columns, have, &n, err);
	}
	*ret = s->rows;
	*ret_n = r == 0 ? n : 0;
	return r;
}
