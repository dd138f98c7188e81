/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A question of live streams, and what has been said to it. Internal to hub/api/live*.c. */
#include <stdbool.h>

#include "hub/api/copy.h"
#include "hub/api/request.h"
#include "hub/api/ring.h"

#define WEIR_GROUP_TOLD 4096 /* connections remembered, of which a half has been told */

struct weir_live_group {
	struct weir_live_group *next;
	unsigned refs; /* clients, and whoever feeds it */
	char *key;
	struct weir_ask ask;
	struct weir_person *person;
	bool events; /* SSE, not NDJSON */
	struct weir_ring ring;
	struct weir_live_client *clients;

	/* of the thread that feeds */
	struct weir_json_buffer text;
	size_t n_lens, room_lens, *lens; /* of the messages in text, not yet in the ring */
	uint64_t told[WEIR_GROUP_TOLD];
};

/* Takes the request's filter and person. */
struct weir_live_group *weir_live_group_new(struct weir_request *r, uint32_t queue);
void weir_live_group_free(struct weir_live_group *g);
/* Equal: the same flows in the same words. malloc'd. */
char *weir_live_group_key(const struct weir_request *r);

/* Write a message if the flow is wanted; no lock is needed. */
void weir_live_group_flow(struct weir_live_group *g, const struct weir_block_flow *f);
/* So many flows were not looked at. */
void weir_live_group_unread(struct weir_live_group *g, uint64_t n);
/* What was written goes into the ring; under the lock. How many messages. */
size_t weir_live_group_flush(struct weir_live_group *g, size_t max_bytes);
