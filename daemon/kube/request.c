/* SPDX-License-Identifier: Apache-2.0 */
/* One request whose answer is read whole. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/kube/internal.h"
#include "weir/cleanup.h"

/* An object of an API server has at most 3 MiB (etcd's limit, doubled). */
#define BODY_MAX ((size_t)3 << 20)

struct weir_kube_call {
	struct weir_transfer *transfer;
	char *body;
	size_t len;
	bool too_long;
	void (*done)(void *data, const struct weir_kube_answer *answer);
	void *data;
};

static void free_call(struct weir_kube_call *call)
{
	free(call->body);
	free(call);
}

static int on_bytes(void *data, const char *bytes, size_t len)
{
	struct weir_kube_call *call = data;
	char *longer;

	call->too_long = call->len + len > BODY_MAX;
	if (call->too_long)
		return -E2BIG;
	longer = realloc(call->body, call->len + len + 1);
	if (!longer)
		return -ENOMEM;
	memcpy(longer + call->len, bytes, len);
	call->body = longer;
	call->len += len;
	longer[call->len] = 0;
	return 0;
}

static void on_done(void *data, const struct weir_transfer_end *end)
{
	struct weir_kube_call *call = data;
	struct weir_kube_answer answer = { .status = end->error ? 0 : end->status,
					   .retry_after_ms = end->retry_after_ms };
	struct weir_error err = { "" };
	cJSON *body = NULL;

	if (call->too_long)
		weir_error_set(&err, E2BIG, "the answer is longer than %zu bytes", BODY_MAX);
	else if (end->error || end->status < 200 || end->status > 299)
		weir_transfer_explain(end, &err);
	else if (call->len && !(body = cJSON_ParseWithLength(call->body, call->len)))
		weir_error_set(&err, EPROTO, "HTTP %d: the answer is not JSON", end->status);
	answer.body = body;
	answer.error = err.text[0] ? &err : NULL;
	call->transfer = NULL;
	call->done(call->data, &answer);
	cJSON_Delete(body);
	free_call(call);
}

static void on_dropped(void *data)
{
	free_call(data);
}

static const struct weir_transfer_ops call_ops = {
	.bytes = on_bytes,
	.done = on_done,
	.dropped = on_dropped,
};

int weir_kube_request(struct weir_kube *kube, const struct weir_kube_request *request,
		      struct weir_kube_call **ret_call, struct weir_error *err)
{
	struct weir_kube_call *call = calloc(1, sizeof(*call));
	WEIR_AUTO_FREE char *body = request->body ? cJSON_PrintUnformatted(request->body) : NULL;
	struct weir_transfer_config config = {
		.method = request->method,
		.path = request->path,
		.body = body,
		.content_type = request->content_type,
		.timeout_ms = request->timeout_ms,
	};
	int r;

	if (!call || !request->body != !body) {
		free(call);
		return weir_error_errno(err, ENOMEM, "%s", request->path);
	}
	call->done = request->done;
	call->data = request->data;
	r = weir_transfer_start(kube, &config, &call_ops, call, &call->transfer, err);
	if (r < 0) {
		free_call(call);
		return r;
	}
	if (ret_call)
		*ret_call = call;
	return 0;
}

void weir_kube_cancel(struct weir_kube_call **c)
{
	struct weir_kube_call *call = weir_take(*c);

	if (!call)
		return;
	weir_transfer_stop(&call->transfer);
	free_call(call);
}
