/* SPDX-License-Identifier: Apache-2.0 */
/* Method "policies": what is in force here, on how many pods, how often it decided,
 * and what was refused; of staged ones, what they would have changed. */
#include "daemon/query/query.h"

#include <pthread.h>
#include <stdlib.h>

#include "daemon/cluster/cluster.h"
#include "daemon/flow/hits.h"
#include "daemon/reconcile/reconcile.h"
#include "daemon/source/source.h"
#include "weir/cleanup.h"

struct list {
	const struct weir_policy **items;
	size_t n, size;
};

static int collect(void *data, const struct weir_policy *policy)
{
	struct list *list = data;

	if (list->n < list->size)
		list->items[list->n++] = policy;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return weir_policy_compare(*(const struct weir_policy *const *)a,
				   *(const struct weir_policy *const *)b);
}

/* On how many endpoints the kernel enforces it in this form. While the kernel is
 * behind, nobody can tell without asking it for each of them. */
static void add_realised(const struct weird *d, const struct weir_policy *policy, uint32_t selected,
			 cJSON *item)
{
	struct weir_reconcile_state state;

	weir_reconcile_state(d->reconcile, &state);
	if (state.in_sync)
		cJSON_AddNumberToObject(item, "realised", policy->staged ? 0 : selected);
	else
		cJSON_AddNullToObject(item, "realised");
}

/* Rules that are not enforced as they are written. */
static void add_warnings(cJSON *item, const struct weir_policy *policy)
{
	cJSON *warnings = cJSON_AddArrayToObject(item, "warnings");
	char text[WEIR_RULE_WARNING_MAX];

	for (int dir = 0; dir < WEIR_DIRECTION_MAX; dir++) {
		for (unsigned i = 0; i < policy->n_rules[dir]; i++) {
			if (weir_rule_warning(&policy->rules[dir][i], text, sizeof(text)))
				cJSON_AddItemToArray(warnings, cJSON_CreateString(text));
		}
	}
}

static cJSON *describe(const struct weird *d, const struct weir_policy *policy)
{
	uint32_t selected = weir_compiler_selected(d->world.compiler, policy);
	cJSON *item = cJSON_CreateObject(), *directions, *rules;

	cJSON_AddStringToObject(item, "kind", policy->kind);
	weir_query_add_text(item, "namespace", policy->namespace_);
	cJSON_AddStringToObject(item, "name", policy->name);
	cJSON_AddStringToObject(item, "tier", weir_tier_name(policy->tier));
	cJSON_AddNumberToObject(item, "priority", policy->priority);
	directions = cJSON_AddArrayToObject(item, "directions");
	rules = cJSON_AddObjectToObject(item, "rules");
	for (int dir = 0; dir < WEIR_DIRECTION_MAX; dir++) {
		if (policy->isolates[dir] || policy->n_rules[dir])
			cJSON_AddItemToArray(directions,
					     cJSON_CreateString(weir_direction_name(dir)));
		cJSON_AddNumberToObject(rules, weir_direction_name(dir), policy->n_rules[dir]);
	}
	cJSON_AddNumberToObject(item, "selected", selected);
	add_realised(d, policy, selected, item);
	cJSON_AddBoolToObject(item, "staged", policy->staged);
	cJSON_AddNumberToObject(item, "generation", (double)policy->generation);
	add_warnings(item, policy);
	weir_query_add_hits(item, d, policy);
	return item;
}

static void add_policies(const struct weird *d, const struct list *list, cJSON *result)
{
	cJSON *array = cJSON_AddArrayToObject(result, "policies");

	for (size_t i = 0; i < list->n; i++)
		cJSON_AddItemToArray(array, describe(d, list->items[i]));
}

static void add_staged(const struct weird *d, const struct list *list, cJSON *result)
{
	cJSON *array = cJSON_AddArrayToObject(result, "staged");

	for (size_t i = 0; i < list->n; i++) {
		if (list->items[i]->staged)
			weir_query_append_staged(array, d, list->items[i]);
	}
	weir_query_append_staged(array, d, NULL);
}

static void add_since(const struct weird *d, cJSON *result)
{
	struct weir_hits_stats stats = { 0 };

	cJSON_AddNumberToObject(result, "since", (double)d->started);
	if (d->pipeline)
		weir_hits_stats(weir_pipeline_hits(d->pipeline), &stats);
	cJSON_AddNumberToObject(result, "uncounted",
				(double)(stats.uncounted + stats.uncounted_changes));
}

void weir_query_policies(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	bool staged = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(params, "staged"));
	WEIR_AUTO_FREE const struct weir_policy **items = NULL;
	cJSON *result = cJSON_CreateObject(), *source;
	struct weir_cluster_counts counts;
	struct list list;

	pthread_mutex_lock(&d->world.lock);
	weir_query_sweep_hits(d);
	weir_cluster_counts(d->world.cluster, &counts);
	items = calloc(counts.policies + 1, sizeof(*items));
	list = (struct list){ items, 0, items ? counts.policies : 0 };
	weir_cluster_each_policy(d->world.cluster, collect, &list);
	if (list.n)
		qsort(items, list.n, sizeof(*items), compare);
	if (staged)
		add_staged(d, &list, result);
	else
		add_policies(d, &list, result);
	add_since(d, result);
	pthread_mutex_unlock(&d->world.lock);

	source = d->source ? d->source->ops->status(d->source) : NULL;
	cJSON_AddItemToObject(result, "errors",
			      cJSON_DetachItemFromObjectCaseSensitive(source, "broken")
				      ?: cJSON_CreateArray());
	cJSON_Delete(source);
	weir_rpc_reply_result(reply, result);
}
