/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the kernel for single routes (RTM_GETROUTE), policy routing included.
 * Called to find out whether a pod that CNI never told of is really behind an
 * interface of this node. Keeps nothing: routes change.
 */
#include "daemon/node/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/route.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

struct weir_routes {
	struct nl_sock *sock;
	int out[2]; /* interface of the default route: IPv4, IPv6; 0: none */
};

/* Documentation addresses (RFC 5737, 3849): only a default route leads there. */
static const char *const nobody[] = { "203.0.113.255", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff" };

static void cleanup_addr(struct nl_addr **addr)
{
	nl_addr_put(*addr);
}

static void cleanup_route(struct rtnl_route **route)
{
	rtnl_route_put(*route);
}

/* Type of the route, and its interface; RTN_UNREACHABLE when there is none. */
static int look_up(struct nl_sock *sock, const struct weir_addr *addr, int *ret_ifindex)
{
	WEIR_CLEANUP(cleanup_addr) struct nl_addr *dst = NULL;
	WEIR_CLEANUP(cleanup_route) struct rtnl_route *route = NULL;
	struct rtnl_nexthop *hop;

	*ret_ifindex = 0;
	dst = nl_addr_build(addr->family, addr->bytes, weir_addr_size(addr));
	if (!dst || rtnl_route_lookup(sock, dst, &route) < 0 || !route)
		return RTN_UNREACHABLE;
	hop = rtnl_route_nexthop_n(route, 0);
	*ret_ifindex = hop ? rtnl_route_nh_get_ifindex(hop) : 0;
	return rtnl_route_get_type(route);
}

static bool is_bridge(struct nl_sock *sock, int ifindex)
{
	struct rtnl_link *link = NULL;
	const char *type;
	bool bridge;

	if (rtnl_link_get_kernel(sock, ifindex, NULL, &link) < 0)
		return true; /* if it is one, that matters */
	type = rtnl_link_get_type(link);
	bridge = type && strcmp(type, "bridge") == 0;
	rtnl_link_put(link);
	return bridge;
}

int weir_routes_open(struct weir_routes **ret)
{
	struct weir_routes *routes = calloc(1, sizeof(*routes));
	struct weir_addr addr;

	if (!routes)
		return -ENOMEM;
	routes->sock = nl_socket_alloc();
	if (!routes->sock || nl_connect(routes->sock, NETLINK_ROUTE) < 0) {
		weir_routes_close(&routes);
		return -EIO;
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(nobody); i++) {
		if (weir_addr_parse(nobody[i], &addr) == 0)
			look_up(routes->sock, &addr, &routes->out[i]);
	}
	*ret = routes;
	return 0;
}

void weir_routes_close(struct weir_routes **routes)
{
	struct weir_routes *r = weir_take(*routes);

	if (!r)
		return;
	if (r->sock)
		nl_socket_free(r->sock);
	free(r);
}

enum weir_reach weir_routes_reach(const struct weir_routes *routes, const struct weir_addr *addr)
{
	int ifindex, type = look_up(routes->sock, addr, &ifindex);

	if (type == RTN_LOCAL)
		return WEIR_REACH_SELF;
	if (type != RTN_UNICAST || !ifindex)
		return WEIR_REACH_NOWHERE;
	if (ifindex == routes->out[addr->family == AF_INET6])
		return WEIR_REACH_OUT;
	return is_bridge(routes->sock, ifindex) ? WEIR_REACH_BRIDGE : WEIR_REACH_POD;
}
