/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recorded connections, judged by the policies of the question. A pod that is
 * gone is stood for by another one of its workload; an end that nobody can
 * stand for is counted, and why.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/simulate/simulate.h"
#include "weir/cleanup.h"

/* One pod of each workload. */
struct stand_in {
	UT_hash_handle hh;
	struct {
		const char *namespace_, *kind, *name; /* interned */
	} key;
	const struct weir_pod *pod;
};

struct judging {
	const struct weir_simulate_worlds *w;
	const struct weir_pool *pool;
	struct stand_in *stand_ins;
	cJSON *changes;
	size_t rows_max;
	double connections, changed[WEIR_VERDICT_MAX], more;
	double unjudged[3]; /* enum why_not */
};

enum why_not { WHY_NONE, WHY_POD_GONE, WHY_NO_ADDRESS, WHY_NOT_BY_POLICY };

static const char *const why_not_texts[] = {
	[WHY_POD_GONE - 1] = "the pod is gone, and none of its workload is there",
	[WHY_NO_ADDRESS - 1] = "an end has no address of that family now",
	[WHY_NOT_BY_POLICY - 1] = "it was not decided by policy",
};

struct end {
	const struct weir_pod *pod; /* NULL: an address that is no pod's */
	struct weir_addr addr;
};

static const char *text(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

/* --- who stands for an end --------------------------------------------------------------- */

static int gather_stand_ins(struct judging *j)
{
	struct stand_in *s;

	for (size_t i = 0; i < j->w->pods.n; i++) {
		const struct weir_pod *pod = &j->w->pods.pods[i];
		struct stand_in probe = { .pod = pod };

		if (!pod->local || !pod->workload || !pod->workload->name)
			continue;
		probe.key.namespace_ = pod->namespace_;
		probe.key.kind = pod->workload->kind;
		probe.key.name = pod->workload->name;
		HASH_FIND(hh, j->stand_ins, &probe.key, sizeof(probe.key), s);
		if (s)
			continue;
		s = malloc(sizeof(*s));
		if (!s)
			return -ENOMEM;
		*s = probe;
		HASH_ADD(hh, j->stand_ins, key, sizeof(s->key), s);
	}
	return 0;
}

static const char *interned(const struct judging *j, const char *word)
{
	return word ? weir_pool_find(j->pool, word) : NULL;
}

static const struct weir_pod *pod_of(const struct judging *j, const cJSON *end)
{
	const char *ns = text(end, "namespace"), *name = text(end, "pod");
	const struct weir_pod *pod = weir_cluster_pod(j->w->cluster, ns, name);
	struct stand_in *s = NULL, probe = { .pod = NULL };

	if (pod && weir_pod_has_addrs(pod))
		return pod;
	probe.key.namespace_ = interned(j, ns);
	probe.key.kind = interned(j, text(end, "workloadKind"));
	probe.key.name = interned(j, text(end, "workload"));
	if (probe.key.name)
		HASH_FIND(hh, j->stand_ins, &probe.key, sizeof(probe.key), s);
	return s ? s->pod : NULL;
}

static enum why_not find_end(const struct judging *j, const cJSON *json, struct end *ret)
{
	const char *addr = text(json, "addr");

	if (!addr || weir_addr_parse(addr, &ret->addr) < 0)
		return WHY_NO_ADDRESS;
	ret->pod = NULL;
	if (!text(json, "pod") || !text(json, "namespace"))
		return WHY_NONE;
	ret->pod = pod_of(j, json);
	if (!ret->pod)
		return WHY_POD_GONE;
	for (size_t i = 0; i < ret->pod->n_addrs; i++) {
		if (ret->pod->addrs[i].family == ret->addr.family) {
			ret->addr = ret->pod->addrs[i];
			return WHY_NONE;
		}
	}
	return WHY_NO_ADDRESS;
}

/* --- one record --------------------------------------------------------------------------- */

static bool is_denied(const cJSON *record)
{
	const char *verdict = text(record, "verdict");

	return verdict && !strcmp(verdict, weir_verdict_name(WEIR_DENIED));
}

/* Denied by something that stands whatever the policies say? */
static bool was_by_policy(const cJSON *record)
{
	static const char *const sides[] = { "egress", "ingress" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(sides); i++) {
		const cJSON *side = cJSON_GetObjectItemCaseSensitive(record, sides[i]);
		const char *reason = text(side, "reason");

		if (is_denied(side) && reason && strcmp(reason, "rule") != 0 &&
		    strcmp(reason, "isolated") != 0)
			return false;
	}
	return true;
}

/* What the tables cannot know: a pod's own node is always let in. */
static void let_own_node_in(const struct judging *j, const struct end *src, const struct end *dst,
			    struct weir_judgement *judgement)
{
	const struct weir_node *node = weir_cluster_node_by_addr(j->w->cluster, &src->addr);

	if (src->pod || !dst->pod || !dst->pod->node || !node ||
	    strcmp(node->name, dst->pod->node) != 0)
		return;
	judgement->sides[WEIR_INGRESS] =
		(struct weir_decision){ .verdict = WEIR_ALLOWED, .reason = WEIR_REASON_OWN_NODE };
	judgement->verdict = judgement->sides[WEIR_EGRESS].verdict;
}

static enum why_not judge(const struct judging *j, const cJSON *record,
			  struct weir_connection *conn, struct weir_judgement *ret)
{
	const cJSON *dst_json = cJSON_GetObjectItemCaseSensitive(record, "dst");
	const cJSON *port = cJSON_GetObjectItemCaseSensitive(dst_json, "port");
	struct end src, dst;
	enum why_not why = find_end(j, cJSON_GetObjectItemCaseSensitive(record, "src"), &src);

	if (why == WHY_NONE)
		why = find_end(j, dst_json, &dst);
	if (why != WHY_NONE)
		return why;
	if (!was_by_policy(record))
		return WHY_NOT_BY_POLICY;
	if (src.addr.family != dst.addr.family)
		return WHY_NO_ADDRESS;
	conn->src = src.addr;
	conn->dst = dst.addr;
	conn->dport = cJSON_IsNumber(port) && port->valuedouble > 0 && port->valuedouble < 65536
			      ? (uint16_t)port->valuedouble
			      : 0;
	weir_compiler_judge(j->w->compilers[WEIR_AFTER], conn, ret);
	let_own_node_in(j, &src, &dst, ret);
	return WHY_NONE;
}

static void add_end(cJSON *row, const char *key, const cJSON *from)
{
	static const char *const words[] = { "addr", "namespace", "pod", "workloadKind",
					     "workload" };
	cJSON *end = cJSON_AddObjectToObject(row, key);

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(words); i++) {
		if (text(from, words[i]))
			cJSON_AddStringToObject(end, words[i], text(from, words[i]));
	}
}

static void add_change(struct judging *j, const cJSON *record, const struct weir_connection *conn,
		       const struct weir_judgement *judgement, double connections)
{
	char buf[4];
	cJSON *row;

	j->changed[judgement->verdict] += connections;
	if ((size_t)cJSON_GetArraySize(j->changes) >= j->rows_max) {
		j->more++;
		return;
	}
	row = cJSON_CreateObject();
	add_end(row, "source", cJSON_GetObjectItemCaseSensitive(record, "src"));
	add_end(row, "destination", cJSON_GetObjectItemCaseSensitive(record, "dst"));
	cJSON_AddStringToObject(row, "protocol", weir_protocol_name(conn->protocol, buf));
	cJSON_AddNumberToObject(row, "port", conn->dport);
	cJSON_AddNumberToObject(row, "connections", connections);
	cJSON_AddStringToObject(row, "recorded",
				weir_verdict_name(is_denied(record) ? WEIR_DENIED : WEIR_ALLOWED));
	cJSON_AddItemToObject(row, "after", weir_simulate_judgement_json(judgement));
	cJSON_AddItemToArray(j->changes, row);
}

static int take_record(struct judging *j, const cJSON *record, struct weir_error *err)
{
	const cJSON *number = cJSON_GetObjectItemCaseSensitive(record, "connections");
	double connections = cJSON_IsNumber(number) ? number->valuedouble : 1;
	const char *protocol = text(record, "protocol");
	struct weir_connection conn = { 0 };
	struct weir_judgement judgement;
	enum why_not why;

	if (!protocol || weir_protocol_parse(protocol, &conn.protocol) < 0)
		return weir_error_set(err, EINVAL, "\"protocol\" is missing or unknown");
	why = judge(j, record, &conn, &judgement);
	j->connections += connections;
	if (why != WHY_NONE)
		j->unjudged[why - 1] += connections;
	else if ((judgement.verdict == WEIR_DENIED) != is_denied(record))
		add_change(j, record, &conn, &judgement, connections);
	return 0;
}

/* --- all of them ---------------------------------------------------------------------------- */

static int take_lines(struct judging *j, const char *at, struct weir_error *err)
{
	int r = 0;

	for (unsigned line = 1; *at && r == 0; line++) {
		size_t len = strcspn(at, "\n");
		cJSON *record = cJSON_ParseWithLength(at, len);

		r = record ? take_record(j, record, err)
			   : weir_error_set(err, EINVAL, "no JSON object");
		cJSON_Delete(record);
		if (r < 0)
			return weir_error_prefix(err, r, "flow %u", line);
		at += len + (at[len] == '\n');
	}
	return r;
}

static cJSON *result_json(struct judging *j)
{
	cJSON *result = cJSON_CreateObject(), *unjudged;

	cJSON_AddNumberToObject(result, "connections", j->connections);
	for (int v = 0; v < WEIR_VERDICT_MAX; v++)
		cJSON_AddNumberToObject(result, weir_verdict_name(v), j->changed[v]);
	cJSON_AddItemToObject(result, "changes", weir_take(j->changes));
	cJSON_AddNumberToObject(result, "more", j->more);
	unjudged = cJSON_AddArrayToObject(result, "unjudged");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(why_not_texts); i++) {
		cJSON *item;

		if (j->unjudged[i] <= 0)
			continue;
		item = cJSON_CreateObject();
		cJSON_AddStringToObject(item, "why", why_not_texts[i]);
		cJSON_AddNumberToObject(item, "connections", j->unjudged[i]);
		cJSON_AddItemToArray(unjudged, item);
	}
	return result;
}

int weir_simulate_flows(const struct weir_simulate_worlds *w, const struct weir_pool *pool,
			const char *records, size_t rows_max, cJSON **ret, struct weir_error *err)
{
	struct judging j = { .w = w, .pool = pool, .rows_max = rows_max };
	struct stand_in *s, *next;
	int r = gather_stand_ins(&j);

	if (r < 0)
		weir_error_errno(err, -r, "the recorded flows cannot be judged");
	j.changes = cJSON_CreateArray();
	if (r == 0)
		r = take_lines(&j, records, err);
	if (r == 0)
		*ret = result_json(&j);
	cJSON_Delete(j.changes);
	HASH_ITER (hh, j.stand_ins, s, next) {
		HASH_DEL(j.stand_ins, s);
		free(s);
	}
	return r;
}
