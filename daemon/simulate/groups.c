/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sorts all ends of connections into groups that no table tells apart: pods of
 * one workload with the same identity and rulesets, nodes, and what lies
 * outside the cluster, by the longest prefix that a policy names before or
 * after. One of each group answers for all.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/simulate/simulate.h"
#include "weir/cleanup.h"

enum { TAKEN_MAX = 4096 }; /* addresses looked at for one that nobody has */

struct gathering {
	const struct weir_simulate_worlds *w;
	struct weir_simulate_group *groups;
	struct weir_prefix *prefixes;
	size_t n_prefixes, size_prefixes;
};

/* --- groups ----------------------------------------------------------------------- */

/* The same policies, as one compile or the other lent them: unchanged ones are
 * the same objects in both. */
static bool same_policies(const struct weir_ruleset *a, const struct weir_ruleset *b)
{
	if (!a || !b)
		return a == b;
	return a->n_policies == b->n_policies &&
	       !memcmp(a->policies, b->policies, a->n_policies * sizeof(*a->policies));
}

static struct weir_simulate_group *group_of(struct gathering *g,
					    const struct weir_simulate_group_key *key)
{
	struct weir_simulate_group *group;

	HASH_FIND(hh, g->groups, key, sizeof(*key), group);
	if (group)
		return group;
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	memcpy(&group->key, key, sizeof(*key));
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++)
		group->changed[d] =
			!same_policies(key->rulesets[WEIR_BEFORE][d], key->rulesets[WEIR_AFTER][d]);
	HASH_ADD(hh, g->groups, key, sizeof(group->key), group);
	return group;
}

static void join(struct weir_simulate_group *group, const struct weir_addr *addr)
{
	if (group->n < WEIR_ARRAY_SIZE(group->addrs))
		group->addrs[group->n] = *addr;
	group->n++;
}

/* Padding is 0: keys are compared as memory. */
static void begin_key(const struct gathering *g, enum weir_simulate_end_kind kind,
		      const struct weir_addr *addr, struct weir_simulate_group_key *key)
{
	memset(key, 0, sizeof(*key));
	key->kind = (uint8_t)kind;
	key->family = addr->family;
	for (int i = 0; i < WEIR_WHEN_MAX; i++)
		key->identities[i] = weir_compiler_identity_of(g->w->compilers[i], addr);
}

/* --- pods and nodes ----------------------------------------------------------------- */

static int gather_pod(struct gathering *g, const struct weir_pod *pod)
{
	struct weir_simulate_group_key key;
	struct weir_simulate_group *group;

	for (size_t a = 0; a < pod->n_addrs && pod->local; a++) {
		const struct weir_addr *addr = &pod->addrs[a];

		if (weir_compiler_pod_at(g->w->compilers[WEIR_AFTER], addr) != pod)
			continue;
		begin_key(g, WEIR_END_PODS, addr, &key);
		key.namespace_ = pod->namespace_;
		key.workload = pod->workload;
		for (int i = 0; i < WEIR_WHEN_MAX; i++) {
			for (int d = 0; d < WEIR_DIRECTION_MAX; d++)
				key.rulesets[i][d] =
					weir_compiler_ruleset_of(g->w->compilers[i], pod, d);
		}
		group = group_of(g, &key);
		if (!group)
			return -ENOMEM;
		group->pod = group->pod ?: pod;
		join(group, addr);
	}
	return 0;
}

static int gather_node(void *data, const struct weir_node *node)
{
	struct gathering *g = data;
	struct weir_simulate_group_key key;
	struct weir_simulate_group *group;

	for (uint16_t a = 0; a < node->n_addrs; a++) {
		const struct weir_addr *addr = &node->addrs[a];

		if (weir_compiler_pod_at(g->w->compilers[WEIR_AFTER], addr))
			continue;
		begin_key(g, WEIR_END_NODES, addr, &key);
		group = group_of(g, &key);
		if (!group)
			return -ENOMEM;
		group->node = group->node ?: node;
		join(group, addr);
	}
	return 0;
}

/* --- outside ------------------------------------------------------------------------ */

static int note_prefix(void *data, const struct weir_identity_info *info)
{
	struct gathering *g = data;
	size_t size = g->size_prefixes ? g->size_prefixes * 2 : 256;
	struct weir_prefix *longer;

	if (info->labels)
		return 0;
	if (g->n_prefixes == g->size_prefixes) {
		longer = reallocarray(g->prefixes, size, sizeof(*longer));
		if (!longer)
			return -ENOMEM;
		g->prefixes = longer;
		g->size_prefixes = size;
	}
	g->prefixes[g->n_prefixes++] = info->prefix;
	return 0;
}

static int by_prefix(const void *a, const void *b)
{
	return weir_prefix_compare(a, b);
}

/* The next address; false behind the last. */
static bool step(struct weir_addr *a)
{
	for (size_t i = weir_addr_size(a); i-- > 0;) {
		if (++a->bytes[i])
			return true;
	}
	return false;
}

/* a becomes the first address behind the prefix. */
static bool step_behind(const struct weir_prefix *p, struct weir_addr *a)
{
	*a = p->addr;
	for (size_t bit = p->len; bit < weir_addr_bits(a); bit++)
		a->bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return step(a);
}

static bool is_taken(const struct gathering *g, const struct weir_addr *a)
{
	return weir_compiler_pod_at(g->w->compilers[WEIR_AFTER], a) ||
	       weir_cluster_node_by_addr(g->w->cluster, a);
}

/* An address that the prefix has for itself: in none of those within it, which
 * stand behind it in the list, and nobody's. */
static bool find_addr(const struct gathering *g, size_t at, struct weir_addr *ret)
{
	const struct weir_prefix *p = &g->prefixes[at], *end = g->prefixes + g->n_prefixes;
	const struct weir_prefix *within = p + 1;

	*ret = p->addr;
	for (unsigned taken = 0; taken < TAKEN_MAX; taken++) {
		for (; within < end && weir_prefix_covers(p, within) &&
		       weir_addr_compare(&within->addr, ret) <= 0;
		     within++) {
			if (weir_prefix_contains(within, ret) &&
			    (!step_behind(within, ret) || !weir_prefix_contains(p, ret)))
				return false;
		}
		if (!is_taken(g, ret))
			return true;
		if (!step(ret) || !weir_prefix_contains(p, ret))
			return false;
	}
	return false;
}

/* Sorted, each once. */
static void tidy_prefixes(struct gathering *g)
{
	size_t n = 0;

	if (g->n_prefixes)
		qsort(g->prefixes, g->n_prefixes, sizeof(*g->prefixes), by_prefix);
	for (size_t i = 0; i < g->n_prefixes; i++) {
		if (!n || by_prefix(&g->prefixes[n - 1], &g->prefixes[i]))
			g->prefixes[n++] = g->prefixes[i];
	}
	g->n_prefixes = n;
}

static int gather_outside(struct gathering *g)
{
	struct weir_simulate_group_key key;
	struct weir_simulate_group *group;
	struct weir_addr addr;

	for (size_t i = 0; i < g->n_prefixes; i++) {
		if (!find_addr(g, i, &addr))
			continue;
		begin_key(g, WEIR_END_OUTSIDE, &addr, &key);
		group = group_of(g, &key);
		if (!group)
			return -ENOMEM;
		group->prefix = g->prefixes[i];
		join(group, &addr);
	}
	return 0;
}

static int gather(struct gathering *g)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < g->w->pods.n; i++)
		r = gather_pod(g, &g->w->pods.pods[i]);
	if (r == 0)
		r = weir_cluster_each_node(g->w->cluster, gather_node, g);
	for (int i = 0; r == 0 && i < WEIR_WHEN_MAX; i++)
		r = weir_compiler_identities(g->w->compilers[i], note_prefix, g);
	if (r < 0)
		return r;
	tidy_prefixes(g);
	return gather_outside(g);
}

int weir_simulate_groups(const struct weir_simulate_worlds *w, struct weir_simulate_group **ret,
			 struct weir_error *err)
{
	struct gathering g = { .w = w };
	int r = gather(&g);

	free(g.prefixes);
	*ret = g.groups;
	if (r < 0) {
		weir_simulate_groups_free(ret);
		return weir_error_errno(err, -r, "the pods cannot be compared");
	}
	return 0;
}

void weir_simulate_groups_free(struct weir_simulate_group **groups)
{
	struct weir_simulate_group *group, *next;

	HASH_ITER (hh, *groups, group, next) {
		HASH_DEL(*groups, group);
		free(group);
	}
}
