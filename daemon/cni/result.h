/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * prevResult, of every result version of the CNI specification (0.3.0 to
 * 1.1.0): what matters here looks the same in all of them.
 */
#include <cjson/cJSON.h>

#include "daemon/endpoint/endpoint.h"
#include "weir/error.h"

/* Sets addrs, mac and host_ifname of ep for the interface ep->ifname. Addresses
 * are those of that interface, and those that name no interface. None at all
 * is no error: a pod without an address has no traffic to judge. */
int weir_cni_result_decode(const cJSON *result, struct weir_endpoint *ep, struct weir_error *err);
