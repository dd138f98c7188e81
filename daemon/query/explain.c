/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Method "explain": would this connection be allowed, and which policy and
 * rule says so on each side? Evaluates the compiled tables; sends no packet.
 * What the tables cannot know is added here: a pod's own node, and addresses
 * of a guard range whose pod is not there yet.
 */
#include "daemon/query/query.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cluster/cluster.h"
#include "weir/cleanup.h"

/* One end of the question. */
struct end {
	const char *text;
	const struct weir_pod *pod; /* NULL: an address that is no pod's */
	struct weir_addr single;    /* when an address was given */
	const struct weir_addr *addrs;
	size_t n_addrs;
};

static const struct weir_addr *addr_of(const struct end *end, int family)
{
	for (size_t i = 0; i < end->n_addrs; i++)
		if (end->addrs[i].family == family)
			return &end->addrs[i];
	return NULL;
}

static int find_pod(const struct weird *d, struct end *end, struct weir_error *err)
{
	const char *slash = strchr(end->text, '/');
	WEIR_AUTO_FREE char *ns = NULL;

	if (!slash || slash == end->text || !slash[1])
		return weir_error_set(err, EINVAL,
				      "\"%s\" is neither NAMESPACE/POD nor an IP address",
				      end->text);
	ns = strndup(end->text, (size_t)(slash - end->text));
	if (!ns)
		return weir_error_set(err, ENOMEM, "out of memory");
	end->pod = weir_cluster_pod(d->world.cluster, ns, slash + 1);
	if (!end->pod)
		return weir_error_set(err, ENOENT, "no pod %s is known here", end->text);
	if (!end->pod->n_addrs)
		return weir_error_set(err, ENOENT, "pod %s has no address yet", end->text);
	end->addrs = end->pod->addrs;
	end->n_addrs = end->pod->n_addrs;
	return 0;
}

static int find_end(const struct weird *d, const char *text, struct end *ret,
		    struct weir_error *err)
{
	ret->text = text;
	if (weir_addr_parse(text, &ret->single) < 0)
		return find_pod(d, ret, err);
	ret->pod = weir_cluster_pod_by_addr(d->world.cluster, &ret->single);
	ret->addrs = &ret->single;
	ret->n_addrs = 1;
	return 0;
}

static bool is_node_addr(const struct weir_world *world, const struct weir_addr *addr)
{
	for (size_t i = 0; i < world->n_node_addrs; i++)
		if (weir_addr_compare(&world->node_addrs[i], addr) == 0)
			return true;
	return false;
}

/* Does src belong to the node that pod runs on? */
static bool from_own_node(const struct weird *d, const struct weir_addr *src,
			  const struct weir_pod *pod)
{
	const struct weir_node *node = weir_cluster_node_by_addr(d->world.cluster, src);

	if (pod && pod->local && is_node_addr(&d->world, src))
		return true;
	return pod && pod->node && node && strcmp(node->name, pod->node) == 0;
}

static bool is_pending(const struct weird *d, const struct weir_addr *addr,
		       const struct weir_pod *pod)
{
	if ((pod && pod->local) || is_node_addr(&d->world, addr))
		return false;
	for (size_t i = 0; i < d->world.n_guards; i++)
		if (weir_prefix_contains(&d->world.guards[i], addr))
			return true;
	return false;
}

static void override(struct weir_judgement *j, enum weir_direction side, enum weir_verdict verdict,
		     enum weir_reason reason)
{
	j->sides[side] = (struct weir_decision){ .verdict = verdict, .reason = reason };
	j->verdict = j->sides[WEIR_INGRESS].verdict == WEIR_ALLOWED &&
				     j->sides[WEIR_EGRESS].verdict == WEIR_ALLOWED
			     ? WEIR_ALLOWED
			     : WEIR_DENIED;
}

/* One answer for one pair of addresses; false in *allowed when it is denied. */
static int add_answer(const struct weird *d, cJSON *answers, const struct end *from,
		      const struct end *to, const struct weir_connection *conn, bool *allowed,
		      struct weir_error *err)
{
	struct weir_explanation *explanation = NULL;
	char buf[WEIR_ADDR_STRLEN];
	struct weir_judgement j;
	cJSON *item;
	int r = weir_compiler_explain(d->world.compiler, conn, &explanation, err);

	if (r < 0)
		return r;
	j = *weir_explanation_judgement(explanation);
	if (from_own_node(d, &conn->src, to->pod))
		override(&j, WEIR_INGRESS, WEIR_ALLOWED, WEIR_REASON_OWN_NODE);
	if (is_pending(d, &conn->src, from->pod))
		override(&j, WEIR_EGRESS, WEIR_DENIED, WEIR_REASON_PENDING);
	if (is_pending(d, &conn->dst, to->pod))
		override(&j, WEIR_INGRESS, WEIR_DENIED, WEIR_REASON_PENDING);

	item = cJSON_CreateObject();
	cJSON_AddStringToObject(item, "family", conn->src.family == AF_INET ? "IPv4" : "IPv6");
	cJSON_AddStringToObject(item, "source", weir_addr_format(&conn->src, buf));
	cJSON_AddStringToObject(item, "destination", weir_addr_format(&conn->dst, buf));
	cJSON_AddStringToObject(item, "verdict", weir_verdict_name(j.verdict));
	weir_query_add_side(item, "egress", &j.sides[WEIR_EGRESS]);
	weir_query_add_side(item, "ingress", &j.sides[WEIR_INGRESS]);
	cJSON_AddItemToArray(answers, item);
	*allowed = *allowed && j.verdict == WEIR_ALLOWED;
	weir_explanation_free(&explanation);
	return 0;
}

/* What a person should know about the answer. */
static void add_note(const struct weird *d, cJSON *result, const struct end *to,
		     const struct weir_connection *conn, bool answered)
{
	const struct weir_service *service;
	char text[512];

	service = to->pod ? NULL
			  : weir_cluster_service_by_addr(d->world.cluster, &to->single,
							 conn->protocol, conn->dport);
	if (!answered)
		snprintf(text, sizeof(text),
			 "the two have no address of the same family: no connection is possible");
	else if (service)
		snprintf(
			text, sizeof(text),
			"%s is the Service %s/%s: policy judges the pod behind it, so ask for that",
			to->text, service->namespace_, service->name);
	else
		return;
	cJSON_AddStringToObject(result, "note", text);
}

static void add_end(cJSON *result, const char *key, const struct end *end)
{
	cJSON *item = cJSON_AddObjectToObject(result, key);

	weir_query_add_text(item, "namespace", end->pod ? end->pod->namespace_ : NULL);
	weir_query_add_text(item, "pod", end->pod ? end->pod->name : NULL);
	weir_query_add_text(item, "node", end->pod ? end->pod->node : NULL);
	weir_query_add_addrs(item, "addresses", end->addrs, end->n_addrs);
}

/* Both ends are known: one answer per family that both have. */
static int explain(const struct weird *d, const struct end *from, const struct end *to,
		   struct weir_connection conn, cJSON *result, struct weir_error *err)
{
	static const int families[] = { AF_INET, AF_INET6 };
	const struct weir_addr *src, *dst;
	bool allowed = true, answered = false;
	cJSON *answers;
	int r;

	add_end(result, "from", from);
	add_end(result, "to", to);
	answers = cJSON_AddArrayToObject(result, "answers");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(families); i++) {
		src = addr_of(from, families[i]);
		dst = addr_of(to, families[i]);
		if (!src || !dst)
			continue;
		conn.src = *src;
		conn.dst = *dst;
		r = add_answer(d, answers, from, to, &conn, &allowed, err);
		if (r < 0)
			return r;
		answered = true;
	}
	cJSON_AddStringToObject(
		result, "verdict",
		weir_verdict_name(allowed && answered ? WEIR_ALLOWED : WEIR_DENIED));
	add_note(d, result, to, &conn, answered);
	return 0;
}

static void answer(struct weird *d, const char *from, const char *to,
		   const struct weir_connection *conn, struct weir_rpc_reply *reply)
{
	struct end a = { 0 }, b = { 0 };
	struct weir_error err = { "" };
	char buf[8];
	cJSON *result = cJSON_CreateObject();
	int r;

	pthread_mutex_lock(&d->world.lock);
	cJSON_AddStringToObject(result, "protocol", weir_protocol_name(conn->protocol, buf));
	cJSON_AddNumberToObject(result, "port", conn->dport);
	r = find_end(d, from, &a, &err);
	if (r == 0)
		r = find_end(d, to, &b, &err);
	if (r == 0)
		r = explain(d, &a, &b, *conn, result, &err);
	pthread_mutex_unlock(&d->world.lock);
	if (r == 0) {
		weir_rpc_reply_result(reply, result);
		return;
	}
	cJSON_Delete(result);
	weir_rpc_reply_error(reply,
			     r == -ENOENT   ? WEIR_RPC_NOT_FOUND
			     : r == -EINVAL ? WEIR_RPC_BAD_REQUEST
					    : WEIR_RPC_FAILED,
			     err.text, NULL);
}

void weir_query_explain(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	struct weir_connection conn = { .protocol = WEIR_PROTO_TCP };
	const char *from, *to, *protocol;
	double port;

	if (weir_query_text(params, "from", reply, &from) < 0 ||
	    weir_query_text(params, "to", reply, &to) < 0 ||
	    weir_query_text(params, "protocol", reply, &protocol) < 0 ||
	    weir_query_number(params, "port", UINT16_MAX, 0, reply, &port) < 0)
		return;
	if (!from || !to) {
		weir_rpc_reply_error(reply, WEIR_RPC_BAD_REQUEST,
				     "parameters \"from\" and \"to\" are needed", NULL);
		return;
	}
	if (protocol && weir_protocol_parse(protocol, &conn.protocol) < 0) {
		weir_rpc_reply_error(reply, WEIR_RPC_BAD_REQUEST,
				     "parameter \"protocol\" must be TCP, UDP, SCTP, ICMP, ICMPv6 "
				     "or a number from 1 to 255",
				     NULL);
		return;
	}
	conn.dport = (uint16_t)port;
	answer(d, from, to, &conn, reply);
}
