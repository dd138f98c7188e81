/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints that the source does not know yet: nothing passes, in or out. They
 * have a label that no manifest can have, and a policy of our own, before all
 * others, denies what has it. The compiler knows nothing of this.
 */
#include <errno.h>

#include "daemon/cluster/internal.h"
#include "weir/cleanup.h"

#define KEY   "weir.dev/unknown"
#define VALUE "not known to the source yet" /* spaces: not the value of any manifest's label */

static const char *const reason = "the source does not know this pod yet";

static void deny_all(struct weir_rule *rule, enum weir_direction direction, const char *name)
{
	*rule = (struct weir_rule){
		.name = name,
		.direction = (uint8_t)direction,
		.action = WEIR_DENY,
		.any_peer = true,
		.any_port = true,
	};
}

static int make_policy(struct weir_pool *pool, struct weir_policy **ret)
{
	const char *value = weir_pool_string(pool, VALUE);
	struct weir_requirement unknown = {
		.key = weir_pool_string(pool, KEY),
		.values = &value,
		.n_values = 1,
		.op = WEIR_IN,
	};
	struct weir_rule rules[WEIR_DIRECTION_MAX];
	struct weir_policy loose = {
		.kind = weir_pool_string(pool, "weir"),
		.name = weir_pool_string(pool, "unknown-pod"),
		.tier = WEIR_TIER_ADMIN,
		.priority = INT32_MIN,
		.pods = { .n = 1, .requirements = &unknown },
		.n_rules = { 1, 1 },
		.rules = { &rules[WEIR_INGRESS], &rules[WEIR_EGRESS] },
	};
	bool complete = loose.kind && loose.name && unknown.key && value;

	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		deny_all(&rules[d], (enum weir_direction)d, weir_pool_string(pool, reason));
		complete &= rules[d].name != NULL;
	}
	return complete ? weir_policy_pack(&loose, ret) : -ENOMEM;
}

int weir_cluster_isolation(struct weir_cluster *c, const struct weir_labels **ret)
{
	const struct weir_label_input label = { KEY, VALUE };
	int r = 0;

	if (!c->isolated)
		c->isolated = weir_pool_labels(c->pool, &label, 1);
	if (!c->isolated)
		return -ENOMEM;
	if (!c->isolation) {
		r = make_policy(c->pool, &c->isolation);
		if (r == 0)
			r = weir_cluster_lend(c, WEIR_OBJECT_POLICY, c->isolation);
		if (r < 0)
			weir_policy_free(c->pool, &c->isolation);
	}
	*ret = c->isolated;
	return r;
}

void weir_cluster_free_isolation(struct weir_cluster *c)
{
	weir_policy_free(c->pool, &c->isolation);
	weir_pool_put_labels(c->pool, c->isolated);
}
