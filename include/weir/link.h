/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a node and the hub say to each other: ZeroMQ, the node a DEALER, the hub
 * a ROUTER and CURVE server, whichever of them connects. A message is two
 * frames: its kind, and its payload: a batch.v1 as it is, all else one JSON
 * object of at most WEIR_LINK_TEXT_MAX bytes. docs/WIRE.md is the specification.
 *
 * The node keeps batches in its spool until the hub has acknowledged them, and
 * has at most a window of them on their way. Whatever is lost on the way is
 * asked for again: by "again" at once, by "hello" after a time without an answer.
 */
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

#define WEIR_LINK_VERSION    1
#define WEIR_LINK_TEXT_MAX   (64 * 1024)
#define WEIR_LINK_BATCH_MAX  (4 * 1024 * 1024)
#define WEIR_LINK_BOOTS_MAX  16 /* of one node, in one message */
#define WEIR_LINK_NAME_MAX   253
#define WEIR_LINK_PORT	     9572
#define WEIR_LINK_ZAP_DOMAIN "weir-hub"

enum weir_link_kind {
	/* node to hub */
	WEIR_LINK_ENROL, /* token, node: let the key of this connection in under this name */
	WEIR_LINK_HELLO, /* node, version, boots[boot, first, next]: what the spool holds, the
			    boot that runs last; seqs first to next - 1 */
	WEIR_LINK_BATCH, /* a batch.v1, byte for byte as published; empty ones are the beat */
	WEIR_LINK_LOST,	 /* boot, from, to: asked for, and not in the spool any more */
	/* hub to node */
	WEIR_LINK_ENROLLED, /* cluster, node: say hello now */
	WEIR_LINK_REFUSED,  /* why: of enrol or hello; the node waits a minute */
	WEIR_LINK_WELCOME,  /* window, boots[boot, seq]: send from these seqs on, at most window
			       bytes ahead of the acknowledged */
	WEIR_LINK_AGAIN,    /* boot, seq: a hole was seen; send from this seq on */
	WEIR_LINK_ACK,	    /* boot, seq: all below seq is stored for good */
	WEIR_LINK_KIND_MAX
};
const char *weir_link_kind_name(enum weir_link_kind kind);
/* A frame's kind; WEIR_LINK_KIND_MAX when it is none. */
enum weir_link_kind weir_link_kind_of(const void *frame, size_t len);

#define WEIR_LINK_BOOT_MAX 40 /* a boot id and its NUL */

struct weir_link_boot {
	char boot[WEIR_LINK_BOOT_MAX];
	uint64_t seq;  /* hello: the first that is kept; welcome, again, ack: see the kind; lost:
			  from */
	uint64_t next; /* hello: behind the last; lost: to */
};

/* Any of the JSON messages; what a kind does not have is empty. */
struct weir_link_message {
	char node[WEIR_LINK_NAME_MAX + 1];
	char cluster[WEIR_LINK_NAME_MAX + 1];
	char version[64];
	char token[256];
	char why[512];
	uint64_t window;
	unsigned n_boots;
	struct weir_link_boot boots[WEIR_LINK_BOOTS_MAX];
};

/* malloc'd JSON text of a message of this kind. */
char *weir_link_write(enum weir_link_kind kind, const struct weir_link_message *m);
/* From an untrusted peer: every member of the kind must be there, of its type and length. */
int weir_link_read(enum weir_link_kind kind, const void *text, size_t len,
		   struct weir_link_message *ret, struct weir_error *err);

/*
 * An enrolment token, as an administrator carries it to the node: one line with
 * the hub's address, its CURVE public key and the secret.
 */
struct weir_link_token {
	char address[256]; /* "tcp://hub.example:9572"; empty: the hub connects to the node */
	char server_key[41];
	char secret[44]; /* 32 random bytes, base64url */
};
char *weir_link_token_write(const struct weir_link_token *token);
int weir_link_token_read(const char *text, struct weir_link_token *ret, struct weir_error *err);
