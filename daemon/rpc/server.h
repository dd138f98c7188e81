/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The daemon's unix socket: frames (weir/rpc.h), who may ask (SO_PEERCRED:
 * root, or our own uid), which method answers. Main thread, libuv.
 */
#include <cjson/cJSON.h>
#include <uv.h>

#include "weir/error.h"
#include "weir/rpc.h"

struct weird;
struct weir_rpc_server;
struct weir_rpc_reply; /* one request that waits for its answer */

struct weir_rpc_method {
	const char *name;
	/* Answers with exactly one of the two calls below, now or later (the
	 * reply outlives the call until then; a client that has gone away is
	 * no concern of the method's). params may be NULL. */
	void (*call)(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply);
};

void weir_rpc_reply_result(struct weir_rpc_reply *reply, cJSON *result); /* takes result */
void weir_rpc_reply_error(struct weir_rpc_reply *reply, enum weir_rpc_code code, const char *msg,
			  const char *details);

/* methods: tables, each ended by a NULL name; tables ended by NULL. A socket
 * file that nobody listens on any more is replaced; one in use is an error.
 * Limits: 128 connections, requests of WEIR_RPC_REQUEST_MAX, 30 s for one
 * request to arrive. */
int weir_rpc_server_start(uv_loop_t *loop, const char *path,
			  const struct weir_rpc_method *const *methods, struct weird *d,
			  struct weir_rpc_server **ret, struct weir_error *err);
void weir_rpc_server_stop(struct weir_rpc_server **server);

/* Requests answered since the start, of each method. */
void weir_rpc_server_counts(const struct weir_rpc_server *server,
			    void (*fn)(void *data, const char *method, uint64_t ok,
				       uint64_t failed),
			    void *data);
