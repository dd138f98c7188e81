/* SPDX-License-Identifier: Apache-2.0 */
/* Called by DEL and GC, by an ADD that fails or takes over, and at the start. */
#include "daemon/cni/forget.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/cni/local.h"
#include "weir/cleanup.h"
#include "weir/log.h"

static struct weir_endpoint *find(const struct weird *d, const char *container, const char *ifname)
{
	struct weir_endpoint *ep = weir_endpoints_first(d->endpoints);

	if (ifname)
		return weir_endpoints_find(d->endpoints, container, ifname);
	while (ep && strcmp(ep->container_id, container) != 0)
		ep = ep->next;
	return ep;
}

int weir_cni_forget_one(struct weird *d, const struct weir_endpoint *ep, struct weir_error *err)
{
	WEIR_AUTO_FREE char *namespace_ = ep->pod ? strdup(ep->namespace_) : NULL;
	WEIR_AUTO_FREE char *pod = ep->pod ? strdup(ep->pod) : NULL;
	WEIR_AUTO_FREE char *uid = ep->uid ? strdup(ep->uid) : NULL;
	int r = weir_endpoints_remove(d->endpoints, ep->container_id, ep->ifname, err);

	if (r == 0 && pod && namespace_)
		r = weir_cni_update_local(d, namespace_, pod, uid, err);
	return r;
}

int weir_cni_forget(struct weird *d, const char *container, const char *ifname,
		    struct weir_error *err)
{
	const struct weir_endpoint *ep;

	while ((ep = find(d, container, ifname))) {
		int r = weir_cni_forget_one(d, ep, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* --- the dead -------------------------------------------------------------------------- */

static bool shares_address(const struct weir_endpoint *a, const struct weir_endpoint *b)
{
	for (size_t i = 0; i < a->n_addrs; i++)
		for (size_t j = 0; j < b->n_addrs; j++)
			if (weir_addr_compare(&a->addrs[i], &b->addrs[j]) == 0)
				return true;
	return false;
}

static bool is_dead(const struct weir_endpoint *ep, const struct weir_endpoint *heir)
{
	return ep != heir && (!heir || shares_address(ep, heir)) && !weir_endpoint_alive(ep);
}

/* One whose file cannot be removed stays, and is tried again at the next call. */
void weir_cni_drop_dead(struct weird *d, const struct weir_endpoint *heir)
{
	struct weir_endpoint *ep = weir_endpoints_first(d->endpoints), *next;
	struct weir_error err;

	for (; ep; ep = next) {
		next = ep->next;
		if (!is_dead(ep, heir))
			continue;
		weir_log(WEIR_LOG_INFO, "endpoint dropped: its network namespace is gone",
			 "namespace", ep->namespace_, "pod", ep->pod, "container", ep->container_id,
			 NULL);
		if (weir_cni_forget_one(d, ep, &err) < 0)
			weir_log(WEIR_LOG_WARNING, "endpoint not removed", "error", err.text, NULL);
	}
}
