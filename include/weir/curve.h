/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ZeroMQ's CURVE: keys in files, and who may connect (ZAP, RFC 27). Keys are 40
 * characters of Z85. Whoever uses this links libzmq.
 */
#include <stdbool.h>

#include "weir/error.h"

#define WEIR_CURVE_KEY_LEN 40

/* A file that holds one key in its first line; ret has WEIR_CURVE_KEY_LEN + 1 bytes. */
int weir_curve_read_key(const char *path, char *ret, struct weir_error *err);
/* The same of a secret key: nobody but its owner may read the file. */
int weir_curve_read_secret(const char *path, char *ret, struct weir_error *err);
/* A key pair whose secret key is in a file, which is made when there is none. */
int weir_curve_keypair(const char *path, char *ret_public, char *ret_secret,
		       struct weir_error *err);

struct weir_zap_request {
	const char *domain, *address; /* of the server's socket; of the client */
	const char *key;	      /* the client's public key, which it has proven to own */
};

/* Answers for all CURVE servers of a ZeroMQ context, in a thread of its own. Who is let
 * in has its key as "User-Id" at each of its messages. */
struct weir_zap;
int weir_zap_start(void *context,
		   bool (*allowed)(void *data, const struct weir_zap_request *request), void *data,
		   struct weir_zap **ret, struct weir_error *err);
/* After the context was shut down, which ends the thread. */
void weir_zap_stop(struct weir_zap **zap);
