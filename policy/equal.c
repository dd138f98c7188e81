/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Do two decoded policies say the same? Strings are interned, lists are in the
 * order of the manifest, selectors in their canonical one: what is compared
 * member by member is equal exactly when the compiler could not tell them apart.
 */
#include <string.h>

#include "weir/policy.h"

static bool same_requirement(const struct weir_requirement *a, const struct weir_requirement *b)
{
	return a->key == b->key && a->op == b->op && a->n_values == b->n_values &&
	       (!a->n_values ||
		memcmp(a->values, b->values, a->n_values * sizeof(*a->values)) == 0);
}

static bool same_selector(const struct weir_selector *a, const struct weir_selector *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned i = 0; i < a->n; i++) {
		if (!same_requirement(&a->requirements[i], &b->requirements[i]))
			return false;
	}
	return true;
}

static bool same_prefix_peer(const struct weir_peer *a, const struct weir_peer *b)
{
	if (a->n_except != b->n_except || weir_prefix_compare(&a->prefix, &b->prefix) != 0)
		return false;
	for (unsigned i = 0; i < a->n_except; i++) {
		if (weir_prefix_compare(&a->except[i], &b->except[i]) != 0)
			return false;
	}
	return true;
}

static bool same_names(const struct weir_peer *a, const struct weir_peer *b)
{
	return a->n_names == b->n_names &&
	       (!a->n_names || memcmp(a->names, b->names, a->n_names * sizeof(*a->names)) == 0);
}

static bool same_peer(const struct weir_peer *a, const struct weir_peer *b)
{
	if (a->kind != b->kind)
		return false;
	switch ((enum weir_peer_kind)a->kind) {
	case WEIR_PEER_PODS:
		return a->own_namespace == b->own_namespace &&
		       same_selector(&a->namespaces, &b->namespaces) &&
		       same_selector(&a->pods, &b->pods);
	case WEIR_PEER_PREFIX:
		return same_prefix_peer(a, b);
	case WEIR_PEER_NODES:
		return same_selector(&a->nodes, &b->nodes);
	case WEIR_PEER_DOMAINS:
		return same_names(a, b);
	case WEIR_PEER_KIND_MAX:
		break;
	}
	return false;
}

static bool same_port(const struct weir_port *a, const struct weir_port *b)
{
	return a->name == b->name && a->first == b->first && a->last == b->last &&
	       a->protocol == b->protocol;
}

static bool same_rule(const struct weir_rule *a, const struct weir_rule *b)
{
	if (a->name != b->name || a->action != b->action || a->any_peer != b->any_peer ||
	    a->any_port != b->any_port || a->closed != b->closed || a->n_peers != b->n_peers ||
	    a->n_ports != b->n_ports)
		return false;
	for (unsigned i = 0; i < a->n_peers; i++) {
		if (!same_peer(&a->peers[i], &b->peers[i]))
			return false;
	}
	for (unsigned i = 0; i < a->n_ports; i++) {
		if (!same_port(&a->ports[i], &b->ports[i]))
			return false;
	}
	return true;
}

static bool same_head(const struct weir_policy *a, const struct weir_policy *b)
{
	return a->kind == b->kind && a->namespace_ == b->namespace_ && a->name == b->name &&
	       a->generation == b->generation && a->priority == b->priority && a->tier == b->tier &&
	       a->staged == b->staged && same_selector(&a->namespaces, &b->namespaces) &&
	       same_selector(&a->pods, &b->pods);
}

bool weir_policy_equal(const struct weir_policy *a, const struct weir_policy *b)
{
	if (!same_head(a, b))
		return false;
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		if (a->isolates[d] != b->isolates[d] || a->n_rules[d] != b->n_rules[d])
			return false;
		for (unsigned i = 0; i < a->n_rules[d]; i++) {
			if (!same_rule(&a->rules[d][i], &b->rules[d][i]))
				return false;
		}
	}
	return true;
}
