/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Connections to a name outlive the time for which its addresses hold. */
#include "daemon/flow/annotate.h"

/* A connection that is denied now was allowed, when it began, by a rule that names domains;
 * the rule still stands, for the same names, and all that has changed is what they
 * stand for. World's lock held. */
bool weir_flow_spared(const struct weir_world *world, const struct weir_connection *connection,
		      const struct weir_annotation *began, const struct weir_judgement *now);
