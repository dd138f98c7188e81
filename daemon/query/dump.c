/* SPDX-License-Identifier: Apache-2.0 */
/* Method "dump": what the kernel holds, as text of the backend. */
#include "daemon/query/query.h"

#include <stdio.h>

#include "weir/cleanup.h"

void weir_query_dump(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	WEIR_AUTO_FREE char *text = NULL;
	struct weir_error err = { "" };
	cJSON *result;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int r;

	if (!out) {
		weir_rpc_reply_error(reply, WEIR_RPC_FAILED, "out of memory", NULL);
		return;
	}
	r = weir_backend_dump(d->backend, out, &err);
	fclose(out);
	if (r < 0) {
		weir_rpc_reply_error(reply, WEIR_RPC_FAILED, err.text, NULL);
		return;
	}
	result = cJSON_CreateObject();
	cJSON_AddStringToObject(result, "backend", weir_backend_name(d->backend));
	cJSON_AddStringToObject(result, "text", text);
	weir_rpc_reply_result(reply, result);
}
