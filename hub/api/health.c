/* SPDX-License-Identifier: Apache-2.0 */
/* GET /healthz, /readyz, /v1/openapi.json: for probes and programs, without signing in. */
#include <errno.h>
#include <string.h>

#include "hub/api/internal.h"
#include "weir/cleanup.h"

static const char openapi[] = {
#include "hub/api/openapi.inc"
};

static int text(struct weir_request *r, const char *s)
{
	struct weir_json j = { .b = &r->out };

	weir_json_raw(&j, s, strlen(s));
	weir_json_raw(&j, "\n", 1);
	r->form = WEIR_FORM_TEXT;
	return j.failed ? -ENOMEM : 0;
}

int weir_answer_health(struct weir_request *r, struct weir_error *err)
{
	return text(r, "ok");
}

int weir_answer_ready(struct weir_request *r, struct weir_error *err)
{
	char why[256];

	weir_api_not_ready(r->api, why, sizeof(why));
	if (*why)
		r->status = 503;
	return text(r, *why ? "not ready" : "ready");
}

int weir_answer_openapi(struct weir_request *r, struct weir_error *err)
{
	struct weir_json j = { .b = &r->out };

	weir_json_raw(&j, openapi, sizeof(openapi) - 1);
	return j.failed ? -ENOMEM : 0;
}
