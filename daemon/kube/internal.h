/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The inside of struct weir_kube, for the files of this folder: one server, and
 * libcurl's transfers on the libuv loop. */
#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

#include "daemon/kube/kube.h"
#include "daemon/kube/kubeconfig.h"

struct weir_transfer;
struct weir_connection;

struct weir_kube {
	uv_loop_t *loop;
	uv_timer_t timer; /* libcurl's; data: the kube */
	CURLM *multi;
	struct weir_kube_config config;
	char *url; /* prefix of all requests: config.server under the name in its certificate */
	char *redirect; /* CURLOPT_CONNECT_TO: from that name to the address; NULL: none */
	struct curl_slist *connect_to;
	struct weir_transfer *transfers;
	bool unsettled; /* one of them was started or stopped from inside of libcurl */
	struct weir_connection *connections;
	uint64_t heard_ms; /* when the server last said anything, of the monotonic clock */
};

uint64_t weir_kube_now_ms(void);

/* --- transfer.c ------------------------------------------------------------------- */

struct weir_transfer_end {
	int status;		 /* of HTTP; 0: there was no answer */
	uint32_t retry_after_ms; /* 0: the server did not say */
	const char *error;	 /* NULL: a whole answer came; else what went wrong below HTTP */
	const char *body;	 /* of an answer that is not 2xx; cut at some length, never NULL */
};

struct weir_transfer_ops {
	/* The head of a 2xx answer is there. NULL: of no interest. */
	void (*opened)(void *data);
	/* The body of a 2xx answer; below 0 ends the transfer, and done tells. */
	int (*bytes)(void *data, const char *bytes, size_t len);
	/* Once, last; the transfer is freed after it. */
	void (*done)(void *data, const struct weir_transfer_end *end);
	/* Instead of done, when the server is closed. NULL: the owner knows. */
	void (*dropped)(void *data);
};

struct weir_transfer_config {
	const char *method, *path;
	const char *body, *content_type; /* copied; body NULL: none */
	uint32_t timeout_ms;		 /* of the whole; 0: none */
	uint32_t silence_s;		 /* ends when nothing comes for so long; 0: never */
	uint32_t quiet_s;		 /* the same from when the head is there; 0: as before */
};

int weir_transfer_start(struct weir_kube *kube, const struct weir_transfer_config *config,
			const struct weir_transfer_ops *ops, void *data, struct weir_transfer **ret,
			struct weir_error *err);
/* Nothing is called any more. */
void weir_transfer_stop(struct weir_transfer **t);
/* All of them end, and their owners are told that they are dropped. */
void weir_transfer_drop_all(struct weir_kube *kube);
/* multi.c's: what was started or stopped from inside of libcurl is done now. */
void weir_transfer_settle(struct weir_kube *kube);
/* What the answer of an API server that is no success means, in words. */
void weir_transfer_explain(const struct weir_transfer_end *end, struct weir_error *ret);

/* --- credentials.c -------------------------------------------------------------------- */

/* Who we are and whom we trust, as the files say now. */
int weir_credentials_set(CURL *easy, const struct weir_kube_config *config, struct weir_error *err);

/* --- connections.c: the sockets, which live longer than the transfers on them ----------- */

void weir_connections_watch(CURL *easy, struct weir_kube *kube);
/* They are dead, whatever TCP says: all that is on them ends at once. */
void weir_connections_break(struct weir_kube *kube);
void weir_connections_free(struct weir_kube *kube);

/* --- multi.c: libcurl's sockets and timer on the loop -------------------------------- */

int weir_multi_open(struct weir_kube *kube, struct weir_error *err);
/* closed is called from the loop, with the handle whose data is kube. */
void weir_multi_close(struct weir_kube *kube, uv_close_cb closed);
/* transfer.c's: this one is through. */
void weir_transfer_ended(CURL *easy, CURLcode code);
