/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of a field, for completion: those of flows that the asker may see within the
 * time, as far as they may be seen.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "hub/store/sqlite/scan.h"
#include "weir/cleanup.h"

#define TEXT_MAX 1024

struct value {
	UT_hash_handle hh;
	char text[];
};

struct values {
	const struct weir_value_query *q;
	struct weir_meter meter;
	struct value *found;
	uint8_t *seen[2]; /* of the file being read: ends, sides */
	bool short_of_memory;
};

static void add(struct values *v, const char *text)
{
	size_t len = text ? strlen(text) : 0;
	struct value *known;

	if (!len || strncmp(text, v->q->prefix, strlen(v->q->prefix)) != 0)
		return;
	HASH_FIND(hh, v->found, text, len, known);
	if (known || !weir_meter_bytes(&v->meter, sizeof(*known) + len))
		return;
	known = malloc(sizeof(*known) + len + 1);
	if (!known) {
		v->short_of_memory = true;
		return;
	}
	memcpy(known->text, text, len + 1);
	HASH_ADD_KEYPTR(hh, v->found, known->text, len, known);
}

static void add_pair(struct values *v, const char *first, const char *between, const char *second)
{
	char text[TEXT_MAX];

	if (!second)
		return;
	snprintf(text, sizeof(text), "%s%s%s", first ?: "", first ? between : "", second);
	add(v, text);
}

/* --- of one flow, redacted -------------------------------------------------------------- */

static void add_of_end(struct values *v, const struct weir_record_peer *p)
{
	char addr[WEIR_ADDR_STRLEN];

	switch (v->q->field) {
	case WEIR_FILTER_NAMESPACE:
		add(v, p->namespace_);
		break;
	case WEIR_FILTER_POD:
		add_pair(v, p->namespace_, "/", p->pod);
		break;
	case WEIR_FILTER_WORKLOAD:
		add_pair(v, p->workload_kind, "/", p->workload);
		break;
	case WEIR_FILTER_LABEL:
		for (uint16_t i = 0; i < p->n_labels; i++)
			add_pair(v, p->labels[i].key, "=", p->labels[i].value);
		break;
	case WEIR_FILTER_ADDRESS:
		if (p->addr.family)
			add(v, weir_addr_format(&p->addr, addr));
		break;
	case WEIR_FILTER_SERVICE:
		add(v, p->service);
		break;
	case WEIR_FILTER_END_NODE:
		add(v, p->node);
		break;
	default: /* not of an end */
		break;
	}
}

static void add_of_side(struct values *v, const struct weir_record_side *s)
{
	char text[TEXT_MAX];

	for (uint16_t i = 0; i < s->n_policies; i++) {
		const struct weir_record_policy *p = &s->policies[i];

		snprintf(text, sizeof(text), "%s/%s%s%s", p->kind, p->namespace_ ?: "",
			 p->namespace_ ? "/" : "", p->name);
		add(v, text);
	}
}

static void add_of_flow(struct values *v, const struct weir_hub_flow *f)
{
	char port[8];

	switch (v->q->field) {
	case WEIR_FILTER_CLUSTER:
		add(v, f->cluster);
		break;
	case WEIR_FILTER_NODE:
		add(v, f->nodes[0]);
		add(v, f->nodes[1]);
		break;
	case WEIR_FILTER_PORT:
		snprintf(port, sizeof(port), "%u", f->record.dst.port);
		add(v, port);
		break;
	case WEIR_FILTER_POLICY:
		add_of_side(v, &f->record.egress);
		add_of_side(v, &f->record.ingress);
		break;
	default: /* of its ends */
		add_of_end(v, &f->record.src);
		add_of_end(v, &f->record.dst);
		break;
	}
}

/* --- rows ------------------------------------------------------------------------------- */

static uint64_t columns_for(enum weir_field field)
{
	switch (field) {
	case WEIR_FILTER_ADDRESS:
		return WEIR_COL_PAIR(WEIR_COL_ADDR) | WEIR_COL_PAIR(WEIR_COL_ORIGIN);
	case WEIR_FILTER_PORT:
		return WEIR_COL_BIT(WEIR_COL_PORT + 1) | WEIR_COL_PAIR(WEIR_COL_ORIGIN);
	case WEIR_FILTER_POLICY:
		return WEIR_COL_PAIR(WEIR_COL_SIDE) | WEIR_COL_PAIR(WEIR_COL_ORIGIN);
	default: /* ends and who reported */
		return WEIR_COL_PAIR(WEIR_COL_ORIGIN);
	}
}

/* Whether rows of these ends tell nothing that an earlier row has not told. */
static bool is_known(struct values *v, const struct weir_row *row)
{
	bool known;

	if (v->q->field > WEIR_FILTER_CLUSTER || v->q->field == WEIR_FILTER_ADDRESS)
		return false;
	known = v->seen[0][row->end[0]] && v->seen[1][row->end[1]];
	v->seen[0][row->end[0]] = v->seen[1][row->end[1]] = 1;
	return known;
}

static void take_rows(struct values *v, const struct weir_lens *l, const struct weir_row *rows,
		      uint32_t n)
{
	struct weir_hub_flow flow;

	for (uint32_t i = 0; i < n && !v->meter.ended; i++)
		if (rows[i].type != WEIR_RECORD_GAP && !is_known(v, &rows[i]) &&
		    weir_lens_flow(l, &rows[i], &flow))
			add_of_flow(v, &flow);
}

static int begin_file(struct values *v, const struct weir_lens *l)
{
	for (int i = 0; i < 2; i++) {
		free(v->seen[i]);
		v->seen[i] = calloc(l->n_ends + 1, 1);
		if (!v->seen[i])
			return -ENOMEM;
	}
	return 0;
}

static int read_files(struct values *v, struct weir_files *f, struct weir_scan *s,
		      struct weir_error *err)
{
	const struct weir_lens *lens, *last = NULL;
	const struct weir_row *rows;
	uint32_t n;
	int r = 0;

	for (size_t i = f->n_work; r == 0 && i--;) { /* the newest first */
		if (v->meter.ended || !weir_meter_rows(&v->meter, f->work[i].block.rows))
			break;
		r = weir_scan_work(s, f, &f->work[i], columns_for(v->q->field), &lens, &rows, &n,
				   err);
		if (r < 0 || !n)
			continue;
		if (lens != last && begin_file(v, lens) < 0)
			return weir_error_errno(err, ENOMEM, "values");
		last = lens;
		take_rows(v, lens, rows, n);
	}
	return r;
}

static int take_known(void *data, const char *value)
{
	add(data, value);
	return 0;
}

static int by_text(struct value *a, struct value *b)
{
	return strcmp(a->text, b->text);
}

static int hand_out(struct values *v, weir_value_fn *fn, void *data)
{
	uint32_t n = 0;
	int r = 0;

	HASH_SORT(v->found, by_text);
	for (struct value *one = v->found; r == 0 && one && n < v->q->limit;
	     one = one->hh.next, n++)
		r = fn(data, one->text);
	return r;
}

static void forget(struct values *v)
{
	struct value *one, *next;

	HASH_ITER (hh, v->found, one, next) {
		HASH_DEL(v->found, one);
		free(one);
	}
	free(v->seen[0]);
	free(v->seen[1]);
}

int weir_sqlite_values(struct weir_store *store, const struct weir_value_query *q,
		       weir_value_fn *fn, void *data, struct weir_answer_end *ret,
		       struct weir_error *err)
{
	static const struct weir_filter everything;
	struct weir_scan scan = { .from = q->from, .to = q->to, .seconds = true };
	struct values v = { .q = q };
	struct weir_files files = { 0 };
	int r = 0;

	weir_meter_start(&v.meter, &q->budget);
	if (weir_values_are_known(q->field)) {
		weir_known_values(q->field, q->prefix, q->limit, take_known, &v);
	} else {
		r = weir_scan_open(&scan) < 0 ? weir_error_errno(err, ENOMEM, "values") : 0;
		if (r == 0)
			r = weir_files_open((struct weir_sqlite *)store, WEIR_LEVEL_RAW,
					    WEIR_LEVEL_RAW, q->from, q->to, q->scope, &everything,
					    &files, err);
		if (r == 0)
			r = read_files(&v, &files, &scan, err);
	}
	if (r == 0 && v.short_of_memory)
		r = weir_error_errno(err, ENOMEM, "values");
	if (r == 0)
		r = hand_out(&v, fn, data);
	weir_answer_ended(&v.meter, &files, ret);
	weir_files_close(&files);
	weir_scan_close(&scan);
	forget(&v);
	return r;
}
