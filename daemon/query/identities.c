/* SPDX-License-Identifier: Apache-2.0 */
/* Method "identities": the numbers that stand for labels and prefixes. */
#include "daemon/query/query.h"

#include <pthread.h>

static int add_identity(void *data, const struct weir_identity_info *info)
{
	cJSON *item = cJSON_CreateObject(), *labels;
	char prefix[WEIR_PREFIX_STRLEN];

	cJSON_AddNumberToObject(item, "id", info->id);
	weir_query_add_text(item, "namespace", info->namespace_);
	if (info->labels) {
		labels = cJSON_AddObjectToObject(item, "labels");
		for (uint32_t i = 0; i < info->labels->n; i++)
			cJSON_AddStringToObject(labels, info->labels->items[i].key,
						info->labels->items[i].value);
	} else {
		cJSON_AddNullToObject(item, "labels");
	}
	cJSON_AddStringToObject(item, "prefix", weir_prefix_format(&info->prefix, prefix));
	cJSON_AddNumberToObject(item, "addresses", info->n_addresses);
	cJSON_AddItemToArray(data, item);
	return 0;
}

void weir_query_identities(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	cJSON *result = cJSON_CreateObject();
	cJSON *array = cJSON_AddArrayToObject(result, "identities");

	pthread_mutex_lock(&d->world.lock);
	weir_compiler_identities(d->world.compiler, add_identity, array);
	pthread_mutex_unlock(&d->world.lock);
	weir_rpc_reply_result(reply, result);
}
