/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the cluster, from flow records, explain and the CLI. */
#include "daemon/cluster/internal.h"

static void *find(const struct weir_cluster *c, enum weir_object_kind kind, const char *ns,
		  const char *name)
{
	struct weir_name key;

	return weir_cluster_name(c, NULL, ns, name, &key)
		       ? weir_registry_find(&c->tables[kind], key)
		       : NULL;
}

const struct weir_pod *weir_cluster_pod(const struct weir_cluster *c, const char *ns,
					const char *name)
{
	const struct weir_pod *manifest = find(c, WEIR_OBJECT_POD, ns, name);
	const struct weir_local *local = NULL;
	struct weir_name key;

	if (manifest)
		local = weir_cluster_stand_in(c, manifest);
	else if (weir_cluster_name(c, NULL, ns, name, &key))
		local = weir_cluster_local(c, key);
	return local ? local->pod : manifest;
}

const struct weir_pod *weir_cluster_local_pod(const struct weir_cluster *c, const char *ns,
					      const char *name, const struct weir_uid *uid)
{
	const struct weir_local *local = NULL;
	struct weir_name key;

	if (weir_cluster_name(c, NULL, ns, name, &key))
		local = weir_cluster_local(c, key);
	while (local && !weir_uid_equal(&local->uid, uid))
		local = local->next;
	return local ? local->pod : NULL;
}

bool weir_cluster_was_known(const struct weir_cluster *c, const struct weir_pod *endpoint)
{
	struct weir_name key = { endpoint->name, endpoint->namespace_, NULL };
	const struct weir_local *local = weir_cluster_local(c, key);

	while (local && local->pod != endpoint)
		local = local->next;
	return local && local->known;
}

bool weir_cluster_knows(const struct weir_cluster *c, const char *ns, const char *name,
			const struct weir_uid *uid)
{
	const struct weir_pod *manifest = find(c, WEIR_OBJECT_POD, ns, name);

	return manifest && weir_uid_fits(uid, &manifest->uid);
}

const struct weir_policy *weir_cluster_policy(const struct weir_cluster *c, const char *kind,
					      const char *ns, const char *name)
{
	struct weir_name key;

	return weir_cluster_name(c, kind, ns, name, &key)
		       ? weir_registry_find(&c->tables[WEIR_OBJECT_POLICY], key)
		       : NULL;
}

const struct weir_pod *weir_cluster_pod_by_addr(const struct weir_cluster *c,
						const struct weir_addr *addr)
{
	return weir_compiler_pod_at(c->compiler, addr);
}

const struct weir_node *weir_cluster_node(const struct weir_cluster *c, const char *name)
{
	return find(c, WEIR_OBJECT_NODE, NULL, name);
}

const struct weir_node *weir_cluster_node_by_addr(const struct weir_cluster *c,
						  const struct weir_addr *addr)
{
	return weir_addresses_find(&c->nodes_by_addr, addr, NULL, NULL);
}

struct wanted_port {
	uint8_t protocol;
	uint16_t port;
};

static bool has_port(const void *owner, void *data)
{
	const struct weir_service *service = owner;
	const struct wanted_port *want = data;

	for (uint16_t i = 0; i < service->n_ports; i++) {
		if (service->ports[i].protocol == want->protocol &&
		    service->ports[i].port == want->port)
			return true;
	}
	return false;
}

const struct weir_service *weir_cluster_service(const struct weir_cluster *c, const char *ns,
						const char *name)
{
	return find(c, WEIR_OBJECT_SERVICE, ns, name);
}

const struct weir_service *weir_cluster_service_by_addr(const struct weir_cluster *c,
							const struct weir_addr *addr,
							uint8_t protocol, uint16_t port)
{
	struct wanted_port want = { protocol, port };

	return weir_addresses_find(&c->services_by_addr, addr, has_port, &want);
}

const struct weir_namespace *weir_cluster_namespace(const struct weir_cluster *c, const char *name)
{
	return find(c, WEIR_OBJECT_NAMESPACE, NULL, name);
}

int weir_cluster_each_namespace(const struct weir_cluster *c,
				int (*fn)(void *data, const struct weir_namespace *ns), void *data)
{
	const struct weir_namespace *ns;
	int r = 0;

	for (size_t i = 0;
	     r == 0 && (ns = weir_registry_next(&c->tables[WEIR_OBJECT_NAMESPACE], &i));)
		r = fn(data, ns);
	return r;
}

int weir_cluster_each_node(const struct weir_cluster *c,
			   int (*fn)(void *data, const struct weir_node *node), void *data)
{
	const struct weir_node *node;
	int r = 0;

	for (size_t i = 0; r == 0 && (node = weir_registry_next(&c->tables[WEIR_OBJECT_NODE], &i));)
		r = fn(data, node);
	return r;
}

int weir_cluster_each_domain(const struct weir_cluster *c,
			     int (*fn)(void *data, const struct weir_domain *domain), void *data)
{
	const struct weir_domain *domain;
	int r = 0;

	for (size_t i = 0;
	     r == 0 && (domain = weir_registry_next(&c->tables[WEIR_OBJECT_DOMAIN], &i));)
		r = fn(data, domain);
	return r;
}

int weir_cluster_each_policy(const struct weir_cluster *c,
			     int (*fn)(void *data, const struct weir_policy *p), void *data)
{
	const struct weir_policy *policy;
	int r = 0;

	for (size_t i = 0;
	     r == 0 && (policy = weir_registry_next(&c->tables[WEIR_OBJECT_POLICY], &i));)
		r = fn(data, policy);
	return r;
}

int weir_cluster_each_pod(const struct weir_cluster *c,
			  int (*fn)(void *data, const struct weir_pod *p), void *data)
{
	const struct weir_local *local;
	const struct weir_pod *pod;
	int r = 0;

	for (size_t i = 0; r == 0 && (local = weir_registry_next(&c->locals, &i));) {
		for (; r == 0 && local; local = local->next)
			r = local->pod ? fn(data, local->pod) : 0;
	}
	for (size_t i = 0; r == 0 && (pod = weir_registry_next(&c->tables[WEIR_OBJECT_POD], &i));) {
		if (!weir_cluster_stand_in(c, pod))
			r = fn(data, pod);
	}
	return r;
}

void weir_cluster_counts(const struct weir_cluster *c, struct weir_cluster_counts *ret)
{
	ret->namespaces = (uint32_t)c->tables[WEIR_OBJECT_NAMESPACE].n;
	ret->pods = (uint32_t)c->tables[WEIR_OBJECT_POD].n;
	ret->nodes = (uint32_t)c->tables[WEIR_OBJECT_NODE].n;
	ret->services = (uint32_t)c->tables[WEIR_OBJECT_SERVICE].n;
	ret->policies = (uint32_t)c->tables[WEIR_OBJECT_POLICY].n;
}
