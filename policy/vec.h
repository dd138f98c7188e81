/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Growing arrays of pointers and of numbers, as small as they can be: the
 * compiler has hundreds of thousands of them. Zeroed memory is an empty one. */
#include <stdbool.h>
#include <stdint.h>

struct weir_vec {
	void **at;
	uint32_t n, cap;
};

int weir_vec_push(struct weir_vec *v, void *item);
int weir_vec_insert(struct weir_vec *v, uint32_t pos, void *item);
void weir_vec_remove_at(struct weir_vec *v, uint32_t pos);  /* keeps the order */
void weir_vec_remove(struct weir_vec *v, const void *item); /* keeps the order */
void weir_vec_drop(struct weir_vec *v, const void *item);   /* the last takes its place */
void weir_vec_free(struct weir_vec *v);

/* Kept in the order of the pointers themselves. */
bool weir_vec_search(const struct weir_vec *v, const void *item, uint32_t *ret_pos);

struct weir_ids {
	uint32_t *at;
	uint32_t n, cap;
};

int weir_ids_push(struct weir_ids *v, uint32_t id);
int weir_ids_add(struct weir_ids *v, uint32_t id);     /* ascending, each once */
void weir_ids_remove(struct weir_ids *v, uint32_t id); /* of an ascending one */
void weir_ids_sort(struct weir_ids *v);		       /* ascending, each once */
bool weir_ids_has(const struct weir_ids *v, uint32_t id);
void weir_ids_free(struct weir_ids *v);
