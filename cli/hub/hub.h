/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The hub, asked over HTTPS (docs/openapi.json). Which one: --hub or WEIR_HUB; who
 * asks: the token in the file of --token or WEIR_HUB_TOKEN_FILE.
 */
#include "cli/weirctl.h"

struct weirctl_hub;

/* Is a hub asked, and not the node? */
bool weirctl_hub_is_meant(const struct weirctl *ctl);
int weirctl_hub_open(const struct weirctl *ctl, struct weirctl_hub **ret, struct weir_error *err);
void weirctl_hub_close(struct weirctl_hub **hub);

/* Parameters of a question, behind one another. */
struct weirctl_query {
	char *text; /* "a=b&c=d"; NULL: none */
};
/* value NULL: left out. */
int weirctl_query_add(struct weirctl_query *q, const char *name, const char *value);
/* Namespace, pod, verdict, cluster, and each of --where "from.namespace=shop,port=80". */
int weirctl_query_filters(struct weirctl_query *q, const struct weirctl *ctl,
			  struct weir_error *err);
/* --since, or otherwise. */
int weirctl_query_since(struct weirctl_query *q, const struct weirctl *ctl, const char *otherwise,
			struct weir_error *err);
void weirctl_query_clear(struct weirctl_query *q);

/* A JSON answer. body: to be posted, NULL: none; method NULL: GET. What the hub answers with an
 * error is err, in its own words. */
int weirctl_hub_call(struct weirctl_hub *hub, const char *method, const char *path,
		     const struct weirctl_query *q, const cJSON *body, cJSON **ret,
		     struct weir_error *err);
/* Lines of NDJSON, as they come; fn's non-zero ends. idle is called at least twice a second. */
struct weirctl_hub_lines {
	int (*line)(void *data, const char *text, size_t len);
	int (*idle)(void *data); /* non-zero ends */
	void *data;
};
int weirctl_hub_stream(struct weirctl_hub *hub, const char *path, const struct weirctl_query *q,
		       const struct weirctl_hub_lines *lines, struct weir_error *err);

/* flows.c: "weirctl flows" of a hub; since_ms, last: as against a node. */
int weirctl_hub_flows(struct weirctl *ctl, double since_ms, double last, struct weir_error *err);
/* An answer that the hub's budget cut says so, on stderr. */
void weirctl_hub_note_end(const cJSON *answer);
void weirctl_hub_note_stream(const struct weirctl_hub *hub);
