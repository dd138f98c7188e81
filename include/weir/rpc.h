/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How plugin and weirctl talk to the daemon: one unix stream socket, each
 * message a 32-bit length in network byte order and that many bytes of JSON.
 *
 *   request  {"version":1,"method":"status","params":{...}}
 *   reply    {"version":1,"result":{...}}
 *        or  {"version":1,"error":{"code":11,"msg":"...","details":"..."}}
 *
 * Error codes below 100 are those of the CNI specification, so that the
 * plugin passes an error on as it is. A request longer than
 * WEIR_RPC_REQUEST_MAX, or a version that is not known, is answered with an
 * error and the connection is closed. One connection carries any number of
 * requests, one after the other.
 *
 * This client needs nothing but libc, so that the plugin stays small.
 */
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

#define WEIR_RPC_VERSION	1
#define WEIR_RPC_REQUEST_MAX	(16 * 1024 * 1024)
#define WEIR_RPC_REPLY_MAX	(256 * 1024 * 1024)
#define WEIR_RPC_SOCKET_DEFAULT "/run/weir/weird.sock"

/* Error codes: CNI spec section "Error", then our own. */
enum weir_rpc_code {
	WEIR_RPC_INCOMPATIBLE_VERSION = 1,
	WEIR_RPC_UNSUPPORTED_FIELD = 2,
	WEIR_RPC_UNKNOWN_CONTAINER = 3,
	WEIR_RPC_INVALID_ENVIRONMENT = 4,
	WEIR_RPC_IO_FAILURE = 5,
	WEIR_RPC_DECODE_FAILURE = 6,
	WEIR_RPC_INVALID_CONFIG = 7,
	WEIR_RPC_TRY_AGAIN = 11,
	WEIR_RPC_UNAVAILABLE = 50,   /* STATUS: not able to serve ADD */
	WEIR_RPC_LIMITED = 51,	     /* STATUS: existing containers limited too */
	WEIR_RPC_NOT_ENFORCED = 100, /* CHECK: the kernel does not hold what it should */
	WEIR_RPC_FAILED = 101,	     /* whatever has no code of its own */
	WEIR_RPC_NOT_FOUND = 102,    /* weirctl named something that does not exist */
	WEIR_RPC_BAD_REQUEST = 103,
	WEIR_RPC_TIMEOUT = 104,
};

/* Connect, send one request text, receive the reply text (malloc'd and NUL-
 * terminated). timeout_ms bounds the whole of it; < 0: no bound. -ETIMEDOUT,
 * -ECONNREFUSED, -ENOENT, -EMSGSIZE, ... with the socket's path in the text. */
int weir_rpc_call(const char *socket_path, const char *request, size_t len, int timeout_ms,
		  char **ret_reply, size_t *ret_len, struct weir_error *err);

/* For servers: how many bytes of buf make the first whole message.
 * > 0: its full size, 4 bytes of length included; 0: more is needed;
 * -EMSGSIZE: longer than max. */
long weir_rpc_frame(const uint8_t *buf, size_t len, size_t max);
