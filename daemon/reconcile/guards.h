/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The guard ranges: where pods of this node get their addresses from. */
#include "daemon/config/config.h"
#include "daemon/world.h"

/* As configured, else spec.podCIDRs of this node's Node object. True when they
 * have changed. World lock held. */
bool weir_guards_update(struct weir_world *world, const struct weir_config_prefixes *configured);
