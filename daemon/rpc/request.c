/* SPDX-License-Identifier: Apache-2.0 */
/* A request's text, taken apart (weir/rpc.h). */
#include "daemon/rpc/request.h"

#include <errno.h>

static int check(const struct weir_rpc_request *q, enum weir_rpc_code *code, struct weir_error *err)
{
	const cJSON *version = cJSON_GetObjectItemCaseSensitive(q->json, "version");

	*code = WEIR_RPC_BAD_REQUEST;
	if (!cJSON_IsObject(q->json))
		return weir_error_set(err, EINVAL, "the request is not a JSON object");
	if (!cJSON_IsNumber(version) || version->valuedouble != WEIR_RPC_VERSION) {
		*code = WEIR_RPC_INCOMPATIBLE_VERSION;
		return weir_error_set(err, EINVAL,
				      "this daemon speaks version %d: use the plugin and weirctl "
				      "that came with it",
				      WEIR_RPC_VERSION);
	}
	if (!q->method)
		return weir_error_set(err, EINVAL, "the request has no \"method\"");
	if (q->params && !cJSON_IsObject(q->params))
		return weir_error_set(err, EINVAL, "\"params\" is not an object");
	return 0;
}

int weir_rpc_request_parse(const char *text, size_t len, struct weir_rpc_request *ret,
			   enum weir_rpc_code *ret_code, struct weir_error *err)
{
	struct weir_rpc_request q = { .json = cJSON_ParseWithLength(text, len) };
	int r;

	q.method = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(q.json, "method"));
	q.params = cJSON_GetObjectItemCaseSensitive(q.json, "params");
	if (cJSON_IsNull(q.params))
		q.params = NULL;
	r = check(&q, ret_code, err);
	if (r < 0) {
		weir_rpc_request_clear(&q);
		return r;
	}
	*ret = q;
	return 0;
}

void weir_rpc_request_clear(struct weir_rpc_request *request)
{
	cJSON_Delete(request->json);
	*request = (struct weir_rpc_request){ 0 };
}
