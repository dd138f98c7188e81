/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Method "endpoints": the pods of this node, whether the kernel enforces
 * policy on each, which policies isolate it, and the pods that weir does not
 * cover.
 */
#include "daemon/query/query.h"

#include <pthread.h>

#include "daemon/cluster/cluster.h"

/* How many policies isolate the pod in that direction; 0: everything passes. */
static void add_direction(const struct weird *d, cJSON *object, const struct weir_pod *pod,
			  enum weir_direction direction)
{
	const struct weir_ruleset *ruleset =
		pod ? weir_compiler_ruleset_of(d->world.compiler, pod, direction) : NULL;
	cJSON *side = cJSON_AddObjectToObject(object, weir_direction_name(direction));
	cJSON *policies;

	cJSON_AddBoolToObject(side, "isolated", ruleset != NULL);
	policies = cJSON_AddArrayToObject(side, "policies");
	for (uint32_t i = 0; ruleset && i < ruleset->n_policies; i++)
		weir_query_append_policy(policies, ruleset->policies[i]);
}

static void add_endpoint(const struct weird *d, cJSON *array, const struct weir_endpoint *ep)
{
	const struct weir_pod *pod = weir_query_pod(d, ep);
	const char *reason = weir_query_unenforced(d, ep);
	cJSON *item = cJSON_CreateObject();

	weir_query_add_text(item, "namespace", ep->namespace_);
	weir_query_add_text(item, "pod", ep->pod);
	weir_query_add_addrs(item, "addresses", ep->addrs, ep->n_addrs);
	cJSON_AddStringToObject(item, "container", ep->container_id);
	cJSON_AddStringToObject(item, "interface", ep->ifname);
	weir_query_add_text(item, "hostInterface", ep->host_ifname);
	add_direction(d, item, pod, WEIR_INGRESS);
	add_direction(d, item, pod, WEIR_EGRESS);
	cJSON_AddNumberToObject(item, "realised", (double)ep->realised);
	cJSON_AddBoolToObject(item, "enforced", reason == NULL);
	weir_query_add_text(item, "reason", reason);
	cJSON_AddItemToArray(array, item);
}

struct without_cni {
	const struct weird *d;
	cJSON *array;
};

static void add_without_cni(void *data, const struct weir_pod *pod, const char *reason)
{
	struct without_cni *w = data;
	cJSON *item = cJSON_CreateObject();

	cJSON_AddStringToObject(item, "namespace", pod->namespace_);
	cJSON_AddStringToObject(item, "pod", pod->name);
	weir_query_add_addrs(item, "addresses", pod->addrs, pod->n_addrs);
	cJSON_AddNullToObject(item, "container");
	add_direction(w->d, item, pod, WEIR_INGRESS);
	add_direction(w->d, item, pod, WEIR_EGRESS);
	cJSON_AddBoolToObject(item, "enforced", reason == NULL);
	weir_query_add_text(item, "reason", reason);
	cJSON_AddItemToArray(w->array, item);
}

void weir_query_endpoints(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	cJSON *result = cJSON_CreateObject();
	cJSON *array = cJSON_AddArrayToObject(result, "endpoints");

	pthread_mutex_lock(&d->world.lock);
	for (const struct weir_endpoint *ep = weir_endpoints_first(d->endpoints); ep; ep = ep->next)
		add_endpoint(d, array, ep);
	weir_query_each_without_cni(d, add_without_cni, &(struct without_cni){ d, array });
	pthread_mutex_unlock(&d->world.lock);
	weir_rpc_reply_result(reply, result);
}
