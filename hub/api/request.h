/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One request, from its first header to the last byte of its answer. Owned by
 * the event thread; a worker has it while the connection is suspended.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/access/access.h"
#include "hub/api/ask.h"
#include "weir/error.h"
#include "weir/json.h"

struct MHD_Connection;
struct weir_api;
struct weir_live_client;
struct weir_route;

#define WEIR_PARAMS_MAX	   256
#define WEIR_PATH_ARGS_MAX 2
#define WEIR_ARG_MAX	   254
#define WEIR_FROM_MAX	   64

enum weir_form { WEIR_FORM_JSON, WEIR_FORM_NDJSON, WEIR_FORM_EVENTS, WEIR_FORM_TEXT };

struct weir_request {
	struct weir_api *api;
	struct MHD_Connection *connection;
	const struct weir_route *route;		     /* NULL: there is none for this path */
	char args[WEIR_PATH_ARGS_MAX][WEIR_ARG_MAX]; /* what stood for {names} in its path */
	struct weir_param params[WEIR_PARAMS_MAX];   /* text belongs to the connection */
	size_t n_params;
	const char *authorization; /* NULL: none */
	char from[WEIR_FROM_MAX];  /* the client's address */
	bool ndjson;		   /* what it accepts */
	char *body;
	size_t body_len;
	struct weir_request *next; /* in the queue of the workers */
	uint64_t started;	   /* ns, monotonic */

	struct weir_person *person; /* who signed in */
	struct weir_ask ask;

	/* the answer */
	bool done;
	unsigned status;
	enum weir_form form;
	struct weir_json_buffer out;
	size_t counted; /* bytes of out that count as waiting for their reader */
	bool has_end;	/* of NDJSON: goes into headers */
	struct weir_answer_end end;
	struct weir_live_client *live; /* the answer has no end */
};

/* Any error as application/problem+json; code: -errno. Returns the status. */
unsigned weir_request_problem(struct weir_request *r, int code, const char *detail);
/* The same for what has no errno. */
void weir_request_problem_status(struct weir_request *r, unsigned status, const char *detail);

/* What a route says of itself when asked; 0, or -errno with err, which becomes a problem.
 * -ENOENT: without a word why, so that what is hidden looks like what is not there. */
typedef int weir_route_fn(struct weir_request *r, struct weir_error *err);

enum { WEIR_ROUTE_OPEN = 1 << 0 }; /* nobody signs in; answered by the event thread */

struct weir_route {
	const char *method, *path; /* "/v1/nodes/{cluster}/{node}" */
	weir_route_fn *answer;
	unsigned takes; /* WEIR_ASK_... */
	unsigned flags; /* WEIR_ROUTE_... */
};

extern const struct weir_route weir_routes[]; /* ended by a NULL path */
extern const size_t weir_n_routes;

/* NULL: no such path; *ret_method: there is one, but not with this method. Fills args. */
const struct weir_route *weir_route_find(const char *method, const char *path,
					 char args[WEIR_PATH_ARGS_MAX][WEIR_ARG_MAX],
					 bool *ret_method);

weir_route_fn weir_answer_audit, weir_answer_enrol, weir_answer_flows, weir_answer_gaps,
	weir_answer_health, weir_answer_live, weir_answer_map, weir_answer_me, weir_answer_nodes,
	weir_answer_openapi, weir_answer_ready, weir_answer_revoke, weir_answer_roles,
	weir_answer_sums, weir_answer_values;
