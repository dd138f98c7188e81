/* SPDX-License-Identifier: Apache-2.0 */
/* The one rule of who sees what; see scope.h. Used by every answer of the hub. */
#include "hub/access/scope.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"
#include "weir/policy.h"

bool weir_scope_pattern(const char *pattern, const char *name)
{
	size_t len = strlen(pattern);

	if (len && pattern[len - 1] == '*')
		return strncmp(pattern, name, len - 1) == 0;
	return strcmp(pattern, name) == 0;
}

static bool is_all(const char *pattern)
{
	return strcmp(pattern, "*") == 0;
}

bool weir_scope_has(const struct weir_scope *scope, const char *cluster, const char *namespace_)
{
	for (size_t i = 0; i < scope->n_grants; i++) {
		const struct weir_scope_grant *g = &scope->grants[i];

		if (weir_scope_pattern(g->cluster, cluster) &&
		    (namespace_ ? weir_scope_pattern(g->namespace_, namespace_)
				: is_all(g->namespace_)))
			return true;
	}
	return false;
}

bool weir_scope_is_all(const struct weir_scope *scope)
{
	for (size_t i = 0; i < scope->n_grants; i++)
		if (is_all(scope->grants[i].cluster) && is_all(scope->grants[i].namespace_))
			return true;
	return false;
}

bool weir_scope_has_cluster(const struct weir_scope *scope, const char *cluster)
{
	return weir_scope_has(scope, cluster, NULL);
}

void weir_scope_redact_peer(struct weir_record_peer *peer)
{
	weir_record_hide_peer(peer);
}

void weir_scope_redact_side(struct weir_record_side *side)
{
	weir_record_hide_side(side);
}

static void redact_end(struct weir_hub_flow *f, struct weir_record_peer *peer,
		       struct weir_record_side *side, struct weir_record_side *staged,
		       int direction)
{
	weir_scope_redact_peer(peer);
	weir_scope_redact_side(side);
	weir_scope_redact_side(staged);
	f->nodes[direction] = NULL;
}

bool weir_scope_redact(const struct weir_scope *scope, struct weir_hub_flow *flow)
{
	struct weir_record *r = &flow->record;
	const char *cluster = flow->cluster ?: "";
	bool src, dst;

	if (weir_scope_is_all(scope))
		return true;
	if (r->type == WEIR_RECORD_GAP)
		return weir_scope_has_cluster(scope, cluster);
	src = weir_scope_has(scope, cluster, r->src.namespace_);
	dst = weir_scope_has(scope, cluster, r->dst.namespace_);
	if (!src && !dst)
		return false;
	if (!src)
		redact_end(flow, &r->src, &r->egress, &r->staged_egress, WEIR_EGRESS);
	if (!dst)
		redact_end(flow, &r->dst, &r->ingress, &r->staged_ingress, WEIR_INGRESS);
	if (!src || !dst)
		weir_record_hide_numbers(r);
	return true;
}

void weir_scope_clear(struct weir_scope *scope)
{
	for (size_t i = 0; i < scope->n_grants; i++) {
		free(scope->grants[i].cluster);
		free(scope->grants[i].namespace_);
	}
	free(scope->grants);
	*scope = (struct weir_scope){ 0 };
}

int weir_scope_add(struct weir_scope *scope, const char *cluster, const char *namespace_)
{
	struct weir_scope_grant *grants =
		realloc(scope->grants, (scope->n_grants + 1) * sizeof(*grants));
	struct weir_scope_grant g;

	if (!grants)
		return -ENOMEM;
	scope->grants = grants;
	g = (struct weir_scope_grant){ strdup(cluster), strdup(namespace_) };
	if (!g.cluster || !g.namespace_) {
		free(g.cluster);
		free(g.namespace_);
		return -ENOMEM;
	}
	grants[scope->n_grants++] = g;
	return 0;
}
