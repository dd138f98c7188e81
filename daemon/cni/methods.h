/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The methods, one file each for those that do much. */
#include "daemon/cni/cni.h"
#include "daemon/weird.h"

void weir_cni_add(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply);
void weir_cni_del(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply);
void weir_cni_check(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply);
void weir_cni_gc(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply);
void weir_cni_status(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply);

/* Forget the endpoints of a container (ifname NULL: all of them). What could
 * not be removed is an error; an unknown container is not. */
int weir_cni_forget(struct weird *d, const char *container, const char *ifname,
		    struct weir_error *err);
