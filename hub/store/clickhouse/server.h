/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Requests to a ClickHouse server, over HTTP. Any thread may make one: each has a connection
 * of its own, which the next request uses again.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "hub/store/store.h"
#include "weir/error.h"

struct weir_server;

/* url: http[s]://[USER:PASSWORD@]HOST[:PORT]/?database=NAME[&timeout=SECONDS][&SETTING=VALUE].
 * Nothing is sent yet. */
int weir_server_new(const char *url, struct weir_server **ret, struct weir_error *err);
void weir_server_free(struct weir_server **s);
const char *weir_server_database(const struct weir_server *s);

struct weir_request {
	const char *sql;
	bool no_database; /* sent before there is one */
	/* What an INSERT inserts: writes up to size bytes; 0: that was all; ABORT: no memory. */
#define WEIR_FEED_ABORT 0x10000000 /* libcurl's */
	size_t (*feed)(void *data, char *buf, size_t size);
	void *data;
	const struct weir_budget *budget; /* of a question; NULL: none */
	bool wide;			  /* reads all columns of few rows: with small buffers */
	bool slow;			  /* may take hours; ended by weir_server_give_up() */
	bool partial; /* out of time or rows: an answer from what was read until then */
};

struct weir_reply {
	char *body; /* with a NUL behind; free() */
	size_t len, size, max;
	const char *ended; /* "time", "rows", "memory": the budget ended it; no body */
};
void weir_reply_clear(struct weir_reply *reply);

/* An error names the server and says what to do. ret may be NULL. */
int weir_server_ask(struct weir_server *s, const struct weir_request *request,
		    struct weir_reply *ret, struct weir_error *err);
/* A statement without an answer. */
int weir_server_do(struct weir_server *s, struct weir_error *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int weir_server_do_slowly(struct weir_server *s, struct weir_error *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Slow requests, now and later, end with an error. */
void weir_server_give_up(struct weir_server *s);
