/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* From endpoints to local pods: a pod has the addresses of all its interfaces. */
#include "daemon/weird.h"

/* Tell the cluster which addresses the pod has on this node, as the endpoints
 * are now (none: it has gone). uid may be NULL. All texts are copied. */
int weir_cni_update_local(struct weird *d, const char *namespace_, const char *pod, const char *uid,
			  struct weir_error *err);
