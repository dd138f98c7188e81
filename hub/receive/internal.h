/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between the files of this folder. */
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

#include "hub/receive/receive.h"
#include "hub/receive/registry.h"
#include "weir/curve.h"
#include "weir/link.h"

uint64_t weir_receive_now_ms(clockid_t clock);

/* --- a node, and what is going on with it -------------------------------------------- */

#define WEIR_ROUTE_MAX 32 /* bytes of a ROUTER's name for a connection; its own take 5 */

struct weir_tcp_peer { /* a TCP connection, while it is there */
	int fd;
	struct sockaddr_in6 address;
	socklen_t len;
};

struct weir_bucket { /* so much per second, and for two seconds ahead */
	uint64_t level, per_second, at_ms;
};

struct weir_session_boot {
	char boot[WEIR_LINK_BOOT_MAX];
	uint64_t first;	   /* that the node has kept */
	uint64_t stored;   /* all below is; 0: nobody has said yet */
	uint64_t again_at; /* monotonic ms: then ask again; 0: no need */
	uint64_t asked_at; /* the last time */
	uint64_t used_at;  /* the one that is not used any more makes room */
	uint64_t unknown;  /* seq before which a gap of unknown size was told; 0: none */
};

/* The receiving thread's own. */
struct weir_session {
	void *socket; /* NULL: none since the start */
	uint8_t route[WEIR_ROUTE_MAX];
	size_t route_len;
	struct weir_tcp_peer peer;
	uint64_t heard_ms; /* monotonic */
	bool up;	   /* has said hello, is heard */
	uint64_t unacked;  /* bytes taken since the last acknowledgement */
	struct weir_bucket messages, bytes, new_boots;
	struct weir_session_boot boots[WEIR_LINK_BOOTS_MAX];
};

struct weir_link_node {
	struct weir_node_state state;	       /* under the registry's lock */
	uint64_t refused_until_ms, penalty_ms; /* monotonic; the same lock */
	uint64_t newest_ms; /* since the epoch: when its newest batch was made; the same lock */
	struct weir_session session;
};

/* --- nodes.c: the table of nodes, by key and by name --------------------------------- */

struct weir_nodes {
	size_t n, n_keys, max;
	struct weir_link_node **by_name;
	struct weir_link_node **by_key; /* those that are not revoked */
};
struct weir_link_node *weir_nodes_by_key(const struct weir_nodes *t, const char *key);
struct weir_link_node *weir_nodes_by_name(const struct weir_nodes *t, const char *cluster,
					  const char *node);
/* -ENOSPC: too many. A node stays where it is until the table is cleared. */
int weir_nodes_add(struct weir_nodes *t, const char *cluster, const char *node,
		   struct weir_link_node **ret);
/* key NULL: it has none any more. */
void weir_nodes_set_key(struct weir_nodes *t, struct weir_link_node *n, const char *key);
void weir_nodes_clear(struct weir_nodes *t);

/* --- registry.c, enrol.c, registry-file.c
 * --------------------------------------------------------- */

#define WEIR_HASH_LEN 32

struct weir_pass { /* an enrolment token, as it is kept */
	uint8_t hash[WEIR_HASH_LEN];
	char cluster[WEIR_LINK_NAME_MAX + 1], node[WEIR_LINK_NAME_MAX + 1]; /* node "": any */
	uint64_t expires_ms;						    /* since the epoch */
	unsigned uses;
};
#define WEIR_PASSES_MAX 1024
bool weir_pass_is_open(const struct weir_pass *p, uint64_t now_ms);

struct weir_registry {
	char path[4096], *address;
	char public_key[WEIR_CURVE_KEY_LEN + 1], secret_key[WEIR_CURVE_KEY_LEN + 1];
	pthread_mutex_t write_lock; /* one change after another, until it is on disk; before lock */
	pthread_mutex_t lock;	    /* of what follows */
	struct weir_nodes nodes;
	struct weir_pass *passes;
	size_t n_passes;
	bool dirty;		     /* something that may be written later has changed */
	void (*changed)(void *data); /* who may connect has; under write_lock */
	void *changed_data;
};

int weir_registry_load(struct weir_registry *r, struct weir_error *err);
/* malloc'd; call with the lock. */
char *weir_registry_text(const struct weir_registry *r);

/* With write_lock, without lock: who shakes hands does not wait for the disk. */
int weir_registry_write(struct weir_registry *r, struct weir_error *err);

/* May this key shake hands? */
bool weir_registry_admits(struct weir_registry *r, const char *key);
/* NULL: enrolled with this key is nobody, or who is cut off. */
struct weir_link_node *weir_registry_node(struct weir_registry *r, const char *key);
struct weir_link_node *weir_registry_find(struct weir_registry *r, const char *cluster,
					  const char *node);
/* A stranger's token. -EACCES: err says why, in words for the stranger. */
int weir_registry_enrol(struct weir_registry *r, const char *key, const char *secret,
			const char *node, struct weir_link_node **ret, struct weir_error *err);
/* Which boot of a node runs now; "" when there was none. Written with the next save. */
void weir_registry_boot(struct weir_registry *r, struct weir_link_node *n, const char *boot,
			char *ret_before);
/* Write what has changed and could wait. */
void weir_registry_save(struct weir_registry *r);
/* Tell data when somebody is revoked; NULL: nobody. */
void weir_registry_watch(struct weir_registry *r, void (*changed)(void *data), void *data);

/* --- limits.c ------------------------------------------------------------------------ */

void weir_bucket_set(struct weir_bucket *b, uint64_t per_second, uint64_t now_ms);
bool weir_bucket_take(struct weir_bucket *b, uint64_t n, uint64_t now_ms);
/* The connection that a message came by; fd -1: not known. */
struct weir_tcp_peer weir_tcp_peer_of(zmq_msg_t *msg);
/* Ends it if it is still there. */
void weir_tcp_peer_end(const struct weir_tcp_peer *peer);

/* --- watch.c: the connections beneath the sockets ------------------------------------ */

struct weir_watch;
int weir_watch_new(void *context, size_t max, uint64_t unread_max, struct weir_watch **ret);
void weir_watch_free(struct weir_watch **watch);
void weir_watch_socket(struct weir_watch *w, void *socket);
/* What has happened since. */
void weir_watch_read(struct weir_watch *w);
/* A message of so many bytes came out of a connection. */
void weir_watch_handled(struct weir_watch *w, int fd, size_t bytes);
size_t weir_watch_count(const struct weir_watch *w);
/* Ends those of which much came in and no message out, after telling. */
void weir_watch_unread(struct weir_watch *w, void (*found)(void *data, int fd), void *data);

/* --- receive.c, sockets.c, session.c, batches.c -------------------------------------- */

struct weir_stored { /* what ingest's thread has said, for ours */
	struct weir_stored *next;
	char *cluster, *node, boot[WEIR_LINK_BOOT_MAX];
	uint64_t seq;
};

struct weir_link_end { /* one ROUTER: all that we listen on, or one address that we connect to */
	void *socket;
	const char *connect; /* NULL: listens */
	uint64_t since_ms;   /* monotonic: opened, or heard */
};

struct weir_receive {
	struct weir_receive_config config;
	struct weir_registry *registry;
	struct weir_ingest *ingest;
	void *context;
	struct weir_zap *zap;
	struct weir_watch *watch;
	struct weir_link_end *ends;
	size_t n_ends;
	int wake; /* eventfd */
	pthread_t thread;
	bool running;
	atomic_bool stopping, revoked;
	pthread_mutex_t lock; /* of stored */
	struct weir_stored *stored, **stored_last;
	struct weir_bucket strangers; /* enrolments tried per second, of all together */
	uint64_t ticked_ms, saved_ms, complained_ms, told_refused;
	_Atomic uint64_t connections, refused_handshakes, enrolled, refused_enrolments, cut_off,
		ignored, messages, bytes, nodes_connected;
};

struct weir_incoming { /* one message */
	struct weir_link_end *end;
	const uint8_t *route;
	size_t route_len;
	const char *key; /* of the connection */
	enum weir_link_kind kind;
	zmq_msg_t *payload;
	uint64_t now_ms; /* monotonic */
};

int weir_receive_open(struct weir_receive *r, struct weir_error *err);
void weir_receive_close(struct weir_receive *r);
/* An address that was silent for long is connected to anew: libzmq gives up where a
 * handshake was refused. */
void weir_receive_reconnect(struct weir_receive *r, uint64_t now_ms);
void weir_receive_send(void *socket, const uint8_t *route, size_t route_len,
		       enum weir_link_kind kind, const struct weir_link_message *m);

void weir_session_message(struct weir_receive *r, struct weir_link_node *n,
			  struct weir_incoming *in);
void weir_session_stranger(struct weir_receive *r, struct weir_incoming *in);
/* Every now and then: who is silent, what has to be asked for again. */
void weir_session_tick(struct weir_receive *r, struct weir_link_node *n, uint64_t now_ms);
void weir_session_down(struct weir_receive *r, struct weir_link_node *n);
/* Its connection is none any more, or shall be none. */
void weir_session_forget(struct weir_receive *r, struct weir_link_node *n);
void weir_session_stored(struct weir_receive *r, struct weir_link_node *n, const char *boot,
			 uint64_t seq);
/* Its messages and handshakes are refused for a while; its connection ends. */
void weir_session_cut_off(struct weir_receive *r, struct weir_link_node *n, const char *why);
/* NULL: the node has not told of this boot. */
struct weir_session_boot *weir_session_boot(struct weir_link_node *n, const char *boot);
/* Ask for what is expected next, at most every 200 ms. */
void weir_session_again(struct weir_receive *r, struct weir_link_node *n,
			struct weir_session_boot *b, uint64_t now_ms);
void weir_session_ack(struct weir_link_node *n, struct weir_session_boot *b);

void weir_session_batch(struct weir_receive *r, struct weir_link_node *n, struct weir_incoming *in);
