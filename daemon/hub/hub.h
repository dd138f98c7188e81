/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * weird's end of the link to the hub (weir/link.h): a thread of its own that
 * takes each batch by reference, keeps it until the hub has stored it, and never
 * makes the flow thread wait.
 */
#include <stdbool.h>
#include <stdint.h>

#include "daemon/publish/kept.h"
#include "weir/error.h"

struct weir_config;
struct weir_hub;

/* Nothing is configured: 0, and *ret is NULL. next_seq: of this boot's records. */
int weir_hub_start(const struct weir_config *config, const char *boot, uint64_t next_seq,
		   struct weir_hub **ret, struct weir_error *err);
/* Sends what it can within half a second; the rest stays on disk, if there is one. */
void weir_hub_stop(struct weir_hub **hub, uint64_t next_seq);

/* The next batch, from the flow thread. Which number its successors must not be below: the
 * hub has others under these. 0: any. */
uint64_t weir_hub_offer(struct weir_hub *hub, struct weir_kept *batch);

enum weir_hub_state {
	WEIR_HUB_UNCONFIGURED, /* neither a token nor the hub's key: nothing to connect to */
	WEIR_HUB_CONNECTING,
	WEIR_HUB_ENROLLING,
	WEIR_HUB_GREETING, /* waits for the hub's welcome */
	WEIR_HUB_REFUSED,
	WEIR_HUB_CONNECTED,
	WEIR_HUB_STATE_MAX
};
const char *weir_hub_state_name(enum weir_hub_state state);

struct weir_hub_status {
	enum weir_hub_state state;
	bool connected;		   /* state is CONNECTED */
	char address[256];	   /* "" while it is not known */
	char cluster[254];	   /* as the hub said when it enrolled this node, since the start */
	char error[256];	   /* why it is not connected; "": nothing known */
	uint64_t waiting;	   /* records not acknowledged */
	uint64_t memory, disk;	   /* bytes of the spool */
	uint64_t acknowledged;	   /* records, since the start */
	uint64_t sent, sent_bytes; /* batches, with those sent again */
	uint64_t lost;		   /* records that left the spool unacknowledged */
	uint64_t connects;	   /* how often the hub has said welcome after a new connection */
};
void weir_hub_status(struct weir_hub *hub, struct weir_hub_status *ret);
