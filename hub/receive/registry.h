/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Which nodes may talk to this hub: enrolled with a token, known by their key
 * from then on, until they are revoked. Kept in a file; only hashes of tokens
 * are. Any thread may call any of these.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"
#include "weir/link.h"

struct weir_registry;

struct weir_registry_config {
	const char *state_dir; /* nodes.json, and hub.key: made at the first start */
	const char *address;   /* tcp://HOST:PORT at which nodes find this hub: goes into tokens;
				  "": the hub connects to the nodes */
	unsigned max_nodes;    /* 10000 */
};
int weir_registry_open(const struct weir_registry_config *config, struct weir_registry **ret,
		       struct weir_error *err);
void weir_registry_close(struct weir_registry **registry);

/* The hub's public key, Z85. */
const char *weir_registry_server_key(const struct weir_registry *registry);

/* A token that lets uses nodes in within ttl_ms; node: only the one of this name, also when it
 * is enrolled already (with another key) or was revoked; NULL: any that is neither. ret:
 * malloc'd text as weir_link_token_read() reads it; it is kept nowhere. */
int weir_registry_make_token(struct weir_registry *registry, const char *cluster, const char *node,
			     uint64_t ttl_ms, unsigned uses, char **ret, struct weir_error *err);

/* Cut off at once, and out until it is enrolled anew. -ENOENT: no such node. */
int weir_registry_revoke(struct weir_registry *registry, const char *cluster, const char *node,
			 struct weir_error *err);

#define WEIR_NODE_NAME_MAX WEIR_LINK_NAME_MAX

struct weir_node_state {
	char cluster[WEIR_LINK_NAME_MAX + 1], node[WEIR_LINK_NAME_MAX + 1];
	char key[41];
	uint64_t enrolled_ms, revoked_ms; /* since the epoch; revoked_ms 0: it is not */
	/* Since the hub was started: */
	bool connected;
	char version[64], boot[WEIR_LINK_BOOT_MAX]; /* of its weird; that runs now */
	uint64_t last_seen_ms;			    /* since the epoch; 0: not yet */
	uint64_t cut_off_until_ms;		    /* it has broken the rules; 0: it has not */
	uint64_t next_seq;			    /* of the boot: all below is stored */
	uint64_t batches, records, bytes, duplicates;
	uint64_t lost;	    /* records that it said will never come, as far as is known how many */
	uint64_t asked;	    /* times that something was asked for again */
	uint64_t throttled; /* messages beyond its rate */
	uint64_t cut_off;   /* how often */
	uint64_t behind_ms; /* how old the newest batch of it is */
};
/* All nodes, revoked ones too, by cluster and name; free() the array. */
int weir_registry_list(struct weir_registry *registry, struct weir_node_state **ret, size_t *ret_n);
