/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Live streams. Whoever asks the same with the same rights is in one group: a flow is held
 * against filter and scope once, written once, and kept in one ring. A client is a
 * place in the ring; one that is too slow loses what falls out of it, and is told
 * how much. So a slow client costs nobody anything.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/flow.h"
#include "weir/error.h"

struct MHD_Response;
struct weir_hub_config;
struct weir_live;
struct weir_live_client;
struct weir_request;

int weir_live_start(const struct weir_hub_config *config, struct weir_live **ret,
		    struct weir_error *err);
/* All clients are told to end; weir_live_free() when their connections have gone. */
void weir_live_end(struct weir_live *live);
void weir_live_free(struct weir_live **live);

/* From the thread that receives; copies, waits for nobody. */
void weir_live_publish(struct weir_live *live, const struct weir_hub_flow *flow, bool joined);
/* All clients that are there now are told to end. */
void weir_live_drop(struct weir_live *live);

/* The client of this request; takes the request's filter and person. -EUSERS: too many. */
int weir_live_join(struct weir_live *live, struct weir_request *r, struct weir_live_client **ret,
		   struct weir_error *err);
void weir_live_leave(struct weir_live_client **client);
struct MHD_Response *weir_live_response(struct weir_live_client *client);
/* As libmicrohttpd's reader: up to max bytes of what is there. 0: nothing, and the client
 * waits; -1: it is over. */
long weir_live_read(struct weir_live_client *client, char *buf, size_t max);

struct weir_live_stats {
	uint64_t clients, groups;
	uint64_t flows;	 /* looked at */
	uint64_t lost;	 /* flows that slow clients have lost, each counted */
	uint64_t unread; /* flows that nobody looked at: too many at once */
	uint64_t bytes;	 /* kept now */
};
void weir_live_stats(struct weir_live *live, struct weir_live_stats *ret);
