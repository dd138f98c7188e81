/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps world.guards: called by each run of the reconciler. */
#include "daemon/reconcile/guards.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/cluster/cluster.h"

static bool same(const struct weir_world *world, const struct weir_prefix *items, size_t n)
{
	if (n != world->n_guards)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (weir_prefix_compare(&items[i], &world->guards[i]))
			return false;
	}
	return true;
}

bool weir_guards_update(struct weir_world *world, const struct weir_config_prefixes *configured)
{
	const struct weir_node *node = weir_cluster_node(world->cluster, world->node);
	const struct weir_prefix *items = configured->items;
	size_t n = configured->n;
	struct weir_prefix *copy;

	if (!n && node) {
		items = node->pod_cidrs;
		n = node->n_pod_cidrs;
	}
	if (same(world, items, n))
		return false;
	copy = calloc(n + 1, sizeof(*copy));
	if (!copy)
		return false; /* the next run tries again: they still differ */
	if (n)
		memcpy(copy, items, n * sizeof(*copy));
	free(world->guards);
	world->guards = copy;
	world->n_guards = n;
	return true;
}
