/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What weirctl asks: one file per method, all read-only. docs/RPC.md is the
 * specification of their parameters and results. Main thread; whatever is
 * shared with the flow thread is read with the world's lock held.
 */
#include <cjson/cJSON.h>

#include "daemon/weird.h"

/* Ended by a NULL name; for weir_rpc_server_start(). */
extern const struct weir_rpc_method weir_query_methods[];

void weir_query_dump(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply);
void weir_query_endpoints(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply);
void weir_query_explain(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply);
void weir_query_flows(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply);
void weir_query_identities(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply);
void weir_query_names(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply);
void weir_query_policies(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply);
void weir_query_simulate(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply);
void weir_query_status(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply);
void weir_query_wait(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply);

/* --- json.c: what several answers contain --------------------------------- */

/* Adds text, or null. */
void weir_query_add_text(cJSON *object, const char *key, const char *text);
/* Adds {"kind":..,"namespace":..,"name":..} to an array. */
void weir_query_append_policy(cJSON *array, const struct weir_policy *policy);
void weir_query_add_addrs(cJSON *object, const char *key, const struct weir_addr *addrs, size_t n);
/* What a side decided: {"verdict":..,"reason":..,"policies":[..]}, and the rule. */
void weir_query_add_side(cJSON *object, const char *key, const struct weir_decision *decision);
/* A string parameter, NULL when absent. Anything but a string is answered with
 * an error, and -EINVAL. */
int weir_query_text(const cJSON *params, const char *key, struct weir_rpc_reply *reply,
		    const char **ret);
/* A whole number 0..max; absent: fallback. The same for errors. */
int weir_query_number(const cJSON *params, const char *key, double max, double fallback,
		      struct weir_rpc_reply *reply, double *ret);

/* --- hits.c: of policies, with the world's lock held ------------------------ */

/* "hits": how often each of its rules decided. */
void weir_query_add_hits(cJSON *item, const struct weird *d, const struct weir_policy *policy);
/* What a staged policy would have changed; NULL: what enforced ones would decide
 * otherwise because of staged ones. */
void weir_query_append_staged(cJSON *array, const struct weird *d,
			      const struct weir_policy *policy);
/* Forgets what was counted of policies that are no more. */
void weir_query_sweep_hits(struct weird *d);

/* --- words.c ---------------------------------------------------------------- */

/* The rule as a person would say it: "from pods app=web in namespaces team=a
 * on TCP 80". malloc'd; NULL when memory is short. */
char *weir_rule_words(const struct weir_rule *rule);
