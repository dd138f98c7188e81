/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects come and go: each is in the table of its kind, lent to the compiler
 * where that needs it, and in the address index. What is replaced or removed
 * stays alive until the compiler has let go of it (weir_cluster_reap).
 * Called by the sources; pods of this node are in local.c, look-ups in lookup.c.
 */
#include "daemon/cluster/internal.h"

#include <errno.h>
#include <stdlib.h>

#include "weir/cleanup.h"

static struct weir_name namespace_key(const void *item)
{
	return (struct weir_name){ ((const struct weir_namespace *)item)->name, NULL, NULL };
}

static struct weir_name pod_key(const void *item)
{
	const struct weir_pod *pod = item;

	return (struct weir_name){ pod->name, pod->namespace_, NULL };
}

static struct weir_name node_key(const void *item)
{
	return (struct weir_name){ ((const struct weir_node *)item)->name, NULL, NULL };
}

static struct weir_name service_key(const void *item)
{
	const struct weir_service *service = item;

	return (struct weir_name){ service->name, service->namespace_, NULL };
}

static struct weir_name policy_key(const void *item)
{
	const struct weir_policy *policy = item;

	return (struct weir_name){ policy->name, policy->namespace_, policy->kind };
}

static struct weir_name domain_key(const void *item)
{
	return (struct weir_name){ ((const struct weir_domain *)item)->name, NULL, NULL };
}

static struct weir_name local_key(const void *item)
{
	const struct weir_local *local = item;

	return (struct weir_name){ local->name, local->namespace_, NULL };
}

bool weir_cluster_name(const struct weir_cluster *c, const char *kind, const char *ns,
		       const char *name, struct weir_name *ret)
{
	ret->a = weir_pool_find(c->pool, name);
	ret->b = ns ? weir_pool_find(c->pool, ns) : NULL;
	ret->c = kind ? weir_pool_find(c->pool, kind) : NULL;
	return ret->a && !ns == !ret->b && !kind == !ret->c;
}

/* --- the graveyard ---------------------------------------------------------- */

static void free_object(struct weir_cluster *c, enum weir_object_kind kind, void *object)
{
	switch (kind) {
	case WEIR_OBJECT_NAMESPACE:
		weir_namespace_free(c->pool, (struct weir_namespace **)&object);
		break;
	case WEIR_OBJECT_POD:
		weir_pod_free(c->pool, (struct weir_pod **)&object);
		break;
	case WEIR_OBJECT_NODE:
		weir_node_free(c->pool, (struct weir_node **)&object);
		break;
	case WEIR_OBJECT_SERVICE:
		weir_service_free(c->pool, (struct weir_service **)&object);
		break;
	case WEIR_OBJECT_POLICY:
		weir_policy_free(c->pool, (struct weir_policy **)&object);
		break;
	case WEIR_OBJECT_DOMAIN:
		weir_domain_free(c->pool, (struct weir_domain **)&object);
		break;
	case WEIR_OBJECT_MAX:
		break;
	}
}

void weir_cluster_bury(struct weir_cluster *c, enum weir_object_kind kind, void *object)
{
	if (!object)
		return;
	if (c->n_graves == c->size_graves) {
		size_t size = c->size_graves ? c->size_graves * 2 : 64;
		struct weir_grave *graves = reallocarray(c->graves, size, sizeof(*graves));

		if (!graves)
			return; /* leaked: to free it now could be a use after free */
		c->graves = graves;
		c->size_graves = size;
	}
	c->graves[c->n_graves++] = (struct weir_grave){ kind, object };
}

void weir_cluster_reap(struct weir_cluster *c)
{
	while (c->n_graves) {
		struct weir_grave *g = &c->graves[--c->n_graves];

		free_object(c, g->kind, g->object);
	}
	free(weir_take(c->graves));
	c->size_graves = 0;
}

/* --- life ------------------------------------------------------------------- */

int weir_cluster_new(struct weir_pool *pool, struct weir_compiler *compiler,
		     struct weir_cluster **ret)
{
	struct weir_cluster *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->pool = pool;
	c->compiler = compiler;
	c->tables[WEIR_OBJECT_NAMESPACE].key = namespace_key;
	c->tables[WEIR_OBJECT_POD].key = pod_key;
	c->tables[WEIR_OBJECT_NODE].key = node_key;
	c->tables[WEIR_OBJECT_SERVICE].key = service_key;
	c->tables[WEIR_OBJECT_POLICY].key = policy_key;
	c->tables[WEIR_OBJECT_DOMAIN].key = domain_key;
	c->locals.key = local_key;
	*ret = c;
	return 0;
}

int weir_cluster_set_node_name(struct weir_cluster *c, const char *node)
{
	weir_pool_put_string(c->pool, c->node);
	c->node = node ? weir_pool_string(c->pool, node) : NULL;
	return node && !c->node ? -ENOMEM : 0;
}

static void free_locals(struct weir_cluster *c, struct weir_local *local)
{
	while (local) {
		struct weir_local *next = local->next;

		free_object(c, WEIR_OBJECT_POD, local->pod);
		weir_pool_put_string(c->pool, local->namespace_);
		weir_pool_put_string(c->pool, local->name);
		free(local);
		local = next;
	}
}

/* The compiler that borrowed the objects must be gone, or is not used again. */
void weir_cluster_free(struct weir_cluster **cluster)
{
	struct weir_cluster *c = weir_take(*cluster);
	struct weir_local *local;
	void *object;

	if (!c)
		return;
	weir_compiler_free(&c->staged);
	weir_cluster_reap(c);
	for (int kind = 0; kind < WEIR_OBJECT_MAX; kind++) {
		for (size_t i = 0; (object = weir_registry_next(&c->tables[kind], &i));)
			free_object(c, (enum weir_object_kind)kind, object);
		weir_registry_clear(&c->tables[kind]);
	}
	for (size_t i = 0; (local = weir_registry_next(&c->locals, &i));)
		free_locals(c, local);
	weir_registry_clear(&c->locals);
	weir_addresses_clear(&c->nodes_by_addr);
	weir_addresses_clear(&c->services_by_addr);
	weir_cluster_free_isolation(c);
	weir_pool_put_string(c->pool, c->node);
	free(c);
}

/* Into the table of its kind; what it replaces goes to *ret_old. 1: in force
 * now; 0: it says nothing new. Unless it is taken over it is freed: it was ours
 * from the start. */
static int put(struct weir_cluster *c, enum weir_object_kind kind, void *object, void **ret_old)
{
	const void *known = weir_registry_find(&c->tables[kind], c->tables[kind].key(object));
	int r;

	if (known && weir_cluster_same(kind, known, object)) {
		free_object(c, kind, object);
		return 0;
	}
	r = weir_registry_put(&c->tables[kind], object, ret_old);
	if (r < 0) {
		free_object(c, kind, object);
		return r;
	}
	c->changes++;
	c->changes_of[kind]++;
	return 1;
}

static void *take(struct weir_cluster *c, enum weir_object_kind kind, const char *policy_kind,
		  const char *ns, const char *name)
{
	struct weir_name key;
	void *object;

	if (!weir_cluster_name(c, policy_kind, ns, name, &key))
		return NULL;
	object = weir_registry_take(&c->tables[kind], key);
	c->changes += object != NULL;
	c->changes_of[kind] += object != NULL;
	return object;
}

/* --- namespaces, policies, domains: the compiler's ------------------------------------ */

int weir_cluster_set_namespace(struct weir_cluster *c, struct weir_namespace *ns)
{
	void *old;
	int r = put(c, WEIR_OBJECT_NAMESPACE, ns, &old);

	if (r <= 0)
		return r;
	weir_cluster_take_back(c, WEIR_OBJECT_NAMESPACE, old);
	weir_cluster_bury(c, WEIR_OBJECT_NAMESPACE, old);
	return weir_cluster_lend(c, WEIR_OBJECT_NAMESPACE, ns);
}

void weir_cluster_remove_namespace(struct weir_cluster *c, const char *name)
{
	struct weir_namespace *ns = take(c, WEIR_OBJECT_NAMESPACE, NULL, NULL, name);

	weir_cluster_take_back(c, WEIR_OBJECT_NAMESPACE, ns);
	weir_cluster_bury(c, WEIR_OBJECT_NAMESPACE, ns);
}

static bool is_staged(const struct weir_policy *policy)
{
	return policy && policy->staged;
}

int weir_cluster_set_policy(struct weir_cluster *c, struct weir_policy *policy)
{
	void *old;
	int r = put(c, WEIR_OBJECT_POLICY, policy, &old);

	if (r <= 0)
		return r;
	policy->form = ++c->forms;
	c->n_staged += is_staged(policy);
	c->n_staged -= is_staged(old);
	weir_cluster_take_back(c, WEIR_OBJECT_POLICY, old);
	weir_cluster_bury(c, WEIR_OBJECT_POLICY, old);
	return weir_cluster_lend(c, WEIR_OBJECT_POLICY, policy);
}

void weir_cluster_remove_policy(struct weir_cluster *c, const char *kind, const char *ns,
				const char *name)
{
	struct weir_policy *policy = take(c, WEIR_OBJECT_POLICY, kind, ns, name);

	c->n_staged -= is_staged(policy);
	weir_cluster_take_back(c, WEIR_OBJECT_POLICY, policy);
	weir_cluster_bury(c, WEIR_OBJECT_POLICY, policy);
}

int weir_cluster_set_domain(struct weir_cluster *c, struct weir_domain *domain)
{
	void *old;
	int r = put(c, WEIR_OBJECT_DOMAIN, domain, &old);

	if (r <= 0)
		return r;
	weir_cluster_take_back(c, WEIR_OBJECT_DOMAIN, old);
	weir_cluster_bury(c, WEIR_OBJECT_DOMAIN, old);
	return weir_cluster_lend(c, WEIR_OBJECT_DOMAIN, domain);
}

void weir_cluster_remove_domain(struct weir_cluster *c, const char *name)
{
	struct weir_domain *domain = take(c, WEIR_OBJECT_DOMAIN, NULL, NULL, name);

	weir_cluster_take_back(c, WEIR_OBJECT_DOMAIN, domain);
	weir_cluster_bury(c, WEIR_OBJECT_DOMAIN, domain);
}

/* --- nodes (peers of rules), services ----------------------------- */

int weir_cluster_set_node(struct weir_cluster *c, struct weir_node *node)
{
	struct weir_node *old;
	int r = put(c, WEIR_OBJECT_NODE, node, (void **)&old);

	if (r <= 0)
		return r;
	if (old) {
		weir_addresses_drop(&c->nodes_by_addr, old, old->addrs, old->n_addrs);
		weir_cluster_take_back(c, WEIR_OBJECT_NODE, old);
	}
	weir_cluster_bury(c, WEIR_OBJECT_NODE, old);
	r = weir_cluster_lend(c, WEIR_OBJECT_NODE, node);
	if (r < 0)
		return r;
	return weir_addresses_claim(&c->nodes_by_addr, node, node->addrs, node->n_addrs);
}

void weir_cluster_remove_node(struct weir_cluster *c, const char *name)
{
	struct weir_node *node = take(c, WEIR_OBJECT_NODE, NULL, NULL, name);

	if (node) {
		weir_addresses_drop(&c->nodes_by_addr, node, node->addrs, node->n_addrs);
		weir_cluster_take_back(c, WEIR_OBJECT_NODE, node);
	}
	weir_cluster_bury(c, WEIR_OBJECT_NODE, node);
}

int weir_cluster_set_service(struct weir_cluster *c, struct weir_service *service)
{
	struct weir_service *old;
	int r = put(c, WEIR_OBJECT_SERVICE, service, (void **)&old);

	if (r <= 0)
		return r;
	if (old)
		weir_addresses_drop(&c->services_by_addr, old, old->addrs, old->n_addrs);
	weir_cluster_bury(c, WEIR_OBJECT_SERVICE, old);
	return weir_addresses_claim(&c->services_by_addr, service, service->addrs,
				    service->n_addrs);
}

void weir_cluster_remove_service(struct weir_cluster *c, const char *ns, const char *name)
{
	struct weir_service *service = take(c, WEIR_OBJECT_SERVICE, NULL, ns, name);

	if (service)
		weir_addresses_drop(&c->services_by_addr, service, service->addrs,
				    service->n_addrs);
	weir_cluster_bury(c, WEIR_OBJECT_SERVICE, service);
}

/* --- pods -------------------------------------------------------------------- */

void weir_cluster_begin_list(struct weir_cluster *c)
{
	if (!c->listing)
		c->listing = ++c->clock;
}

void weir_cluster_end_list(struct weir_cluster *c)
{
	c->listing = 0;
}

/* Last news of a pod that has a successor already: somebody asked the API server
 * for that one, and the watch is still behind. A list is never behind. */
static bool is_behind(const struct weir_cluster *c, const struct weir_pod *pod,
		      const struct weir_pod *known)
{
	return !c->listing && known && !weir_uid_fits(&pod->uid, &known->uid) && pod->terminating &&
	       !known->terminating && known->created > pod->created;
}

int weir_cluster_set_pod(struct weir_cluster *c, struct weir_pod *pod)
{
	struct weir_pod *old = NULL;
	int r;

	if (is_behind(c, pod, weir_registry_find(&c->tables[WEIR_OBJECT_POD], pod_key(pod)))) {
		free_object(c, WEIR_OBJECT_POD, pod);
		return 0;
	}
	r = put(c, WEIR_OBJECT_POD, pod, (void **)&old);
	if (r <= 0)
		return r;
	if (old)
		weir_cluster_leave_manifest(c, old);
	r = weir_cluster_enter_manifest(c, pod, old);
	weir_cluster_bury(c, WEIR_OBJECT_POD, old);
	return r;
}

void weir_cluster_remove_pod(struct weir_cluster *c, const char *ns, const char *name)
{
	struct weir_pod *pod = take(c, WEIR_OBJECT_POD, NULL, ns, name);

	if (pod)
		weir_cluster_leave_manifest(c, pod);
	weir_cluster_bury(c, WEIR_OBJECT_POD, pod);
}

void weir_cluster_remove_pod_uid(struct weir_cluster *c, const char *ns, const char *name,
				 const struct weir_uid *uid)
{
	if (weir_cluster_knows(c, ns, name, uid))
		weir_cluster_remove_pod(c, ns, name);
}
