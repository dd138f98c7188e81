/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods of this node: the manifest tells labels, ports and uid, CNI tells the
 * addresses. While there is an endpoint, the pod made of both stands in the
 * manifest's place; without a manifest it is a pod without labels. A manifest
 * that puts a pod on this node is enough to enforce it.
 */
#include "daemon/cluster/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

/* An address of the node, or one that is somebody else's by now, is no way to
 * find a pod. */
static bool is_indexed(const struct weir_pod *pod)
{
	return !pod->host_network && !pod->finished;
}

int weir_cluster_enter_pod(struct weir_cluster *c, struct weir_pod *pod)
{
	int r = weir_compiler_add_pod(c->compiler, pod);

	if (r < 0)
		return r;
	return is_indexed(pod)
		       ? weir_addresses_claim(&c->pods_by_addr, pod, pod->addrs, pod->n_addrs)
		       : 0;
}

void weir_cluster_leave_pod(struct weir_cluster *c, struct weir_pod *pod)
{
	weir_compiler_remove_pod(c->compiler, pod);
	weir_addresses_drop(&c->pods_by_addr, pod, pod->addrs, pod->n_addrs);
}

struct weir_local *weir_cluster_local(const struct weir_cluster *c, struct weir_name key)
{
	return weir_registry_find(&c->locals, key);
}

static struct weir_pod *manifest_of(const struct weir_cluster *c, const struct weir_local *local)
{
	struct weir_name key = { local->name, local->namespace_, NULL };

	return weir_registry_find(&c->tables[WEIR_OBJECT_POD], key);
}

int weir_cluster_local_update(struct weir_cluster *c, struct weir_local *local,
			      const struct weir_pod *manifest)
{
	struct weir_pod *pod = NULL, *old = local->pod;
	int r = weir_pod_make(c->pool, local->namespace_, local->name, manifest, local->addrs,
			      local->n_addrs, true, &pod);

	if (r < 0)
		return r;
	if (old)
		weir_cluster_leave_pod(c, old);
	weir_cluster_bury(c, WEIR_OBJECT_POD, old);
	local->pod = pod;
	return weir_cluster_enter_pod(c, pod);
}

static bool is_endpoint(const void *owner, void *data)
{
	const struct weir_pod *pod = owner;
	const struct weir_local *local =
		weir_cluster_local(data, (struct weir_name){ pod->name, pod->namespace_, NULL });

	return local && local->pod == pod;
}

/* A manifest that is behind the times may name the address of a pod that went
 * and is another's by now. CNI knows whose it is: that pod's claim is renewed. */
static int keep_endpoints(struct weir_cluster *c, const struct weir_pod *pod)
{
	int r = 0;

	for (uint8_t i = 0; i < pod->n_addrs && is_indexed(pod) && r == 0; i++) {
		const struct weir_pod *owner =
			weir_addresses_find(&c->pods_by_addr, &pod->addrs[i], is_endpoint, c);
		struct weir_local *local;

		if (!owner)
			continue;
		local = weir_cluster_local(
			c, (struct weir_name){ owner->name, owner->namespace_, NULL });
		r = weir_cluster_local_update(c, local, manifest_of(c, local));
	}
	return r;
}

int weir_cluster_enter_manifest(struct weir_cluster *c, struct weir_pod *pod)
{
	int r;

	pod->local = c->node && pod->node == c->node && is_indexed(pod) && pod->n_addrs;
	r = weir_cluster_enter_pod(c, pod);
	return r < 0 ? r : keep_endpoints(c, pod);
}

static void free_local(struct weir_cluster *c, struct weir_local *local)
{
	if (!local)
		return;
	if (local->pod)
		weir_cluster_leave_pod(c, local->pod);
	weir_cluster_bury(c, WEIR_OBJECT_POD, local->pod);
	weir_pool_put_string(c->pool, local->namespace_);
	weir_pool_put_string(c->pool, local->name);
	free(local);
}

static struct weir_local *new_local(struct weir_cluster *c, const char *ns, const char *pod,
				    const struct weir_addr *addrs, size_t n)
{
	struct weir_local *local = calloc(1, sizeof(*local) + n * sizeof(*addrs));

	if (!local)
		return NULL;
	local->namespace_ = weir_pool_string(c->pool, ns);
	local->name = weir_pool_string(c->pool, pod);
	local->n_addrs = n;
	memcpy(local->addrs, addrs, n * sizeof(*addrs));
	if (local->namespace_ && local->name)
		return local;
	free_local(c, local);
	return NULL;
}

int weir_cluster_set_local(struct weir_cluster *c, const char *ns, const char *pod,
			   const struct weir_addr *addrs, size_t n)
{
	struct weir_local *local, *old = NULL;
	struct weir_pod *manifest;
	int r;

	if (n > WEIR_POD_ADDRS_MAX)
		return -E2BIG;
	local = new_local(c, ns, pod, addrs, n);
	if (!local)
		return -ENOMEM;
	r = weir_registry_put(&c->locals, local, (void **)&old);
	if (r < 0) {
		free_local(c, local);
		return r;
	}
	manifest = manifest_of(c, local);
	if (manifest && !old)
		weir_cluster_leave_pod(c, manifest);
	free_local(c, old);
	return weir_cluster_local_update(c, local, manifest);
}

void weir_cluster_remove_local(struct weir_cluster *c, const char *ns, const char *pod)
{
	struct weir_local *local;
	struct weir_pod *manifest;
	struct weir_name key;

	if (!weir_cluster_name(c, NULL, ns, pod, &key))
		return;
	local = weir_registry_take(&c->locals, key);
	if (!local)
		return;
	manifest = manifest_of(c, local);
	free_local(c, local);
	if (!manifest)
		return;
	/* The pod is gone whatever its manifest still says: its address may be the
	 * next pod's, which must not meet this one's policies. */
	manifest->local = false;
	if (weir_cluster_enter_pod(c, manifest) == 0)
		keep_endpoints(c, manifest);
}
