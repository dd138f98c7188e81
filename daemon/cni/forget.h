/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Endpoints that are no more: from disk and cluster; the next run of the reconciler
 * takes them from the kernel. */
#include "daemon/weird.h"

int weir_cni_forget_one(struct weird *d, const struct weir_endpoint *ep, struct weir_error *err);
/* The endpoints of a container (ifname NULL: all of them). What could
 * not be removed is an error; an unknown container is not. */
int weir_cni_forget(struct weird *d, const char *container, const char *ifname,
		    struct weir_error *err);
/* Those whose network namespace has gone without a DEL: the node was switched
 * off, or the runtime gave up. heir NULL: all of them; else those that had an
 * address which is heir's now. */
void weir_cni_drop_dead(struct weird *d, const struct weir_endpoint *heir);
