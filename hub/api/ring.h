/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The last messages of a live stream, numbered. The oldest go when there are too many,
 * or too many bytes; who reads holds the one it is at.
 */
#include <stddef.h>
#include <stdint.h>

struct weir_message {
	unsigned refs;
	size_t len;
	char text[];
};

struct weir_ring {
	struct weir_message **slots;
	uint32_t size;
	uint64_t first, next; /* numbers: what is kept, and what comes */
	size_t bytes;
};

int weir_ring_init(struct weir_ring *r, uint32_t size);
void weir_ring_clear(struct weir_ring *r);
/* A copy of text; max_bytes: of all messages that stay. */
int weir_ring_push(struct weir_ring *r, const char *text, size_t len, size_t max_bytes);
/* The message of this number, held for the caller; first <= number < next. */
struct weir_message *weir_ring_take(const struct weir_ring *r, uint64_t number);
void weir_message_drop(struct weir_message **m);
