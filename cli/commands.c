/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands. Each is a file cmd-NAME.c. */
#include "cli/weirctl.h"

#define FLOW_OPTIONS                                                                               \
	(WEIRCTL_BIT(WEIRCTL_FOLLOW) | WEIRCTL_BIT(WEIRCTL_NAMESPACE) | WEIRCTL_BIT(WEIRCTL_POD) | \
	 WEIRCTL_BIT(WEIRCTL_VERDICT) | WEIRCTL_BIT(WEIRCTL_SINCE) | WEIRCTL_BIT(WEIRCTL_LAST))

#define EXPLAIN_OPTIONS                                                                            \
	(WEIRCTL_BIT(WEIRCTL_FROM) | WEIRCTL_BIT(WEIRCTL_TO) | WEIRCTL_BIT(WEIRCTL_PORT))

/* clang-format off */
const struct weirctl_command weirctl_commands[] = {
	{ "status", "is the node in sync, what does it enforce, what was lost",
	  0, weirctl_status },
	{ "endpoints", "pods of this node, and whether policy is enforced on them",
	  WEIRCTL_BIT(WEIRCTL_NAMESPACE), weirctl_endpoints },
	{ "policies", "policies, how many local pods each selects, and what was refused",
	  WEIRCTL_BIT(WEIRCTL_NAMESPACE), weirctl_policies },
	{ "identities", "the numbers that stand for labels and prefixes",
	  WEIRCTL_BIT(WEIRCTL_NAMESPACE), weirctl_identities },
	{ "flows", "connections, allowed and denied, and why; -f follows them live",
	  FLOW_OPTIONS, weirctl_flows },
	{ "explain", "would this connection be allowed, and which rule decides",
	  EXPLAIN_OPTIONS, weirctl_explain },
	{ "wait", "until every change made before is in force in the kernel",
	  WEIRCTL_BIT(WEIRCTL_TIMEOUT), weirctl_wait },
	{ "dump", "what the kernel holds, as the backend reads it",
	  0, weirctl_dump },
	{ NULL, NULL, 0, NULL },
};
/* clang-format on */
