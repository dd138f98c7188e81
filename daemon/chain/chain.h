/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Keeps weir in the node's CNI chain (weir/chain.h) for as long as weird runs:
 * follows the primary when it writes its file again or another takes its place.
 * At the end everything stays: an upgrade must not be a gap. Main thread.
 */
#include <cjson/cJSON.h>

#include "daemon/weird.h"
#include "weir/chain.h"

struct weir_keeper;

/* chain.manage: no starts nothing, and *ret is NULL. */
int weir_keeper_start(struct weird *d, struct weir_keeper **ret, struct weir_error *err);
void weir_keeper_stop(struct weir_keeper **keeper);
/* {"manage","dir","state","primary","file","reason"}; keeper may be NULL. */
cJSON *weir_keeper_status(const struct weir_keeper *keeper);
/* Is weir in the chain as it should be? */
bool weir_keeper_in_sync(const struct weir_keeper *keeper);
