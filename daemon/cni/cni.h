/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the plugin asks on behalf of the container runtime. The request's
 * params are the plugin's environment and its network configuration:
 *   {"containerId","netns","ifname","args","config":{...,"prevResult":{...}}}
 */
#include <cjson/cJSON.h>

#include "daemon/endpoint/endpoint.h"
#include "daemon/rpc/server.h"
#include "weir/error.h"

extern const struct weir_rpc_method weir_cni_methods[];

/* The endpoint that a request is about: identity from args (K8S_POD_*),
 * addresses, mac and host interface from prevResult of any spec version,
 * device and inode of the netns. *ret_code is the CNI error code. */
int weir_cni_endpoint(const cJSON *params, struct weir_endpoint **ret, enum weir_rpc_code *ret_code,
		      struct weir_error *err);
/* The text of a parameter, "" when absent. */
const char *weir_cni_param(const cJSON *params, const char *key);
