/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ADD: on disk, in the cluster, in the kernel, and only then the answer. What
 * fails half way is undone, so that the runtime may simply try again.
 */
#include "daemon/cni/local.h"
#include "daemon/cni/methods.h"
#include "daemon/reconcile/reconcile.h"
#include "weir/log.h"

static void undo(struct weird *d, const cJSON *params)
{
	struct weir_error err;

	if (weir_cni_forget(d, weir_cni_param(params, "containerId"),
			    weir_cni_param(params, "ifname"), &err) < 0)
		weir_log(WEIR_LOG_ERROR, "a failed ADD could not be undone", "container",
			 weir_cni_param(params, "containerId"), "error", err.text, NULL);
	weir_reconcile_kick(d->reconcile);
}

/* In force, or an error that says that it is not. */
static int enforce(struct weird *d, const struct weir_endpoint *ep, struct weir_error *err)
{
	int r;

	if (!ep->pod)
		return 0;
	r = weir_cni_update_local(d, ep->namespace_, ep->pod, err);
	return r < 0 ? r : weir_reconcile_now(d->reconcile, err);
}

void weir_cni_add(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	struct weir_endpoint *ep = NULL;
	const struct weir_endpoint *kept;
	enum weir_rpc_code code;
	struct weir_error err;

	if (weir_cni_endpoint(params, &ep, &code, &err) < 0) {
		weir_rpc_reply_error(reply, code, "ADD: the request cannot be used", err.text);
		return;
	}
	kept = ep;
	if (weir_endpoints_add(d->endpoints, &ep, &err) < 0) {
		weir_endpoint_free(&ep);
		weir_rpc_reply_error(reply, WEIR_RPC_IO_FAILURE,
				     "ADD: the endpoint could not be stored", err.text);
		return;
	}
	if (enforce(d, kept, &err) < 0) {
		weir_log(WEIR_LOG_ERROR, "ADD failed: policy could not be enforced", "container",
			 kept->container_id, "namespace", kept->namespace_, "pod", kept->pod,
			 "error", err.text, NULL);
		undo(d, params);
		weir_rpc_reply_error(reply, WEIR_RPC_TRY_AGAIN, "ADD: policy is not in force",
				     err.text);
		return;
	}
	weir_log(WEIR_LOG_INFO,
		 kept->pod ? "endpoint added" : "endpoint added, not a Kubernetes pod", "container",
		 kept->container_id, "namespace", kept->namespace_, "pod", kept->pod, NULL);
	weir_rpc_reply_result(reply, NULL);
}
