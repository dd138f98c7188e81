/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of objects that weir reads. To support another one: a line here.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "daemon/cluster/cluster.h"
#include "daemon/source/manifest.h"
#include "weir/log.h"
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

/* A policy that was never understood fails closed: no rule of it lets anything
 * through. One that was keeps its last good form. */
static void close_networkpolicy(struct weir_world *w, const cJSON *json, struct weir_error *err)
{
	struct weir_policy *policy;

	if (weir_networkpolicy_decode_closed(w->pool, json, &policy, NULL) < 0)
		return;
	if (weir_cluster_policy(w->cluster, policy->kind, policy->namespace_, policy->name)) {
		weir_policy_free(w->pool, &policy);
		return;
	}
	if (weir_cluster_set_policy(w->cluster, policy) < 0)
		return;
	weir_error_prefix(err, 0, "the pods that it selects are isolated until it is repaired");
}

static int set_networkpolicy(struct weir_world *w, const cJSON *json, struct weir_error *err)
{
	struct weir_policy *policy;
	int r = weir_networkpolicy_decode(w->pool, json, &policy, err);

	if (r < 0) {
		close_networkpolicy(w, json, err);
		return r;
	}
	return not_taken(weir_cluster_set_policy(w->cluster, policy), err);
}

static void warn(const struct weir_policy *policy)
{
	char text[WEIR_RULE_WARNING_MAX];

	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		for (unsigned i = 0; i < policy->n_rules[d]; i++) {
			if (weir_rule_warning(&policy->rules[d][i], text, sizeof(text)))
				weir_log(WEIR_LOG_WARNING, "rule not enforced as it is written",
					 "kind", policy->kind, "policy", policy->name, "rule", text,
					 NULL);
		}
	}
}

static int set_cluster_policy(struct weir_world *w, const cJSON *json,
			      int (*decode)(struct weir_pool *pool, const cJSON *json,
					    struct weir_policy **ret, struct weir_error *err),
			      struct weir_error *err)
{
	struct weir_policy *policy;
	int r = decode(w->pool, json, &policy, err);

	if (r < 0)
		return r;
	warn(policy);
	return not_taken(weir_cluster_set_policy(w->cluster, policy), err);
}

static int set_clusternetworkpolicy(struct weir_world *w, const cJSON *json, struct weir_error *err)
{
	return set_cluster_policy(w, json, weir_clusternetworkpolicy_decode, err);
}

static int set_adminnetworkpolicy(struct weir_world *w, const cJSON *json, struct weir_error *err)
{
	return set_cluster_policy(w, json, weir_adminnetworkpolicy_decode, err);
}

static int set_baseline(struct weir_world *w, const cJSON *json, struct weir_error *err)
{
	return set_cluster_policy(w, json, weir_baselineadminnetworkpolicy_decode, err);
}

static void remove_namespace(struct weir_world *w, const char *ns, const char *name)
{
	weir_cluster_remove_namespace(w->cluster, name);
}

static void remove_pod(struct weir_world *w, const char *ns, const char *name)
{
	weir_cluster_remove_pod(w->cluster, ns, name);
}

/* The pod of a StatefulSet has its successor's name; ADD may have told of that
 * before the watch tells of this one's end. */
static void forget_pod(struct weir_world *w, const cJSON *json)
{
	struct weir_pod *pod;
	struct weir_error err;

	if (weir_pod_decode(w->pool, json, &pod, &err) < 0)
		return;
	weir_cluster_remove_pod_uid(w->cluster, pod->namespace_, pod->name, &pod->uid);
	weir_pod_free(w->pool, &pod);
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

static void remove_clusternetworkpolicy(struct weir_world *w, const char *ns, const char *name)
{
	weir_cluster_remove_policy(w->cluster, "ClusterNetworkPolicy", NULL, name);
}

static void remove_adminnetworkpolicy(struct weir_world *w, const char *ns, const char *name)
{
	weir_cluster_remove_policy(w->cluster, "AdminNetworkPolicy", NULL, name);
}

static void remove_baseline(struct weir_world *w, const char *ns, const char *name)
{
	weir_cluster_remove_policy(w->cluster, "BaselineAdminNetworkPolicy", NULL, name);
}

/* Pods that have ended have no address any more. */
#define NOT_FINISHED "fieldSelector=status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed"

#define POLICY_API "policy.networking.k8s.io"

const struct weir_kind weir_kinds[] = {
	{ .kind = "Namespace",
	  .api_version = "v1",
	  .object = WEIR_OBJECT_NAMESPACE,
	  .collection = "/api/v1/namespaces",
	  .set = set_namespace,
	  .remove = remove_namespace },
	{ .kind = "Pod",
	  .api_version = "v1",
	  .object = WEIR_OBJECT_POD,
	  .namespaced = true,
	  .collection = "/api/v1/pods",
	  .query = NOT_FINISHED,
	  .set = set_pod,
	  .remove = remove_pod,
	  .forget = forget_pod },
	{ .kind = "Node",
	  .api_version = "v1",
	  .object = WEIR_OBJECT_NODE,
	  .collection = "/api/v1/nodes",
	  .set = set_node,
	  .remove = remove_node },
	{ .kind = "Service",
	  .api_version = "v1",
	  .object = WEIR_OBJECT_SERVICE,
	  .namespaced = true,
	  .collection = "/api/v1/services",
	  .set = set_service,
	  .remove = remove_service },
	{ .kind = "NetworkPolicy",
	  .api_version = "networking.k8s.io/v1",
	  .object = WEIR_OBJECT_POLICY,
	  .namespaced = true,
	  .policy = true,
	  .collection = "/apis/networking.k8s.io/v1/networkpolicies",
	  .set = set_networkpolicy,
	  .remove = remove_networkpolicy },
	{ .kind = "ClusterNetworkPolicy",
	  .api_version = POLICY_API "/v1alpha2",
	  .object = WEIR_OBJECT_POLICY,
	  .policy = true,
	  .optional = true,
	  .collection = "/apis/" POLICY_API "/v1alpha2/clusternetworkpolicies",
	  .set = set_clusternetworkpolicy,
	  .remove = remove_clusternetworkpolicy },
	{ .kind = "AdminNetworkPolicy",
	  .api_version = POLICY_API "/v1alpha1",
	  .object = WEIR_OBJECT_POLICY,
	  .policy = true,
	  .optional = true,
	  .collection = "/apis/" POLICY_API "/v1alpha1/adminnetworkpolicies",
	  .set = set_adminnetworkpolicy,
	  .remove = remove_adminnetworkpolicy },
	{ .kind = "BaselineAdminNetworkPolicy",
	  .api_version = POLICY_API "/v1alpha1",
	  .object = WEIR_OBJECT_POLICY,
	  .policy = true,
	  .optional = true,
	  .collection = "/apis/" POLICY_API "/v1alpha1/baselineadminnetworkpolicies",
	  .set = set_baseline,
	  .remove = remove_baseline },
	{ .kind = NULL },
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
	for (const struct weir_kind *k = weir_kinds; k->kind; k++) {
		if (!strcmp(k->kind, kind))
			return k;
	}
	*ret_misspelt = true;
	for (const struct weir_kind *k = weir_kinds; k->kind; k++) {
		if (is_near(kind, k->kind))
			return k;
	}
	return NULL;
}
