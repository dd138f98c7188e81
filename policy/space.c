/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces as policy sees them: their labels, and their policies in order
 * of precedence. Cluster-wide policies live in a space without a name. */
#include "policy/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool space_is(const void *item, const void *name)
{
	return ((const struct space *)item)->name == name;
}

struct space *weir_space_find(const struct weir_compiler *c, const char *name)
{
	if (!name)
		return c->cluster;
	return weir_table_find(&c->spaces, weir_hash_pointer(0, name), space_is, name);
}

struct space *weir_space_get(struct weir_compiler *c, const char *name)
{
	struct space *s = weir_space_find(c, name);

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->name = name;
	if (weir_table_add(&c->spaces, weir_hash_pointer(0, name), s) < 0) {
		free(s);
		return NULL;
	}
	return s;
}

/* The labels of a namespace; without its object, the one that every namespace
 * has. When no policy in force uses that key, nobody can ask for it either. */
size_t weir_space_labels(const struct weir_compiler *c, const struct space *s,
			 const struct weir_label **ret, struct weir_label *implied)
{
	if (s->object) {
		*ret = s->object->labels ? s->object->labels->items : NULL;
		return s->object->labels ? s->object->labels->n : 0;
	}
	*implied = (struct weir_label){ .key = c->metadata_name, .value = s->name };
	*ret = implied;
	return c->metadata_name ? 1 : 0;
}

bool weir_space_matches(const struct weir_compiler *c, const struct space *s,
			const struct weir_selector *selector)
{
	_Alignas(struct weir_labels) char
		room[sizeof(struct weir_labels) + sizeof(struct weir_label)];
	struct weir_labels *implied = (struct weir_labels *)room;

	if (!selector->n)
		return true;
	if (s->object)
		return weir_selector_matches(selector, s->object->labels);
	*implied = (struct weir_labels){ .n = c->metadata_name ? 1 : 0 };
	implied->items[0] = (struct weir_label){ c->metadata_name, s->name };
	return weir_selector_matches(selector, implied);
}

int weir_space_add_policy(struct weir_compiler *c, struct policy *p)
{
	if (WEIR_QUEUE(&c->q_spaces, p->space) < 0)
		return -ENOMEM;
	return weir_vec_push(&p->space->policies, p);
}

static uint32_t place_of(const struct space *s, const struct weir_policy *p, uint32_t n)
{
	uint32_t lo = 0, hi = n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		const struct policy *m = s->policies.at[mid];

		if (weir_policy_compare(m->policy, p) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void weir_space_remove_policy(struct weir_compiler *c, struct policy *p)
{
	struct space *s = p->space;
	uint32_t pos = place_of(s, p->policy, s->n_sorted);

	while (pos < s->policies.n && s->policies.at[pos] != p)
		pos++;
	if (pos == s->policies.n)
		return;
	weir_vec_remove_at(&s->policies, pos);
	if (pos < s->n_sorted)
		s->n_sorted--;
}

static int compare_policies(const void *a, const void *b)
{
	const struct policy *const *p = a, *const *q = b;

	return weir_policy_compare((*p)->policy, (*q)->policy);
}

static void renumber(struct space *s)
{
	for (uint32_t i = 0; i < s->policies.n; i++)
		((struct policy *)s->policies.at[i])->order = (i + 1) * WEIR_ORDER_STEP;
}

/* A number between the neighbours', so that nobody else's changes. */
static void insert_sorted(struct space *s, struct policy *p)
{
	uint32_t pos = place_of(s, p->policy, s->n_sorted);
	uint64_t before = 0, after;

	memmove(s->policies.at + pos + 1, s->policies.at + pos,
		(s->n_sorted - pos) * sizeof(*s->policies.at));
	s->policies.at[pos] = p;
	s->n_sorted++;
	if (pos)
		before = ((struct policy *)s->policies.at[pos - 1])->order;
	after = pos + 1 < s->n_sorted ? ((struct policy *)s->policies.at[pos + 1])->order
				      : before + 2 * WEIR_ORDER_STEP;
	p->order = before + (after - before) / 2;
	if (p->order == before || after >> WEIR_ORDER_BITS) {
		uint32_t all = s->policies.n;

		s->policies.n = s->n_sorted;
		renumber(s);
		s->policies.n = all;
	}
}

/* Those at the end are new. */
void weir_space_sort(struct space *s)
{
	uint32_t n_new = s->policies.n - s->n_sorted;

	if (n_new > 8 && n_new > s->n_sorted / 64) {
		qsort(s->policies.at, s->policies.n, sizeof(*s->policies.at), compare_policies);
		s->n_sorted = s->policies.n;
		renumber(s);
	}
	while (s->n_sorted < s->policies.n)
		insert_sorted(s, s->policies.at[s->n_sorted]);
}

static int relabel(struct weir_compiler *c, struct space *s)
{
	for (struct identity *i = s->identities; i; i = i->next_in_space) {
		if (weir_identity_queue(c, i) < 0)
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < s->profiles.n; i++) {
		if (weir_profile_rematch(c, s->profiles.at[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Namespaces whose labels are others than in the last commit. */
int weir_spaces_relabel(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->q_spaces.n; i++) {
		struct space *s = c->q_spaces.at[i];
		const struct weir_labels *labels = s->object ? s->object->labels : NULL;

		if (s->seen == labels)
			continue;
		s->seen = labels;
		if (relabel(c, s) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Policies of a namespace come to their subjects with its first endpoint. */
int weir_spaces_attach(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->q_spaces.n; i++) {
		struct space *s = c->q_spaces.at[i];

		s->attached |= s->profiles.n > 0;
		for (uint32_t j = 0; s->attached && j < s->policies.n; j++) {
			struct policy *p = s->policies.at[j];

			if (!p->subject && weir_subject_attach(c, p) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static int detach(struct weir_compiler *c, struct space *s)
{
	s->attached = false;
	for (uint32_t i = 0; i < s->policies.n; i++) {
		if (weir_subject_detach(c, s->policies.at[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* What nothing names any more. */
int weir_spaces_sweep(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->q_spaces.n; i++) {
		struct space *s = c->q_spaces.at[i];

		if (s->attached && !s->profiles.n && s != c->cluster && detach(c, s) < 0)
			return -ENOMEM;
	}
	weir_subjects_sweep(c);
	for (uint32_t i = 0; i < c->q_spaces.n; i++) {
		struct space *s = c->q_spaces.at[i];

		s->queued = false;
		if (!s->name || s->object || s->policies.n || s->n_pods || s->identities ||
		    s->n_peersets)
			continue;
		weir_table_remove(&c->spaces, weir_hash_pointer(0, s->name), s);
		weir_space_free(s);
	}
	c->q_spaces.n = 0;
	return 0;
}

void weir_space_free(struct space *s)
{
	weir_vec_free(&s->policies);
	weir_vec_free(&s->profiles);
	free(s);
}
