/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A Kubernetes API server: single requests and watched collections, over
 * libcurl on the libuv loop. Knows HTTP, TLS, credentials and the protocol of
 * list and watch; knows nothing of pods or policies. Main thread only; all
 * callbacks come from the loop, never from inside a call.
 *
 * Sources: Kubernetes "API Concepts" (resource versions, watch bookmarks,
 * chunked lists, 410 Gone), kubeconfig v1, RFC 9110 (Retry-After).
 */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "weir/error.h"

/* --- the server (server.c, kubeconfig.c, credentials.c) ------------------------- */

struct weir_kube;

/* kubeconfig: path, its current context counts; "" for the service account of
 * the pod that we run in. Reads files only, connects to nobody. Tokens and
 * certificates from files are read again when these change. */
int weir_kube_open(uv_loop_t *loop, const char *kubeconfig, struct weir_kube **ret,
		   struct weir_error *err);
/* Ends what is under way without calling back: requests are freed, and not to be
 * cancelled any more. Reflectors are stopped before. */
void weir_kube_close(struct weir_kube **kube);
/* "https://10.96.0.1:443", for status and log. */
const char *weir_kube_url(const struct weir_kube *kube);

/* --- one request (request.c) ------------------------------------------------------ */

struct weir_kube_answer {
	int status;			/* of HTTP; 0: there was no whole answer */
	const cJSON *body;		/* NULL: none; lent for the callback */
	uint32_t retry_after_ms;	/* 0: the server did not say */
	const struct weir_error *error; /* NULL on 2xx with JSON or nothing; else what went wrong,
					   with the server's words */
};

struct weir_kube_request {
	const char *method;	  /* "GET", "POST", "PUT", "PATCH", "DELETE" */
	const char *path;	  /* "/api/v1/namespaces/shop/pods/web", with its query */
	const cJSON *body;	  /* NULL: none; printed at once */
	const char *content_type; /* NULL: application/json */
	uint32_t timeout_ms;	  /* of the whole */
	void (*done)(void *data, const struct weir_kube_answer *answer);
	void *data;
};

struct weir_kube_call; /* freed after done */

/* ret_call may be NULL. Never retries: the caller knows whether that makes sense. */
int weir_kube_request(struct weir_kube *kube, const struct weir_kube_request *request,
		      struct weir_kube_call **ret_call, struct weir_error *err);
/* done is not called any more. */
void weir_kube_cancel(struct weir_kube_call **call);

/* --- a collection, followed for ever (reflector.c) ----------------------------------- */

/* What one hears, in this order: begin, object..., end; then object and
 * removed as they happen; begin again when the server can't tell what was
 * missed. batch after each piece of work that the network delivered at once:
 * the time to act. Objects are lent for the call. */
struct weir_reflector_ops {
	void (*begin)(void *data);
	void (*object)(void *data, const cJSON *object); /* is there, in this form */
	void (*removed)(void *data, const cJSON *object);
	/* The list is complete: what was not named since begin does not exist. */
	void (*end)(void *data);
	void (*batch)(void *data);
};

struct weir_reflector_config {
	const char *path;  /* "/api/v1/pods"; this and all below is borrowed */
	const char *query; /* "fieldSelector=..." put to each request; NULL: none */
	/* The server may not know this collection (404: a CRD that is not
	 * installed): that is an empty list, and asked again from time to time. */
	bool optional;
	/* Items of a list have no kind and apiVersion of their own: given to object. */
	const char *kind, *api_version;
	const struct weir_reflector_times *times; /* NULL: the usual ones */
};

/* How patient a reflector is. */
struct weir_reflector_times {
	uint32_t list_ms;		     /* one page of a list */
	uint32_t answer_s;		     /* silence before an answer, and within a list */
	uint32_t quiet_s;		     /* silence of a watch: bookmarks come each minute */
	uint32_t watch_s;		     /* +-25 %: then the server ends a watch */
	uint32_t absent_ms;		     /* until an absent collection is asked for again */
	uint32_t retry_min_ms, retry_max_ms; /* backoff.h */
	uint32_t lived_ms;		     /* a watch that lasted so long was a success */
};

struct weir_reflector;

int weir_reflector_start(struct weir_kube *kube, const struct weir_reflector_config *config,
			 const struct weir_reflector_ops *ops, void *data,
			 struct weir_reflector **ret, struct weir_error *err);
/* Not from inside of its own ops. */
void weir_reflector_stop(struct weir_reflector **reflector);
/* List again now, whatever is known: after the end that follows, every change made
 * before this call has been heard. done(data) then; or never, when stopped before. */
int weir_reflector_relist(struct weir_reflector *r, void (*done)(void *data), void *data);

struct weir_reflector_state {
	bool listed;	    /* a list was complete at least once */
	bool current;	    /* listed, and a watch is open, or the collection is absent */
	bool absent;	    /* optional, and the server does not know it */
	uint64_t silent_ms; /* since the server last said that we are up to date (list, event,
			       bookmark) */
	uint64_t lists, watches, events, bookmarks, errors; /* since the start */
	uint64_t unknown;	 /* events of a type that we do not know, and passed over */
	struct weir_error error; /* the last one; "" when all is well */
};
void weir_reflector_state(const struct weir_reflector *r, struct weir_reflector_state *ret);
