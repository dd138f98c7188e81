/* SPDX-License-Identifier: Apache-2.0 */
/* What replicas have in common is kept once: their workload and named ports. */
#include <errno.h>
#include <stdlib.h>

#include "weir/cleanup.h"
#include "weir/object.h"

static void put_words(struct weir_pool *pool, const void *block)
{
	const struct weir_workload *w = block;

	weir_pool_put_string(pool, w->kind);
	weir_pool_put_string(pool, w->name);
	for (size_t i = 0; i < w->n_ports; i++)
		weir_pool_put_string(pool, w->ports[i].name);
}

int weir_workload_get(struct weir_pool *pool, const char *kind, const char *name,
		      const struct weir_named_port *ports, size_t n_ports,
		      const struct weir_workload **ret)
{
	WEIR_AUTO_FREE struct weir_workload *loose = NULL;
	size_t len = sizeof(*loose) + n_ports * sizeof(*ports);
	bool is_new;

	*ret = NULL;
	if (!kind && !n_ports)
		return 0;
	loose = calloc(1, len); /* also the padding */
	if (!loose)
		return -ENOMEM;
	loose->kind = kind;
	loose->name = name;
	loose->n_ports = n_ports;
	for (size_t i = 0; i < n_ports; i++) {
		loose->ports[i].name = ports[i].name;
		loose->ports[i].port = ports[i].port;
		loose->ports[i].protocol = ports[i].protocol;
	}
	*ret = weir_pool_block(pool, loose, len, &is_new);
	if (*ret && !is_new)
		put_words(pool, loose); /* there already, with words of its own */
	return *ret ? 0 : -ENOMEM;
}

void weir_workload_put(struct weir_pool *pool, const struct weir_workload *workload)
{
	weir_pool_put_block(pool, workload, put_words);
}
