/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of named ports, shared by the pods that have the same. */
#include "policy/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t hash_ports(const struct weir_named_port *ports, uint32_t n)
{
	uint32_t h = n;

	for (uint32_t i = 0; i < n; i++) {
		h = weir_hash_pointer(h, ports[i].name);
		h = weir_hash_add(h, (uint64_t)ports[i].protocol << 16 | ports[i].port);
	}
	return h;
}

static bool portset_is(const void *item, const void *key)
{
	const struct portset *p = item;
	const struct weir_workload *w = key;

	if (p->n != w->n_ports)
		return false;
	for (uint32_t i = 0; i < p->n; i++) {
		const struct weir_named_port *a = &p->ports[i], *b = &w->ports[i];

		if (a->name != b->name || a->port != b->port || a->protocol != b->protocol)
			return false;
	}
	return true;
}

struct portset *weir_portset_find(const struct weir_compiler *c, const struct weir_pod *pod)
{
	const struct weir_workload *w = pod->workload;

	return w && w->n_ports
		       ? weir_table_find(&c->portsets, hash_ports(w->ports, (uint32_t)w->n_ports),
					 portset_is, w)
		       : NULL;
}

/* *ret is NULL for a pod without named ports. */
int weir_portset_get(struct weir_compiler *c, const struct weir_pod *pod, struct portset **ret)
{
	const struct weir_workload *w = pod->workload;
	struct portset *p;
	uint32_t hash;

	*ret = NULL;
	if (!w || !w->n_ports)
		return 0;
	hash = hash_ports(w->ports, (uint32_t)w->n_ports);
	p = weir_table_find(&c->portsets, hash, portset_is, w);
	if (!p) {
		p = calloc(1, sizeof(*p) + w->n_ports * sizeof(*p->ports));
		if (!p || weir_table_add(&c->portsets, hash, p) < 0) {
			free(p);
			return -ENOMEM;
		}
		p->hash = hash;
		p->n = (uint32_t)w->n_ports;
		memcpy(p->ports, w->ports, p->n * sizeof(*p->ports));
	}
	p->refs++;
	*ret = p;
	return 0;
}

struct portset *weir_portset_ref(struct portset *p)
{
	if (p)
		p->refs++;
	return p;
}

void weir_portset_put(struct weir_compiler *c, struct portset *p)
{
	if (!p || --p->refs)
		return;
	weir_table_remove(&c->portsets, p->hash, p);
	free(p);
}
