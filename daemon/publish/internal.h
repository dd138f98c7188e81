/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between the files of this folder. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/publish/publish.h"
#include "weir/curve.h"

/* --- socket.c: addresses, encryption --- */
int weir_publish_open(void *socket, const struct weir_publish_config *config,
		      struct weir_error *err);

/* --- auth.c: who may subscribe over CURVE (ZAP, RFC 27) --- */
struct weir_auth {
	struct weir_zap *zap;
	char *clients_dir; /* NULL: nobody */
};
int weir_auth_start(struct weir_auth *a, void *context, const char *clients_dir,
		    struct weir_error *err);
/* After the context was shut down: that ends the thread. */
void weir_auth_stop(struct weir_auth *a);

/* --- topics.c: what is subscribed --- */
struct weir_topic {
	char *name;
	size_t len;
	uint64_t n; /* prefix: how many subscribe it; topic: messages so far */
};

struct weir_topics {
	struct weir_topic *items;
	size_t n;
};
/* A message of an XPUB socket: 1 or 0, then the prefix. */
int weir_topics_change(struct weir_topics *t, const uint8_t *msg, size_t len);
bool weir_topics_match(const struct weir_topics *t, const char *topic);
uint64_t weir_topics_count(const struct weir_topics *t);
/* The number of the next message of a topic, from 1; 0: no memory. Own table. */
uint64_t weir_topics_next(struct weir_topics *counters, const char *topic);
void weir_topics_free(struct weir_topics *t);
