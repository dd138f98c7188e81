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
	bad("[]", "want keys and values");
	bad("bindings: [1]", "want keys and values");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
