/* SPDX-License-Identifier: Apache-2.0 */
/* One question to the daemon, and its errors in words that say what to do. */
#include "cli/weirctl.h"

#include <errno.h>
#include <string.h>

#include "weir/cleanup.h"
#include "weir/rpc.h"

static int cannot_ask(const struct weirctl *ctl, int r, struct weir_error *err)
{
	switch (-r) {
	case ENOENT:
	case ECONNREFUSED:
		return weir_error_set(
			err, -r,
			"weird does not answer at %s: is it running (systemctl status "
			"weird)? another socket: --socket PATH",
			ctl->socket);
	case EACCES:
	case EPERM:
		return weir_error_set(err, -r, "%s: only root may ask weird: run weirctl as root",
				      ctl->socket);
	case ETIMEDOUT:
		return weir_error_set(
			err, -r,
			"weird took the question at %s and did not answer in time: see "
			"its log (journalctl -u weird)",
			ctl->socket);
	default:
		return r; /* the client's own text names the socket */
	}
}

static int refused(const cJSON *error, int *ret_code, struct weir_error *err)
{
	const char *details = weirctl_text(error, "details");

	if (ret_code)
		*ret_code = (int)weirctl_number(error, "code");
	return weir_error_set(err, EREMOTEIO, "%s%s%s", weirctl_text(error, "msg"),
			      *details ? ": " : "", details);
}

static char *encode(const char *method, cJSON *params)
{
	cJSON *request = cJSON_CreateObject();
	char *text;

	cJSON_AddNumberToObject(request, "version", WEIR_RPC_VERSION);
	cJSON_AddStringToObject(request, "method", method);
	if (params)
		cJSON_AddItemToObject(request, "params", params);
	text = cJSON_PrintUnformatted(request);
	cJSON_Delete(request);
	return text;
}

int weirctl_call_text(const struct weirctl *ctl, const char *method, cJSON *params, int timeout_ms,
		      char **ret_text, cJSON **ret, int *ret_code, struct weir_error *err)
{
	WEIR_AUTO_FREE char *request = encode(method, params), *text = NULL;
	cJSON *reply;
	size_t len;
	int r;

	if (ret_code)
		*ret_code = 0;
	if (!request)
		return weir_error_set(err, ENOMEM, "out of memory");
	r = weir_rpc_call(ctl->socket, request, strlen(request), timeout_ms, &text, &len, err);
	if (r < 0)
		return cannot_ask(ctl, r, err);
	reply = cJSON_ParseWithLength(text, len);
	*ret = cJSON_DetachItemFromObjectCaseSensitive(reply, "result");
	if (*ret)
		*ret_text = weir_take(text);
	else if (weirctl_member(reply, "error"))
		r = refused(weirctl_member(reply, "error"), ret_code, err);
	else
		r = weir_error_set(err, EPROTO, "%s: what answers there is not weird", ctl->socket);
	cJSON_Delete(reply);
	return r;
}

int weirctl_call(const struct weirctl *ctl, const char *method, cJSON *params, int timeout_ms,
		 cJSON **ret, int *ret_code, struct weir_error *err)
{
	WEIR_AUTO_FREE char *text = NULL;

	return weirctl_call_text(ctl, method, params, timeout_ms, &text, ret, ret_code, err);
}
