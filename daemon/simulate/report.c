/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of verdicts as rows of the answer: those that read the same are one. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/query/query.h"
#include "daemon/simulate/simulate.h"
#include "weir/cleanup.h"

/* What is told of a group: its workload, or one of its pods or nodes, or its prefix. */
struct end_key {
	const char *namespace_;
	const void *who;
	struct weir_prefix prefix;
	uint8_t kind;
};

struct decision_key {
	const struct weir_rule *rule;
	uint32_t policies; /* those that isolate, as a number */
	uint8_t verdict, reason;
};

struct row_key {
	struct end_key src, dst;
	struct decision_key decisions[WEIR_WHEN_MAX][WEIR_DIRECTION_MAX];
};

struct row {
	UT_hash_handle hh;
	const struct weir_simulate_group *src, *dst;
	struct weir_judgement judgements[WEIR_WHEN_MAX];
	double pairs[2]; /* of IPv4, of IPv6 */
	size_t n_ports;
	struct row_key key;
	struct weir_simulate_ports ports[]; /* belongs to the key */
};

struct weir_simulate_report {
	struct row *rows;
	size_t n, rows_max;
	uint64_t more; /* changes for which there was no row left */
};

int weir_simulate_report_new(size_t rows_max, struct weir_simulate_report **ret)
{
	struct weir_simulate_report *report = calloc(1, sizeof(*report));

	if (!report)
		return -ENOMEM;
	report->rows_max = rows_max;
	*ret = report;
	return 0;
}

void weir_simulate_report_free(struct weir_simulate_report **report)
{
	struct row *row, *next;

	if (!*report)
		return;
	HASH_ITER (hh, (*report)->rows, row, next) {
		HASH_DEL((*report)->rows, row);
		free(row);
	}
	free(weir_take(*report));
}

/* --- adding --------------------------------------------------------------------------- */

static void set_end(struct end_key *key, const struct weir_simulate_group *group)
{
	key->kind = group->key.kind;
	key->namespace_ = group->key.namespace_;
	if (group->node)
		key->who = group->node;
	else if (group->key.workload && group->key.workload->name)
		key->who = group->key.workload;
	else
		key->who = group->pod;
	if (key->kind == WEIR_END_OUTSIDE)
		key->prefix = group->prefix;
}

static void set_decision(struct decision_key *key, const struct weir_decision *d)
{
	key->rule = d->rule;
	key->verdict = d->verdict;
	key->reason = d->reason;
	key->policies =
		d->reason == WEIR_REASON_ISOLATED && d->ruleset ? weir_ruleset_tag(d->ruleset) : 0;
}

/* The key is compared as memory: padding is 0. */
static struct row *make_row(const struct weir_simulate_change *change)
{
	size_t ports = change->n_ports * sizeof(*change->ports);
	struct row *row = calloc(1, sizeof(*row) + ports);

	if (!row)
		return NULL;
	row->src = change->src;
	row->dst = change->dst;
	row->n_ports = change->n_ports;
	memcpy(row->judgements, change->judgements, sizeof(row->judgements));
	memcpy(row->ports, change->ports, ports);
	set_end(&row->key.src, change->src);
	set_end(&row->key.dst, change->dst);
	for (int i = 0; i < WEIR_WHEN_MAX; i++) {
		for (int d = 0; d < WEIR_DIRECTION_MAX; d++)
			set_decision(&row->key.decisions[i][d], &change->judgements[i].sides[d]);
	}
	return row;
}

int weir_simulate_report_add(void *data, const struct weir_simulate_change *change)
{
	struct weir_simulate_report *report = data;
	struct row *row = make_row(change), *same;
	unsigned len = (unsigned)(offsetof(struct row, ports) - offsetof(struct row, key) +
				  change->n_ports * sizeof(*change->ports));

	if (!row)
		return -ENOMEM;
	HASH_FIND(hh, report->rows, &row->key, len, same);
	if (same) {
		free(row);
		row = same;
	} else if (report->n == report->rows_max) {
		free(row);
		report->more++;
		return 0;
	} else {
		HASH_ADD_KEYPTR(hh, report->rows, &row->key, len, row);
		report->n++;
	}
	row->pairs[change->src->key.family == AF_INET6] += change->pairs;
	return 0;
}

/* --- writing -------------------------------------------------------------------------- */

static cJSON *end_json(const struct weir_simulate_group *group)
{
	const struct weir_workload *workload = group->key.workload;
	char buf[WEIR_PREFIX_STRLEN];
	cJSON *end = cJSON_CreateObject();

	switch ((enum weir_simulate_end_kind)group->key.kind) {
	case WEIR_END_PODS:
		cJSON_AddStringToObject(end, "namespace", group->pod->namespace_);
		weir_query_add_text(end, "workloadKind", workload ? workload->kind : NULL);
		weir_query_add_text(end, "workload", workload ? workload->name : NULL);
		cJSON_AddStringToObject(end, "pod", group->pod->name);
		break;
	case WEIR_END_NODES:
		cJSON_AddStringToObject(end, "node", group->node->name);
		break;
	case WEIR_END_OUTSIDE:
		cJSON_AddStringToObject(end, "prefix", weir_prefix_format(&group->prefix, buf));
		break;
	}
	return end;
}

cJSON *weir_simulate_judgement_json(const struct weir_judgement *j)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "verdict", weir_verdict_name(j->verdict));
	weir_query_add_side(object, "egress", &j->sides[WEIR_EGRESS]);
	weir_query_add_side(object, "ingress", &j->sides[WEIR_INGRESS]);
	return object;
}

static void add_ports(cJSON *object, const struct row *row)
{
	cJSON *array = cJSON_AddArrayToObject(object, "ports");
	char buf[4];

	for (size_t i = 0; i < row->n_ports; i++) {
		const struct weir_simulate_ports *p = &row->ports[i];
		cJSON *ports = cJSON_CreateObject();

		if (p->protocol == WEIR_PROTO_ANY) {
			cJSON_AddNullToObject(ports, "protocol");
		} else {
			cJSON_AddStringToObject(ports, "protocol",
						weir_protocol_name(p->protocol, buf));
			cJSON_AddNumberToObject(ports, "first", p->first);
			cJSON_AddNumberToObject(ports, "last", p->last);
		}
		cJSON_AddItemToArray(array, ports);
	}
}

static double pairs_of(const struct row *row)
{
	return row->pairs[0] > row->pairs[1] ? row->pairs[0] : row->pairs[1];
}

static cJSON *row_json(const struct row *row)
{
	cJSON *object = cJSON_CreateObject(), *families;

	cJSON_AddItemToObject(object, "source", end_json(row->src));
	cJSON_AddItemToObject(object, "destination", end_json(row->dst));
	families = cJSON_AddArrayToObject(object, "families");
	for (int i = 0; i < 2; i++) {
		if (row->pairs[i] > 0)
			cJSON_AddItemToArray(families, cJSON_CreateString(i ? "IPv6" : "IPv4"));
	}
	add_ports(object, row);
	cJSON_AddNumberToObject(object, "pairs", pairs_of(row));
	cJSON_AddItemToObject(object, "before",
			      weir_simulate_judgement_json(&row->judgements[WEIR_BEFORE]));
	cJSON_AddItemToObject(object, "after",
			      weir_simulate_judgement_json(&row->judgements[WEIR_AFTER]));
	return object;
}

static void name_end(const struct weir_simulate_group *group, char *buf, size_t size)
{
	char prefix[WEIR_PREFIX_STRLEN];

	if (group->pod)
		snprintf(buf, size, "0%s/%s", group->pod->namespace_, group->pod->name);
	else if (group->node)
		snprintf(buf, size, "1%s", group->node->name);
	else
		snprintf(buf, size, "2%s", weir_prefix_format(&group->prefix, prefix));
}

/* What would be denied comes first; then by names. */
static int by_importance(const void *one, const void *other)
{
	const struct row *a = *(const struct row *const *)one,
			 *b = *(const struct row *const *)other;
	int r = b->judgements[WEIR_AFTER].verdict - a->judgements[WEIR_AFTER].verdict;
	char x[600], y[600];

	if (r == 0) {
		name_end(a->src, x, sizeof(x));
		name_end(b->src, y, sizeof(y));
		r = strcmp(x, y);
	}
	if (r == 0) {
		name_end(a->dst, x, sizeof(x));
		name_end(b->dst, y, sizeof(y));
		r = strcmp(x, y);
	}
	return r ? r : (int)a->ports[0].protocol - (int)b->ports[0].protocol;
}

void weir_simulate_report_write(const struct weir_simulate_report *report, cJSON *result)
{
	WEIR_AUTO_FREE struct row **sorted = calloc(report->n + 1, sizeof(struct row *));
	cJSON *changes = cJSON_AddArrayToObject(result, "changes"), *pairs;
	double counts[WEIR_VERDICT_MAX] = { 0 };
	size_t n = 0;

	for (struct row *row = report->rows; sorted && row; row = row->hh.next)
		sorted[n++] = row;
	if (n)
		qsort(sorted, n, sizeof(*sorted), by_importance);
	for (size_t i = 0; i < n; i++) {
		cJSON_AddItemToArray(changes, row_json(sorted[i]));
		counts[sorted[i]->judgements[WEIR_AFTER].verdict] += pairs_of(sorted[i]);
	}
	cJSON_AddNumberToObject(result, "more", (double)report->more);
	pairs = cJSON_AddObjectToObject(result, "pairs");
	for (int v = 0; v < WEIR_VERDICT_MAX; v++)
		cJSON_AddNumberToObject(pairs, weir_verdict_name(v), counts[v]);
}
