/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* br_netfilter: without it pods of one bridge reach each other past the hooks. */
#include <stdbool.h>

#include "weir/error.h"

struct weird;
struct weir_endpoint;

/* 0 when no pod is bridged, or when bridged packets pass the hooks, or do so
 * now (bridgeNetfilter: set). Else what is enforced is not all there is. */
int weir_bridge_ensure(struct weird *d, struct weir_error *err);

/* Do packets of this pod bypass the hooks now? It is bridged, and br_netfilter
 * is off (somebody may have switched it off since). */
bool weir_bridge_bypassed(const struct weir_endpoint *ep);
