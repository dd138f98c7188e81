/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ADDs that wait until the source has told of their pod. With a source that
 * has everything in the cluster at once, none does.
 */
#include "daemon/endpoint/endpoint.h"
#include "daemon/rpc/server.h"
#include "daemon/weird.h"

/* Must the ADD wait: the source has not told all yet, or nothing of this pod? */
bool weir_cni_must_wait(struct weird *d, const struct weir_endpoint *ep);
/* Takes ep. go_on is called once, unless the ADD is answered with an error: when
 * the pod is known, or when the time is up and it may start isolated. */
void weir_cni_wait(struct weird *d, const cJSON *params, struct weir_endpoint **ep,
		   struct weir_rpc_reply *reply,
		   void (*go_on)(struct weird *d, const cJSON *params, struct weir_endpoint **ep,
				 struct weir_rpc_reply *reply));
/* DEL came before the ADD was through: it is answered with an error. ifname
 * NULL: all of the container. */
void weir_cni_abandon(struct weird *d, const char *container, const char *ifname);
