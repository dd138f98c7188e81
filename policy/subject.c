/* SPDX-License-Identifier: Apache-2.0 */
/* Policies with equal subject selectors are matched against pods once, and
 * come to rulesets together. A subject exists while its namespace has an
 * endpoint; it is active while it selects one. */
#include "policy/state.h"

#include <errno.h>
#include <stdlib.h>

struct wanted {
	const struct space *space;
	const struct weir_selector *namespaces, *pods;
};

static bool subject_is(const void *item, const void *key)
{
	const struct subject *s = item;
	const struct wanted *w = key;

	return weir_selection_is(&s->selection, w->space, w->namespaces, w->pods);
}

static struct wanted subject_of(const struct weir_compiler *c, const struct policy *p)
{
	return (struct wanted){
		.space = p->space == c->cluster ? NULL : p->space,
		.namespaces = &p->policy->namespaces,
		.pods = &p->policy->pods,
	};
}

bool weir_policy_subject_matches(const struct weir_compiler *c, const struct policy *p,
				 const struct space *space, const struct weir_labels *labels)
{
	if (p->space == c->cluster ? !weir_space_matches(c, space, &p->policy->namespaces)
				   : p->space != space)
		return false;
	return weir_selector_matches(&p->policy->pods, labels);
}

void weir_subject_free(struct subject *s)
{
	weir_selection_free(&s->selection);
	weir_vec_free(&s->policies);
	weir_vec_free(&s->profiles);
	weir_vec_free(&s->rulesets);
	free(s);
}

static int subject_get(struct weir_compiler *c, const struct policy *p, struct subject **ret)
{
	struct wanted w = subject_of(c, p);
	uint32_t hash = weir_selection_hash(w.space, w.namespaces, w.pods);
	struct subject *s = weir_table_find(&c->subjects, hash, subject_is, &w);

	*ret = s;
	if (s)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->serial = ++c->next_serial;
	s->is_new = true;
	if (weir_selection_init(&s->selection, (struct space *)w.space, w.namespaces, w.pods) < 0 ||
	    weir_table_add(&c->subjects, hash, s) < 0) {
		weir_subject_free(s);
		return -ENOMEM;
	}
	*ret = s;
	if (weir_vec_push(&c->new_subjects, s) < 0)
		return -ENOMEM;
	return weir_index_add(&c->subject_index, &s->selection);
}

static int touch_profiles(struct weir_compiler *c, struct subject *s)
{
	for (uint32_t i = 0; i < s->profiles.n; i++) {
		if (weir_profile_touch(c, s->profiles.at[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

static uint32_t count_named(const struct weir_policy *p)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n_rules[WEIR_INGRESS]; i++) {
		for (uint32_t j = 0; j < p->rules[WEIR_INGRESS][i].n_ports; j++)
			n += p->rules[WEIR_INGRESS][i].ports[j].name != NULL;
	}
	return n;
}

/* Count what the policy says; when that changes which subjects count for
 * rulesets, the profiles are looked at again. */
static int count_policy(struct weir_compiler *c, struct subject *s, const struct weir_policy *p,
			int sign)
{
	bool touched = false;

	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		if (!weir_policy_speaks(c, p, d))
			continue;
		s->n_speaking[d] += (uint32_t)sign;
		touched |= s->n_speaking[d] == (sign > 0 ? 1 : 0);
	}
	if (weir_policy_speaks(c, p, WEIR_INGRESS)) {
		uint32_t n = count_named(p), before = s->n_named;

		s->n_named += (uint32_t)sign * n;
		touched |= !before != !s->n_named;
	}
	return touched ? touch_profiles(c, s) : 0;
}

int weir_subject_attach(struct weir_compiler *c, struct policy *p)
{
	struct subject *s;

	if (subject_get(c, p, &s) < 0 || weir_vec_push(&s->policies, p) < 0)
		return -ENOMEM;
	p->subject = s;
	if (count_policy(c, s, p->policy, 1) < 0 || !s->active)
		return WEIR_QUEUE(&c->q_subjects, s);
	if (weir_policy_activate(c, p) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->rulesets.n; i++) {
		if (weir_ruleset_add_policy(c, s->rulesets.at[i], p) < 0)
			return -ENOMEM;
	}
	return 0;
}

int weir_subject_detach(struct weir_compiler *c, struct policy *p)
{
	struct subject *s = p->subject;

	if (!s)
		return 0;
	for (uint32_t i = 0; i < s->rulesets.n; i++) {
		if (weir_ruleset_remove_policy(c, s->rulesets.at[i], p) < 0)
			return -ENOMEM;
	}
	weir_policy_deactivate(c, p);
	weir_vec_drop(&s->policies, p);
	p->subject = NULL;
	if (count_policy(c, s, p->policy, -1) < 0)
		return -ENOMEM;
	return WEIR_QUEUE(&c->q_subjects, s);
}

static int add_profile(struct weir_compiler *c, struct subject *s, struct profile *p)
{
	uint32_t pos = p->subjects.n;

	while (pos && ((struct subject *)p->subjects.at[pos - 1])->serial > s->serial)
		pos--;
	if (weir_vec_insert(&p->subjects, pos, s) < 0 || weir_vec_push(&s->profiles, p) < 0)
		return -ENOMEM;
	if (WEIR_QUEUE(&c->q_subjects, s) < 0)
		return -ENOMEM;
	return weir_profile_touch(c, p);
}

static int try_profiles(struct weir_compiler *c, struct subject *s, const struct space *space)
{
	for (uint32_t i = 0; i < space->profiles.n; i++) {
		struct profile *p = space->profiles.at[i];

		if (p->is_new || !p->pods.n ||
		    !weir_selection_matches(c, &s->selection, p->space, p->labels))
			continue;
		if (add_profile(c, s, p) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* New subjects against the profiles that were there; new profiles have looked
 * for their subjects themselves. */
int weir_subjects_match_new(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->new_subjects.n; i++) {
		struct subject *s = c->new_subjects.at[i];
		struct space *space;
		int r = 0;

		s->is_new = false;
		if (s->selection.space) {
			r = try_profiles(c, s, s->selection.space);
		} else {
			for (uint32_t j = 0; r == 0 && (space = weir_table_next(&c->spaces, &j));)
				r = try_profiles(c, s, space);
		}
		if (r < 0)
			return r;
	}
	c->new_subjects.n = 0;
	return 0;
}

int weir_subjects_activate(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->q_subjects.n; i++) {
		struct subject *s = c->q_subjects.at[i];

		if (s->active || !s->profiles.n)
			continue;
		s->active = true;
		for (uint32_t j = 0; j < s->policies.n; j++) {
			if (weir_policy_activate(c, s->policies.at[j]) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

/* After the rulesets have been assigned: what no endpoint needs any more. */
void weir_subjects_sweep(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->q_subjects.n; i++) {
		struct subject *s = c->q_subjects.at[i];

		s->queued = false;
		if (s->active && !s->profiles.n) {
			s->active = false;
			for (uint32_t j = 0; j < s->policies.n; j++)
				weir_policy_deactivate(c, s->policies.at[j]);
		}
		if (s->policies.n)
			continue;
		for (uint32_t j = 0; j < s->profiles.n; j++)
			weir_vec_remove(&((struct profile *)s->profiles.at[j])->subjects, s);
		weir_index_remove(&c->subject_index, &s->selection);
		weir_table_remove(&c->subjects, s->selection.hash, s);
		weir_subject_free(s);
	}
	c->q_subjects.n = 0;
}
