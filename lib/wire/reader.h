/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Reads MessagePack of an untrusted peer value by value, without allocating.
 * Every function returns 0 or -EBADMSG and never reads behind end.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir_reader {
	const uint8_t *p, *end;
};

static inline size_t weir_reader_left(const struct weir_reader *r)
{
	return (size_t)(r->end - r->p);
}

bool weir_read_nil(struct weir_reader *r); /* consumes it if it is one */
int weir_read_uint(struct weir_reader *r, uint64_t max, uint64_t *ret);
int weir_read_int(struct weir_reader *r, int64_t *ret);
/* At least min and at most as many elements as bytes are left. */
int weir_read_array(struct weir_reader *r, uint32_t min, uint32_t *ret);
int weir_read_str(struct weir_reader *r, const char **ret, uint32_t *ret_len);
int weir_read_bin(struct weir_reader *r, const uint8_t **ret, uint32_t *ret_len);
/* n values of any type, with all that is in them. */
int weir_read_skip(struct weir_reader *r, uint64_t n);
