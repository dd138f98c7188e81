/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/roles: which roles there are, and who has them where. */
#include <errno.h>

#include "hub/api/internal.h"
#include "hub/api/rights.h"

int weir_answer_roles(struct weir_request *r, struct weir_error *err)
{
	struct weir_json j = { .b = &r->out };
	int code = weir_rights_need(r, WEIR_RIGHT_ACCESS, NULL, "roles.read", "roles", err);

	if (code < 0)
		return code;
	weir_json_open(&j, '{');
	weir_access_describe(r->api->c.access, &j);
	weir_json_raw(&j, "}\n", 2);
	return j.failed ? -ENOMEM : 0;
}
