/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be asked for. To add a route: a line here, a file with its function, and
 * its description in docs/openapi.json (a test compares them).
 */
#include <string.h>

#include "hub/api/request.h"
#include "weir/cleanup.h"

const struct weir_route weir_routes[] = {
	{ "GET", "/v1/flows", weir_answer_flows,
	  WEIR_ASK_RANGE | WEIR_ASK_LIMIT | WEIR_ASK_PAGES | WEIR_ASK_FIELDS | WEIR_ASK_SECONDS |
		  WEIR_ASK_FILTERS,
	  0 },
	{ "GET", "/v1/flows/live", weir_answer_live,
	  WEIR_ASK_FIELDS | WEIR_ASK_SECONDS | WEIR_ASK_FILTERS, 0 },
	{ "GET", "/v1/sums", weir_answer_sums,
	  WEIR_ASK_RANGE | WEIR_ASK_LIMIT | WEIR_ASK_SUMS | WEIR_ASK_MEASURE | WEIR_ASK_FILTERS,
	  0 },
	{ "GET", "/v1/map", weir_answer_map,
	  WEIR_ASK_RANGE | WEIR_ASK_LIMIT | WEIR_ASK_MEASURE | WEIR_ASK_LEVEL | WEIR_ASK_FILTERS,
	  0 },
	{ "GET", "/v1/values", weir_answer_values,
	  WEIR_ASK_RANGE | WEIR_ASK_LIMIT | WEIR_ASK_VALUES, 0 },
	{ "GET", "/v1/gaps", weir_answer_gaps,
	  WEIR_ASK_RANGE | WEIR_ASK_LIMIT | WEIR_ASK_PAGES | WEIR_ASK_FILTERS, 0 },
	{ "GET", "/v1/nodes", weir_answer_nodes, 0, 0 },
	{ "DELETE", "/v1/nodes/{cluster}/{node}", weir_answer_revoke, 0, 0 },
	{ "POST", "/v1/enrolments", weir_answer_enrol, 0, 0 },
	{ "GET", "/v1/me", weir_answer_me, 0, 0 },
	{ "GET", "/v1/roles", weir_answer_roles, 0, 0 },
	{ "GET", "/v1/audit", weir_answer_audit, WEIR_ASK_LAST, 0 },
	{ "GET", "/v1/openapi.json", weir_answer_openapi, 0, WEIR_ROUTE_OPEN },
	{ "GET", "/healthz", weir_answer_health, 0, WEIR_ROUTE_OPEN },
	{ "GET", "/readyz", weir_answer_ready, 0, WEIR_ROUTE_OPEN },
	{ .path = NULL },
};
const size_t weir_n_routes = WEIR_ARRAY_SIZE(weir_routes) - 1;

/* One step of a path: "{name}" takes whatever is there. */
static bool step(const char *want, size_t want_len, const char *have, size_t have_len, char *arg)
{
	if (*want != '{')
		return want_len == have_len && memcmp(want, have, want_len) == 0;
	if (!have_len || have_len >= WEIR_ARG_MAX)
		return false;
	memcpy(arg, have, have_len);
	arg[have_len] = 0;
	return true;
}

static bool fits(const char *want, const char *have, char args[WEIR_PATH_ARGS_MAX][WEIR_ARG_MAX])
{
	unsigned n = 0;

	while (*want == '/' && *have == '/') {
		size_t want_len = strcspn(++want, "/"), have_len = strcspn(++have, "/");

		if (!step(want, want_len, have, have_len, args[n]))
			return false;
		n += *want == '{';
		want += want_len;
		have += have_len;
	}
	return !*want && !*have;
}

const struct weir_route *weir_route_find(const char *method, const char *path,
					 char args[WEIR_PATH_ARGS_MAX][WEIR_ARG_MAX],
					 bool *ret_method)
{
	*ret_method = true;
	for (const struct weir_route *r = weir_routes; r->path; r++) {
		if (!fits(r->path, path, args))
			continue;
		*ret_method = strcmp(method, r->method) == 0 ||
			      (!strcmp(method, "HEAD") && !strcmp(r->method, "GET"));
		if (*ret_method)
			return r;
	}
	return NULL;
}
