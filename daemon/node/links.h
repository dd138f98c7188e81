/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Pairs of interfaces, one end on the host and one in a pod, as the kernel knows
 * them: which host interface is the other end of a pod's? Asks through the
 * host's network namespace alone, enters no other. One look; keeps nothing that
 * outlives it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "weir/addr.h"
#include "weir/ruleset.h"

struct weir_link {
	uint32_t index;
	char name[16];	 /* bytes behind the name are 0 */
	bool pair;	 /* veth, netkit: what goes in at the other end comes out here */
	uint32_t peer;	 /* index of the other end, in its network namespace */
	int32_t netnsid; /* the host's number of that namespace; -1: the host's own */
	bool has_mac;
	uint8_t mac[6];
	struct weir_tunnel tunnel; /* protocol 0: it takes nothing out of other packets */
};

/* Of an RTM_NEWLINK or RTM_DELLINK message. */
struct nlmsghdr;
void weir_link_decode(const struct nlmsghdr *nlh, struct weir_link *ret);

struct weir_links;

int weir_links_open(struct weir_links **ret);
void weir_links_close(struct weir_links **links);

/* Of the host. -ENODEV: there is none. */
int weir_links_by_name(struct weir_links *l, const char *name, struct weir_link *ret);
/* What the host's tunnels take apart: sorted, each once. malloc'd; may be NULL. */
int weir_links_tunnels(struct weir_links *l, struct weir_tunnel **ret, size_t *ret_n);
/* Both ends of interface ifname of the network namespace at this path. -ENODEV:
 * the interface has no end on the host; another -errno: it could not be found out. */
int weir_links_of_pod(struct weir_links *l, const char *netns, const char *ifname,
		      struct weir_link *ret_host, struct weir_link *ret_pod);
/* Both ends of the pair whose other end has this address. -ENODEV: none;
 * -ENOTUNIQ: several say so. */
int weir_links_with_addr(struct weir_links *l, const struct weir_addr *addr,
			 struct weir_link *ret_host, struct weir_link *ret_pod);
