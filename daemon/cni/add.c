/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ADD: on disk, in the cluster, in the kernel, and only then the answer. What
 * fails half way is undone, so that the runtime may simply try again.
 */
#include <stdbool.h>
#include <string.h>

#include "daemon/cni/forget.h"
#include "daemon/cni/local.h"
#include "daemon/cni/methods.h"
#include "daemon/cni/pending.h"
#include "daemon/reconcile/interfaces.h"
#include "daemon/reconcile/reconcile.h"
#include "weir/cleanup.h"
#include "weir/log.h"

static bool same_pod(const struct weir_endpoint *a, const struct weir_endpoint *b)
{
	return a->pod && b->pod && strcmp(a->pod, b->pod) == 0 &&
	       strcmp(a->namespace_, b->namespace_) == 0 && strcmp(a->uid ?: "", b->uid ?: "") == 0;
}

/* As it was before: also an endpoint that this ADD came to replace. */
static void undo(struct weird *d, const cJSON *params, struct weir_endpoint **replaced)
{
	const struct weir_endpoint *old = *replaced;
	struct weir_error err;
	int r = weir_cni_forget(d, weir_cni_param(params, "containerId"),
				weir_cni_param(params, "ifname"), &err);

	if (r == 0 && old)
		r = weir_endpoints_add(d->endpoints, replaced, NULL, &err);
	if (r == 0 && old && old->pod)
		r = weir_cni_update_local(d, old->namespace_, old->pod, old->uid, &err);
	if (r < 0)
		weir_log(WEIR_LOG_ERROR, "a failed ADD could not be undone", "container",
			 weir_cni_param(params, "containerId"), "error", err.text, NULL);
	weir_reconcile_kick(d->reconcile);
}

/* In force, or an error that says that it is not. */
static int enforce(struct weird *d, const struct weir_endpoint *ep,
		   const struct weir_endpoint *replaced, struct weir_error *err)
{
	int r = 0;

	if (replaced && replaced->pod && !same_pod(ep, replaced))
		r = weir_cni_update_local(d, replaced->namespace_, replaced->pod, replaced->uid,
					  err);
	if (r == 0 && ep->pod)
		r = weir_cni_update_local(d, ep->namespace_, ep->pod, ep->uid, err);
	return r < 0 ? r : weir_reconcile_now(d->reconcile, err);
}

static void add(struct weird *d, const cJSON *params, struct weir_endpoint **ep,
		struct weir_rpc_reply *reply)
{
	WEIR_CLEANUP(weir_endpoint_free) struct weir_endpoint *replaced = NULL;
	const struct weir_endpoint *kept = *ep;
	struct weir_error err;

	weir_interfaces_identify(*ep);
	if (weir_endpoints_add(d->endpoints, ep, &replaced, &err) < 0) {
		weir_rpc_reply_error(reply, WEIR_RPC_IO_FAILURE,
				     "ADD: the endpoint could not be stored", err.text);
		return;
	}
	/* whoever had the address and was never deleted would get it back one day */
	weir_cni_drop_dead(d, kept);
	if (enforce(d, kept, replaced, &err) < 0) {
		weir_log(WEIR_LOG_ERROR, "ADD failed: policy could not be enforced", "container",
			 kept->container_id, "namespace", kept->namespace_, "pod", kept->pod,
			 "error", err.text, NULL);
		undo(d, params, &replaced);
		weir_rpc_reply_error(reply, WEIR_RPC_TRY_AGAIN, "ADD: policy is not in force",
				     err.text);
		return;
	}
	weir_log(WEIR_LOG_INFO,
		 kept->pod ? "endpoint added" : "endpoint added, not a Kubernetes pod", "container",
		 kept->container_id, "namespace", kept->namespace_, "pod", kept->pod, NULL);
	weir_rpc_reply_result(reply, NULL);
}

void weir_cni_add(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	WEIR_CLEANUP(weir_endpoint_free) struct weir_endpoint *ep = NULL;
	enum weir_rpc_code code;
	struct weir_error err;

	if (weir_cni_endpoint(params, &ep, &code, &err) < 0)
		weir_rpc_reply_error(reply, code, "ADD: the request cannot be used", err.text);
	else if (weir_cni_must_wait(d, ep))
		weir_cni_wait(d, params, &ep, reply, add);
	else
		add(d, params, &ep, reply);
}
