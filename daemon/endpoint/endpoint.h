/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The pod interfaces of this node, as CNI ADD told them. Kept in the run
 * folder, one JSON file each, replaced atomically before ADD returns, so that
 * a restart of the daemon, or its kill, forgets nothing. Main thread only.
 */
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "weir/addr.h"
#include "weir/error.h"

struct weir_endpoint {
	char *container_id, *ifname; /* together the key */
	char *network;		     /* name of the CNI network; NULL: not known */
	char *netns;		     /* path as CNI gave it */
	uint64_t netns_dev,
		netns_ino; /* of that path at ADD: a reused path is not the same netns */
	char *namespace_, *pod,
		*uid;	   /* from CNI_ARGS; namespace_ and pod NULL: not a Kubernetes pod */
	char *host_ifname; /* the other end of the pod's interface; NULL: not known */
	char *mac;	   /* of the pod's interface, NULL: not known */
	size_t n_addrs;
	struct weir_addr *addrs;
	int64_t added;	     /* seconds since the epoch */
	uint32_t host_index; /* of host_ifname, as it was looked up last; 0: not yet */
	uint64_t realised;   /* generation that the kernel enforces for it; 0: not yet */
	struct weir_endpoint *next;
};

struct weir_endpoints;

/* Reads dir (made when missing). A file that cannot be read or decoded is set
 * aside as NAME.broken and reported through note; the others are loaded. */
int weir_endpoints_open(const char *dir, struct weir_endpoints **ret,
			void (*note)(void *data, const char *text), void *data,
			struct weir_error *err);
void weir_endpoints_close(struct weir_endpoints **eps);
/* Takes ownership of *ep on success (and nulls it); the one with the same key,
 * if there was one, becomes the caller's (ret_replaced; NULL: it is freed). */
int weir_endpoints_add(struct weir_endpoints *eps, struct weir_endpoint **ep,
		       struct weir_endpoint **ret_replaced, struct weir_error *err);
/* 0 also when there was none. ifname NULL: all of the container. */
int weir_endpoints_remove(struct weir_endpoints *eps, const char *container_id, const char *ifname,
			  struct weir_error *err);
struct weir_endpoint *weir_endpoints_find(const struct weir_endpoints *eps,
					  const char *container_id, const char *ifname);
/* Then ->next: in the order in which they were added, also after a restart. */
struct weir_endpoint *weir_endpoints_first(const struct weir_endpoints *eps);
size_t weir_endpoints_count(const struct weir_endpoints *eps);
/* Another number whenever one was added or removed. */
uint64_t weir_endpoints_version(const struct weir_endpoints *eps);
/* Is its netns still the one it was? */
bool weir_endpoint_alive(const struct weir_endpoint *ep);
void weir_endpoint_free(struct weir_endpoint **ep);
