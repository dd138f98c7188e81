/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Projects of access.yaml: sets of namespaces in sets of clusters, and workspaces, which are
 * parts of one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hub/access/reading.h"

static int check_patterns(const struct weir_reading *r, const cJSON *list)
{
	const cJSON *one;

	cJSON_ArrayForEach (one, list) {
		const char *star = strchr(one->valuestring, '*');

		if (star && star[1])
			return weir_reading_wrong(
				r, one,
				"\"%.64s\": want a name, or how it begins and one *: \"shop-*\"",
				one->valuestring);
	}
	return 0;
}

int weir_reading_grants(const struct weir_reading *r, const cJSON *object, struct weir_scope *scope)
{
	static const char all[] = "*";
	const cJSON *clusters = cJSON_GetObjectItemCaseSensitive(object, "clusters");
	const cJSON *namespaces = cJSON_GetObjectItemCaseSensitive(object, "namespaces");
	char **c = NULL, **n = NULL;
	size_t n_c = 0, n_n = 0;
	int e = weir_reading_texts(r, object, "clusters", &c, &n_c);

	if (e == 0)
		e = weir_reading_texts(r, object, "namespaces", &n, &n_n);
	if (e == 0)
		e = check_patterns(r, clusters);
	if (e == 0)
		e = check_patterns(r, namespaces);
	for (size_t i = 0; e == 0 && i < (clusters ? n_c : 1); i++)
		for (size_t k = 0; e == 0 && k < (namespaces ? n_n : 1); k++)
			if (weir_scope_add(scope, clusters ? c[i] : all, namespaces ? n[k] : all) <
			    0)
				e = weir_reading_no_memory(r);
	weir_texts_free(c, n_c);
	weir_texts_free(n, n_n);
	return e;
}

static int add_parts(const struct weir_reading *r, const cJSON *parts, const char *what,
		     struct weir_scope *scope)
{
	static const char *const keys[] = { "clusters", "namespaces", NULL };
	const cJSON *part;
	int e = 0;

	if (!cJSON_IsArray(parts))
		return weir_reading_wrong(
			r, parts, "%s: want a list of {clusters: [...], namespaces: [...]}", what);
	cJSON_ArrayForEach (part, parts) {
		e = weir_reading_keys(r, part, what, keys);
		if (e == 0 && !cJSON_GetObjectItemCaseSensitive(part, "namespaces"))
			e = weir_reading_wrong(r, part, "%s: namespaces is missing (all: [\"*\"])",
					       what);
		if (e == 0)
			e = weir_reading_grants(r, part, scope);
		if (e < 0)
			return e;
	}
	return 0;
}

int weir_reading_project(const struct weir_reading *r, const cJSON *at, const char *name,
			 struct weir_scope *scope)
{
	const cJSON *project = cJSON_GetObjectItemCaseSensitive(r->projects, name);

	if (!project)
		return weir_reading_wrong(r, at, "there is no project \"%.64s\"", name);
	return add_parts(r, cJSON_GetObjectItemCaseSensitive(project, "parts"), name, scope);
}

int weir_reading_workspace(const struct weir_reading *r, const cJSON *at, const char *name,
			   struct weir_scope *scope)
{
	const char *slash = strchr(name, '/');
	const cJSON *project, *workspaces, *parts;
	char first[256];

	if (!slash)
		return weir_reading_wrong(r, at, "workspace \"%.64s\": want PROJECT/WORKSPACE",
					  name);
	snprintf(first, sizeof(first), "%.*s", (int)(slash - name), name);
	project = cJSON_GetObjectItemCaseSensitive(r->projects, first);
	workspaces = cJSON_GetObjectItemCaseSensitive(project, "workspaces");
	parts = cJSON_GetObjectItemCaseSensitive(workspaces, slash + 1);
	if (!parts)
		return weir_reading_wrong(r, at, "there is no workspace \"%.128s\"", name);
	return add_parts(r, parts, name, scope);
}

static bool covers(const struct weir_scope *outer, const struct weir_scope_grant *g)
{
	for (size_t i = 0; i < outer->n_grants; i++)
		if (weir_scope_pattern(outer->grants[i].cluster, g->cluster) &&
		    weir_scope_pattern(outer->grants[i].namespace_, g->namespace_))
			return true;
	return false;
}

/* A workspace is a part of its project, never more. */
static int check_workspaces(const struct weir_reading *r, const cJSON *project)
{
	const cJSON *workspaces = cJSON_GetObjectItemCaseSensitive(project, "workspaces"), *one;
	struct weir_scope whole = { 0 };
	int e = weir_reading_project(r, project, project->string, &whole);

	if (workspaces && !cJSON_IsObject(workspaces))
		e = weir_reading_wrong(r, workspaces, "workspaces: want names with their parts");
	cJSON_ArrayForEach (one, workspaces) {
		struct weir_scope part = { 0 };

		if (e == 0)
			e = add_parts(r, one, one->string, &part);
		for (size_t i = 0; e == 0 && i < part.n_grants; i++)
			if (!covers(&whole, &part.grants[i]))
				e = weir_reading_wrong(
					r, one,
					"workspace \"%.64s\": %.64s in %.64s is not in project "
					"\"%.64s\"",
					one->string, part.grants[i].namespace_,
					part.grants[i].cluster, project->string);
		weir_scope_clear(&part);
	}
	weir_scope_clear(&whole);
	return e;
}

int weir_reading_projects(struct weir_reading *r, const cJSON *projects)
{
	static const char *const keys[] = { "parts", "workspaces", NULL };
	const cJSON *project;
	int e = 0;

	if (projects && !cJSON_IsObject(projects))
		return weir_reading_wrong(r, projects, "projects: want names with their parts");
	r->projects = projects;
	cJSON_ArrayForEach (project, projects) {
		e = weir_reading_keys(r, project, project->string, keys);
		if (e == 0)
			e = check_workspaces(r, project);
		if (e < 0)
			return e;
	}
	return 0;
}
