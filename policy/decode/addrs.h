/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Lists of addresses in objects: gathered from several fields, each once. */
#include "policy/decode/fields.h"
#include "weir/addr.h"

struct weir_addr_list {
	struct weir_addr *addrs; /* malloc'd */
	uint16_t n, size;
};

/* Adds text unless it is there; NULL, "" and "None" (headless) add nothing. */
int weir_addr_list_add(struct weir_decoder *d, const struct weir_path *path, const char *text,
		       struct weir_addr_list *list);
/* Each string of the array at key; with member not NULL: member of each object. */
int weir_addr_list_add_array(struct weir_decoder *d, const struct weir_path *path,
			     const cJSON *object, const char *key, const char *member,
			     struct weir_addr_list *list);
/* Exactly as long as needed, or NULL when empty. */
struct weir_addr *weir_addr_list_take(struct weir_addr_list *list, uint16_t *ret_n);
