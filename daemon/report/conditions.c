/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions (metav1.Condition) in the status of an object: ours are put in or
 * changed, those of others stay; lastTransitionTime tells when the status of
 * one changed, not when it was written.
 */
#include <string.h>

#include "daemon/report/report.h"

static const char *text_at(const cJSON *object, const char *key)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));

	return text ? text : "";
}

static cJSON *find(const cJSON *conditions, const char *type)
{
	cJSON *item;

	cJSON_ArrayForEach (item, conditions) {
		if (!strcmp(text_at(item, "type"), type))
			return item;
	}
	return NULL;
}

static void set_text(cJSON *object, const char *key, const char *text)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, key);
	cJSON_AddStringToObject(object, key, text);
}

static void set_number(cJSON *object, const char *key, double number)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, key);
	cJSON_AddNumberToObject(object, key, number);
}

static double generation_of(const cJSON *object)
{
	const cJSON *meta = cJSON_GetObjectItemCaseSensitive(object, "metadata");
	const cJSON *generation = cJSON_GetObjectItemCaseSensitive(meta, "generation");

	return cJSON_IsNumber(generation) ? generation->valuedouble : 0;
}

/* true: something was changed */
static bool put(cJSON *list, const struct weir_condition *c, double generation, const char *now)
{
	cJSON *item = find(list, c->type);
	const char *status = c->status ? "True" : "False";
	const cJSON *seen = cJSON_GetObjectItemCaseSensitive(item, "observedGeneration");
	bool turned = !item || strcmp(text_at(item, "status"), status) != 0;

	if (!turned && !strcmp(text_at(item, "reason"), c->reason) &&
	    !strcmp(text_at(item, "message"), c->message) && cJSON_IsNumber(seen) &&
	    seen->valuedouble == generation)
		return false;
	if (!item) {
		item = cJSON_CreateObject();
		cJSON_AddItemToArray(list, item);
		cJSON_AddStringToObject(item, "type", c->type);
	}
	set_text(item, "status", status);
	set_text(item, "reason", c->reason);
	set_text(item, "message", c->message);
	set_number(item, "observedGeneration", generation);
	if (turned)
		set_text(item, "lastTransitionTime", now);
	return true;
}

cJSON *weir_conditions_merge(const cJSON *object, const struct weir_condition *conditions, size_t n,
			     const char *now)
{
	const cJSON *old = cJSON_GetObjectItemCaseSensitive(object, "status");
	cJSON *status = cJSON_IsObject(old) ? cJSON_Duplicate(old, true) : cJSON_CreateObject();
	cJSON *list = cJSON_GetObjectItemCaseSensitive(status, "conditions");
	double generation = generation_of(object);
	bool changed = false;

	if (!cJSON_IsArray(list)) {
		cJSON_DeleteItemFromObjectCaseSensitive(status, "conditions");
		list = cJSON_AddArrayToObject(status, "conditions");
	}
	for (size_t i = 0; i < n; i++)
		changed |= put(list, &conditions[i], generation, now);
	if (changed)
		return status;
	cJSON_Delete(status);
	return NULL;
}
