/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between the files of this folder. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/publish/publish.h"
#include "weir/curve.h"

/* --- socket.c: addresses, encryption --- */
int weir_publish_open_scoped(void *socket, const char *address, const char *secret_file,
			     struct weir_error *err);
int weir_publish_open(void *socket, const struct weir_publish_config *config,
		      struct weir_error *err);

/* --- clients.c: the folder of keys --- */
#define WEIR_SCOPE_MAX 4096
struct weir_client {
	char key[WEIR_CURVE_KEY_LEN + 1];
	char namespaces[WEIR_SCOPE_MAX]; /* "shop, cart-*"; "": it sees everything */
	char address[200];		 /* of its own, with namespaces */
	bool hub;
};
int weir_client_read(const char *path, struct weir_client *ret, struct weir_error *err);
/* client, or what is wrong with a file */
void weir_clients_each(const char *dir,
		       void (*fn)(void *data, const struct weir_client *client,
				  const struct weir_error *broken),
		       void *data);
bool weir_client_sees(const char *namespaces, const char *namespace_);

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

/* --- outlet.c: a socket, and what is seen there --- */
struct weir_outlet {
	struct weir_outlet *next;
	void *socket;
	bool restricted; /* to namespaces */
	bool wanted;	 /* scoped.c: some key names it */
	char address[200], namespaces[WEIR_SCOPE_MAX];
	struct weir_topics prefixes, counters;
};
int weir_outlet_new(void *context, uint32_t queue, struct weir_outlet **ret,
		    struct weir_error *err);
void weir_outlet_free(struct weir_outlet **outlet, int linger_ms);
/* Are there subscriptions to be read? Read them: how many could not be kept. */
bool weir_outlet_pending(struct weir_outlet *o);
int weir_outlet_read(struct weir_outlet *o);
/* The record on the ns. topics that are subscribed, json being used for it; how many
 * messages could not be made. */
int weir_outlet_say(struct weir_outlet *o, const struct weir_record *record, const char *node,
		    struct weir_json_buffer *json);

/* --- scoped.c: outlets for keys with namespaces --- */
struct weir_scoped {
	struct weir_outlet *first;
	void *context;
	char *dir, *secret_file; /* NULL: nobody */
	uint32_t queue;
	unsigned everything; /* keys that see all, as was said in the log */
	bool complained, failed;
};
void weir_scoped_look(struct weir_scoped *s);
void weir_scoped_free(struct weir_scoped *s, int linger_ms);
