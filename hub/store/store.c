/* SPDX-License-Identifier: Apache-2.0 */
/* The list of stores, and the names of dimensions and measures. */
#include "hub/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hub/store/clickhouse/clickhouse.h"
#include "hub/store/sqlite/sqlite.h"
#include "weir/cleanup.h"

const struct weir_store_ops *const weir_stores[] = { &weir_store_sqlite, &weir_store_clickhouse,
						     NULL };

static const char *const dimensions[] = {
	[WEIR_DIM_TIME] = "time",
	[WEIR_DIM_CLUSTER] = "cluster",
	[WEIR_DIM_NODE] = "node",
	[WEIR_DIM_FROM_NAMESPACE] = "from.namespace",
	[WEIR_DIM_TO_NAMESPACE] = "to.namespace",
	[WEIR_DIM_FROM_WORKLOAD] = "from.workload",
	[WEIR_DIM_TO_WORKLOAD] = "to.workload",
	[WEIR_DIM_FROM_POD] = "from.pod",
	[WEIR_DIM_TO_POD] = "to.pod",
	[WEIR_DIM_FROM_ADDRESS] = "from.address",
	[WEIR_DIM_TO_ADDRESS] = "to.address",
	[WEIR_DIM_PORT] = "port",
	[WEIR_DIM_PROTOCOL] = "protocol",
	[WEIR_DIM_VERDICT] = "verdict",
	[WEIR_DIM_REASON] = "reason",
	[WEIR_DIM_POLICY] = "policy",
};
_Static_assert(WEIR_ARRAY_SIZE(dimensions) == WEIR_DIM_MAX, "a name for each dimension");

static const char *const measures[] = {
	[WEIR_SUM_CONNECTIONS] = "connections", [WEIR_SUM_DENIED] = "denied",
	[WEIR_SUM_PACKETS] = "packets",		[WEIR_SUM_BYTES] = "bytes",
	[WEIR_SUM_BYTES_TO] = "bytesTo",	[WEIR_SUM_BYTES_BACK] = "bytesBack",
};
_Static_assert(WEIR_ARRAY_SIZE(measures) == WEIR_SUM_MAX, "a name for each measure");

static unsigned position(const char *const *names, unsigned n, const char *name)
{
	unsigned i = 0;

	while (i < n && strcmp(names[i], name))
		i++;
	return i;
}

const char *weir_dimension_name(enum weir_dimension d)
{
	return dimensions[d];
}

enum weir_dimension weir_dimension_of(const char *name)
{
	return (enum weir_dimension)position(dimensions, WEIR_DIM_MAX, name);
}

const char *weir_measure_name(enum weir_measure m)
{
	return measures[m];
}

enum weir_measure weir_measure_of(const char *name)
{
	return (enum weir_measure)position(measures, WEIR_SUM_MAX, name);
}

int weir_store_open(const struct weir_store_config *config, struct weir_store **ret,
		    struct weir_error *err)
{
	char list[128] = "";

	for (size_t i = 0; weir_stores[i]; i++) {
		if (strcmp(weir_stores[i]->name, config->type) == 0) {
			int r = weir_stores[i]->open(config, ret, err);

			return r < 0 ? weir_error_prefix(err, r, "store %s", config->type) : 0;
		}
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "",
			 weir_stores[i]->name);
	}
	return weir_error_set(err, EINVAL, "store.type: \"%s\" is none of: %s", config->type, list);
}

void weir_store_close(struct weir_store **store)
{
	struct weir_store *s = weir_take(*store);

	if (s)
		s->ops->close(s);
}
