/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * DNS over TCP: messages with two bytes of length in front, put together from
 * segments. A stream is followed from its SYN only and up to the first segment that
 * is missing: bytes from the middle of one might be anything, also what somebody
 * who may write a record wants to be taken for an answer.
 */
#include "backends/flow/packet.h"

#define WEIR_STREAMS_MAX 64

struct weir_stream {
	struct weir_tuple tuple; /* protocol 0: free */
	uint32_t next;		 /* number of the byte that comes next */
	uint64_t used;
	uint8_t *bytes;
	size_t len;
};

struct weir_streams {
	struct weir_stream items[WEIR_STREAMS_MAX];
	uint64_t clock;
};

/* fn for each message that is whole with this segment. */
void weir_streams_feed(struct weir_streams *s, const struct weir_payload *segment,
		       void (*fn)(void *data, const struct weir_tuple *tuple,
				  const uint8_t *message, size_t len),
		       void *data);
void weir_streams_clear(struct weir_streams *s);
