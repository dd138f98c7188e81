/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that are not enforced as they are written, in words: for whoever lists
 * or reads policies. */
#include <stdio.h>

#include "weir/policy.h"

bool weir_rule_warning(const struct weir_rule *rule, char *buf, size_t size)
{
	const char *what;

	if (!rule->closed)
		return false;
	what = rule->action == WEIR_ACCEPT
		       ? "has a peer or protocol that is not known here: it matches nothing"
		       : "has a peer or protocol that is not known here: it denies everything";
	snprintf(buf, size, "%s[%u]%s%s%s %s", weir_direction_name(rule->direction), rule->index,
		 rule->name ? " (" : "", rule->name ? rule->name : "", rule->name ? ")" : "", what);
	return true;
}

bool weir_policy_warning(const struct weir_policy *policy, char *buf, size_t size)
{
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		for (unsigned i = 0; i < policy->n_rules[d]; i++) {
			if (weir_rule_warning(&policy->rules[d][i], buf, size))
				return true;
		}
	}
	return false;
}
