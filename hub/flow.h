/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A flow as the hub knows it: a record of one node, or of the two nodes of its
 * ends joined. Strings belong to whoever hands it on and are valid during the call.
 */
#include "weir/record.h"

struct weir_hub_flow {
	struct weir_record record; /* seq and flow: of the first of the nodes below */
	const char *cluster;
	const char *nodes[2]; /* who reported: [WEIR_EGRESS] saw it leave its pod, [WEIR_INGRESS]
				 saw it come; NULL: nobody. Gaps: [WEIR_EGRESS] */
	bool second; /* only the destination's node said so, while the source's reports, too: not
			counted in sums */
};
