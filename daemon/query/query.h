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
void weir_query_policies(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply);
void weir_query_status(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply);
void weir_query_wait(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply);

/* --- json.c: what several answers contain --------------------------------- */

/* Adds text, or null. */
void weir_query_add_text(cJSON *object, const char *key, const char *text);
/* Adds {"kind":..,"namespace":..,"name":..} to an array. */
void weir_query_append_policy(cJSON *array, const struct weir_policy *policy);
void weir_query_add_addrs(cJSON *object, const char *key, const struct weir_addr *addrs, size_t n);
/* A string parameter, NULL when absent. Anything but a string is answered with
 * an error, and -EINVAL. */
int weir_query_text(const cJSON *params, const char *key, struct weir_rpc_reply *reply,
		    const char **ret);
/* A whole number 0..max; absent: fallback. The same for errors. */
int weir_query_number(const cJSON *params, const char *key, double max, double fallback,
		      struct weir_rpc_reply *reply, double *ret);

/* --- coverage.c: which pods of this node are enforced, and why not -------- */

enum weir_bridge_netfilter { WEIR_BRIDGE_ABSENT, WEIR_BRIDGE_OFF, WEIR_BRIDGE_ON };
/* net.bridge.bridge-nf-call-iptables or -ip6tables of this node's namespace */
enum weir_bridge_netfilter weir_query_bridge_netfilter(int family);

/* The pod of an endpoint; NULL: it is not a pod of Kubernetes. */
const struct weir_pod *weir_query_pod(const struct weird *d, const struct weir_endpoint *ep);
/* Why the endpoint is not enforced, in words; NULL: it is. */
const char *weir_query_unenforced(const struct weird *d, const struct weir_endpoint *ep);
/* fn for each pod that runs on this node without a CNI ADD that weir saw. One
 * whose manifest tells its address is enforced all the same (adopted), then
 * reason is NULL; the others are unmanaged. */
void weir_query_each_without_cni(const struct weird *d,
				 void (*fn)(void *data, const struct weir_pod *pod,
					    const char *reason),
				 void *data);

/* --- words.c ---------------------------------------------------------------- */

/* The rule as a person would say it: "from pods app=web in namespaces team=a
 * on TCP 80". malloc'd; NULL when memory is short. */
char *weir_rule_words(const struct weir_rule *rule);
