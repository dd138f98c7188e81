/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/audit: the last lines of the audit log. To read it is audited, too. */
#include <errno.h>
#include <string.h>

#include "hub/api/internal.h"
#include "hub/api/rights.h"

#define LAST_DEFAULT 100

static int on_line(void *data, const char *json)
{
	struct weir_json *j = data;
	char last = j->b->text[j->b->len - 1];

	if (last != '[')
		weir_json_raw(j, ",", 1);
	weir_json_raw(j, json, strcspn(json, "\n"));
	return j->failed ? -ENOMEM : 0;
}

int weir_answer_audit(struct weir_request *r, struct weir_error *err)
{
	struct weir_json j = { .b = &r->out };
	int code = weir_rights_need(r, WEIR_RIGHT_AUDIT, NULL, "audit.read", "audit", err);

	if (code < 0)
		return code;
	weir_json_open(&j, '{');
	weir_json_key(&j, "audit");
	weir_json_open(&j, '[');
	if (j.failed)
		return -ENOMEM;
	code = weir_access_audit_read(r->api->c.access, r->ask.last ?: LAST_DEFAULT, on_line, &j,
				      err);
	if (code < 0)
		return code;
	weir_json_close(&j, ']');
	weir_json_raw(&j, "}\n", 2);
	return j.failed ? -ENOMEM : 0;
}
