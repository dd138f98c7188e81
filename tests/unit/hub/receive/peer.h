/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A node's end of the link for tests, and an ingest that remembers. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/receive/receive.h"
#include "hub/receive/registry.h"
#include "weir/link.h"

/* --- ingest.c: what hub/ingest would do ---------------------------------------------- */

struct fake_lost {
	char node[64], boot[WEIR_LINK_BOOT_MAX];
	uint64_t from, to;
};
/* All of it forgotten; known: whether the store has heard of the nodes. */
void fake_reset(bool known);
/* What weir_ingest_batch() answers until it is set to 0 again; 0: what is right. */
void fake_answer(int answer);
/* The seq that is expected next; 0: boot never heard of. */
uint64_t fake_next(const char *node, const char *boot);
void fake_set_next(const char *node, const char *boot, uint64_t next);
/* How many losses were told; the last of them. */
size_t fake_lost(struct fake_lost *ret);
/* How many records were taken, each once. */
uint64_t fake_taken(void);
bool fake_is_up(const char *node);
/* Whether what is taken is stored at once. */
void fake_store(struct weir_receive *receive);

/* --- peer.c: the node ---------------------------------------------------------------------- */

struct peer {
	void *socket;
	char public[41], secret[41];
	char name[64];
};
void peer_keys(struct peer *p, const char *name);
/* With the keys that it has; bind: listens, and *port is its port. */
void peer_open(struct peer *p, const char *server_key, unsigned *port, bool bind);
void peer_close(struct peer *p);
void peer_send(struct peer *p, enum weir_link_kind kind, const void *payload, size_t len);
void peer_tell(struct peer *p, enum weir_link_kind kind, const struct weir_link_message *m);
/* hello of one boot */
void peer_hello(struct peer *p, const char *boot, uint64_t first, uint64_t next);
void peer_batch(struct peer *p, const char *boot, uint64_t first, unsigned records);
/* The next message within ms; WEIR_LINK_KIND_MAX: none. */
enum weir_link_kind peer_hear(struct peer *p, struct weir_link_message *ret, int ms);
/* Messages until one of this kind; false: not within ms. */
bool peer_wait(struct peer *p, enum weir_link_kind kind, struct weir_link_message *ret, int ms);
uint64_t now_ms(void);
