/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/sums: how much of what, by up to four dimensions, over time or not. */
#include "hub/api/sums.h"

#include <errno.h>
#include <stdlib.h>

#include "hub/api/internal.h"
#include "weir/cleanup.h"

#define LIMIT_DEFAULT 100

void weir_sums_put(struct weir_json *j, const struct weir_sum *sum)
{
	for (unsigned m = 0; m < WEIR_SUM_MAX; m++)
		weir_json_member_number(j, weir_measure_name(m), sum->sums[m]);
}

int weir_sums_ask(struct weir_request *r, const enum weir_dimension *dims, unsigned n_dims,
		  weir_sum_fn *fn, void *data, struct weir_error *err)
{
	struct weir_store *s = r->api->c.store;
	struct weir_sum_query q = {
		.from = r->ask.from,
		.to = r->ask.to,
		.scope = &r->person->scopes[WEIR_RIGHT_FLOWS],
		.filter = &r->ask.filter,
		.n_dims = n_dims,
		.step = r->ask.step,
		.by = r->ask.measure,
		.limit = r->ask.limit ?: LIMIT_DEFAULT,
		.budget = weir_api_budget(r->api),
	};
	uint64_t started = weir_api_clock();
	int code;

	for (unsigned i = 0; i < n_dims; i++)
		q.dims[i] = dims[i];
	code = s->ops->sums(s, &q, fn, data, &r->end, err);
	if (code == 0)
		weir_api_asked(r->api, started, &r->end);
	return code;
}

struct writing {
	const struct weir_request *r;
	struct weir_json j;
	bool has_other;
	struct weir_sum other;
};

static int on_sum(void *data, const struct weir_sum *sum)
{
	struct writing *w = data;

	if (sum->other) {
		w->has_other = true;
		w->other = *sum;
		return 0;
	}
	weir_json_open(&w->j, '{');
	for (unsigned i = 0; i < w->r->ask.n_dims; i++) {
		enum weir_dimension d = w->r->ask.dims[i];

		if (d == WEIR_DIM_TIME && sum->values[i])
			weir_json_member_number(&w->j, "time", strtoull(sum->values[i], NULL, 10));
		else
			weir_json_member(&w->j, weir_dimension_name(d), sum->values[i]);
	}
	weir_sums_put(&w->j, sum);
	weir_json_close(&w->j, '}');
	return w->j.failed ? -ENOMEM : 0;
}

int weir_answer_sums(struct weir_request *r, struct weir_error *err)
{
	struct writing w = { .r = r, .j.b = &r->out };
	int code;

	weir_json_open(&w.j, '{');
	weir_json_key(&w.j, "by");
	weir_json_open(&w.j, '[');
	for (unsigned i = 0; i < r->ask.n_dims; i++)
		weir_json_string(&w.j, weir_dimension_name(r->ask.dims[i]));
	weir_json_close(&w.j, ']');
	weir_json_key(&w.j, "sums");
	weir_json_open(&w.j, '[');
	code = weir_sums_ask(r, r->ask.dims, r->ask.n_dims, on_sum, &w, err);
	if (code < 0)
		return code;
	weir_json_close(&w.j, ']');
	if (w.has_other) {
		weir_json_key(&w.j, "other");
		weir_json_open(&w.j, '{');
		weir_sums_put(&w.j, &w.other);
		weir_json_close(&w.j, '}');
	}
	weir_api_put_end(&w.j, &r->end);
	weir_json_raw(&w.j, "}\n", 2);
	return w.j.failed ? -ENOMEM : 0;
}
