/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which selections can match a pod of this namespace with these labels? Each
 * selection is filed under one thing it wants of the namespace (the namespace
 * itself, a label pair, or nothing) and one label pair it wants of the pod (or
 * nothing); a pod looks under the products of what it has. Full matching
 * follows, so the index only has to leave nothing out.
 */
#include <errno.h>
#include <stdlib.h>

#include "policy/state.h"

struct place {
	const void *scope; /* struct space, or key of a namespace label; NULL: any */
	const void *scope_value;
	const char *key; /* of the pod; NULL: any */
	const char *value;
};

struct entry {
	struct place place;
	struct weir_vec items;
};

static uint32_t hash_place(const struct place *p)
{
	uint32_t h = weir_hash_pointer(3, p->scope);

	h = weir_hash_pointer(h, p->scope_value);
	h = weir_hash_pointer(h, p->key);
	return weir_hash_pointer(h, p->value);
}

static bool entry_is(const void *item, const void *key)
{
	const struct place *a = &((const struct entry *)item)->place, *b = key;

	return a->scope == b->scope && a->scope_value == b->scope_value && a->key == b->key &&
	       a->value == b->value;
}

/* The requirement that says "one of these values", with the fewest. */
static const struct weir_requirement *narrowest(const struct weir_selector *s)
{
	const struct weir_requirement *best = NULL;

	for (uint32_t i = 0; i < s->n; i++) {
		const struct weir_requirement *q = &s->requirements[i];

		if (q->op == WEIR_IN && (!best || q->n_values < best->n_values))
			best = q;
	}
	return best;
}

static int file(struct match_index *ix, const struct place *place, struct selection *s)
{
	uint32_t h = hash_place(place);
	struct entry *e = weir_table_find(&ix->entries, h, entry_is, place);

	if (e)
		return weir_vec_push(&e->items, s);
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->place = *place;
	if (weir_vec_push(&e->items, s) < 0 || weir_table_add(&ix->entries, h, e) < 0) {
		weir_vec_free(&e->items);
		free(e);
		return -ENOMEM;
	}
	ix->n_pairs += place->scope_value != NULL;
	return 0;
}

static int unfile(struct match_index *ix, const struct place *place, struct selection *s)
{
	uint32_t h = hash_place(place);
	struct entry *e = weir_table_find(&ix->entries, h, entry_is, place);

	if (!e)
		return 0;
	weir_vec_drop(&e->items, s);
	if (e->items.n)
		return 0;
	ix->n_pairs -= place->scope_value != NULL;
	weir_table_remove(&ix->entries, h, e);
	weir_vec_free(&e->items);
	free(e);
	return 0;
}

typedef int (*place_fn)(struct match_index *ix, const struct place *place, struct selection *s);

static int for_pod_values(struct match_index *ix, struct selection *s, struct place place,
			  place_fn fn)
{
	const struct weir_requirement *q = narrowest(&s->pods);
	int r = 0;

	if (!q)
		return fn(ix, &place, s);
	place.key = q->key;
	for (uint32_t i = 0; i < q->n_values && r == 0; i++) {
		place.value = q->values[i];
		r = fn(ix, &place, s);
	}
	return r;
}

static int for_places(struct match_index *ix, struct selection *s, place_fn fn)
{
	const struct weir_requirement *q = s->space ? NULL : narrowest(&s->namespaces);
	struct place place = { .scope = s->space };
	int r = 0;

	if (!q)
		return for_pod_values(ix, s, place, fn);
	place.scope = q->key;
	for (uint32_t i = 0; i < q->n_values && r == 0; i++) {
		place.scope_value = q->values[i];
		r = for_pod_values(ix, s, place, fn);
	}
	return r;
}

int weir_index_add(struct match_index *ix, struct selection *s)
{
	return for_places(ix, s, file);
}

void weir_index_remove(struct match_index *ix, struct selection *s)
{
	for_places(ix, s, unfile);
}

struct query {
	const struct weir_compiler *c;
	const struct match_index *ix;
	const struct space *space;
	const struct weir_labels *labels;
	int (*fn)(void *data, struct selection *s);
	void *data;
};

static int try_place(const struct query *q, const struct place *place)
{
	const struct entry *e =
		weir_table_find(&q->ix->entries, hash_place(place), entry_is, place);

	for (uint32_t i = 0; e && i < e->items.n; i++) {
		struct selection *s = e->items.at[i];
		int r;

		if (!weir_selection_matches(q->c, s, q->space, q->labels))
			continue;
		r = q->fn(q->data, s);
		if (r)
			return r;
	}
	return 0;
}

static int try_scope(const struct query *q, const void *scope, const void *scope_value)
{
	struct place place = { .scope = scope, .scope_value = scope_value };
	int r = try_place(q, &place);

	for (uint32_t i = 0; r == 0 && q->labels && i < q->labels->n; i++) {
		place.key = q->labels->items[i].key;
		place.value = q->labels->items[i].value;
		r = try_place(q, &place);
	}
	return r;
}

int weir_index_match(const struct weir_compiler *c, const struct match_index *ix,
		     const struct space *space, const struct weir_labels *labels,
		     int (*fn)(void *data, struct selection *s), void *data)
{
	struct query q = { c, ix, space, labels, fn, data };
	const struct weir_label *pairs;
	struct weir_label implied;
	size_t n_pairs;
	int r;

	if (!ix->entries.n)
		return 0;
	r = try_scope(&q, space, NULL);
	if (r == 0)
		r = try_scope(&q, NULL, NULL);
	if (r || !ix->n_pairs)
		return r;
	n_pairs = weir_space_labels(c, space, &pairs, &implied);
	for (size_t i = 0; r == 0 && i < n_pairs; i++)
		r = try_scope(&q, pairs[i].key, pairs[i].value);
	return r;
}

void weir_index_free(struct match_index *ix)
{
	struct entry *e;

	for (uint32_t i = 0; (e = weir_table_next(&ix->entries, &i));) {
		weir_vec_free(&e->items);
		free(e);
	}
	weir_table_free(&ix->entries);
}
