/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The hub's end of the link to the nodes (weir/link.h): a thread that takes
 * their batches, hands them to ingest, and acknowledges what ingest has stored.
 * A node that breaks the rules is cut off; the others do not notice.
 */
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

struct weir_ingest;
struct weir_receive;
struct weir_registry;

struct weir_receive_config {
	struct weir_registry *registry; /* outlives this, as does ingest */
	struct weir_ingest *ingest;
	size_t n_listen, n_connect;
	const char *const *listen;  /* tcp://0.0.0.0:9572 */
	const char *const *connect; /* nodes that listen */
	uint64_t window;	    /* bytes of a node on their way, or not stored yet (32 MiB) */
	/* 0 in what follows: the default, in brackets */
	unsigned node_messages;	  /* of one node per second (5000) */
	uint64_t node_bytes;	  /* the same in bytes (64 MiB) */
	unsigned max_connections; /* at once, of nodes and strangers (4096) */
	unsigned silent_ms;	  /* a node of which nothing is heard for so long is not
				     connected (5 s; beats come each second) */
	unsigned cut_off_ms;	  /* how long a node is cut off the first time, doubled each
				     time up to an hour (1 minute) */
};
int weir_receive_start(const struct weir_receive_config *config, struct weir_receive **ret,
		       struct weir_error *err);
void weir_receive_stop(struct weir_receive **receive);

/* For weir_ingest_config.stored, from any thread; receive may be NULL. */
void weir_receive_stored(struct weir_receive *receive, const char *cluster, const char *node,
			 const char *boot, uint64_t seq);

struct weir_receive_stats {
	uint64_t connections;	     /* now */
	uint64_t nodes_connected;    /* now */
	uint64_t refused_handshakes; /* keys that nobody enrolled, revoked or cut off */
	uint64_t enrolled, refused_enrolments;
	uint64_t cut_off; /* nodes that broke the rules */
	uint64_t ignored; /* messages of those who may not send them */
	uint64_t messages, bytes;
};
void weir_receive_stats(struct weir_receive *receive, struct weir_receive_stats *ret);
