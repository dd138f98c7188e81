/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pods of this node are enforced, and for the others the reason: what
 * "status" counts and "endpoints" lists. Changes nothing.
 */
#include "daemon/query/query.h"

#include <fcntl.h>
#include <string.h>

#include "daemon/cluster/cluster.h"
#include "daemon/reconcile/bridge.h"
#include "daemon/reconcile/reconcile.h"
#include "weir/cleanup.h"

enum weir_bridge_netfilter weir_query_bridge_netfilter(int family)
{
	const char *path = family == AF_INET6 ? "/proc/sys/net/bridge/bridge-nf-call-ip6tables"
					      : "/proc/sys/net/bridge/bridge-nf-call-iptables";
	WEIR_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	char value;

	if (fd < 0 || read(fd, &value, 1) != 1)
		return WEIR_BRIDGE_ABSENT;
	return value == '0' ? WEIR_BRIDGE_OFF : WEIR_BRIDGE_ON;
}

const struct weir_pod *weir_query_pod(const struct weird *d, const struct weir_endpoint *ep)
{
	struct weir_uid uid = weir_uid_parse(ep->uid);

	return ep->namespace_ && ep->pod
		       ? weir_cluster_local_pod(d->world.cluster, ep->namespace_, ep->pod, &uid)
		       : NULL;
}

const char *weir_query_unenforced(const struct weird *d, const struct weir_endpoint *ep)
{
	const struct weir_pod *pod;

	if (!ep->namespace_ || !ep->pod)
		return "not a Kubernetes pod: CNI_ARGS named no pod";
	if (!ep->n_addrs)
		return "it has no address";
	pod = weir_query_pod(d, ep);
	if (pod && pod->host_network)
		return "it uses the network of the node";
	if (pod && pod->finished)
		return "it has finished";
	if (!ep->realised)
		return "the kernel does not enforce it yet: see weirctl status";
	if (weir_bridge_bypassed(ep))
		return "it hangs on a bridge, and bridge-nf-call-iptables or -ip6tables is 0: "
		       "pods on one bridge bypass enforcement";
	return NULL;
}

struct visit {
	const struct weird *d;
	bool in_sync;
	void (*fn)(void *data, const struct weir_pod *pod, const char *reason);
	void *data;
};

static bool has_endpoint(const struct weird *d, const struct weir_pod *pod)
{
	for (const struct weir_endpoint *ep = weir_endpoints_first(d->endpoints); ep; ep = ep->next)
		if (ep->namespace_ && ep->pod && strcmp(ep->pod, pod->name) == 0 &&
		    strcmp(ep->namespace_, pod->namespace_) == 0)
			return true;
	return false;
}

static int visit_pod(void *data, const struct weir_pod *pod)
{
	struct visit *v = data;

	if (pod->host_network || pod->finished || !pod->node ||
	    strcmp(pod->node, v->d->world.node) != 0 || has_endpoint(v->d, pod))
		return 0;
	v->fn(v->data, pod,
	      !pod->local   ? "it started without weir, and its manifest tells no address"
	      : !v->in_sync ? "the kernel does not enforce it yet: see weirctl status"
			    : NULL);
	return 0;
}

void weir_query_each_without_cni(const struct weird *d,
				 void (*fn)(void *data, const struct weir_pod *pod,
					    const char *reason),
				 void *data)
{
	struct weir_reconcile_state state;
	struct visit v = { d, false, fn, data };

	weir_reconcile_state(d->reconcile, &state);
	v.in_sync = state.in_sync;
	weir_cluster_each_pod(d->world.cluster, visit_pod, &v);
}
