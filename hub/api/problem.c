/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors as RFC 7807 has them: type, title, status, detail. The only place where
 * an errno becomes a status. What may not be seen is "not found", word for word
 * like what is not there.
 */
#include <errno.h>

#include "hub/api/request.h"
#include "weir/cleanup.h"

static const struct {
	unsigned status;
	const char *type, *title;
} kinds[] = {
	{ 400, "urn:weir:bad-request", "The request can't be understood" },
	{ 401, "urn:weir:sign-in", "Nobody has signed in" },
	{ 403, "urn:weir:forbidden", "This right is not yours" },
	{ 404, "urn:weir:not-found", "There is no such thing" },
	{ 405, "urn:weir:method", "The path has no such method" },
	{ 413, "urn:weir:too-large", "The request is too large" },
	{ 429, "urn:weir:too-many", "Too many at once" },
	{ 500, "urn:weir:failed", "The hub has failed" },
	{ 503, "urn:weir:busy", "The hub can't answer now" },
};

static const struct {
	int code;
	unsigned status;
} statuses[] = {
	{ EINVAL, 400 }, { EACCES, 403 }, { EPERM, 403 },  { ENOENT, 404 }, { E2BIG, 400 },
	{ EUSERS, 429 }, { EAGAIN, 503 }, { ENOMEM, 503 }, { EBUSY, 503 },
};

static unsigned status_of(int code)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(statuses); i++)
		if (statuses[i].code == -code)
			return statuses[i].status;
	return 500;
}

void weir_request_problem_status(struct weir_request *r, unsigned status, const char *detail)
{
	struct weir_json j = { .b = &r->out };
	size_t i = 0;

	while (i + 1 < WEIR_ARRAY_SIZE(kinds) && kinds[i].status != status)
		i++;
	r->out.len = 0;
	weir_json_raw(&j, "{", 1);
	weir_json_member(&j, "type", kinds[i].type);
	weir_json_member(&j, "title", kinds[i].title);
	weir_json_member_number(&j, "status", status);
	weir_json_member(&j, "detail", detail && *detail ? detail : NULL);
	weir_json_raw(&j, "}\n", 2);
	r->status = status;
	r->form = WEIR_FORM_JSON;
	r->has_end = false;
}

unsigned weir_request_problem(struct weir_request *r, int code, const char *detail)
{
	unsigned status = status_of(code);

	weir_request_problem_status(r, status, status == 404 ? NULL : detail);
	return status;
}
