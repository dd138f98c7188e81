/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /v1/nodes, DELETE /v1/nodes/{cluster}/{node}, POST /v1/enrolments: which nodes
 * report to this hub, and which may.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/api/internal.h"
#include "hub/api/rights.h"
#include "hub/receive/registry.h"
#include "weir/cleanup.h"
#include "weir/config.h"

#define TTL_DEFAULT_MS (60ull * 60 * 1000)
#define TTL_MAX_MS     (7ull * 24 * 60 * 60 * 1000)
#define USES_MAX       10000

/* --- who is there ------------------------------------------------------------------- */

static void put_known(struct weir_json *j, const char *name, uint64_t v)
{
	if (v)
		weir_json_member_number(j, name, v);
}

static const char *state_of(const struct weir_node_state *n)
{
	return n->revoked_ms ? "revoked" : n->connected ? "connected" : "away";
}

static void put_node(struct weir_json *j, const struct weir_node_state *n)
{
	weir_json_open(j, '{');
	weir_json_member(j, "cluster", n->cluster);
	weir_json_member(j, "node", n->node);
	weir_json_member(j, "state", state_of(n));
	weir_json_member(j, "key", n->key);
	weir_json_member(j, "version", *n->version ? n->version : NULL);
	weir_json_member(j, "boot", *n->boot ? n->boot : NULL);
	weir_json_member_number(j, "enrolled", n->enrolled_ms);
	put_known(j, "revoked", n->revoked_ms);
	put_known(j, "lastSeen", n->last_seen_ms);
	put_known(j, "cutOffUntil", n->cut_off_until_ms);
	put_known(j, "nextSeq", n->next_seq);
	weir_json_member_number(j, "batches", n->batches);
	weir_json_member_number(j, "records", n->records);
	weir_json_member_number(j, "bytes", n->bytes);
	weir_json_member_number(j, "duplicates", n->duplicates);
	weir_json_member_number(j, "lost", n->lost);
	weir_json_member_number(j, "asked", n->asked);
	weir_json_member_number(j, "throttled", n->throttled);
	weir_json_member_number(j, "cutOff", n->cut_off);
	weir_json_member_number(j, "behindMs", n->behind_ms);
	weir_json_close(j, '}');
}

int weir_answer_nodes(struct weir_request *r, struct weir_error *err)
{
	WEIR_AUTO_FREE struct weir_node_state *nodes = NULL;
	struct weir_json j = { .b = &r->out };
	size_t n = 0;
	int code = weir_registry_list(r->api->c.registry, &nodes, &n);

	if (code < 0)
		return weir_error_errno(err, -code, "nodes");
	weir_json_open(&j, '{');
	weir_json_key(&j, "nodes");
	weir_json_open(&j, '[');
	for (size_t i = 0; i < n; i++)
		if (weir_person_may(r->person, WEIR_RIGHT_NODES, nodes[i].cluster, NULL))
			put_node(&j, &nodes[i]);
	weir_json_close(&j, ']');
	weir_json_raw(&j, "}\n", 2);
	return j.failed ? -ENOMEM : 0;
}

/* --- who may be --------------------------------------------------------------------- */

/* A node of a cluster that is not theirs is no node to them. */
int weir_answer_revoke(struct weir_request *r, struct weir_error *err)
{
	const char *cluster = r->args[0], *node = r->args[1];
	struct weir_json j = { .b = &r->out };
	char object[2 * WEIR_ARG_MAX];
	int code;

	snprintf(object, sizeof(object), "%s/%s", cluster, node);
	code = weir_rights_need(r, WEIR_RIGHT_NODES_MANAGE, cluster, "node.revoke", object, err);
	if (code == -EACCES)
		return -ENOENT;
	if (code == 0)
		code = weir_registry_revoke(r->api->c.registry, cluster, node, err);
	if (code < 0)
		return code;
	weir_json_open(&j, '{');
	weir_json_member(&j, "cluster", cluster);
	weir_json_member(&j, "node", node);
	weir_json_member(&j, "state", "revoked");
	weir_json_raw(&j, "}\n", 2);
	return j.failed ? -ENOMEM : 0;
}

struct enrolment {
	const char *cluster, *node;
	uint64_t ttl_ms;
	unsigned uses;
};

static int read_name(const cJSON *item, const char *key, const char **ret, struct weir_error *err)
{
	const char *name = cJSON_GetStringValue(item);

	if (!name || !*name || strlen(name) > WEIR_LINK_NAME_MAX || strchr(name, '/'))
		return weir_error_set(err, EINVAL, "%s: want a name", key);
	*ret = name;
	return 0;
}

static int read_member(struct enrolment *e, const cJSON *item, struct weir_error *err)
{
	const char *text = cJSON_GetStringValue(item);

	if (strcmp(item->string, "cluster") == 0)
		return read_name(item, "cluster", &e->cluster, err);
	if (strcmp(item->string, "node") == 0)
		return read_name(item, "node", &e->node, err);
	if (strcmp(item->string, "ttl") == 0) {
		if (!text || weir_duration_parse(text, &e->ttl_ms) < 0 || !e->ttl_ms ||
		    e->ttl_ms > TTL_MAX_MS)
			return weir_error_set(err, EINVAL,
					      "ttl: want a duration up to 168h, like \"1h\"");
		return 0;
	}
	if (strcmp(item->string, "uses") == 0) {
		if (!cJSON_IsNumber(item) || !(item->valuedouble >= 1) ||
		    item->valuedouble > USES_MAX ||
		    item->valuedouble != (unsigned)item->valuedouble)
			return weir_error_set(err, EINVAL, "uses: want a number from 1 to %d",
					      USES_MAX);
		e->uses = (unsigned)item->valuedouble;
		return 0;
	}
	return weir_error_set(err, EINVAL,
			      "%.64s: no such member; valid here: cluster, node, ttl, uses",
			      item->string);
}

static int read_enrolment(const cJSON *json, struct enrolment *ret, struct weir_error *err)
{
	struct enrolment e = { .ttl_ms = TTL_DEFAULT_MS, .uses = 1 };
	const cJSON *item;
	int r = 0;

	if (!cJSON_IsObject(json))
		return weir_error_set(err, EINVAL,
				      "body: want a JSON object, like {\"cluster\":\"prod\"}");
	cJSON_ArrayForEach (item, json) {
		r = read_member(&e, item, err);
		if (r < 0)
			return r;
	}
	if (!e.cluster)
		return weir_error_set(err, EINVAL, "cluster: want the name of the cluster");
	if (e.node && e.uses != 1)
		return weir_error_set(err, EINVAL, "uses: a token for one node is used once");
	*ret = e;
	return 0;
}

static int make_token(struct weir_request *r, const struct enrolment *e, struct weir_error *err)
{
	struct weir_json j = { .b = &r->out };
	WEIR_AUTO_FREE char *token = NULL;
	int code = weir_registry_make_token(r->api->c.registry, e->cluster, e->node, e->ttl_ms,
					    e->uses, &token, err);

	if (code < 0)
		return code;
	weir_json_open(&j, '{');
	weir_json_member(&j, "token", token);
	weir_json_member(&j, "cluster", e->cluster);
	weir_json_member(&j, "node", e->node);
	weir_json_member_number(&j, "uses", e->uses);
	weir_json_member_number(&j, "expires", weir_api_now() / 1000000 + e->ttl_ms);
	weir_json_raw(&j, "}\n", 2);
	r->status = 201;
	return j.failed ? -ENOMEM : 0;
}

static void delete_json(cJSON **json)
{
	cJSON_Delete(*json);
}

int weir_answer_enrol(struct weir_request *r, struct weir_error *err)
{
	WEIR_CLEANUP(delete_json)
	cJSON *json = r->body ? cJSON_ParseWithLength(r->body, r->body_len) : NULL;
	char object[2 * WEIR_LINK_NAME_MAX + 8];
	struct enrolment e = { .node = NULL };
	int code = read_enrolment(json, &e, err);

	if (code < 0)
		return code;
	snprintf(object, sizeof(object), "%s/%s", e.cluster, e.node ?: "*");
	code = weir_rights_need(r, WEIR_RIGHT_NODES_MANAGE, e.cluster, "node.enrol", object, err);
	return code < 0 ? code : make_token(r, &e, err);
}
