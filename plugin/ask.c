/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin's questions to the daemon (weir/rpc.h, daemon/cni/cni.h). */
#include "plugin/ask.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"
#include "weir/rpc.h"

void weir_answer_clear(struct weir_answer *answer)
{
	free(answer->msg);
	free(answer->details);
	*answer = (struct weir_answer){ 0 };
}

/* The configuration goes in as it is: it was read as JSON before. */
char *weir_ask_text(const struct weir_netconf *conf, const struct weir_cni_env *env,
		    const char *method, size_t *ret_len)
{
	cJSON *request = cJSON_CreateObject(), *params;
	WEIR_AUTO_FREE char *config = strndup(conf->raw.text, conf->raw.len);
	char *text = NULL;

	cJSON_AddNumberToObject(request, "version", WEIR_RPC_VERSION);
	cJSON_AddStringToObject(request, "method", method);
	params = cJSON_AddObjectToObject(request, "params");
	cJSON_AddStringToObject(params, "containerId", env->container_id);
	cJSON_AddStringToObject(params, "netns", env->netns);
	cJSON_AddStringToObject(params, "ifname", env->ifname);
	cJSON_AddStringToObject(params, "args", env->args);
	if (config && cJSON_AddRawToObject(params, "config", config))
		text = cJSON_PrintUnformatted(request);
	cJSON_Delete(request);
	*ret_len = text ? strlen(text) : 0;
	return text;
}

static char *copy(const cJSON *object, const char *key)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));

	return text ? strdup(text) : NULL;
}

static void take_reply(const char *reply, size_t len, struct weir_answer *ret)
{
	cJSON *json = cJSON_ParseWithLength(reply, len);
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(json, "error");
	const cJSON *code = cJSON_GetObjectItemCaseSensitive(error, "code");

	if (!cJSON_GetObjectItemCaseSensitive(json, "result")) {
		ret->code = cJSON_IsNumber(code) && code->valueint > 0 ? code->valueint
								       : WEIR_RPC_DECODE_FAILURE;
		ret->msg = copy(error, "msg");
		ret->details = copy(error, "details");
	}
	cJSON_Delete(json);
}

/* Nobody listens. A daemon that is there and slow, or refuses, is something
 * else: it may be enforcing this very pod. */
static bool is_away(int code)
{
	return code == -ENOENT || code == -ECONNREFUSED;
}

void weir_ask(const struct weir_netconf *conf, const struct weir_cni_env *env, const char *method,
	      struct weir_answer *ret)
{
	int r = -ENOMEM;
	WEIR_AUTO_FREE char *text = NULL, *reply = NULL;
	struct weir_error err = { .text = "out of memory" };
	size_t len;

	*ret = (struct weir_answer){ 0 };
	text = weir_ask_text(conf, env, method, &len);
	if (text)
		r = weir_rpc_call(conf->socket, text, len, conf->timeout_ms, &reply, &len, &err);
	if (r == 0) {
		take_reply(reply, len, ret);
		return;
	}
	ret->code = WEIR_RPC_TRY_AGAIN;
	ret->unreachable = is_away(r);
	ret->msg = strdup("weird does not answer: is it running? (systemctl status weird)");
	ret->details = strdup(err.text);
}
