/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a new form of an object say anything new? An API server sends pods and
 * nodes again and again for members that are not decoded here; those must not
 * cost a commit. Every member that a decoder fills is compared.
 */
#include "daemon/cluster/internal.h"
#include "weir/cleanup.h"

static bool same_addrs(const struct weir_addr *a, size_t n_a, const struct weir_addr *b, size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++) {
		if (weir_addr_compare(&a[i], &b[i]) != 0)
			return false;
	}
	return true;
}

static bool same_prefixes(const struct weir_prefix *a, size_t n_a, const struct weir_prefix *b,
			  size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++) {
		if (weir_prefix_compare(&a[i], &b[i]) != 0)
			return false;
	}
	return true;
}

static bool same_namespace(const void *x, const void *y)
{
	const struct weir_namespace *a = x, *b = y;

	return a->labels == b->labels;
}

static bool same_pod(const void *x, const void *y)
{
	const struct weir_pod *a = x, *b = y;

	return a->node == b->node && a->workload == b->workload && a->labels == b->labels &&
	       weir_uid_equal(&a->uid, &b->uid) && a->created == b->created &&
	       a->terminating == b->terminating && a->host_network == b->host_network &&
	       a->finished == b->finished && same_addrs(a->addrs, a->n_addrs, b->addrs, b->n_addrs);
}

static bool same_node(const void *x, const void *y)
{
	const struct weir_node *a = x, *b = y;

	return a->labels == b->labels && same_addrs(a->addrs, a->n_addrs, b->addrs, b->n_addrs) &&
	       same_prefixes(a->pod_cidrs, a->n_pod_cidrs, b->pod_cidrs, b->n_pod_cidrs);
}

static bool same_service(const void *x, const void *y)
{
	const struct weir_service *a = x, *b = y;

	if (a->n_ports != b->n_ports || !same_addrs(a->addrs, a->n_addrs, b->addrs, b->n_addrs))
		return false;
	for (size_t i = 0; i < a->n_ports; i++) {
		if (a->ports[i].name != b->ports[i].name || a->ports[i].port != b->ports[i].port ||
		    a->ports[i].protocol != b->ports[i].protocol)
			return false;
	}
	return true;
}

static bool same_domain(const void *x, const void *y)
{
	const struct weir_domain *a = x, *b = y;

	return same_addrs(a->addrs, a->n_addrs, b->addrs, b->n_addrs);
}

static bool same_policy(const void *x, const void *y)
{
	return weir_policy_equal(x, y);
}

bool weir_cluster_same(enum weir_object_kind kind, const void *a, const void *b)
{
	static bool (*const same[])(const void *, const void *) = {
		[WEIR_OBJECT_NAMESPACE] = same_namespace, [WEIR_OBJECT_POD] = same_pod,
		[WEIR_OBJECT_NODE] = same_node,		  [WEIR_OBJECT_SERVICE] = same_service,
		[WEIR_OBJECT_POLICY] = same_policy,	  [WEIR_OBJECT_DOMAIN] = same_domain,
	};
	_Static_assert(WEIR_ARRAY_SIZE(same) == WEIR_OBJECT_MAX, "a way to compare each kind");

	return same[kind](a, b);
}
