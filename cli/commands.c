/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands. Each is a file cmd-NAME.c. */
#include "cli/records.h"
#include "cli/weirctl.h"

#define HUB_OPTIONS                                                                                \
	(WEIRCTL_BIT(WEIRCTL_HUB) | WEIRCTL_BIT(WEIRCTL_TOKEN) | WEIRCTL_BIT(WEIRCTL_CA))

#define FLOW_OPTIONS                                                                               \
	(WEIRCTL_BIT(WEIRCTL_FOLLOW) | WEIRCTL_BIT(WEIRCTL_NAMESPACE) | WEIRCTL_BIT(WEIRCTL_POD) | \
	 WEIRCTL_BIT(WEIRCTL_VERDICT) | WEIRCTL_BIT(WEIRCTL_SINCE) | WEIRCTL_BIT(WEIRCTL_LAST) |   \
	 HUB_OPTIONS | WEIRCTL_BIT(WEIRCTL_CLUSTER) | WEIRCTL_BIT(WEIRCTL_WHERE))

#define MAP_OPTIONS (FLOW_OPTIONS & ~WEIRCTL_BIT(WEIRCTL_FOLLOW))
#define TOP_OPTIONS (MAP_OPTIONS | WEIRCTL_BIT(WEIRCTL_BY) | WEIRCTL_BIT(WEIRCTL_MEASURE))

#define NODE_OPTIONS                                                                               \
	(HUB_OPTIONS | WEIRCTL_BIT(WEIRCTL_CLUSTER) | WEIRCTL_BIT(WEIRCTL_NODE) |                  \
	 WEIRCTL_BIT(WEIRCTL_FOR) | WEIRCTL_BIT(WEIRCTL_USES))

#define EXPLAIN_OPTIONS                                                                            \
	(WEIRCTL_BIT(WEIRCTL_FROM) | WEIRCTL_BIT(WEIRCTL_TO) | WEIRCTL_BIT(WEIRCTL_PORT))

#define SIMULATE_OPTIONS (WEIRCTL_BIT(WEIRCTL_WITHOUT) | WEIRCTL_RECORDS_OPTIONS)

#define CHAIN_OPTIONS                                                                              \
	(WEIRCTL_BIT(WEIRCTL_DIR) | WEIRCTL_BIT(WEIRCTL_PLUGIN) | WEIRCTL_BIT(WEIRCTL_BIN_DIR) |   \
	 WEIRCTL_BIT(WEIRCTL_ON_UNAVAILABLE) | WEIRCTL_BIT(WEIRCTL_TIMEOUT))

/* clang-format off */
const struct weirctl_command weirctl_commands[] = {
	{ "status", "is the node in sync, what does it enforce, what was lost", NULL, NULL,
	  0, weirctl_status },
	{ "endpoints", "pods of this node, and whether policy is enforced on them", NULL, NULL,
	  WEIRCTL_BIT(WEIRCTL_NAMESPACE) | WEIRCTL_BIT(WEIRCTL_UNMANAGED), weirctl_endpoints },
	{ "policies", "policies, how many local pods each selects, and what was refused", NULL, NULL,
	  WEIRCTL_BIT(WEIRCTL_NAMESPACE) | WEIRCTL_BIT(WEIRCTL_STAGED), weirctl_policies },
	{ "identities", "the numbers that stand for labels and prefixes", NULL, NULL,
	  WEIRCTL_BIT(WEIRCTL_NAMESPACE), weirctl_identities },
	{ "names", "what the names in policies stand for, and for how long", NULL, NULL,
	  0, weirctl_names },
	{ "flows", "connections, allowed and denied, and why; -f follows them live", NULL, NULL,
	  FLOW_OPTIONS, weirctl_flows },
	{ "top", "who talks most: sums of the hub's flows by any dimensions", NULL, NULL,
	  TOP_OPTIONS, weirctl_top },
	{ "map", "who talks to whom, as the hub has seen it", NULL, NULL, MAP_OPTIONS, weirctl_map },
	{ "hub", "the hub's nodes: list them, enrol one, revoke one", "enrol|nodes|revoke", NULL,
	  NODE_OPTIONS, weirctl_hub },
	{ "explain", "would this connection be allowed, and which rule decides", NULL, NULL,
	  EXPLAIN_OPTIONS, weirctl_explain },
	{ "simulate", "what would change with the policies of these files or folders", NULL,
	  "FILE...", SIMULATE_OPTIONS, weirctl_simulate },
	{ "propose", "NetworkPolicies that allow what was seen in a namespace, nothing else", NULL,
	  NULL, WEIRCTL_BIT(WEIRCTL_NAMESPACE) | WEIRCTL_RECORDS_OPTIONS, weirctl_propose },
	{ "wait", "until every change made before is in force in the kernel", NULL, NULL,
	  WEIRCTL_BIT(WEIRCTL_TIMEOUT), weirctl_wait },
	{ "chain", "weir in the CNI chain of this node", "install|remove|status", NULL,
	  CHAIN_OPTIONS, weirctl_chain },
	{ "doctor", "is this node fit for weir, which backend is right, what to do", NULL, NULL,
	  WEIRCTL_BIT(WEIRCTL_ROOT), weirctl_doctor },
	{ "dump", "what the kernel holds, as the backend reads it", NULL, NULL,
	  0, weirctl_dump },
	{ NULL, NULL, NULL, NULL, 0, NULL },
};
/* clang-format on */
