/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of answers and checks of parameters that several methods share. */
#include "daemon/query/query.h"

#include <errno.h>
#include <stdio.h>

#include "weir/cleanup.h"

void weir_query_add_text(cJSON *object, const char *key, const char *text)
{
	if (text)
		cJSON_AddStringToObject(object, key, text);
	else
		cJSON_AddNullToObject(object, key);
}

void weir_query_append_policy(cJSON *array, const struct weir_policy *policy)
{
	cJSON *ref = cJSON_CreateObject();

	cJSON_AddStringToObject(ref, "kind", policy->kind);
	weir_query_add_text(ref, "namespace", policy->namespace_);
	cJSON_AddStringToObject(ref, "name", policy->name);
	cJSON_AddItemToArray(array, ref);
}

void weir_query_add_addrs(cJSON *object, const char *key, const struct weir_addr *addrs, size_t n)
{
	cJSON *array = cJSON_AddArrayToObject(object, key);
	char buf[WEIR_ADDR_STRLEN];

	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(array, cJSON_CreateString(weir_addr_format(&addrs[i], buf)));
}

void weir_query_add_side(cJSON *object, const char *key, const struct weir_decision *decision)
{
	cJSON *side = cJSON_AddObjectToObject(object, key), *policies;
	const struct weir_rule *rule = decision->rule;
	WEIR_AUTO_FREE char *words = NULL;

	cJSON_AddStringToObject(side, "verdict", weir_verdict_name(decision->verdict));
	cJSON_AddStringToObject(side, "reason", weir_reason_name(decision->reason));
	policies = cJSON_AddArrayToObject(side, "policies");
	if (decision->reason == WEIR_REASON_RULE && rule) {
		words = weir_rule_words(rule);
		cJSON_AddStringToObject(side, "tier", weir_tier_name(rule->policy->tier));
		cJSON_AddStringToObject(side, "action", weir_action_name(rule->action));
		cJSON_AddNumberToObject(side, "rule", rule->index);
		weir_query_add_text(side, "ruleName", rule->name);
		weir_query_add_text(side, "ruleText", words);
		weir_query_append_policy(policies, rule->policy);
	} else if (decision->reason == WEIR_REASON_ISOLATED && decision->ruleset) {
		for (uint32_t i = 0; i < decision->ruleset->n_policies; i++)
			weir_query_append_policy(policies, decision->ruleset->policies[i]);
	}
}

static int refuse(struct weir_rpc_reply *reply, const char *key, const char *want)
{
	char text[128];

	snprintf(text, sizeof(text), "parameter \"%s\" must be %s", key, want);
	weir_rpc_reply_error(reply, WEIR_RPC_BAD_REQUEST, text, NULL);
	return -EINVAL;
}

int weir_query_text(const cJSON *params, const char *key, struct weir_rpc_reply *reply,
		    const char **ret)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(params, key);

	if (item && !cJSON_IsNull(item) && !cJSON_IsString(item))
		return refuse(reply, key, "a string");
	*ret = cJSON_IsString(item) ? item->valuestring : NULL;
	return 0;
}

int weir_query_number(const cJSON *params, const char *key, double max, double fallback,
		      struct weir_rpc_reply *reply, double *ret)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(params, key);
	char want[64];

	if (!item || cJSON_IsNull(item)) {
		*ret = fallback;
		return 0;
	}
	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= max) ||
	    item->valuedouble != (double)(int64_t)item->valuedouble) {
		snprintf(want, sizeof(want), "a whole number from 0 to %.0f", max);
		return refuse(reply, key, want);
	}
	*ret = item->valuedouble;
	return 0;
}
