/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests in, decoded objects kept: see world.h. */
#include "tests/oracle/world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

int world_open(struct world *w)
{
	*w = (struct world){ 0 };
	return weir_pool_new(&w->pool);
}

void world_close(struct world *w)
{
	while (w->n_policies)
		weir_policy_free(w->pool, &w->policies[--w->n_policies]);
	while (w->n_pods)
		weir_pod_free(w->pool, &w->pods[--w->n_pods]);
	while (w->n_nodes)
		weir_node_free(w->pool, &w->nodes[--w->n_nodes]);
	while (w->n_domains)
		weir_domain_free(w->pool, &w->domains[--w->n_domains]);
	while (w->n_namespaces)
		weir_namespace_free(w->pool, &w->namespaces[--w->n_namespaces]);
	free(w->policies);
	free(w->pods);
	free(w->nodes);
	free(w->namespaces);
	free(w->domains);
	weir_pool_free(&w->pool);
}

/* Room for one more at the end of the array; it is not counted yet. */
#define ROOM(array, n)                                                                             \
	({                                                                                         \
		__auto_type grown_ = realloc(array, ((n) + 1) * sizeof(*(array)));                 \
		if (grown_)                                                                        \
			(array) = grown_;                                                          \
		grown_ != NULL;                                                                    \
	})

static int add_namespace(struct world *w, const cJSON *object, struct weir_error *err)
{
	int r = -ENOMEM;

	if (ROOM(w->namespaces, w->n_namespaces))
		r = weir_namespace_decode(w->pool, object, &w->namespaces[w->n_namespaces], err);
	w->n_namespaces += r == 0;
	return r;
}

static int add_pod(struct world *w, const cJSON *object, struct weir_error *err)
{
	int r = -ENOMEM;

	if (ROOM(w->pods, w->n_pods))
		r = weir_pod_decode(w->pool, object, &w->pods[w->n_pods], err);
	if (r == 0)
		w->pods[w->n_pods++]->local = true;
	return r;
}

static int add_node(struct world *w, const cJSON *object, struct weir_error *err)
{
	int r = -ENOMEM;

	if (ROOM(w->nodes, w->n_nodes))
		r = weir_node_decode(w->pool, object, &w->nodes[w->n_nodes], err);
	w->n_nodes += r == 0;
	return r;
}

static int add_domain(struct world *w, const cJSON *object, struct weir_error *err)
{
	const cJSON *addrs = cJSON_GetObjectItemCaseSensitive(object, "addresses"), *item;
	const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(object, "metadata"), "name"));
	size_t n = (size_t)cJSON_GetArraySize(addrs);
	struct weir_domain *d = calloc(1, sizeof(*d) + n * sizeof(*d->addrs));

	if (!d || !name || !ROOM(w->domains, w->n_domains)) {
		free(d);
		return -ENOMEM;
	}
	d->name = weir_pool_string(w->pool, name);
	w->domains[w->n_domains++] = d;
	cJSON_ArrayForEach (item, addrs) {
		if (!cJSON_IsString(item) ||
		    weir_addr_parse(item->valuestring, &d->addrs[d->n_addrs++]) < 0)
			return weir_error_set(err, EINVAL, "addresses of %s", name);
	}
	return 0;
}

static int add_policy(struct world *w, const cJSON *object,
		      int (*decode)(struct weir_pool *pool, const cJSON *json,
				    struct weir_policy **ret, struct weir_error *err),
		      struct weir_error *err)
{
	int r = -ENOMEM;

	if (ROOM(w->policies, w->n_policies))
		r = decode(w->pool, object, &w->policies[w->n_policies], err);
	w->n_policies += r == 0;
	return r;
}

int world_add(struct world *w, const cJSON *object, struct weir_error *err)
{
	static const struct {
		const char *kind;
		int (*add)(struct world *w, const cJSON *object, struct weir_error *err);
		int (*decode)(struct weir_pool *pool, const cJSON *json, struct weir_policy **ret,
			      struct weir_error *err);
	} kinds[] = {
		{ "Namespace", add_namespace, NULL },
		{ "Pod", add_pod, NULL },
		{ "Node", add_node, NULL },
		{ "Domain", add_domain, NULL },
		{ "NetworkPolicy", NULL, weir_networkpolicy_decode },
		{ "ClusterNetworkPolicy", NULL, weir_clusternetworkpolicy_decode },
		{ "AdminNetworkPolicy", NULL, weir_adminnetworkpolicy_decode },
		{ "BaselineAdminNetworkPolicy", NULL, weir_baselineadminnetworkpolicy_decode },
	};
	const char *kind = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "kind"));

	for (size_t i = 0; kind && i < WEIR_ARRAY_SIZE(kinds); i++) {
		if (strcmp(kind, kinds[i].kind) != 0)
			continue;
		return weir_error_prefix(err,
					 kinds[i].add ? kinds[i].add(w, object, err)
						      : add_policy(w, object, kinds[i].decode, err),
					 "%s", kind);
	}
	return weir_error_set(err, EINVAL, "kind \"%s\" is not for tests of policies",
			      kind ? kind : "");
}

struct oracle_world world_view(const struct world *w)
{
	return (struct oracle_world){
		.namespaces = (const struct weir_namespace *const *)w->namespaces,
		.pods = (const struct weir_pod *const *)w->pods,
		.nodes = (const struct weir_node *const *)w->nodes,
		.policies = (const struct weir_policy *const *)w->policies,
		.n_namespaces = w->n_namespaces,
		.n_pods = w->n_pods,
		.n_nodes = w->n_nodes,
		.n_policies = w->n_policies,
		.domains = (const struct weir_domain *const *)w->domains,
		.n_domains = w->n_domains,
	};
}

static void compiler_cleanup(struct weir_compiler **c)
{
	weir_compiler_free(c);
}

int world_compile(const struct world *w, struct weir_compiler **ret, struct weir_error *err)
{
	WEIR_CLEANUP(compiler_cleanup) struct weir_compiler *c = NULL;
	struct weir_changes *changes = NULL;
	int r = weir_compiler_new(&c);

	for (size_t i = 0; r == 0 && i < w->n_namespaces; i++)
		r = weir_compiler_add_namespace(c, w->namespaces[i]);
	for (size_t i = 0; r == 0 && i < w->n_pods; i++)
		r = weir_compiler_add_pod(c, w->pods[i]);
	for (size_t i = 0; r == 0 && i < w->n_nodes; i++)
		r = weir_compiler_add_node(c, w->nodes[i]);
	for (size_t i = 0; r == 0 && i < w->n_domains; i++)
		r = weir_compiler_add_domain(c, w->domains[i]);
	for (size_t i = 0; r == 0 && i < w->n_policies; i++)
		r = weir_compiler_add_policy(c, w->policies[i]);
	if (r < 0)
		return weir_error_errno(err, -r, "an object");
	r = weir_compiler_commit(c, &changes, err);
	if (r < 0)
		return r;
	weir_changes_free(&changes);
	*ret = weir_take(c);
	return 0;
}
