/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A table of encoded entries, each stored once: an entry's id is its position. */
#include <stddef.h>
#include <stdint.h>

struct weir_intern {
	uint8_t *bytes; /* the entries, one behind the other, as they go on the wire */
	uint32_t *ends; /* where each ends in bytes */
	uint32_t *hashes;
	uint32_t *slots; /* open addressing: id + 1, 0: free */
	size_t len, size;
	uint32_t n, max, n_slots;
};

/* -ENOMEM leaves the table as it was. */
int weir_intern_add(struct weir_intern *t, const void *bytes, size_t len, uint32_t *ret_id);
void weir_intern_reset(struct weir_intern *t);
void weir_intern_free(struct weir_intern *t);
