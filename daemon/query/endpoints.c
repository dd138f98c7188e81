/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Method "endpoints": the pods of this node, whether the kernel enforces
 * policy on each, which policies isolate it, and the pods that weir does not
 * cover.
 */
#include "daemon/query/query.h"

#include <pthread.h>

#include "daemon/cluster/cluster.h"
#include "daemon/reconcile/coverage.h"
#include "daemon/reconcile/interfaces.h"

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

static void add_uid(cJSON *item, const struct weir_uid *uid)
{
	char text[WEIR_UID_STRLEN];

	weir_query_add_text(item, "uid", weir_uid_known(uid) ? weir_uid_format(uid, text) : NULL);
}

static void add_reason(cJSON *item, enum weir_uncovered why)
{
	weir_query_add_text(item, "code", why == WEIR_COVERED ? NULL : weir_uncovered_name(why));
	weir_query_add_text(item, "reason", weir_uncovered_words(why));
}

/* known: the source has told of it (once is enough: it keeps its labels). */
static void add_life(cJSON *item, const char *origin, bool known, uint64_t realised)
{
	weir_query_add_text(item, "origin", origin);
	cJSON_AddBoolToObject(item, "known", known);
	cJSON_AddNumberToObject(item, "realised", (double)realised);
}

static void add_guarded(cJSON *item, enum weir_unguarded why)
{
	cJSON_AddBoolToObject(item, "antiSpoofing", why == WEIR_GUARDED);
	weir_query_add_text(item, "antiSpoofingReason", weir_unguarded_words(why));
}

static void add_endpoint(const struct weir_coverage *coverage, cJSON *array,
			 const struct weir_endpoint *ep)
{
	const struct weird *d = coverage->d;
	const struct weir_pod *pod = weir_coverage_pod(coverage, ep);
	enum weir_uncovered why = weir_coverage_of(coverage, ep);
	struct weir_uid uid = weir_uid_parse(ep->uid);
	cJSON *item = cJSON_CreateObject();

	weir_query_add_text(item, "namespace", ep->namespace_);
	weir_query_add_text(item, "pod", ep->pod);
	add_uid(item, &uid);
	weir_query_add_addrs(item, "addresses", ep->addrs, ep->n_addrs);
	cJSON_AddStringToObject(item, "container", ep->container_id);
	cJSON_AddStringToObject(item, "interface", ep->ifname);
	weir_query_add_text(item, "hostInterface", ep->host_ifname);
	add_life(item, "cni", pod && weir_cluster_was_known(d->world.cluster, pod), ep->realised);
	add_direction(d, item, pod, WEIR_INGRESS);
	add_direction(d, item, pod, WEIR_EGRESS);
	cJSON_AddBoolToObject(item, "enforced", why == WEIR_COVERED);
	add_reason(item, why);
	add_guarded(item, weir_interfaces_of(d, ep));
	cJSON_AddItemToArray(array, item);
}

struct listing {
	const struct weir_coverage *coverage;
	cJSON *array;
};

static void add_names(cJSON *item, const struct weir_pod *pod)
{
	cJSON_AddStringToObject(item, "namespace", pod->namespace_);
	cJSON_AddStringToObject(item, "pod", pod->name);
	add_uid(item, &pod->uid);
	weir_query_add_addrs(item, "addresses", pod->addrs, pod->n_addrs);
}

static void add_without_cni(void *data, const struct weir_pod *pod, enum weir_uncovered why)
{
	const struct listing *l = data;
	const struct weird *d = l->coverage->d;
	cJSON *item;

	if (why == WEIR_UNCOVERED_HOST_NETWORK)
		return;
	item = cJSON_CreateObject();
	add_names(item, pod);
	cJSON_AddNullToObject(item, "container");
	add_life(item, pod->local ? "adopted" : NULL, true,
		 why == WEIR_COVERED ? l->coverage->reconcile.realised : 0);
	add_direction(d, item, pod, WEIR_INGRESS);
	add_direction(d, item, pod, WEIR_EGRESS);
	cJSON_AddBoolToObject(item, "enforced", why == WEIR_COVERED);
	add_reason(item, why);
	add_guarded(item, weir_interfaces_of_adopted(d, pod));
	cJSON_AddItemToArray(l->array, item);
}

static void add_unmanaged(void *data, const struct weir_pod *pod, enum weir_uncovered why)
{
	const struct listing *l = data;
	cJSON *item = cJSON_CreateObject();

	add_names(item, pod);
	add_reason(item, why);
	cJSON_AddItemToArray(l->array, item);
}

static void list(const struct weir_coverage *coverage, bool unmanaged, cJSON *result)
{
	const char *key = unmanaged ? "unmanaged" : "endpoints";
	struct listing l = { coverage, cJSON_AddArrayToObject(result, key) };
	const struct weir_endpoint *ep = weir_endpoints_first(coverage->d->endpoints);

	if (unmanaged) {
		weir_coverage_each_unmanaged(coverage, add_unmanaged, &l);
		return;
	}
	for (; ep; ep = ep->next)
		add_endpoint(coverage, l.array, ep);
	weir_coverage_each_without_cni(coverage, add_without_cni, &l);
}

void weir_query_endpoints(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	const cJSON *unmanaged = cJSON_GetObjectItemCaseSensitive(params, "unmanaged");
	struct weir_coverage coverage;
	cJSON *result;

	if (unmanaged && !cJSON_IsBool(unmanaged)) {
		weir_rpc_reply_error(reply, WEIR_RPC_BAD_REQUEST,
				     "parameter \"unmanaged\" must be true or false", NULL);
		return;
	}
	result = cJSON_CreateObject();
	pthread_mutex_lock(&d->world.lock);
	weir_coverage_begin(&coverage, d);
	list(&coverage, cJSON_IsTrue(unmanaged), result);
	weir_coverage_end(&coverage);
	pthread_mutex_unlock(&d->world.lock);
	weir_rpc_reply_result(reply, result);
}
