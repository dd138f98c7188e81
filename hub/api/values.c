/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/values: what a filter could be completed to. */
#include <errno.h>

#include "hub/api/internal.h"

#define LIMIT_DEFAULT 50

static int on_value(void *data, const char *value)
{
	struct weir_json *j = data;

	weir_json_string(j, value);
	return j->failed ? -ENOMEM : 0;
}

int weir_answer_values(struct weir_request *r, struct weir_error *err)
{
	struct weir_store *s = r->api->c.store;
	struct weir_value_query q = {
		.from = r->ask.from,
		.to = r->ask.to,
		.scope = &r->person->scopes[WEIR_RIGHT_FLOWS],
		.field = r->ask.field,
		.prefix = r->ask.prefix,
		.limit = r->ask.limit ?: LIMIT_DEFAULT,
		.budget = weir_api_budget(r->api),
	};
	struct weir_json j = { .b = &r->out };
	uint64_t started = weir_api_clock();
	int code;

	weir_json_open(&j, '{');
	weir_json_member(&j, "field", weir_field_name(q.field));
	weir_json_key(&j, "values");
	weir_json_open(&j, '[');
	code = s->ops->values(s, &q, on_value, &j, &r->end, err);
	if (code < 0)
		return code;
	weir_api_asked(r->api, started, &r->end);
	weir_json_close(&j, ']');
	weir_api_put_end(&j, &r->end);
	weir_json_raw(&j, "}\n", 2);
	return j.failed ? -ENOMEM : 0;
}
