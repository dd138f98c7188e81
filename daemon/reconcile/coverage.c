/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enforcement goes by address: a pod is covered when the kernel has its rules,
 * the address is its own, and packets for it pass this node's hooks. CNI says
 * so of its endpoints; of pods that ran before weir came, the node's routes do.
 */
#include "daemon/reconcile/coverage.h"

#include <string.h>

#include "daemon/cluster/cluster.h"
#include "daemon/node/route.h"
#include "daemon/reconcile/bridge.h"
#include "daemon/weird.h"
#include "weir/cleanup.h"

static const struct {
	const char *name, *words;
} reasons[] = {
	[WEIR_COVERED] = { "covered", NULL },
	[WEIR_UNCOVERED_NOT_A_POD] = { "not-a-pod", "not a Kubernetes pod: CNI_ARGS named no pod" },
	[WEIR_UNCOVERED_HOST_NETWORK] = { "host-network", "it uses the network of the node" },
	[WEIR_UNCOVERED_NO_ADDRESS] = { "no-address", "it has no address yet" },
	[WEIR_UNCOVERED_ADDRESS_TAKEN] = { "address-taken", "its address is another pod's by now" },
	[WEIR_UNCOVERED_UNREACHED] = { "unreached",
				       "no interface of this node leads to its address: its "
				       "packets may pass elsewhere (ip route get ADDRESS)" },
	[WEIR_UNCOVERED_BRIDGE] = { "bridge",
				    "it hangs on a bridge, and bridge-nf-call-iptables or "
				    "-ip6tables is 0: pods on one bridge bypass enforcement" },
	[WEIR_UNCOVERED_PENDING] = { "pending",
				     "the kernel does not enforce it yet: see weirctl status" },
};
_Static_assert(WEIR_ARRAY_SIZE(reasons) == WEIR_UNCOVERED_MAX, "words for each reason");

const char *weir_uncovered_name(enum weir_uncovered why)
{
	return reasons[why].name;
}

const char *weir_uncovered_words(enum weir_uncovered why)
{
	return reasons[why].words;
}

void weir_coverage_begin(struct weir_coverage *c, const struct weird *d)
{
	*c = (struct weir_coverage){ .d = d };
	if (weir_routes_open(&c->routes) < 0)
		c->routes = NULL;
	weir_reconcile_state(d->reconcile, &c->reconcile);
	c->bridge_off = weir_backend_bridge_check(NULL) < 0;
}

void weir_coverage_end(struct weir_coverage *c)
{
	weir_routes_close(&c->routes);
}

/* --- endpoints: CNI told of them ---------------------------------------------------- */

const struct weir_pod *weir_coverage_pod(const struct weir_coverage *c,
					 const struct weir_endpoint *ep)
{
	struct weir_uid uid = weir_uid_parse(ep->uid);

	return ep->pod ? weir_cluster_local_pod(c->d->world.cluster, ep->namespace_, ep->pod, &uid)
		       : NULL;
}

enum weir_uncovered weir_coverage_of(const struct weir_coverage *c, const struct weir_endpoint *ep)
{
	const struct weir_pod *pod = weir_coverage_pod(c, ep);

	if (!ep->pod)
		return WEIR_UNCOVERED_NOT_A_POD;
	if (!ep->n_addrs)
		return WEIR_UNCOVERED_NO_ADDRESS;
	if (pod && pod->host_network)
		return WEIR_UNCOVERED_HOST_NETWORK;
	if (!ep->realised)
		return WEIR_UNCOVERED_PENDING;
	return c->bridge_off && weir_bridge_bypassed(ep) ? WEIR_UNCOVERED_BRIDGE : WEIR_COVERED;
}

/* --- pods that only the source tells of ----------------------------------------------- */

static enum weir_uncovered judge_route(const struct weir_coverage *c, const struct weir_addr *addr)
{
	enum weir_reach reach = c->routes ? weir_routes_reach(c->routes, addr) : WEIR_REACH_NOWHERE;

	if (reach == WEIR_REACH_BRIDGE && c->bridge_off)
		return WEIR_UNCOVERED_BRIDGE;
	return reach == WEIR_REACH_BRIDGE || reach == WEIR_REACH_POD ? WEIR_COVERED
								     : WEIR_UNCOVERED_UNREACHED;
}

static enum weir_uncovered judge(const struct weir_coverage *c, const struct weir_pod *pod)
{
	enum weir_uncovered why = WEIR_COVERED;

	if (pod->host_network)
		return WEIR_UNCOVERED_HOST_NETWORK;
	if (!pod->n_addrs)
		return WEIR_UNCOVERED_NO_ADDRESS;
	if (!c->reconcile.in_sync)
		return WEIR_UNCOVERED_PENDING;
	for (unsigned i = 0; i < pod->n_addrs && why == WEIR_COVERED; i++) {
		if (weir_cluster_pod_by_addr(c->d->world.cluster, &pod->addrs[i]) != pod)
			why = WEIR_UNCOVERED_ADDRESS_TAKEN;
		else
			why = judge_route(c, &pod->addrs[i]);
	}
	return why;
}

struct visit {
	const struct weir_coverage *coverage;
	weir_coverage_fn fn;
	void *data;
};

static int visit_pod(void *data, const struct weir_pod *pod)
{
	const struct visit *v = data;
	const char *here = v->coverage->d->world.node;

	if (!pod->endpoint && !pod->finished && !pod->gone && pod->node &&
	    strcmp(pod->node, here) == 0)
		v->fn(v->data, pod, judge(v->coverage, pod));
	return 0;
}

void weir_coverage_each_without_cni(const struct weir_coverage *c, weir_coverage_fn fn, void *data)
{
	weir_cluster_each_pod(c->d->world.cluster, visit_pod, &(struct visit){ c, fn, data });
}

/* --- all that are not covered ------------------------------------------------------------ */

static void if_uncovered(void *data, const struct weir_pod *pod, enum weir_uncovered why)
{
	const struct visit *v = data;

	if (why != WEIR_COVERED)
		v->fn(v->data, pod, why);
}

void weir_coverage_each_unmanaged(const struct weir_coverage *c, weir_coverage_fn fn, void *data)
{
	struct visit v = { c, fn, data };

	for (const struct weir_endpoint *ep = weir_endpoints_first(c->d->endpoints); ep;
	     ep = ep->next) {
		const struct weir_pod *pod = weir_coverage_pod(c, ep);

		if (pod &&
		    weir_cluster_knows(c->d->world.cluster, pod->namespace_, pod->name, &pod->uid))
			if_uncovered(&v, pod, weir_coverage_of(c, ep));
	}
	weir_coverage_each_without_cni(c, if_uncovered, &v);
}

static void count(void *data, const struct weir_pod *pod, enum weir_uncovered why)
{
	uint64_t *counts = data;

	counts[why]++;
}

void weir_coverage_count(const struct weir_coverage *c, uint64_t ret[WEIR_UNCOVERED_MAX])
{
	memset(ret, 0, WEIR_UNCOVERED_MAX * sizeof(*ret));
	weir_coverage_each_unmanaged(c, count, ret);
}
