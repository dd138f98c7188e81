/* SPDX-License-Identifier: Apache-2.0 */
/* From endpoints to local pods. */
#include "daemon/cni/local.h"

#include <errno.h>
#include <string.h>

#include "daemon/cluster/cluster.h"

static bool is_of(const struct weir_endpoint *ep, const char *namespace_, const char *pod,
		  const struct weir_uid *uid)
{
	struct weir_uid its;

	if (!ep->pod || strcmp(ep->pod, pod) != 0 || strcmp(ep->namespace_, namespace_) != 0)
		return false;
	its = weir_uid_parse(ep->uid);
	return weir_uid_equal(&its, uid);
}

static bool contains(const struct weir_addr *addrs, size_t n, const struct weir_addr *addr)
{
	for (size_t i = 0; i < n; i++)
		if (weir_addr_compare(&addrs[i], addr) == 0)
			return true;
	return false;
}

/* How many different addresses; more than max are counted, not stored. */
static size_t gather(const struct weird *d, const char *namespace_, const char *pod,
		     const struct weir_uid *uid, struct weir_addr *addrs, size_t max)
{
	size_t n = 0;

	for (const struct weir_endpoint *ep = weir_endpoints_first(d->endpoints); ep;
	     ep = ep->next) {
		for (size_t i = 0; is_of(ep, namespace_, pod, uid) && i < ep->n_addrs; i++) {
			if (contains(addrs, n < max ? n : max, &ep->addrs[i]))
				continue;
			if (n < max)
				addrs[n] = ep->addrs[i];
			n++;
		}
	}
	return n;
}

int weir_cni_update_local(struct weird *d, const char *namespace_, const char *pod,
			  const char *uid_text, struct weir_error *err)
{
	struct weir_uid uid = weir_uid_parse(uid_text);
	struct weir_addr addrs[WEIR_POD_ADDRS_MAX];
	size_t n = gather(d, namespace_, pod, &uid, addrs, WEIR_POD_ADDRS_MAX);
	int r = 0;

	if (n > WEIR_POD_ADDRS_MAX)
		return weir_error_set(err, E2BIG, "%s/%s has more than %d addresses", namespace_,
				      pod, WEIR_POD_ADDRS_MAX);
	weir_world_lock_to_change(&d->world);
	if (n)
		r = weir_cluster_set_local(d->world.cluster, namespace_, pod, &uid, addrs, n,
					   d->isolate_unknown);
	else
		weir_cluster_remove_local(d->world.cluster, namespace_, pod, &uid);
	pthread_mutex_unlock(&d->world.lock);
	return r < 0 ? weir_error_errno(err, -r, "%s/%s", namespace_, pod) : 0;
}
