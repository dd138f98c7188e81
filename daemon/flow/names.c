/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interned names of connection ends. They hold references to the pool's
 * strings, so that a record can name a pod that is no more. Called by
 * annotate.c.
 */
#include "daemon/flow/names.h"

#include <stdlib.h>

static void ref_key(const struct weir_flow_name_key *key)
{
	weir_string_ref(key->namespace_);
	weir_string_ref(key->pod);
	weir_string_ref(key->workload_kind);
	weir_string_ref(key->workload);
	weir_string_ref(key->node);
	if (key->labels)
		weir_labels_ref(key->labels);
}

static void put_key(struct weir_pool *pool, const struct weir_flow_name_key *key)
{
	weir_pool_put_string(pool, key->namespace_);
	weir_pool_put_string(pool, key->pod);
	weir_pool_put_string(pool, key->workload_kind);
	weir_pool_put_string(pool, key->workload);
	weir_pool_put_string(pool, key->node);
	if (key->labels)
		weir_pool_put_labels(pool, key->labels);
}

static struct weir_flow_name *make(struct weir_flow_name **table,
				   const struct weir_flow_name_key *key)
{
	uint16_t n = key->labels ? (uint16_t)key->labels->n : 0;
	struct weir_flow_name *name = calloc(1, sizeof(*name) + n * sizeof(name->labels[0]));

	if (!name)
		return NULL;
	name->key = *key;
	name->n_labels = n;
	for (uint16_t i = 0; i < n; i++)
		name->labels[i] = (struct weir_record_label){ key->labels->items[i].key,
							      key->labels->items[i].value };
	ref_key(key);
	HASH_ADD(hh, *table, key, sizeof(name->key), name);
	return name;
}

struct weir_flow_name *weir_flow_name_get(struct weir_flow_name **table, const struct weir_pod *pod,
					  const struct weir_node *node)
{
	struct weir_flow_name_key key = { 0 };
	struct weir_flow_name *name;

	if (pod)
		key = (struct weir_flow_name_key){ pod->namespace_,
						   pod->name,
						   pod->workload ? pod->workload->kind : NULL,
						   pod->workload ? pod->workload->name : NULL,
						   pod->node,
						   pod->labels };
	else if (node)
		key.node = node->name;
	else
		return NULL;
	HASH_FIND(hh, *table, &key, sizeof(key), name);
	if (!name)
		name = make(table, &key);
	if (name)
		name->refs++;
	return name;
}

void weir_flow_name_put(struct weir_flow_name **table, struct weir_pool *pool,
			struct weir_flow_name *name)
{
	if (!name || --name->refs)
		return;
	HASH_DEL(*table, name);
	put_key(pool, &name->key);
	free(name);
}

void weir_flow_name_fill(const struct weir_flow_name *name, struct weir_record_peer *peer)
{
	if (!name)
		return;
	peer->namespace_ = name->key.namespace_;
	peer->pod = name->key.pod;
	peer->workload_kind = name->key.workload_kind;
	peer->workload = name->key.workload;
	peer->node = name->key.node;
	peer->n_labels = name->n_labels;
	peer->labels = name->labels;
}
