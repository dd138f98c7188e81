/* SPDX-License-Identifier: Apache-2.0 */
/* access.yaml: what is wrong with it, and that its man page and its example say what there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/access/internal.h"
#include "weir/cleanup.h"

#include <cmocka.h>

static void bad(const char *text, const char *why)
{
	struct weir_rules *rules = NULL;
	struct weir_error err = { "" };

	assert_int_equal(weir_rules_parse(text, strlen(text), "f", &rules, &err), -EINVAL);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void test_bad_rules(void **state)
{
	bad("bindngs: []", "f:1: access: unknown key \"bindngs\": did you mean \"bindings\"?");
	bad("bindings: [{role: king, users: [a]}]", "there is no role \"king\"");
	bad("bindings:\n- {role: cluster-admin, users: [a]}",
	    "f:2: role cluster-admin is over clusters: "
	    "clusters is missing");
	bad("bindings: [{role: cluster-admin, clusters: [a]}]", "neither users nor groups");
	bad("bindings: [{role: organisation-admin, users: [a], namespaces: [x]}]",
	    "has no place here");
	bad("bindings: [{role: project-admin, users: [a], projects: [p]}]", "no project \"p\"");
	bad("bindings: [{role: workspace-admin, users: [a], workspaces: [p]}]",
	    "want PROJECT/WORKSPACE");
	bad("projects: {p: {parts: [{namespaces: [a]}], workspaces: {w: [{namespaces: [b]}]}}}",
	    "is not in project \"p\"");
	bad("projects: {p: {parts: [{clusters: [a]}]}}", "namespaces is missing");
	bad("roles: {cluster-admin: {over: clusters, rights: []}}", "built in");
	bad("roles: {x: {over: moon, rights: []}}", "over: want");
	bad("roles: {x: {over: clusters, rights: [fly]}}", "no right \"fly\"");
	bad("tokens: [{user: a, hash: \"sha256:12\"}]", "hash: want");
	bad("tokens: [{user: a, hash: \"sha256:"
	    "00000000000000000000000000000000000000000000000000000000000000zz\"}]",
	    "hash: want");
	bad("projects: {p: {parts: [{namespaces: [\"*-shop\"]}]}}",
	    "want a name, or how it begins");
	bad("bindings: [{role: cluster-admin, users: [a], clusters: [\"e*t\"]}]", "want a name");
	bad("[]", "want keys and values");
	bad("bindings: [1]", "want keys and values");
}

/* --- what is written about it ---------------------------------------------------------- */

static char *read_source(const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[4096], *text = calloc(1, 1 << 20);
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", top ? top : ".", name);
	f = fopen(path, "r");
	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	return text;
}

static void rights_text(const struct weir_role *role, char *ret, size_t size)
{
	size_t len = 0;

	for (int r = 0; r < WEIR_RIGHT_MAX; r++)
		if (role->rights >> r & 1)
			len += (size_t)snprintf(ret + len, size - len, "%s%s", len ? ", " : "",
						weir_right_name((enum weir_right)r));
}

static int in_table(void *data, const struct weir_role *role)
{
	char rights[256] = "", line[512];

	rights_text(role, rights, sizeof(rights));
	snprintf(line, sizeof(line), "\n| %s | %s | %s |\n", role->name, weir_over_name(role->over),
		 rights);
	if (!strstr(data, line))
		fail_msg("docs/ACCESS.md lacks: %s", line);
	return 0;
}

static int in_page(void *data, const struct weir_role *role)
{
	char rights[256] = "", line[512];

	rights_text(role, rights, sizeof(rights));
	snprintf(line, sizeof(line), "\n.It Cm %s\nover %s: %s\n", role->name,
		 weir_over_name(role->over), rights);
	if (!strstr(data, line))
		fail_msg("access.yaml.5 lacks: %s", line);
	return 0;
}

static void test_documents_have_every_role(void **state)
{
	WEIR_AUTO_FREE char *table = read_source("docs/ACCESS.md");
	WEIR_AUTO_FREE char *page = read_source("docs/man/access.yaml.5");
	char line[128];

	weir_role_each(in_table, table);
	weir_role_each(in_page, page);
	for (int r = 0; r < WEIR_RIGHT_MAX; r++) {
		const char *name = weir_right_name((enum weir_right)r);

		snprintf(line, sizeof(line), "\n.It Cm %s\n", name);
		assert_non_null(strstr(page, line));
		snprintf(line, sizeof(line), "\n| %s | ", name);
		assert_non_null(strstr(table, line));
	}
}

static struct weir_rules *taken(const char *text, size_t len, const char *name)
{
	struct weir_rules *rules = NULL;
	struct weir_error err = { "" };

	if (weir_rules_parse(text, len, name, &rules, &err) < 0)
		fail_msg("%s", err.text);
	return rules;
}

/* Each block of YAML in the document is a file that could be in force. */
static void test_documents_are_right(void **state)
{
	WEIR_AUTO_FREE char *text = read_source("docs/ACCESS.md");
	static const char begin[] = "```yaml\n";
	int n = 0;

	for (char *at = text; (at = strstr(at, begin)); n++) {
		char *end = strstr(at += strlen(begin), "```");
		struct weir_rules *rules = taken(at, (size_t)(end - at), "docs/ACCESS.md");

		weir_rules_unref(&rules);
	}
	assert_true(n >= 3);
}

static bool may(const struct weir_rules *rules, const char *user, const char *group,
		enum weir_right right, const char *cluster, const char *namespace_)
{
	struct weir_person *p = NULL;
	bool yes;

	assert_int_equal(weir_person_new(user, "token", &p), 0);
	assert_int_equal(weir_person_add_group(p, group), 0);
	assert_int_equal(weir_rules_apply(rules, p), 0);
	yes = weir_person_may(p, right, cluster, namespace_);
	weir_person_free(&p);
	return yes;
}

static void test_example(void **state)
{
	WEIR_AUTO_FREE char *text = read_source("conf/hub-access.yaml");
	struct weir_rules *rules = taken(text, strlen(text), "conf/hub-access.yaml");
	static const char map[] = "system:serviceaccount:monitoring:map";

	assert_true(may(rules, "admin", "-", WEIR_RIGHT_AUDIT, NULL, NULL));
	assert_false(may(rules, "x", "network-team", WEIR_RIGHT_NODES_MANAGE, NULL, NULL));
	assert_true(may(rules, "x", "network-team", WEIR_RIGHT_NODES, "any", NULL));
	assert_true(may(rules, "x", "on-call", WEIR_RIGHT_FLOWS, "prod-east", NULL));
	assert_false(may(rules, "x", "on-call", WEIR_RIGHT_FLOWS, "staging", "shop"));
	assert_true(may(rules, "x", "webshop", WEIR_RIGHT_FLOWS, "prod-west", "shop-cart"));
	assert_true(may(rules, "x", "webshop", WEIR_RIGHT_FLOWS, "staging", "anything"));
	assert_false(may(rules, "x", "webshop", WEIR_RIGHT_FLOWS, "prod-west", "shopping"));
	assert_true(may(rules, "x", "checkout", WEIR_RIGHT_NAMESPACE_POLICIES, "prod-east",
			"shop-cart"));
	assert_false(may(rules, "x", "checkout", WEIR_RIGHT_FLOWS, "prod-east", "shop"));
	assert_true(may(rules, map, "-", WEIR_RIGHT_FLOWS, "any", "monitoring"));
	assert_false(may(rules, "stranger", "-", WEIR_RIGHT_FLOWS, "any", "monitoring"));
	weir_rules_unref(&rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_rules),
		cmocka_unit_test(test_documents_have_every_role),
		cmocka_unit_test(test_documents_are_right),
		cmocka_unit_test(test_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
