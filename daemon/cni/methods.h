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
