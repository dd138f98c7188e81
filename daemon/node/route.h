/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Where this node sends packets for an address, as its kernel says now. */
#include "weir/addr.h"

enum weir_reach {
	WEIR_REACH_NOWHERE, /* no route, or the kernel cannot be asked */
	WEIR_REACH_SELF,    /* the address is one of the node's own */
	WEIR_REACH_OUT,	    /* the interface of the default route: out of the node */
	WEIR_REACH_BRIDGE,  /* a bridge: pods on it reach each other without a route */
	WEIR_REACH_POD,	    /* another interface */
	WEIR_REACH_MAX
};

struct weir_routes;

int weir_routes_open(struct weir_routes **ret);
void weir_routes_close(struct weir_routes **routes);
enum weir_reach weir_routes_reach(const struct weir_routes *routes, const struct weir_addr *addr);
