/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /v1/flows and /v1/gaps: what the store has, page by page. The store holds back what
 * the person may not see; here it is only written down.
 */
#include <errno.h>

#include "hub/api/internal.h"
#include "hub/api/live.h"
#include "hub/config/config.h"
#include "weir/cleanup.h"
#include "weir/ruleset.h"
#include "weir/wire.h"

#define LIMIT_DEFAULT 100

struct writing {
	struct weir_request *r;
	struct weir_json j;
	bool full; /* the answer has as many bytes as one may have */
};

static int on_flow(void *data, const struct weir_hub_flow *f)
{
	struct writing *w = data;
	struct weir_json_flow hub = { .cluster = f->cluster,
				      .nodes = { f->nodes[0], f->nodes[1] },
				      .second = f->second,
				      .n_fields = w->r->ask.n_fields,
				      .fields = w->r->ask.fields };
	size_t len = w->r->out.len;

	if (len > w->r->api->c.hub->query.max_memory) {
		w->full = true;
		return 1;
	}
	if (!w->r->ndjson && w->r->out.text[len - 1] != '[')
		weir_json_raw(&w->j, ",", 1);
	if (w->j.failed || weir_flow_to_json(&f->record, &hub, &w->r->out) < 0)
		return -ENOMEM;
	if (w->r->ndjson)
		weir_json_raw(&w->j, "\n", 1);
	return w->j.failed ? -ENOMEM : 0;
}

static int ask_store(struct weir_request *r, enum weir_right right, struct writing *w,
		     struct weir_error *err)
{
	struct weir_store *s = r->api->c.store;
	struct weir_flow_query q = {
		.from = r->ask.from,
		.to = r->ask.to,
		.scope = &r->person->scopes[right],
		.filter = &r->ask.filter,
		.order = r->ask.order,
		.limit = r->ask.limit ?: LIMIT_DEFAULT,
		.seconds = r->ask.seconds,
		.cursor = r->ask.cursor,
		.budget = weir_api_budget(r->api),
	};
	uint64_t started = weir_api_clock();
	int code = s->ops->flows(s, &q, on_flow, w, &r->end, err);

	if (code < 0)
		return code;
	if (w->full) {
		r->end.complete = false;
		r->end.why_not = "memory";
	}
	weir_api_asked(r->api, started, &r->end);
	return 0;
}

static int answer(struct weir_request *r, const char *name, enum weir_right right,
		  struct weir_error *err)
{
	struct writing w = { .r = r, .j.b = &r->out };
	int code;

	if (!r->ndjson) {
		weir_json_raw(&w.j, "{", 1);
		weir_json_key(&w.j, name);
		weir_json_open(&w.j, '[');
		if (w.j.failed)
			return -ENOMEM;
	}
	code = ask_store(r, right, &w, err);
	if (code < 0)
		return code;
	r->form = r->ndjson ? WEIR_FORM_NDJSON : WEIR_FORM_JSON;
	r->has_end = r->ndjson;
	if (r->ndjson)
		return 0;
	weir_json_close(&w.j, ']');
	if (*r->end.cursor)
		weir_json_member(&w.j, "cursor", r->end.cursor);
	weir_api_put_end(&w.j, &r->end);
	weir_json_raw(&w.j, "}\n", 2);
	return w.j.failed ? -ENOMEM : 0;
}

int weir_answer_flows(struct weir_request *r, struct weir_error *err)
{
	return answer(r, "flows", WEIR_RIGHT_FLOWS, err);
}

/* Records that were lost are the business of who looks after the nodes. */
int weir_answer_gaps(struct weir_request *r, struct weir_error *err)
{
	int code = weir_filter_add(&r->ask.filter, "type", "gap", err);

	return code < 0 ? code : answer(r, "gaps", WEIR_RIGHT_NODES, err);
}

int weir_answer_live(struct weir_request *r, struct weir_error *err)
{
	r->form = r->ndjson ? WEIR_FORM_NDJSON : WEIR_FORM_EVENTS;
	return weir_live_join(r->api->live, r, &r->live, err);
}
