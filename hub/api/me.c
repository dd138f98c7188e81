/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/me: who the hub takes somebody for, and which rights that gives where. */
#include <errno.h>

#include "hub/api/internal.h"

static void put_right(struct weir_json *j, enum weir_right right, const struct weir_scope *scope)
{
	weir_json_open(j, '{');
	weir_json_member(j, "right", weir_right_name(right));
	weir_json_key(j, "scope");
	weir_json_open(j, '[');
	for (size_t i = 0; i < scope->n_grants; i++) {
		weir_json_open(j, '{');
		weir_json_member(j, "cluster", scope->grants[i].cluster);
		weir_json_member(j, "namespace", scope->grants[i].namespace_);
		weir_json_close(j, '}');
	}
	weir_json_close(j, ']');
	weir_json_close(j, '}');
}

int weir_answer_me(struct weir_request *r, struct weir_error *err)
{
	const struct weir_person *p = r->person;
	struct weir_json j = { .b = &r->out };

	weir_json_open(&j, '{');
	weir_json_member(&j, "user", p->user);
	weir_json_member(&j, "method", p->method);
	weir_json_key(&j, "groups");
	weir_json_open(&j, '[');
	for (size_t i = 0; i < p->n_groups; i++)
		weir_json_string(&j, p->groups[i]);
	weir_json_close(&j, ']');
	weir_json_key(&j, "rights");
	weir_json_open(&j, '[');
	for (unsigned right = 0; right < WEIR_RIGHT_MAX; right++)
		if (p->scopes[right].n_grants)
			put_right(&j, right, &p->scopes[right]);
	weir_json_close(&j, ']');
	weir_json_raw(&j, "}\n", 2);
	return j.failed ? -ENOMEM : 0;
}
