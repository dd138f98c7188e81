/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers with flows, a page at a time, in the order of time. Blocks overlap in time, so the
 * best rows so far lie in a heap; a block that has none better is not read.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/store/sqlite/scan.h"
#include "weir/cleanup.h"
#include "weir/policy.h"

/* Place of a row in the order: rows of the same time by their reporter and seq, which no two
 * share and which stay when blocks are packed. */
struct place {
	uint64_t time, key;
};

struct found {
	struct place place;
	const struct weir_lens *lens;
	struct weir_row row;
};

struct paging {
	const struct weir_flow_query *q;
	struct weir_scan scan;
	struct weir_meter meter;
	struct weir_files files;
	struct found *heap; /* the worst on top; one more than the page */
	size_t n, max;
	struct place after; /* of the page before */
	bool has_after;
};

/* --- order -------------------------------------------------------------------------- */

/* < 0: a comes before b in a page. */
static int order(const struct paging *p, struct place a, struct place b)
{
	int sign = p->q->order == WEIR_NEWEST_FIRST ? -1 : 1;

	if (a.time != b.time)
		return a.time < b.time ? -sign : sign;
	return a.key < b.key ? -sign : a.key > b.key ? sign : 0;
}

static uint64_t hash_text(uint64_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3ull;
	return (h ^ 0xff) * 0x100000001b3ull;
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 32) * 0xd6e8feb86659fd93ull;
	x = (x ^ x >> 32) * 0xd6e8feb86659fd93ull;
	return x ^ x >> 32;
}

static uint64_t key_of(const struct weir_lens *l, const struct weir_row *row)
{
	int i = row->seq[WEIR_EGRESS] ? WEIR_EGRESS : WEIR_INGRESS;
	const struct weir_reporter *o = weir_words_origin(&l->p->words, row->origin[i]);
	uint64_t h = 0xcbf29ce484222325ull;

	if (o)
		h = hash_text(hash_text(hash_text(h, o->cluster), o->node), o->boot);
	return mix(h + row->seq[i]);
}

static const char *const words[] = { [WEIR_NEWEST_FIRST] = "n", [WEIR_OLDEST_FIRST] = "o" };

static void write_cursor(const struct paging *p, struct place at, char *ret)
{
	snprintf(ret, WEIR_CURSOR_MAX, "%s1.%016" PRIx64 ".%016" PRIx64, words[p->q->order],
		 at.time, at.key);
}

static int read_cursor(struct paging *p, struct weir_error *err)
{
	char again[WEIR_CURSOR_MAX];
	const char *text = p->q->cursor;

	if (!text)
		return 0;
	if (sscanf(text, "%*c1.%16" SCNx64 ".%16" SCNx64, &p->after.time, &p->after.key) == 2) {
		write_cursor(p, p->after, again);
		p->has_after = strcmp(again, text) == 0;
	}
	return p->has_after ? 0
			    : weir_error_set(err, EINVAL,
					     "cursor: want the one that the page before came with, "
					     "and the same order");
}

/* --- heap --------------------------------------------------------------------------- */

static void sift_down(struct paging *p, size_t at)
{
	struct found moved = p->heap[at];

	for (size_t child; (child = 2 * at + 1) < p->n; at = child) {
		if (child + 1 < p->n &&
		    order(p, p->heap[child].place, p->heap[child + 1].place) < 0)
			child++;
		if (order(p, p->heap[child].place, moved.place) <= 0)
			break;
		p->heap[at] = p->heap[child];
	}
	p->heap[at] = moved;
}

static void sift_up(struct paging *p, size_t at)
{
	struct found moved = p->heap[at];

	for (size_t up; at && order(p, p->heap[up = (at - 1) / 2].place, moved.place) < 0; at = up)
		p->heap[at] = p->heap[up];
	p->heap[at] = moved;
}

static void offer(struct paging *p, const struct weir_lens *l, const struct weir_row *row)
{
	struct found f = { { row->time, key_of(l, row) }, l, *row };

	if (p->has_after && order(p, f.place, p->after) <= 0)
		return;
	if (p->n < p->max) {
		p->heap[p->n++] = f;
		sift_up(p, p->n - 1);
	} else if (order(p, f.place, p->heap[0].place) < 0) {
		p->heap[0] = f;
		sift_down(p, 0);
	}
}

/* --- blocks ------------------------------------------------------------------------- */

static bool too_late(const struct paging *p, uint64_t time)
{
	if (p->n < p->max)
		return false;
	return p->q->order == WEIR_NEWEST_FIRST ? time < p->heap[0].place.time
						: time > p->heap[0].place.time;
}

static uint64_t best_of(const struct paging *p, const struct weir_block *b)
{
	return p->q->order == WEIR_NEWEST_FIRST ? b->to : b->from;
}

static bool before_page(const struct paging *p, uint64_t time)
{
	if (!p->has_after)
		return false;
	return p->q->order == WEIR_NEWEST_FIRST ? time > p->after.time : time < p->after.time;
}

static int by_best(const void *a, const void *b, void *data)
{
	const struct weir_work *x = a, *y = b;
	const struct paging *p = data;
	uint64_t s = best_of(p, &x->block), t = best_of(p, &y->block);
	int sign = p->q->order == WEIR_NEWEST_FIRST ? -1 : 1;

	return s < t ? -sign : s > t ? sign : 0;
}

/* Picks whose time cannot be of this page. */
static uint32_t narrow(void *data, const uint64_t *times, uint32_t *pick, uint32_t n)
{
	const struct paging *p = data;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++)
		if (!too_late(p, times[pick[i]]) && !before_page(p, times[pick[i]]))
			pick[kept++] = pick[i];
	return kept;
}

static int read_blocks(struct paging *p, struct weir_error *err)
{
	const struct weir_lens *lens;
	const struct weir_row *rows;
	uint32_t n;
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->files.n_work; i++) {
		const struct weir_work *w = &p->files.work[i];

		if (too_late(p, best_of(p, &w->block)))
			break;
		if (!weir_meter_rows(&p->meter, w->block.rows))
			break;
		r = weir_scan_work(&p->scan, &p->files, w, WEIR_COLS_ALL, &lens, &rows, &n, err);
		for (uint32_t k = 0; r == 0 && k < n; k++)
			offer(p, lens, &rows[k]);
	}
	return r;
}

/* --- page --------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b, void *data)
{
	return order(data, ((const struct found *)a)->place, ((const struct found *)b)->place);
}

static int hand_out(struct paging *p, weir_flow_fn *fn, void *data, struct weir_answer_end *ret)
{
	size_t n = p->n < p->q->limit ? p->n : p->q->limit;
	struct weir_hub_flow flow;
	int r = 0;

	qsort_r(p->heap, p->n, sizeof(*p->heap), by_place, p);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (weir_lens_flow(p->heap[i].lens, &p->heap[i].row, &flow))
			r = fn(data, &flow);
	weir_answer_ended(&p->meter, &p->files, ret);
	if (n && p->n > n)
		write_cursor(p, p->heap[n - 1].place, ret->cursor);
	return r;
}

int weir_sqlite_flows(struct weir_store *store, const struct weir_flow_query *q, weir_flow_fn *fn,
		      void *data, struct weir_answer_end *ret, struct weir_error *err)
{
	struct paging p = { .q = q, .max = q->limit + 1u };
	int r;

	p.scan = (struct weir_scan){
		.from = q->from, .to = q->to, .seconds = q->seconds, .narrow = narrow, .data = &p
	};
	weir_meter_start(&p.meter, &q->budget);
	weir_meter_bytes(&p.meter, p.max * sizeof(*p.heap));
	p.heap = p.meter.ended ? NULL : malloc(p.max * sizeof(*p.heap));
	if (p.meter.ended)
		r = weir_error_set(err, E2BIG,
				   "limit: so large a page is beyond the memory of a question");
	else if (weir_scan_open(&p.scan) < 0 || !p.heap)
		r = weir_error_errno(err, ENOMEM, "flows");
	else
		r = read_cursor(&p, err);
	if (r == 0)
		r = weir_files_open((struct weir_sqlite *)store, WEIR_LEVEL_RAW, WEIR_LEVEL_RAW,
				    q->from, q->to, q->scope, q->filter, &p.files, err);
	if (r == 0) {
		qsort_r(p.files.work, p.files.n_work, sizeof(*p.files.work), by_best, &p);
		r = read_blocks(&p, err);
	}
	if (r == 0)
		r = hand_out(&p, fn, data, ret);
	weir_files_close(&p.files);
	weir_scan_close(&p.scan);
	free(p.heap);
	return r;
}
