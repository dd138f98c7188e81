/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods of this node: the manifest tells labels and ports, CNI tells the
 * addresses. While there is an endpoint, the pod made of both stands in the
 * manifest's place. A manifest that puts a pod on this node is enough to
 * enforce it.
 */
#include "daemon/cluster/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

/* --- whose news is it? -------------------------------------------------------- */

struct weir_local *weir_cluster_local(const struct weir_cluster *c, struct weir_name key)
{
	return weir_registry_find(&c->locals, key);
}

static bool matches(const struct weir_local *local, const struct weir_pod *manifest)
{
	return weir_uid_fits(&local->uid, &manifest->uid);
}

struct weir_local *weir_cluster_stand_in(const struct weir_cluster *c,
					 const struct weir_pod *manifest)
{
	struct weir_name key = { manifest->name, manifest->namespace_, NULL };
	struct weir_local *local = weir_cluster_local(c, key);

	while (local && !matches(local, manifest))
		local = local->next;
	return local;
}

static struct weir_pod *manifest_of(const struct weir_cluster *c, const struct weir_local *local)
{
	struct weir_name key = { local->name, local->namespace_, NULL };
	struct weir_pod *manifest = weir_registry_find(&c->tables[WEIR_OBJECT_POD], key);

	return manifest && matches(local, manifest) ? manifest : NULL;
}

/* --- addresses ------------------------------------------------------------------ */

static bool has_addr(const struct weir_pod *pod, const struct weir_addr *addr)
{
	for (unsigned i = 0; i < pod->n_addrs; i++) {
		if (weir_addr_compare(&pod->addrs[i], addr) == 0)
			return true;
	}
	return false;
}

/* Did the pod, as it was before, have them all? Then its claim is as old. */
static bool had_addrs(const struct weir_pod *before, const struct weir_addr *addrs, size_t n)
{
	for (size_t i = 0; before && i < n; i++) {
		if (!has_addr(before, &addrs[i]))
			return false;
	}
	return before != NULL;
}

/* --- endpoints -------------------------------------------------------------------- */

/* Without a manifest it is what it was; before it had one, a pod without
 * labels, or one that is kept apart. */
static int make_pod(struct weir_cluster *c, const struct weir_local *local,
		    const struct weir_pod *manifest, const struct weir_pod *before,
		    struct weir_pod **ret)
{
	struct weir_pod unknown = { 0 };
	const struct weir_pod *like = manifest;
	int r = 0;

	if (!like && local->known) {
		like = before;
	} else if (!like && local->isolate) {
		r = weir_cluster_isolation(c, &unknown.labels);
		like = &unknown;
	}
	if (r == 0)
		r = weir_pod_make(c->pool, local->namespace_, local->name, like, local->addrs,
				  local->n_addrs, true, ret);
	if (r < 0)
		return r;
	(*ret)->uid = local->uid;
	(*ret)->endpoint = true;
	(*ret)->finished = false; /* its addresses are its own until CNI takes them */
	(*ret)->since =
		had_addrs(before, local->addrs, local->n_addrs) ? before->since : ++c->clock;
	return 0;
}

static void leave_pod(struct weir_cluster *c, struct weir_pod *pod)
{
	weir_cluster_take_back(c, WEIR_OBJECT_POD, pod);
	weir_cluster_bury(c, WEIR_OBJECT_POD, pod);
}

static int update(struct weir_cluster *c, struct weir_local *local, const struct weir_pod *manifest)
{
	struct weir_pod *pod;
	int r = make_pod(c, local, manifest, local->pod, &pod);

	if (r < 0)
		return r;
	local->known = true;
	leave_pod(c, local->pod);
	local->pod = pod;
	return weir_cluster_lend(c, WEIR_OBJECT_POD, pod);
}

static void free_local(struct weir_cluster *c, struct weir_local *local)
{
	if (!local)
		return;
	leave_pod(c, local->pod);
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

static struct weir_local *find(const struct weir_cluster *c, const struct weir_name *key,
			       const struct weir_uid *uid)
{
	struct weir_local *local = weir_cluster_local(c, *key);

	while (local && !weir_uid_equal(&local->uid, uid))
		local = local->next;
	return local;
}

/* It becomes the first of its name. */
static int link_local(struct weir_cluster *c, struct weir_local *local)
{
	void *first = NULL;
	int r = weir_registry_put(&c->locals, local, &first);

	local->next = r < 0 ? NULL : first;
	return r;
}

static void unlink_local(struct weir_cluster *c, const struct weir_name *key,
			 struct weir_local *local)
{
	struct weir_local *at = weir_cluster_local(c, *key);
	void *old;

	if (at == local && local->next) {
		weir_registry_put(&c->locals, local->next, &old);
	} else if (at == local) {
		weir_registry_take(&c->locals, *key);
	} else {
		while (at->next != local)
			at = at->next;
		at->next = local->next;
	}
	local->next = NULL;
}

/* In the place of old, the same pod with other addresses, or else of the
 * manifest that has stood for itself so far. */
static int enter_local(struct weir_cluster *c, struct weir_local *local, struct weir_local *old)
{
	struct weir_name key = { local->name, local->namespace_, NULL };
	struct weir_pod *manifest = manifest_of(c, local);
	bool alone = manifest && !weir_cluster_stand_in(c, manifest);
	int r;

	local->known = manifest || (old && old->known);
	r = make_pod(c, local, manifest, old ? old->pod : NULL, &local->pod);
	if (r == 0)
		r = link_local(c, local);
	if (r < 0)
		return r;
	if (old)
		unlink_local(c, &key, old);
	free_local(c, old);
	if (alone)
		weir_cluster_take_back(c, WEIR_OBJECT_POD, manifest);
	return weir_cluster_lend(c, WEIR_OBJECT_POD, local->pod);
}

int weir_cluster_set_local(struct weir_cluster *c, const char *ns, const char *pod,
			   const struct weir_uid *uid, const struct weir_addr *addrs, size_t n,
			   bool isolate)
{
	struct weir_local *local;
	struct weir_name key;
	int r;

	if (n > WEIR_POD_ADDRS_MAX)
		return -E2BIG;
	local = new_local(c, ns, pod, addrs, n);
	if (!local)
		return -ENOMEM;
	local->uid = *uid;
	local->isolate = isolate;
	key = (struct weir_name){ local->name, local->namespace_, NULL };
	r = enter_local(c, local, find(c, &key, uid));
	if (r < 0 && find(c, &key, uid) != local)
		free_local(c, local);
	return r;
}

void weir_cluster_remove_local(struct weir_cluster *c, const char *ns, const char *pod,
			       const struct weir_uid *uid)
{
	struct weir_local *local = NULL;
	struct weir_pod *manifest;
	struct weir_name key;

	if (weir_cluster_name(c, NULL, ns, pod, &key))
		local = find(c, &key, uid);
	if (!local)
		return;
	manifest = manifest_of(c, local);
	unlink_local(c, &key, local);
	free_local(c, local);
	if (!manifest || weir_cluster_stand_in(c, manifest))
		return;
	/* Its address may be the next pod's, whatever the manifest still says. */
	manifest->gone = c->node && manifest->node == c->node;
	manifest->local = false;
	weir_cluster_lend(c, WEIR_OBJECT_POD, manifest);
}

/* --- manifests ---------------------------------------------------------------------- */

/* What the daemon sets in it; before: the same pod as it was (may be NULL). */
static void settle(struct weir_cluster *c, struct weir_pod *pod, const struct weir_pod *before)
{
	bool had = had_addrs(before, pod->addrs, pod->n_addrs);

	pod->since = had ? before->since : c->listing ? c->listing : ++c->clock;
	pod->gone = had && before->gone;
	pod->local = c->node && pod->node == c->node && weir_pod_has_addrs(pod);
}

int weir_cluster_enter_manifest(struct weir_cluster *c, struct weir_pod *pod,
				const struct weir_pod *old)
{
	struct weir_local *local = weir_cluster_stand_in(c, pod);
	int r = 0;

	settle(c, pod, old && weir_uid_fits(&old->uid, &pod->uid) ? old : NULL);
	if (!local)
		return weir_cluster_lend(c, WEIR_OBJECT_POD, pod);
	for (; r == 0 && local; local = local->next) {
		if (matches(local, pod))
			r = update(c, local, pod);
	}
	return r;
}

void weir_cluster_leave_manifest(struct weir_cluster *c, struct weir_pod *pod)
{
	if (!weir_cluster_stand_in(c, pod))
		weir_cluster_take_back(c, WEIR_OBJECT_POD, pod);
}
