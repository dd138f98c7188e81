/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the flow thread has counted of policies, for method "policies": how
 * often each rule decided, and what staged policies would have changed.
 * World's lock held.
 */
#include "daemon/flow/hits.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/cluster/cluster.h"
#include "daemon/query/query.h"
#include "weir/cleanup.h"

enum { CHANGES_MAX = 50 }; /* listed of each staged policy: those with the most connections */

/* --- rules --------------------------------------------------------------------------- */

static void add_ns(cJSON *object, const char *key, uint64_t ns)
{
	if (ns)
		cJSON_AddNumberToObject(object, key, (double)ns);
	else
		cJSON_AddNullToObject(object, key);
}

struct total {
	uint64_t connections, last;
	unsigned unused;
};

static uint64_t take(struct total *t, const struct weir_hits *hits, const struct weir_hit_key *key)
{
	const struct weir_hit *hit = hits ? weir_hits_find(hits, key) : NULL;

	if (!hit)
		return 0;
	t->connections += hit->connections;
	if (hit->last > t->last)
		t->last = hit->last;
	return hit->connections;
}

static void add_direction(cJSON *item, const struct weir_hits *hits,
			  const struct weir_policy *policy, int direction, struct total *total)
{
	cJSON *array = cJSON_AddArrayToObject(item, weir_direction_name(direction));
	struct weir_hit_key key = { .policy = { policy->kind, policy->namespace_, policy->name },
				    .form = policy->form,
				    .direction = (uint8_t)direction,
				    .staged = policy->staged };

	for (unsigned i = 0; i < policy->n_rules[direction]; i++) {
		const struct weir_rule *rule = &policy->rules[direction][i];
		cJSON *object = cJSON_CreateObject();
		uint64_t n;

		key.rule = rule->index;
		n = take(total, hits, &key);
		total->unused += n == 0;
		weir_query_add_text(object, "name", rule->name);
		cJSON_AddNumberToObject(object, "connections", (double)n);
		cJSON_AddItemToArray(array, object);
	}
}

void weir_query_add_hits(cJSON *item, const struct weird *d, const struct weir_policy *policy)
{
	const struct weir_hits *hits = d->pipeline ? weir_pipeline_hits(d->pipeline) : NULL;
	cJSON *object = cJSON_AddObjectToObject(item, "hits"), *isolated;
	struct total total = { 0 };

	for (int dir = 0; dir < WEIR_DIRECTION_MAX; dir++)
		add_direction(object, hits, policy, dir, &total);
	isolated = cJSON_AddObjectToObject(object, "isolated");
	for (int dir = 0; dir < WEIR_DIRECTION_MAX; dir++) {
		const struct weir_hit_key key = { .policy = { policy->kind, policy->namespace_,
							      policy->name },
						  .rule = -1,
						  .direction = (uint8_t)dir,
						  .staged = policy->staged };

		cJSON_AddNumberToObject(isolated, weir_direction_name(dir),
					(double)take(&total, hits, &key));
	}
	cJSON_AddNumberToObject(object, "connections", (double)total.connections);
	cJSON_AddNumberToObject(object, "unused", total.unused);
	add_ns(object, "last", total.last);
}

/* --- staged -------------------------------------------------------------------------- */

struct staged {
	const struct weir_policy *policy; /* NULL: others, because of staged ones */
	uint64_t verdicts[WEIR_VERDICT_MAX];
	struct weir_staged_change *changes;
	size_t n, size;
};

struct summing {
	const struct weir_cluster *cluster;
	struct staged *of;
};

/* An enforced policy's rule decides because of what staged ones do before it; where
 * it isolates with staged ones, those are told of. */
static bool concerns(const struct summing *s, const struct weir_staged_change *change)
{
	const struct weir_policy *p = weir_cluster_policy(
		s->cluster, change->policy.kind, change->policy.namespace_, change->policy.name);

	if (s->of->policy)
		return p == s->of->policy;
	return p && !p->staged && change->by_rule;
}

static void sum_up(void *data, const struct weir_staged_change *change)
{
	struct summing *s = data;
	size_t size = s->of->size ? s->of->size * 2 : 16;
	struct weir_staged_change *longer;

	if (!concerns(s, change))
		return;
	s->of->verdicts[change->verdict] += change->connections;
	if (s->of->n == s->of->size) {
		longer = reallocarray(s->of->changes, size, sizeof(*longer));
		if (!longer)
			return;
		s->of->changes = longer;
		s->of->size = size;
	}
	s->of->changes[s->of->n++] = *change;
}

static int by_connections(const void *one, const void *other)
{
	const struct weir_staged_change *a = one, *b = other;

	return (a->connections < b->connections) - (a->connections > b->connections);
}

static cJSON *end_json(const struct weir_hit_end *end)
{
	cJSON *object = cJSON_CreateObject();
	char buf[WEIR_ADDR_STRLEN];

	weir_query_add_text(object, "namespace", end->namespace_);
	weir_query_add_text(object, "workloadKind", end->workload_kind);
	weir_query_add_text(object, "workload", end->workload);
	weir_query_add_text(object, "pod", end->pod);
	weir_query_add_text(object, "addr",
			    end->addr.family ? weir_addr_format(&end->addr, buf) : NULL);
	return object;
}

static cJSON *change_json(const struct weir_staged_change *change)
{
	cJSON *object = cJSON_CreateObject();
	char buf[4];

	cJSON_AddStringToObject(object, "verdict", weir_verdict_name(change->verdict));
	cJSON_AddStringToObject(object, "direction", weir_direction_name(change->direction));
	cJSON_AddItemToObject(object, "source", end_json(&change->src));
	cJSON_AddItemToObject(object, "destination", end_json(&change->dst));
	cJSON_AddStringToObject(object, "protocol", weir_protocol_name(change->protocol, buf));
	cJSON_AddNumberToObject(object, "port", change->port);
	cJSON_AddNumberToObject(object, "connections", (double)change->connections);
	add_ns(object, "first", change->first);
	add_ns(object, "last", change->last);
	return object;
}

void weir_query_append_staged(cJSON *array, const struct weird *d, const struct weir_policy *policy)
{
	struct staged staged = { .policy = policy };
	struct summing s = { d->world.cluster, &staged };
	cJSON *item = cJSON_CreateObject(), *changes;

	if (d->pipeline)
		weir_hits_each_change(weir_pipeline_hits(d->pipeline), sum_up, &s);
	if (staged.n)
		qsort(staged.changes, staged.n, sizeof(*staged.changes), by_connections);
	weir_query_add_text(item, "kind", policy ? policy->kind : NULL);
	weir_query_add_text(item, "namespace", policy ? policy->namespace_ : NULL);
	weir_query_add_text(item, "name", policy ? policy->name : NULL);
	cJSON_AddNumberToObject(item, "denied", (double)staged.verdicts[WEIR_DENIED]);
	cJSON_AddNumberToObject(item, "allowed", (double)staged.verdicts[WEIR_ALLOWED]);
	changes = cJSON_AddArrayToObject(item, "changes");
	for (size_t i = 0; i < staged.n && i < CHANGES_MAX; i++)
		cJSON_AddItemToArray(changes, change_json(&staged.changes[i]));
	cJSON_AddNumberToObject(item, "more",
				staged.n > CHANGES_MAX ? (double)(staged.n - CHANGES_MAX) : 0);
	if (policy || staged.n)
		cJSON_AddItemToArray(array, item);
	else
		cJSON_Delete(item);
	free(staged.changes);
}

/* --- what is over ----------------------------------------------------------------------- */

/* Of an edited policy its rules' counts begin anew; with a policy all goes. */
static bool is_current(void *cluster, const struct weir_hit_key *key, bool staged)
{
	const struct weir_policy *p = weir_cluster_policy(cluster, key->policy.kind,
							  key->policy.namespace_, key->policy.name);

	return p && (!key->form || key->form == p->form);
}

void weir_query_sweep_hits(struct weird *d)
{
	if (d->pipeline)
		weir_hits_sweep(weir_pipeline_hits(d->pipeline), is_current, d->world.cluster);
}
