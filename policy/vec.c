/* SPDX-License-Identifier: Apache-2.0 */
/* Growing arrays of pointers and of numbers. Used all over policy/; knows
 * nothing of policies. */
#include "policy/vec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int grow(void **at, uint32_t *cap, uint32_t need, size_t size)
{
	uint32_t want = *cap < 8 ? *cap + 2 : *cap + *cap / 2;
	void *p;

	if (need <= *cap)
		return 0;
	if (want < need)
		want = need;
	p = realloc(*at, want * size);
	if (!p)
		return -ENOMEM;
	*at = p;
	*cap = want;
	return 0;
}

int weir_vec_push(struct weir_vec *v, void *item)
{
	if (grow((void **)&v->at, &v->cap, v->n + 1, sizeof(*v->at)) < 0)
		return -ENOMEM;
	v->at[v->n++] = item;
	return 0;
}

int weir_vec_insert(struct weir_vec *v, uint32_t pos, void *item)
{
	if (grow((void **)&v->at, &v->cap, v->n + 1, sizeof(*v->at)) < 0)
		return -ENOMEM;
	memmove(v->at + pos + 1, v->at + pos, (v->n - pos) * sizeof(*v->at));
	v->at[pos] = item;
	v->n++;
	return 0;
}

void weir_vec_remove_at(struct weir_vec *v, uint32_t pos)
{
	v->n--;
	memmove(v->at + pos, v->at + pos + 1, (v->n - pos) * sizeof(*v->at));
}

void weir_vec_remove(struct weir_vec *v, const void *item)
{
	for (uint32_t i = v->n; i-- > 0;) {
		if (v->at[i] != item)
			continue;
		weir_vec_remove_at(v, i);
		return;
	}
}

void weir_vec_drop(struct weir_vec *v, const void *item)
{
	for (uint32_t i = v->n; i-- > 0;) {
		if (v->at[i] != item)
			continue;
		v->at[i] = v->at[--v->n];
		return;
	}
}

void weir_vec_free(struct weir_vec *v)
{
	free(v->at);
	*v = (struct weir_vec){ 0 };
}

bool weir_vec_search(const struct weir_vec *v, const void *item, uint32_t *ret_pos)
{
	uint32_t lo = 0, hi = v->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if ((uintptr_t)v->at[mid] < (uintptr_t)item)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_pos = lo;
	return lo < v->n && v->at[lo] == item;
}

int weir_ids_push(struct weir_ids *v, uint32_t id)
{
	if (grow((void **)&v->at, &v->cap, v->n + 1, sizeof(*v->at)) < 0)
		return -ENOMEM;
	v->at[v->n++] = id;
	return 0;
}

static uint32_t lower_bound(const struct weir_ids *v, uint32_t id)
{
	uint32_t lo = 0, hi = v->n;

	if (hi && v->at[hi - 1] < id)
		return hi;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (v->at[mid] < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int weir_ids_add(struct weir_ids *v, uint32_t id)
{
	uint32_t pos = lower_bound(v, id);

	if (pos < v->n && v->at[pos] == id)
		return 0;
	if (grow((void **)&v->at, &v->cap, v->n + 1, sizeof(*v->at)) < 0)
		return -ENOMEM;
	memmove(v->at + pos + 1, v->at + pos, (v->n - pos) * sizeof(*v->at));
	v->at[pos] = id;
	v->n++;
	return 0;
}

void weir_ids_remove(struct weir_ids *v, uint32_t id)
{
	uint32_t pos = lower_bound(v, id);

	if (pos == v->n || v->at[pos] != id)
		return;
	v->n--;
	memmove(v->at + pos, v->at + pos + 1, (v->n - pos) * sizeof(*v->at));
}

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

void weir_ids_sort(struct weir_ids *v)
{
	uint32_t n = 0;
	bool sorted = true;

	for (uint32_t i = 1; i < v->n && sorted; i++)
		sorted = v->at[i - 1] < v->at[i];
	if (sorted)
		return;
	qsort(v->at, v->n, sizeof(*v->at), compare_ids);
	for (uint32_t i = 0; i < v->n; i++) {
		if (!n || v->at[n - 1] != v->at[i])
			v->at[n++] = v->at[i];
	}
	v->n = n;
}

bool weir_ids_has(const struct weir_ids *v, uint32_t id)
{
	uint32_t pos = lower_bound(v, id);

	return pos < v->n && v->at[pos] == id;
}

void weir_ids_free(struct weir_ids *v)
{
	free(v->at);
	*v = (struct weir_ids){ 0 };
}
