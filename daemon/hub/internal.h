/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between the files of this folder. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "daemon/hub/hub.h"
#include "daemon/hub/spool.h"
#include "weir/curve.h"
#include "weir/link.h"

/* --- peer.c: who the hub is, and who we are ------------------------------------------ */

struct weir_hub_peer {
	char address[256], server_key[WEIR_CURVE_KEY_LEN + 1];
	char public_key[WEIR_CURVE_KEY_LEN + 1], secret_key[WEIR_CURVE_KEY_LEN + 1];
	char token[44]; /* the secret of the file's token; "": there is none */
	struct timespec token_changed;
};
/* Reads keys, token, and what was remembered of the last enrolment. */
int weir_hub_peer_read(const struct weir_config *c, struct weir_hub_peer *ret,
		       struct weir_error *err);
/* Has the token's file changed since? */
bool weir_hub_peer_changed(const struct weir_config *c, const struct weir_hub_peer *p);
/* The token's file may be removed after enrolment: address and key are kept. */
void weir_hub_peer_remember(const struct weir_config *c, const struct weir_hub_peer *p);

/* --- ends.c: where each boot ended --------------------------------------------------- */

void weir_hub_ends_read(const char *state_dir, struct weir_spool *spool);
void weir_hub_ends_write(const char *state_dir, const struct weir_spool *spool, uint64_t next_seq,
			 bool clean);

/* --- the thread ---------------------------------------------------------------------- */

struct weir_offered {
	struct weir_offered *next;
	struct weir_kept *kept;
};

struct weir_hub {
	const struct weir_config *config;
	char boot[WEIR_LINK_BOOT_MAX];
	struct weir_hub_peer peer;
	struct weir_spool spool;
	void *context, *socket, *monitor;
	unsigned opened; /* sockets, ever */
	int wake;	 /* eventfd */
	pthread_t thread;
	bool running;
	atomic_bool stopping;

	pthread_mutex_t lock; /* of what follows, to the next blank line */
	struct weir_offered *offered, **offered_last;
	size_t offered_bytes;
	uint64_t overrun, overrun_next; /* records that the thread was too slow to take */
	struct weir_hub_status status;
	uint64_t floor; /* numbers below are in use */

	/* the thread's own */
	enum weir_hub_state state;
	char error[256], cluster[254];
	uint64_t window, in_flight;  /* bytes */
	uint64_t heard_ms, asked_ms; /* monotonic */
	uint64_t reopen_ms;	     /* then with a new socket; 0: libzmq tries by itself */
	uint64_t looked_ms, kept_ms; /* at the token's file; the ends written */
	unsigned broken_off;	     /* handshakes, one after another */
	bool announced;		     /* in the log: connected */
	bool blocked;		     /* the socket takes no more now */
	struct weir_kept *beat;	     /* the last one, not sent */
	uint64_t next_seq;	     /* behind the last batch */
	uint64_t acknowledged, sent, sent_bytes, connects;
};

uint64_t weir_hub_now_ms(void);

/* --- socket.c ------------------------------------------------------------------------ */

int weir_hub_socket_open(struct weir_hub *h, struct weir_error *err);
void weir_hub_socket_close(struct weir_hub *h, int linger_ms);
/* False: the socket takes no more now. */
bool weir_hub_send(struct weir_hub *h, enum weir_link_kind kind, const void *payload, size_t len);
bool weir_hub_tell(struct weir_hub *h, enum weir_link_kind kind, const struct weir_link_message *m);

/* --- session.c: what is said, and when ----------------------------------------------- */

void weir_hub_session_up(struct weir_hub *h);
void weir_hub_session_down(struct weir_hub *h, const char *why);
void weir_hub_session_refused(struct weir_hub *h, const char *why);
void weir_hub_session_heard(struct weir_hub *h, enum weir_link_kind kind, const void *text,
			    size_t len);
/* What has to be said because of the time; then whatever may be sent. */
void weir_hub_session_tick(struct weir_hub *h, uint64_t now_ms);
void weir_hub_session_send(struct weir_hub *h);
