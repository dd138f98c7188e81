/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which policies are asked, and their end. */
#include <stdlib.h>
#include <string.h>

#include "policy/decode/fields.h"
#include "weir/policy.h"

static int compare_texts(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

int weir_policy_compare(const struct weir_policy *a, const struct weir_policy *b)
{
	int r = a->tier - b->tier;

	if (r == 0)
		r = (a->priority > b->priority) - (a->priority < b->priority);
	if (r == 0)
		r = compare_texts(a->namespace_, b->namespace_);
	if (r == 0)
		r = strcmp(a->name, b->name);
	return r ? r : strcmp(a->kind, b->kind);
}

static void peer_clear(struct weir_pool *pool, struct weir_peer *peer)
{
	weir_selector_clear(pool, &peer->namespaces);
	weir_selector_clear(pool, &peer->pods);
	free(peer->except);
}

static void rule_clear(struct weir_pool *pool, struct weir_rule *rule)
{
	for (unsigned i = 0; i < rule->n_peers; i++)
		peer_clear(pool, &rule->peers[i]);
	for (unsigned i = 0; i < rule->n_ports; i++)
		weir_pool_put_string(pool, rule->ports[i].name);
	weir_pool_put_string(pool, rule->name);
	free(rule->peers);
	free(rule->ports);
}

void weir_policy_free(struct weir_pool *pool, struct weir_policy **policy)
{
	struct weir_policy *p = *policy;

	if (!p)
		return;
	for (int direction = 0; direction < WEIR_DIRECTION_MAX; direction++) {
		for (unsigned i = 0; i < p->n_rules[direction]; i++)
			rule_clear(pool, &p->rules[direction][i]);
		free(p->rules[direction]);
	}
	weir_selector_clear(pool, &p->namespaces);
	weir_selector_clear(pool, &p->pods);
	weir_pool_put_string(pool, p->kind);
	weir_pool_put_string(pool, p->namespace_);
	weir_pool_put_string(pool, p->name);
	weir_pool_put_string(pool, p->uid);
	free(p);
	*policy = NULL;
}
