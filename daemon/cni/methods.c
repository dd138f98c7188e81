/* SPDX-License-Identifier: Apache-2.0 */
/* DEL, GC, STATUS, and the table of all methods that the plugin calls. */
#include "daemon/cni/methods.h"

#include <string.h>

#include "daemon/cni/forget.h"
#include "daemon/cni/pending.h"
#include "daemon/reconcile/reconcile.h"
#include "weir/cleanup.h"
#include "weir/log.h"

const struct weir_rpc_method weir_cni_methods[] = {
	{ "cni.add", weir_cni_add },	   { "cni.del", weir_cni_del },
	{ "cni.check", weir_cni_check },   { "cni.gc", weir_cni_gc },
	{ "cni.status", weir_cni_status }, { NULL, NULL },
};

/* The address may be another pod's in a moment: the kernel forgets it before
 * the answer. If it can't, the runtime must not be kept from cleaning up. */
void weir_cni_del(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	const char *container = weir_cni_param(params, "containerId");
	const char *ifname = weir_cni_param(params, "ifname");
	struct weir_error err = { .text = "" };

	weir_cni_abandon(d, container, *ifname ? ifname : NULL);
	if (weir_cni_forget(d, container, *ifname ? ifname : NULL, &err) < 0) {
		weir_rpc_reply_error(reply, WEIR_RPC_IO_FAILURE,
				     "DEL: the endpoint could not be removed", err.text);
		return;
	}
	if (weir_reconcile_now(d->reconcile, &err) < 0)
		weir_log(WEIR_LOG_WARNING, "DEL: the kernel has not forgotten the endpoint yet",
			 "container", container, "error", err.text, NULL);
	weir_rpc_reply_result(reply, NULL);
}

/* --- GC ---------------------------------------------------------------------------- */

static bool is_listed(const cJSON *attachments, const struct weir_endpoint *ep)
{
	const cJSON *a;

	cJSON_ArrayForEach (a, attachments) {
		if (strcmp(weir_cni_param(a, "containerID"), ep->container_id) == 0 &&
		    strcmp(weir_cni_param(a, "ifname"), ep->ifname) == 0)
			return true;
	}
	return false;
}

/* The list speaks for one network; endpoints of others are not its business. */
static const struct weir_endpoint *first_garbage(const struct weird *d, const char *network,
						 const cJSON *attachments)
{
	const struct weir_endpoint *ep = weir_endpoints_first(d->endpoints);

	while (ep &&
	       (!ep->network || strcmp(ep->network, network) != 0 || is_listed(attachments, ep)))
		ep = ep->next;
	return ep;
}

void weir_cni_gc(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	const cJSON *config = cJSON_GetObjectItemCaseSensitive(params, "config");
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(config, "cni.dev/valid-attachments");
	const struct weir_endpoint *ep;
	struct weir_error err;
	int r = 0;

	if (!cJSON_IsArray(list)) {
		weir_rpc_reply_error(reply, WEIR_RPC_INVALID_CONFIG,
				     "GC: the list cni.dev/valid-attachments is missing", NULL);
		return;
	}
	while (r == 0 && (ep = first_garbage(d, weir_cni_param(config, "name"), list))) {
		weir_log(WEIR_LOG_INFO, "GC: endpoint removed", "container", ep->container_id,
			 "namespace", ep->namespace_, "pod", ep->pod, NULL);
		r = weir_cni_forget_one(d, ep, &err);
	}
	weir_cni_drop_dead(d, NULL);
	if (r == 0)
		r = weir_reconcile_now(d->reconcile, &err);
	if (r < 0)
		weir_rpc_reply_error(reply, WEIR_RPC_FAILED, "GC: not all could be removed",
				     err.text);
	else
		weir_rpc_reply_result(reply, NULL);
}

void weir_cni_status(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	struct weir_error err = { .text = "" };

	if (weir_reconcile_now(d->reconcile, &err) < 0)
		weir_rpc_reply_error(reply, WEIR_RPC_UNAVAILABLE, "weird is not ready", err.text);
	else
		weir_rpc_reply_result(reply, NULL);
}
