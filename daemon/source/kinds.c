/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of objects that weir reads, and those that it would be dangerous
 * to overlook. To support another one: a line here.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "daemon/cluster/cluster.h"
#include "daemon/source/manifest.h"
#include "weir/cleanup.h"
#include "weir/near.h"

static int not_taken(int r, struct weir_error *err)
{
	return r < 0 ? weir_error_errno(err, -r, "not taken over") : 0;
}

static int set_namespace(struct weir_world *w, const cJSON *json, struct weir_error *err)
{
	struct weir_namespace *ns;
	int r = weir_namespace_decode(w->pool, json, &ns, err);

	return r < 0 ? r : not_taken(weir_cluster_set_namespace(w->cluster, ns), err);
}

static int set_pod(struct weir_world *w, const cJSON *json, struct weir_error *err)
{
	struct weir_pod *pod;
	int r = weir_pod_decode(w->pool, json, &pod, err);

	return r < 0 ? r : not_taken(weir_cluster_set_pod(w->cluster, pod), err);
}

static int set_node(struct weir_world *w, const cJSON *json, struct weir_error *err)
{
	struct weir_node *node;
	int r = weir_node_decode(w->pool, json, &node, err);

	return r < 0 ? r : not_taken(weir_cluster_set_node(w->cluster, node), err);
}

static int set_service(struct weir_world *w, const cJSON *json, struct weir_error *err)
{
	struct weir_service *service;
	int r = weir_service_decode(w->pool, json, &service, err);

	return r < 0 ? r : not_taken(weir_cluster_set_service(w->cluster, service), err);
}

static int set_networkpolicy(struct weir_world *w, const cJSON *json, struct weir_error *err)
{
	struct weir_policy *policy;
	int r = weir_networkpolicy_decode(w->pool, json, &policy, err);

	return r < 0 ? r : not_taken(weir_cluster_set_policy(w->cluster, policy), err);
}

static void remove_namespace(struct weir_world *w, const char *ns, const char *name)
{
	weir_cluster_remove_namespace(w->cluster, name);
}

static void remove_pod(struct weir_world *w, const char *ns, const char *name)
{
	weir_cluster_remove_pod(w->cluster, ns, name);
}

static void remove_node(struct weir_world *w, const char *ns, const char *name)
{
	weir_cluster_remove_node(w->cluster, name);
}

static void remove_service(struct weir_world *w, const char *ns, const char *name)
{
	weir_cluster_remove_service(w->cluster, ns, name);
}

static void remove_networkpolicy(struct weir_world *w, const char *ns, const char *name)
{
	weir_cluster_remove_policy(w->cluster, "NetworkPolicy", ns, name);
}

static const struct weir_kind kinds[] = {
	{ "Namespace", "v1", false, false, set_namespace, remove_namespace },
	{ "Pod", "v1", true, false, set_pod, remove_pod },
	{ "Node", "v1", false, false, set_node, remove_node },
	{ "Service", "v1", true, false, set_service, remove_service },
	{ "NetworkPolicy", "networking.k8s.io/v1", true, true, set_networkpolicy,
	  remove_networkpolicy },
	/* policy that is not enforced is an error, never a note */
	{ "ClusterNetworkPolicy", NULL, false, true, NULL, NULL },
	{ "AdminNetworkPolicy", NULL, false, true, NULL, NULL },
	{ "BaselineAdminNetworkPolicy", NULL, false, true, NULL, NULL },
};

/* One letter in four may be wrong: no kind of Kubernetes is that close to one
 * of ours, and not ours. */
static bool is_near(const char *word, const char *kind)
{
	return !strcasecmp(word, kind) || weir_distance(word, kind) <= strlen(kind) / 4;
}

const struct weir_kind *weir_kind_find(const char *kind, bool *ret_misspelt)
{
	*ret_misspelt = false;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(kinds); i++) {
		if (!strcmp(kinds[i].kind, kind))
			return &kinds[i];
	}
	*ret_misspelt = true;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(kinds); i++) {
		if (is_near(kind, kinds[i].kind))
			return &kinds[i];
	}
	return NULL;
}
