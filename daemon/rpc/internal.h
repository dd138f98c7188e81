/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between the listening half (server.c) and the talking half (client.c). */
#include <stdbool.h>

#include "daemon/rpc/server.h"

#define WEIR_RPC_CLIENTS_MAX 128
#define WEIR_RPC_REQUEST_MS  30000 /* for one request to arrive, for one answer to be taken */

struct client;

struct weir_rpc_count {
	uint64_t ok, failed;
};

struct weir_rpc_server {
	uv_pipe_t pipe;
	struct weird *d;
	const struct weir_rpc_method *const *methods;
	struct client *clients; /* doubly linked through client.h */
	unsigned n_clients;
	bool crowded;		       /* the last one was refused: it has been said */
	unsigned request_ms;	       /* WEIR_RPC_REQUEST_MS, but for tests */
	struct weir_rpc_count *counts; /* of the methods in the order of the tables; the
					  last: requests that name none */
	char *path;
	bool closed; /* the handle's close has been called back */
};

/* Take the connection that waits; refuses it when it may not ask. */
void weir_rpc_client_accept(struct weir_rpc_server *server);
void weir_rpc_clients_close(struct weir_rpc_server *server);
