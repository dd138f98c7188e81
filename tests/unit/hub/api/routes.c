/* SPDX-License-Identifier: Apache-2.0 */
/* Routes, and docs/openapi.json, which describes each of them and nothing else. */
#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/api/request.h"
#include "weir/cleanup.h"
#include "weir/wire.h"

#define FAKE(name)                                                                                 \
	int name(struct weir_request *r, struct weir_error *err)                                   \
	{                                                                                          \
		return 0;                                                                          \
	}
FAKE(weir_answer_audit)
FAKE(weir_answer_enrol)
FAKE(weir_answer_flows)
FAKE(weir_answer_gaps)
FAKE(weir_answer_health)
FAKE(weir_answer_live)
FAKE(weir_answer_map)
FAKE(weir_answer_me)
FAKE(weir_answer_nodes)
FAKE(weir_answer_openapi)
FAKE(weir_answer_ready)
FAKE(weir_answer_revoke)
FAKE(weir_answer_roles)
FAKE(weir_answer_sums)
FAKE(weir_answer_values)

static cJSON *read_document(void **state)
{
	const char *top = getenv("top_srcdir");
	char path[4096], *text = calloc(1, 1 << 20);
	cJSON *json;
	FILE *f;

	snprintf(path, sizeof(path), "%s/docs/openapi.json", top ? top : ".");
	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	json = cJSON_Parse(text);
	assert_non_null(json);
	free(text);
	return json;
}

static const cJSON *at(const cJSON *json, const char *a, const char *b)
{
	return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(json, a), b);
}

static const cJSON *operation(const cJSON *document, const struct weir_route *r)
{
	char method[16];
	size_t i = 0;

	for (; r->method[i]; i++)
		method[i] = (char)(r->method[i] | 0x20);
	method[i] = 0;
	return cJSON_GetObjectItemCaseSensitive(at(document, "paths", r->path), method);
}

struct names {
	const cJSON *document, *parameters;
	const char *path;
	unsigned n;
};

/* The table's parameter is described, by a component of its name. */
static int is_described(void *data, const char *name)
{
	struct names *n = data;
	char ref[128];
	const cJSON *p;

	snprintf(ref, sizeof(ref), "#/components/parameters/%s", name);
	cJSON_ArrayForEach (p, n->parameters) {
		if (strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(p, "$ref")) ?: "", ref))
			continue;
		p = cJSON_GetObjectItemCaseSensitive(at(n->document, "components", "parameters"),
						     name);
		assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(p, "name")), name);
		n->n++;
		return 0;
	}
	fail_msg("openapi.json: %s lacks the parameter %s", n->path, name);
	return 0;
}

static void every_route(void **state)
{
	cJSON *document = read_document(state);
	const cJSON *path;
	unsigned n = 0;

	for (const struct weir_route *r = weir_routes; r->path; r++) {
		const cJSON *o = operation(document, r);
		struct names names = { document, cJSON_GetObjectItem(o, "parameters"), r->path, 0 };

		if (!o)
			fail_msg("openapi.json lacks %s %s", r->method, r->path);
		weir_ask_names(r->takes, is_described, &names);
		for (const char *c = r->path; *c; c++)
			names.n += *c == '{';
		assert_int_equal(cJSON_GetArraySize(names.parameters), names.n);
		/* who need not sign in */
		assert_int_equal(cJSON_HasObjectItem(o, "security"), r->flags == WEIR_ROUTE_OPEN);
	}
	cJSON_ArrayForEach (path, cJSON_GetObjectItem(document, "paths"))
		n += (unsigned)cJSON_GetArraySize(path);
	assert_int_equal(n, weir_n_routes);
	cJSON_Delete(document);
}

/* Members of flows, as the writer has them. */
struct members {
	const cJSON *schemas;
	unsigned top;
};

static int is_member(void *data, const char *name)
{
	static const struct {
		const char *object, *schema;
	} of[] = { { "src", "Peer" },	  { "dst", "Peer" },	      { "egress", "Side" },
		   { "ingress", "Side" }, { "stagedEgress", "Side" }, { "stagedIngress", "Side" } };
	struct members *m = data;
	const char *dot = strchr(name, '.');
	const cJSON *there = at(m->schemas, "Flow", "properties");

	m->top += !dot;
	for (size_t i = 0; dot && i < WEIR_ARRAY_SIZE(of); i++) {
		if (strncmp(name, of[i].object, strlen(of[i].object)) == 0 &&
		    of[i].object[dot - name] == 0)
			there = at(m->schemas, of[i].schema, "properties");
	}
	if (dot && strncmp(name, "nodes.", 6) == 0)
		there = cJSON_GetObjectItem(cJSON_GetObjectItem(there, "nodes"), "properties");
	if (!cJSON_HasObjectItem(there, dot ? dot + 1 : name))
		fail_msg("openapi.json: flows lack %s", name);
	return 0;
}

static void members_of_flows(void **state)
{
	cJSON *document = read_document(state);
	struct members m = { at(document, "components", "schemas"), 0 };

	weir_json_members(is_member, &m);
	assert_int_equal(cJSON_GetArraySize(at(m.schemas, "Flow", "properties")), m.top);
	assert_int_equal(cJSON_GetArraySize(at(m.schemas, "Peer", "properties")), 11);
	assert_int_equal(cJSON_GetArraySize(at(m.schemas, "Side", "properties")), 7);
	cJSON_Delete(document);
}

static void finding(void **state)
{
	char args[WEIR_PATH_ARGS_MAX][WEIR_ARG_MAX], path[1024];
	bool method;

	assert_ptr_equal(weir_route_find("GET", "/v1/flows", args, &method), &weir_routes[0]);
	assert_ptr_equal(weir_route_find("HEAD", "/v1/flows", args, &method), &weir_routes[0]);
	assert_non_null(weir_route_find("DELETE", "/v1/nodes/prod/n-1", args, &method));
	assert_string_equal(args[0], "prod");
	assert_string_equal(args[1], "n-1");
	assert_null(weir_route_find("POST", "/v1/flows", args, &method));
	assert_false(method);
	assert_null(weir_route_find("GET", "/v1/flows/", args, &method));
	assert_true(method);
	assert_null(weir_route_find("DELETE", "/v1/nodes/prod", args, &method));
	assert_null(weir_route_find("DELETE", "/v1/nodes/prod/", args, &method));
	assert_null(weir_route_find("DELETE", "/v1/nodes/prod/a/b", args, &method));
	assert_null(weir_route_find("GET", "", args, &method));
	assert_null(weir_route_find("GET", "/", args, &method));
	snprintf(path, sizeof(path), "/v1/nodes/prod/%0300d", 1);
	assert_null(weir_route_find("DELETE", path, args, &method));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route),
		cmocka_unit_test(members_of_flows),
		cmocka_unit_test(finding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
