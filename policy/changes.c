/* SPDX-License-Identifier: Apache-2.0 */
/* What is different from the last commit, in the words of ruleset.h; and all
 * there is, in the same words. */
#include "policy/state.h"

#include <errno.h>
#include <stdlib.h>

void weir_changes_free(struct weir_changes **changes)
{
	struct weir_changes *ch = *changes;

	if (!ch)
		return;
	for (size_t i = 0; i < ch->n_rulesets; i++)
		free(ch->rulesets[i].peers);
	free(ch->addresses);
	free(ch->rulesets);
	free(ch->endpoints);
	free(ch);
	*changes = NULL;
}

bool weir_changes_empty(const struct weir_changes *changes)
{
	return !changes->n_addresses && !changes->n_rulesets && !changes->n_endpoints;
}

static int compare_addresses(const void *a, const void *b)
{
	const struct weir_address_change *p = a, *q = b;

	return weir_prefix_compare(&p->prefix, &q->prefix);
}

static int compare_endpoints(const void *a, const void *b)
{
	const struct weir_endpoint_change *p = a, *q = b;

	return weir_addr_compare(&p->addr, &q->addr);
}

static int compare_rulesets(const void *a, const void *b)
{
	const struct weir_ruleset_change *p = a, *q = b;

	return p->id < q->id ? -1 : p->id > q->id;
}

static void sort_changes(struct weir_changes *ch)
{
	if (ch->n_addresses)
		qsort(ch->addresses, ch->n_addresses, sizeof(*ch->addresses), compare_addresses);
	if (ch->n_endpoints)
		qsort(ch->endpoints, ch->n_endpoints, sizeof(*ch->endpoints), compare_endpoints);
	if (ch->n_rulesets)
		qsort(ch->rulesets, ch->n_rulesets, sizeof(*ch->rulesets), compare_rulesets);
}

/* --- addresses and endpoints --------------------------------------------------- */

static bool same_pod(const struct weir_pod *a, const struct weir_pod *b)
{
	return a == b || (a && b && a->name == b->name && a->namespace_ == b->namespace_);
}

/* A prefix that names one address has the same place in the tables as a pod
 * with that address; the pod wins. */
static const struct named *named_at(const struct weir_compiler *c, const struct address *a)
{
	struct weir_prefix key = weir_prefix_of_one(&a->addr);

	return (const struct named *)weir_trie_find(&c->prefixes, &key);
}

/* ... and the other way round. An address without an identity (a node's that no
 * rule names) leaves the place to the prefix; in the queue, it speaks for both. */
static bool is_address(const struct weir_compiler *c, const struct named *n)
{
	const struct address *a;

	if (n->node.key.len != weir_addr_bits(&n->node.key.addr))
		return false;
	a = weir_address_find(c, &n->node.key.addr);
	return a && (a->identity || a->queued);
}

static void note_address(struct weir_compiler *c, struct weir_changes *ch, struct address *a,
			 const struct weir_pod *owner_before)
{
	const struct weir_pod *pod = a->top ? a->top->pod : NULL;
	const struct named *n = named_at(c, a);
	uint32_t before = a->committed, now = a->identity ? a->identity->id : WEIR_IDENTITY_NONE;

	if (n && !before)
		before = n->committed;
	if (n && !now && n->in_force)
		now = n->identity->id;
	if (before != now || !same_pod(owner_before, pod))
		ch->addresses[ch->n_addresses++] =
			(struct weir_address_change){ weir_prefix_of_one(&a->addr), now, pod };
	a->committed = a->identity ? a->identity->id : WEIR_IDENTITY_NONE;
}

static bool endpoint_is(const void *item, const void *addr)
{
	return weir_addr_compare(&((const struct endpoint *)item)->addr, addr) == 0;
}

/* Known, or to be known from now on. */
static struct endpoint *endpoint_at(struct weir_compiler *c, struct address *a)
{
	uint32_t hash = weir_address_hash(&a->addr);
	struct endpoint *e;

	if (a->endpoint)
		return weir_table_find(&c->endpoints, hash, endpoint_is, &a->addr);
	e = calloc(1, sizeof(*e));
	if (!e || weir_table_add(&c->endpoints, hash, e) < 0) {
		free(e);
		return NULL;
	}
	e->addr = a->addr;
	a->endpoint = true;
	return e;
}

static void drop_endpoint(struct weir_compiler *c, struct address *a, struct endpoint *e)
{
	weir_table_remove(&c->endpoints, weir_address_hash(&a->addr), e);
	free(e);
	a->endpoint = false;
}

static int note_endpoint(struct weir_compiler *c, struct weir_changes *ch, struct address *a,
			 const struct weir_pod *owner_before)
{
	const struct profile *profile = a->top ? weir_pod_profile(a->top) : NULL;
	struct weir_endpoint_change change = { .addr = a->addr };
	bool differs = a->endpoint != (profile != NULL);
	struct endpoint *e;

	if (!profile && !a->endpoint)
		return 0;
	e = endpoint_at(c, a);
	if (!e)
		return -ENOMEM;
	for (int d = 0; profile && d < WEIR_DIRECTION_MAX; d++) {
		const struct ruleset *rs = profile->rulesets[d];

		change.rulesets[d] = rs ? rs->pub.id : 0;
		differs |= change.rulesets[d] != e->rulesets[d];
		e->rulesets[d] = change.rulesets[d];
	}
	change.pod = profile ? a->top->pod : NULL;
	differs |= profile && !same_pod(owner_before, a->top->pod);
	if (!profile)
		drop_endpoint(c, a, e);
	if (differs)
		ch->endpoints[ch->n_endpoints++] = change;
	return 0;
}

static int collect_addresses(struct weir_compiler *c, struct weir_changes *ch)
{
	size_t n = c->q_addresses.n, m = c->dirty_named.n;

	ch->addresses = malloc((n + m + 1) * sizeof(*ch->addresses));
	ch->endpoints = malloc((n + 1) * sizeof(*ch->endpoints));
	if (!ch->addresses || !ch->endpoints)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct address *a = c->q_addresses.at[i];

		note_address(c, ch, a, c->q_owners.at[i]);
		if (note_endpoint(c, ch, a, c->q_owners.at[i]) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < m; i++) {
		struct named *named = c->dirty_named.at[i];
		uint32_t now = named->in_force ? named->identity->id : WEIR_IDENTITY_NONE;

		if (now != named->committed && !is_address(c, named))
			ch->addresses[ch->n_addresses++] =
				(struct weir_address_change){ named->node.key, now, NULL };
	}
	return 0;
}

/* --- rulesets ---------------------------------------------------------------------- */

static int collect_rulesets(struct weir_compiler *c, struct weir_changes *ch)
{
	ch->rulesets = malloc((c->q_rulesets.n + 1) * sizeof(*ch->rulesets));
	if (!ch->rulesets)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->q_rulesets.n; i++) {
		struct ruleset *rs = c->q_rulesets.at[i];
		struct weir_ruleset_change *e = &ch->rulesets[ch->n_rulesets];
		bool changed = rs->committed;
		int r;

		*e = (struct weir_ruleset_change){ .id = rs->pub.id };
		rs->queued = false;
		if (!rs->n_profiles) {
			ch->n_rulesets += changed;
			weir_ruleset_drop(c, rs);
			c->q_rulesets.at[i] = NULL;
			continue;
		}
		r = weir_ruleset_compile(c, rs, e, &changed);
		if (r < 0) {
			free(e->peers);
			return r;
		}
		if (changed)
			ch->n_rulesets++;
		else
			free(e->peers);
	}
	c->q_rulesets.n = 0;
	return 0;
}

int weir_changes_collect(struct weir_compiler *c, struct weir_changes *ch)
{
	if (collect_rulesets(c, ch) < 0 || collect_addresses(c, ch) < 0)
		return -ENOMEM;
	sort_changes(ch);
	return 0;
}

/* --- everything ---------------------------------------------------------------------- */

struct listing {
	const struct weir_compiler *c;
	struct weir_changes *ch;
};

static void list_address(struct weir_changes *ch, const struct address *a)
{
	struct weir_endpoint_change e = { .addr = a->addr };
	const struct profile *profile;

	if (!a->identity || !a->top)
		return;
	profile = weir_pod_profile(a->top);
	ch->addresses[ch->n_addresses++] =
		(struct weir_address_change){ weir_prefix_of_one(&a->addr), a->identity->id,
					      a->top->pod };
	if (!profile)
		return;
	e.pod = a->top->pod;
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++)
		e.rulesets[d] = profile->rulesets[d] ? profile->rulesets[d]->pub.id : 0;
	ch->endpoints[ch->n_endpoints++] = e;
}

static int list_named(void *data, struct weir_trie_node *node)
{
	struct listing *l = data;
	const struct named *n = (const struct named *)node;

	if (n->in_force && !is_address(l->c, n))
		l->ch->addresses[l->ch->n_addresses++] =
			(struct weir_address_change){ node->key, n->identity->id, NULL };
	return 0;
}

static int count_node(void *data, struct weir_trie_node *node)
{
	++*(size_t *)data;
	return 0;
}

static void walk_both(const struct weir_trie *t, int (*fn)(void *, struct weir_trie_node *),
		      void *data)
{
	static const struct weir_prefix worlds[] = { { .addr.family = AF_INET },
						     { .addr.family = AF_INET6 } };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(worlds); i++)
		weir_trie_walk(t, &worlds[i], fn, data);
}

static int list_ruleset(const struct ruleset *rs, struct weir_ruleset_change *ret)
{
	struct weir_ruleset_change e = { .id = rs->pub.id, .ruleset = &rs->pub, .is_new = true };

	e.peers = rs->members.n ? malloc(rs->members.n * sizeof(*e.peers)) : NULL;
	if (rs->members.n && !e.peers)
		return -ENOMEM;
	for (uint32_t i = 0; i < rs->members.cap; i++) {
		const struct peer_class *k = rs->members.values[i];

		if (rs->members.ids[i])
			e.peers[e.n_peers++] =
				(struct weir_class_change){ rs->members.ids[i], k->content };
	}
	if (e.n_peers)
		qsort(e.peers, e.n_peers, sizeof(*e.peers), weir_compare_peers);
	*ret = e;
	return 0;
}

int weir_changes_list(const struct weir_compiler *c, struct weir_changes *ch)
{
	struct listing l = { c, ch };
	const struct ruleset *rs;
	const struct address *a;
	size_t n_addresses = c->addresses.n, n_named = 0;

	walk_both(&c->prefixes, count_node, &n_named);
	ch->addresses = malloc((n_addresses + n_named + 1) * sizeof(*ch->addresses));
	ch->endpoints = malloc((n_addresses + 1) * sizeof(*ch->endpoints));
	ch->rulesets = malloc((c->rulesets.n + 1) * sizeof(*ch->rulesets));
	if (!ch->addresses || !ch->endpoints || !ch->rulesets)
		return -ENOMEM;
	for (uint32_t i = 0; (a = weir_table_next(&c->addresses, &i));)
		list_address(ch, a);
	walk_both(&c->prefixes, list_named, &l);
	for (uint32_t i = 0; (rs = weir_table_next(&c->rulesets, &i));) {
		if (list_ruleset(rs, &ch->rulesets[ch->n_rulesets]) < 0)
			return -ENOMEM;
		ch->n_rulesets++;
	}
	sort_changes(ch);
	return 0;
}
