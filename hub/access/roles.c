/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roles: which rights each holds, and over what it is bound. The built-in ones are
 * a table; access.yaml may add others. Used by file.c; knows nobody by name.
 */
#include "hub/access/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

#define BIT(right) (1u << WEIR_RIGHT_##right)
#define SEE	   (BIT(FLOWS) | BIT(NODES))
#define SEE_PEOPLE (BIT(ACCESS) | BIT(AUDIT))

static const char *const rights[] = {
	[WEIR_RIGHT_FLOWS] = "flows",
	[WEIR_RIGHT_NODES] = "nodes",
	[WEIR_RIGHT_NODES_MANAGE] = "manage-nodes",
	[WEIR_RIGHT_CLUSTER_POLICIES] = "cluster-policies",
	[WEIR_RIGHT_NAMESPACE_POLICIES] = "namespace-policies",
	[WEIR_RIGHT_ACCESS] = "access",
	[WEIR_RIGHT_AUDIT] = "audit",
};
_Static_assert(WEIR_ARRAY_SIZE(rights) == WEIR_RIGHT_MAX, "a name for each right");

static const char *const kinds[] = {
	[WEIR_OVER_FLEET] = "everything",
	[WEIR_OVER_CLUSTERS] = "clusters",
	[WEIR_OVER_PROJECTS] = "projects",
	[WEIR_OVER_WORKSPACES] = "workspaces",
	[WEIR_OVER_NAMESPACES] = "namespaces of clusters",
};
_Static_assert(WEIR_ARRAY_SIZE(kinds) == WEIR_OVER_MAX, "a name for each kind");

/* Writing policies of clusters is for Infrastructure and Organisation Admins; those of
 * namespaces for Workspace, Project and Organisation Admins. */
static const struct weir_role built_in[] = {
	{ "organisation-admin", WEIR_OVER_FLEET,
	  SEE | SEE_PEOPLE | BIT(NODES_MANAGE) | BIT(CLUSTER_POLICIES) | BIT(NAMESPACE_POLICIES) },
	{ "organisation-viewer", WEIR_OVER_FLEET, SEE | SEE_PEOPLE },
	{ "infrastructure-admin", WEIR_OVER_FLEET,
	  SEE | BIT(NODES_MANAGE) | BIT(CLUSTER_POLICIES) },
	{ "infrastructure-viewer", WEIR_OVER_FLEET, SEE },
	{ "cluster-admin", WEIR_OVER_CLUSTERS, SEE | BIT(NODES_MANAGE) },
	{ "cluster-viewer", WEIR_OVER_CLUSTERS, SEE },
	{ "project-admin", WEIR_OVER_PROJECTS, BIT(FLOWS) | BIT(NAMESPACE_POLICIES) },
	{ "project-viewer", WEIR_OVER_PROJECTS, BIT(FLOWS) },
	{ "workspace-admin", WEIR_OVER_WORKSPACES, BIT(FLOWS) | BIT(NAMESPACE_POLICIES) },
	{ "workspace-viewer", WEIR_OVER_WORKSPACES, BIT(FLOWS) },
	{ "namespace-admin", WEIR_OVER_NAMESPACES, BIT(FLOWS) },
	{ "namespace-viewer", WEIR_OVER_NAMESPACES, BIT(FLOWS) },
};

const char *weir_right_name(enum weir_right right)
{
	return rights[right];
}

enum weir_right weir_right_of(const char *name)
{
	int r = 0;

	while (r < WEIR_RIGHT_MAX && strcmp(rights[r], name))
		r++;
	return (enum weir_right)r;
}

const char *weir_over_name(enum weir_over over)
{
	return kinds[over];
}

const struct weir_role *weir_role_find(const struct weir_role *own, size_t n, const char *name)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(built_in); i++)
		if (strcmp(built_in[i].name, name) == 0)
			return &built_in[i];
	for (size_t i = 0; i < n; i++)
		if (strcmp(own[i].name, name) == 0)
			return &own[i];
	return NULL;
}

void weir_role_each(int (*fn)(void *data, const struct weir_role *role), void *data)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(built_in); i++)
		if (fn(data, &built_in[i]))
			return;
}
