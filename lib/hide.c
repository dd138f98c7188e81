/* SPDX-License-Identifier: Apache-2.0 */
/* What of a record somebody sees who may not see one of its ends: the one rule,
 * for the hub's answers and the node's own stream. */
#include "weir/record.h"

void weir_record_hide_peer(struct weir_record_peer *peer)
{
	struct weir_record_peer shown = { .namespace_ = peer->namespace_,
					  .workload_kind = peer->workload_kind,
					  .workload = peer->workload,
					  .port = peer->port };

	if (!peer->namespace_)
		shown.addr = peer->addr;
	*peer = shown;
}

void weir_record_hide_side(struct weir_record_side *side)
{
	*side = (struct weir_record_side){ .verdict = side->verdict,
					   .reason = side->reason,
					   .rule = -1 };
}

void weir_record_hide_numbers(struct weir_record *record)
{
	record->seq = 0;
	record->flow = 0;
}
