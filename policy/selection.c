/* SPDX-License-Identifier: Apache-2.0 */
/* A namespace (or all nodes) and a selector of labels, with copies of the selectors: the
 * policy they were read from may go while an equal one stays. The words are
 * interned, and live as long as any policy that uses them. */
#include "policy/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t hash_selector(uint32_t h, const struct weir_selector *s)
{
	h = weir_hash_add(h, s->n);
	for (uint32_t i = 0; i < s->n; i++) {
		const struct weir_requirement *q = &s->requirements[i];

		h = weir_hash_pointer(h, q->key);
		h = weir_hash_add(h, (uint64_t)q->op << 32 | q->n_values);
		for (uint32_t j = 0; j < q->n_values; j++)
			h = weir_hash_pointer(h, q->values[j]);
	}
	return h;
}

static bool same_selector(const struct weir_selector *a, const struct weir_selector *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++) {
		const struct weir_requirement *p = &a->requirements[i], *q = &b->requirements[i];

		if (p->key != q->key || p->op != q->op || p->n_values != q->n_values)
			return false;
		if (p->n_values &&
		    memcmp(p->values, q->values, p->n_values * sizeof(*p->values)) != 0)
			return false;
	}
	return true;
}

/* One block of memory: the requirements, then all their values. */
static int copy_selector(const struct weir_selector *s, struct weir_selector *ret)
{
	size_t n_values = 0;
	const char **values;

	*ret = (struct weir_selector){ 0 };
	if (!s->n)
		return 0;
	for (uint32_t i = 0; i < s->n; i++)
		n_values += s->requirements[i].n_values;
	ret->requirements = malloc(s->n * sizeof(*s->requirements) + n_values * sizeof(*values));
	if (!ret->requirements)
		return -ENOMEM;
	ret->n = s->n;
	memcpy(ret->requirements, s->requirements, s->n * sizeof(*s->requirements));
	values = (const char **)(ret->requirements + s->n);
	for (uint32_t i = 0; i < s->n; i++) {
		struct weir_requirement *q = &ret->requirements[i];

		if (q->n_values)
			memcpy(values, q->values, q->n_values * sizeof(*values));
		q->values = values;
		values += q->n_values;
	}
	return 0;
}

uint32_t weir_selection_hash(const struct space *space, const struct weir_selector *namespaces,
			     const struct weir_selector *pods)
{
	uint32_t h = weir_hash_pointer(1, space);

	return hash_selector(space ? h : hash_selector(h, namespaces), pods);
}

bool weir_selection_is(const struct selection *s, const struct space *space,
		       const struct weir_selector *namespaces, const struct weir_selector *pods)
{
	return s->space == space && (space || same_selector(&s->namespaces, namespaces)) &&
	       same_selector(&s->pods, pods);
}

int weir_selection_init(struct selection *s, struct space *space,
			const struct weir_selector *namespaces, const struct weir_selector *pods)
{
	int r = 0;

	*s = (struct selection){ .space = space };
	s->hash = weir_selection_hash(space, namespaces, pods);
	if (!space)
		r = copy_selector(namespaces, &s->namespaces);
	if (r == 0)
		r = copy_selector(pods, &s->pods);
	return r;
}

void weir_selection_free(struct selection *s)
{
	free(s->namespaces.requirements);
	free(s->pods.requirements);
	*s = (struct selection){ 0 };
}

bool weir_selection_matches(const struct weir_compiler *c, const struct selection *s,
			    const struct space *space, const struct weir_labels *labels)
{
	if (s->space ? s->space != space
		     : space == c->nodes || !weir_space_matches(c, space, &s->namespaces))
		return false;
	return weir_selector_matches(&s->pods, labels);
}
