/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of the table of flows; see columns.h. */
#include "hub/store/clickhouse/columns.h"

#include "hub/rows/pack.h"
#include "hub/store/clickhouse/insert.h"
#include "weir/cleanup.h"
#include "weir/policy.h"

const char *const weir_ch_types[WEIR_CH_KINDS] = {
	[WEIR_CH_U8] = "UInt8",
	[WEIR_CH_U16] = "UInt16",
	[WEIR_CH_I32] = "Int32",
	[WEIR_CH_U64] = "UInt64",
	[WEIR_CH_DATE] = "Date",
	[WEIR_CH_TEXT] = "String",
	[WEIR_CH_ADDR] = "String",
	[WEIR_CH_TEXTS] = "Array(String)",
	[WEIR_CH_NUMBERS] = "Array(UInt64)",
};

#define IN_FLOW(m) offsetof(struct weir_hub_flow, m)
#define IN_END(m)  offsetof(struct weir_record_peer, m)
#define IN_SIDE(m) offsetof(struct weir_record_side, m)

#define APPEND(n, k, m)                                                                            \
	{                                                                                          \
		.name = n, .kind = WEIR_CH_##k, .of = WEIR_CH_OF_APPEND,                           \
		.from = offsetof(struct weir_ch_stamp, m), .to = WEIR_CH_NOWHERE                   \
	}
#define ROW(n, k, m, t)                                                                            \
	{                                                                                          \
		.name = n, .kind = WEIR_CH_##k, .of = WEIR_CH_OF_ROW,                              \
		.from = offsetof(struct weir_row, m), .to = t                                      \
	}
#define ORIGIN(n, k, m, t)                                                                         \
	{                                                                                          \
		.name = n, .kind = WEIR_CH_TEXT, .of = WEIR_CH_OF_ORIGIN, .i = k,                  \
		.from = offsetof(struct weir_reporter, m), .to = t                                 \
	}
#define END(n, which, end, m)                                                                      \
	{                                                                                          \
		.name = n, .kind = WEIR_CH_TEXT, .of = WEIR_CH_OF_END, .i = which,                 \
		.from = IN_END(m), .to = IN_FLOW(record.end) + IN_END(m)                           \
	}
#define LABEL(n, which, end, m)                                                                    \
	{                                                                                          \
		.name = n, .kind = WEIR_CH_TEXTS, .of = WEIR_CH_OF_END, .i = which,                \
		.from = IN_END(labels), .to = IN_FLOW(record.end) + IN_END(labels),                \
		.count = IN_END(n_labels), .to_count = IN_FLOW(record.end) + IN_END(n_labels),     \
		.size = sizeof(struct weir_record_label),                                          \
		.member = offsetof(struct weir_record_label, m), .array = which, .plain = 1        \
	}
#define SIDE(n, k, which, side, m)                                                                 \
	{                                                                                          \
		.name = n, .kind = WEIR_CH_##k, .of = WEIR_CH_OF_SIDE, .i = which,                 \
		.from = IN_SIDE(m), .to = IN_FLOW(record.side) + IN_SIDE(m)                        \
	}
#define POLICY(n, which, side, m, empty)                                                           \
	{                                                                                          \
		.name = n, .kind = WEIR_CH_TEXTS, .of = WEIR_CH_OF_SIDE, .i = which,               \
		.from = IN_SIDE(policies), .to = IN_FLOW(record.side) + IN_SIDE(policies),         \
		.count = IN_SIDE(n_policies),                                                      \
		.to_count = IN_FLOW(record.side) + IN_SIDE(n_policies),                            \
		.size = sizeof(struct weir_record_policy),                                         \
		.member = offsetof(struct weir_record_policy, m), .array = 2 + (which),            \
		.plain = empty                                                                     \
	}

/* clang-format off */
#define ENDS(prefix, which, end)                                                                   \
	ROW(prefix "addr", ADDR, addr[which], IN_FLOW(record.end.addr)),                           \
	ROW(prefix "port", U16, port[which], IN_FLOW(record.end.port)),                            \
	ROW(prefix "nat_addr", ADDR, nat[which], IN_FLOW(record.end.nat_addr)),                    \
	ROW(prefix "nat_port", U16, nat_port[which], IN_FLOW(record.end.nat_port)),                \
	END(prefix "namespace", which, end, namespace_),                                           \
	END(prefix "pod", which, end, pod),                                                        \
	END(prefix "workload_kind", which, end, workload_kind),                                    \
	END(prefix "workload", which, end, workload),                                              \
	END(prefix "node", which, end, node),                                                      \
	END(prefix "service", which, end, service),                                                \
	LABEL(prefix "labels.key", which, end, key),                                               \
	LABEL(prefix "labels.value", which, end, value)

#define SIDES(prefix, which, side)                                                                 \
	SIDE(prefix "verdict", U8, which, side, verdict),                                          \
	SIDE(prefix "reason", U8, which, side, reason),                                            \
	SIDE(prefix "tier", U8, which, side, tier),                                                \
	SIDE(prefix "rule", I32, which, side, rule),                                               \
	SIDE(prefix "rule_name", TEXT, which, side, rule_name),                                    \
	SIDE(prefix "more", U16, which, side, n_more),                                             \
	POLICY(prefix "policies.kind", which, side, kind, 1),                                      \
	POLICY(prefix "policies.namespace", which, side, namespace_, 0),                           \
	POLICY(prefix "policies.name", which, side, name, 1)

#define COUNTER(n, which, m, i)                                                                    \
	ROW(n, U64, counters[which], IN_FLOW(record.m[i])),                                        \
	ROW("counted_" n, U64, counted[which], IN_FLOW(record.counted_##m[i]))

const struct weir_ch_column weir_ch_columns[] = {
	APPEND("day", DATE, day),
	APPEND("attempt", U64, attempt),
	ROW("time", U64, time, IN_FLOW(record.time)),
	APPEND("place", U64, place),
	ROW("start", U64, start, IN_FLOW(record.start)),
	ROW("type", U8, type, IN_FLOW(record.type)),
	ROW("verdict", U8, verdict, IN_FLOW(record.verdict)),
	ROW("staged", U8, staged, IN_FLOW(record.staged)),
	ROW("ended", U8, finish, IN_FLOW(record.end)),
	ROW("protocol", U8, protocol, IN_FLOW(record.protocol)),
	ROW("icmp_type", U8, icmp_type, IN_FLOW(record.icmp_type)),
	ROW("icmp_code", U8, icmp_code, IN_FLOW(record.icmp_code)),
	ROW("lost_at", U8, lost_at, IN_FLOW(record.lost_at)),
	ROW("lost", U64, lost, IN_FLOW(record.lost)),
	ROW("has_counters", U8, has_counters, IN_FLOW(record.has_counters)),
	ROW("second", U8, second, IN_FLOW(second)),
	ROW("flow", U64, flow, IN_FLOW(record.flow)),
	ROW("connections", U64, connections, IN_FLOW(record.connections)),
	COUNTER("packets_to", WEIR_ROW_PACKETS, packets, 0),
	COUNTER("packets_back", WEIR_ROW_PACKETS_BACK, packets, 1),
	COUNTER("bytes_to", WEIR_ROW_BYTES, bytes, 0),
	COUNTER("bytes_back", WEIR_ROW_BYTES_BACK, bytes, 1),
	{ .name = "cluster", .kind = WEIR_CH_TEXT, .of = WEIR_CH_OF_CLUSTER,
	  .from = offsetof(struct weir_reporter, cluster), .to = IN_FLOW(cluster) },
	ORIGIN("egress_reporter", WEIR_EGRESS, node, IN_FLOW(nodes[WEIR_EGRESS])),
	ORIGIN("ingress_reporter", WEIR_INGRESS, node, IN_FLOW(nodes[WEIR_INGRESS])),
	ORIGIN("egress_boot", WEIR_EGRESS, boot, WEIR_CH_NOWHERE),
	ORIGIN("ingress_boot", WEIR_INGRESS, boot, WEIR_CH_NOWHERE),
	ROW("egress_seq", U64, seq[WEIR_EGRESS], IN_FLOW(record.seq)),
	{ .name = "ingress_seq", .kind = WEIR_CH_U64, .of = WEIR_CH_OF_ROW,
	  .from = offsetof(struct weir_row, seq[WEIR_INGRESS]), .to = IN_FLOW(record.seq), .second = 1 },
	ENDS("from_", 0, src),
	ENDS("to_", 1, dst),
	SIDES("egress_", WEIR_EGRESS, egress),
	SIDES("ingress_", WEIR_INGRESS, ingress),
	SIDES("staged_egress_", 2 + WEIR_EGRESS, staged_egress),
	SIDES("staged_ingress_", 2 + WEIR_INGRESS, staged_ingress),
	{ .name = "ranges.low", .kind = WEIR_CH_NUMBERS, .of = WEIR_CH_OF_MARK,
	  .from = offsetof(struct weir_range, from), .to = WEIR_CH_NOWHERE },
	{ .name = "ranges.high", .kind = WEIR_CH_NUMBERS, .of = WEIR_CH_OF_MARK,
	  .from = offsetof(struct weir_range, to), .to = WEIR_CH_NOWHERE },
};
/* clang-format on */
const size_t weir_ch_n_columns = WEIR_ARRAY_SIZE(weir_ch_columns);
