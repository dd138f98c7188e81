/* SPDX-License-Identifier: Apache-2.0 */
/* Local pods that are alike (namespace, labels, named ports) are selected by
 * the same policies and have the same rulesets: a profile. */
#include "policy/state.h"

#include <errno.h>
#include <stdlib.h>

struct wanted {
	struct space *space;
	const struct weir_labels *labels;
	struct portset *ports;
};

static bool profile_is(const void *item, const void *key)
{
	const struct profile *a = item;
	const struct wanted *w = key;

	return a->space == w->space && a->labels == w->labels && a->ports == w->ports;
}

static uint32_t hash_profile(const struct wanted *w)
{
	uint32_t h = weir_hash_pointer(5, w->space);

	h = weir_hash_pointer(h, w->labels);
	return weir_hash_pointer(h, w->ports);
}

int weir_profile_touch(struct weir_compiler *c, struct profile *p)
{
	return WEIR_QUEUE(&c->q_profiles, p);
}

void weir_profile_free(struct profile *p)
{
	weir_vec_free(&p->pods);
	weir_vec_free(&p->subjects);
	free(p);
}

static int profile_new(struct weir_compiler *c, const struct wanted *w, struct profile **ret)
{
	struct profile *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->space = w->space;
	p->labels = w->labels;
	p->hash = hash_profile(w);
	p->is_new = true;
	if (weir_vec_push(&p->space->profiles, p) < 0)
		goto no_memory;
	if (weir_table_add(&c->profiles, p->hash, p) < 0) {
		p->space->profiles.n--;
		goto no_memory;
	}
	p->ports = weir_portset_ref(w->ports);
	*ret = p;
	if (WEIR_QUEUE(&c->q_spaces, p->space) < 0)
		return -ENOMEM;
	return weir_profile_touch(c, p);
no_memory:
	weir_profile_free(p);
	return -ENOMEM;
}

static int profile_get(struct weir_compiler *c, const struct weir_pod *pod, struct profile **ret)
{
	struct wanted w = { weir_space_find(c, pod->namespace_), pod->labels, NULL };
	int r = weir_portset_get(c, pod, &w.ports);

	if (r < 0)
		return r;
	*ret = weir_table_find(&c->profiles, hash_profile(&w), profile_is, &w);
	r = *ret ? 0 : profile_new(c, &w, ret);
	weir_portset_put(c, w.ports); /* the profile has a reference of its own */
	return r;
}

int weir_profile_join(struct weir_compiler *c, struct pod *pod)
{
	struct local_pod *local = weir_local_pod(pod);
	struct profile *p;

	if (profile_get(c, pod->pod, &p) < 0 || weir_vec_push(&p->pods, pod) < 0)
		return -ENOMEM;
	local->slot = p->pods.n - 1;
	local->profile = p;
	c->n_endpoints += pod->n_claims;
	return 0;
}

int weir_profile_leave(struct weir_compiler *c, struct pod *pod)
{
	struct profile *p = weir_pod_profile(pod);
	struct pod *last;

	if (!p)
		return 0;
	last = p->pods.at[--p->pods.n];
	p->pods.at[weir_local_pod(pod)->slot] = last;
	weir_local_pod(last)->slot = weir_local_pod(pod)->slot;
	weir_local_pod(pod)->profile = NULL;
	c->n_endpoints -= pod->n_claims;
	return p->pods.n ? 0 : weir_profile_touch(c, p);
}

static int add_subject(void *data, struct selection *s)
{
	struct profile *p = data;
	struct subject *subject = (struct subject *)s;

	if (weir_vec_push(&subject->profiles, p) < 0)
		return -ENOMEM;
	return weir_vec_push(&p->subjects, subject);
}

static int compare_serials(const void *a, const void *b)
{
	const struct subject *const *p = a, *const *q = b;

	return (*p)->serial < (*q)->serial ? -1 : (*p)->serial > (*q)->serial;
}

static int match(struct weir_compiler *c, struct profile *p)
{
	int r = weir_index_match(c, &c->subject_index, p->space, p->labels, add_subject, p);

	if (r < 0)
		return r;
	if (p->subjects.n)
		qsort(p->subjects.at, p->subjects.n, sizeof(*p->subjects.at), compare_serials);
	for (uint32_t i = 0; i < p->subjects.n; i++) {
		struct subject *s = p->subjects.at[i];

		if (!s->active && WEIR_QUEUE(&c->q_subjects, s) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int unmatch(struct weir_compiler *c, struct profile *p)
{
	for (uint32_t i = 0; i < p->subjects.n; i++) {
		struct subject *s = p->subjects.at[i];

		weir_vec_drop(&s->profiles, p);
		if (!s->profiles.n && WEIR_QUEUE(&c->q_subjects, s) < 0)
			return -ENOMEM;
	}
	p->subjects.n = 0;
	return 0;
}

int weir_profile_rematch(struct weir_compiler *c, struct profile *p)
{
	if (p->is_new)
		return 0;
	if (unmatch(c, p) < 0 || match(c, p) < 0)
		return -ENOMEM;
	return weir_profile_touch(c, p);
}

/* Those without a pod select nothing any more; they are freed once their
 * rulesets know (weir_profiles_sweep). */
int weir_profiles_match(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->q_profiles.n; i++) {
		struct profile *p = c->q_profiles.at[i];
		int r = 0;

		if (!p->pods.n)
			r = unmatch(c, p);
		else if (p->is_new)
			r = match(c, p);
		if (r < 0)
			return r;
	}
	return 0;
}

int weir_profiles_sweep(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->q_profiles.n; i++) {
		struct profile *p = c->q_profiles.at[i];

		p->queued = p->is_new = false;
		if (p->pods.n)
			continue;
		if (WEIR_QUEUE(&c->q_spaces, p->space) < 0)
			return -ENOMEM;
		weir_vec_drop(&p->space->profiles, p);
		weir_table_remove(&c->profiles, p->hash, p);
		weir_portset_put(c, p->ports);
		weir_profile_free(p);
	}
	c->q_profiles.n = 0;
	return 0;
}
