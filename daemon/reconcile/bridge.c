/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Called after each apply, before anything is said to be enforced. The usual
 * case costs reading two settings; only when they are off it asks the kernel
 * whether an endpoint hangs on a bridge.
 */
#include "daemon/reconcile/bridge.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/socket.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/cluster/cluster.h"
#include "daemon/node/route.h"
#include "daemon/weird.h"
#include "weir/cleanup.h"
#include "weir/log.h"

static const char *const settings[] = {
	"net/bridge/bridge-nf-call-iptables",
	"net/bridge/bridge-nf-call-ip6tables",
};

static void cleanup_socket(struct nl_sock **sock)
{
	if (*sock)
		nl_socket_free(*sock);
}

/* An interface whose name is not known may be bridged. */
static bool is_bridged(struct nl_sock *sock, const char *ifname)
{
	struct rtnl_link *link = NULL;
	bool bridged;

	if (!ifname)
		return true;
	if (rtnl_link_get_kernel(sock, 0, ifname, &link) < 0)
		return false; /* no such interface: nothing passes through it */
	bridged = rtnl_link_get_master(link) != 0;
	rtnl_link_put(link);
	return bridged;
}

static int is_adopted_bridged(void *data, const struct weir_pod *pod)
{
	bool bridged = false;

	for (unsigned i = 0; pod->local && !pod->endpoint && i < pod->n_addrs; i++)
		bridged |= weir_routes_reach(data, &pod->addrs[i]) == WEIR_REACH_BRIDGE;
	return bridged;
}

/* Without the lock: only this thread changes the cluster. */
static bool has_bridged_adopted(const struct weird *d)
{
	WEIR_CLEANUP(weir_routes_close) struct weir_routes *routes = NULL;

	return weir_routes_open(&routes) < 0 ||
	       weir_cluster_each_pod(d->world.cluster, is_adopted_bridged, routes);
}

static bool has_bridged(const struct weird *d)
{
	WEIR_CLEANUP(cleanup_socket) struct nl_sock *sock = nl_socket_alloc();
	const struct weir_endpoint *ep = weir_endpoints_first(d->endpoints);

	if (has_bridged_adopted(d))
		return true;
	if (!ep)
		return false;
	if (!sock || nl_connect(sock, NETLINK_ROUTE) < 0)
		return true;
	for (; ep; ep = ep->next) {
		if (is_bridged(sock, ep->host_ifname))
			return true;
	}
	return false;
}

bool weir_bridge_bypassed(const struct weir_endpoint *ep)
{
	WEIR_CLEANUP(cleanup_socket) struct nl_sock *sock = NULL;

	if (weir_backend_bridge_check(NULL) == 0)
		return false;
	sock = nl_socket_alloc();
	return !sock || nl_connect(sock, NETLINK_ROUTE) < 0 || is_bridged(sock, ep->host_ifname);
}

static void switch_on(const char *sysctl_dir)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(settings); i++) {
		WEIR_AUTO_CLOSE int fd = -1;
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", sysctl_dir, settings[i]);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd >= 0 && write(fd, "1", 1) == 1)
			weir_log(WEIR_LOG_INFO, "bridged packets now pass the hooks", "set", path,
				 NULL);
	}
}

int weir_bridge_ensure(struct weird *d, struct weir_error *err)
{
	int r = weir_backend_bridge_check(err);

	if (r == 0 || !has_bridged(d))
		return 0;
	if (d->config->bridge_netfilter == WEIR_SETTING_SET) {
		switch_on(d->config->sysctl_dir);
		r = weir_backend_bridge_check(err);
	}
	return r < 0 ? weir_error_prefix(err, r, "not enforced") : 0;
}
