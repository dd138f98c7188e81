/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An encoded batch that several hold: history, libzmq's queues, the spool of the
 * hub. Whoever keeps it holds a reference; the last frees it, on any thread.
 */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct weir_kept {
	struct weir_kept *next; /* the history's */
	uint8_t *bytes;
	size_t len;
	uint64_t first_seq;
	uint32_t records; /* 0: a beat */
	atomic_uint refs;
};

static inline struct weir_kept *weir_kept_ref(struct weir_kept *k)
{
	atomic_fetch_add(&k->refs, 1);
	return k;
}
void weir_kept_unref(struct weir_kept *k);
