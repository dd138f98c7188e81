/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions in SQL; see where.h. One function for each field of a filter, as in
 * hub/query/match.c, which is what they must agree with. */
#include "hub/store/clickhouse/where.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "weir/record.h"
#include "weir/ruleset.h"

typedef struct weir_term_value value_t;

static void write_literal(FILE *f, const char *text, size_t len)
{
	fputc('\'', f);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x80 && (isalnum(c) || strchr(" -_./:=*", c)))
			fputc(c, f);
		else
			fprintf(f, "\\x%02X", c);
	}
	fputc('\'', f);
}

void weir_sql_text(FILE *f, const char *text)
{
	write_literal(f, text, strlen(text));
}

/* --- scope ------------------------------------------------------------------------------ */

static void write_pattern(FILE *f, const char *column, const char *pattern)
{
	size_t len = strlen(pattern);

	if (strcmp(pattern, "*") == 0) {
		fprintf(f, "1");
	} else if (len && pattern[len - 1] == '*') {
		fprintf(f, "startsWith(%s, ", column);
		write_literal(f, pattern, len - 1);
		fputc(')', f);
	} else if (!len) { /* a name that is not known is not theirs */
		fprintf(f, "0");
	} else {
		fprintf(f, "%s = ", column);
		weir_sql_text(f, pattern);
	}
}

static void write_sees(FILE *f, const struct weir_scope *scope, const char *namespace_)
{
	fprintf(f, "(0");
	for (size_t i = 0; i < scope->n_grants; i++) {
		fprintf(f, " OR (");
		write_pattern(f, "cluster", scope->grants[i].cluster);
		fprintf(f, " AND ");
		write_pattern(f, namespace_, scope->grants[i].namespace_);
		fputc(')', f);
	}
	fputc(')', f);
}

void weir_where_with(FILE *f, const struct weir_scope *scope)
{
	fprintf(f, "WITH ");
	write_sees(f, scope, "from_namespace");
	fprintf(f, " AS sees_from, ");
	write_sees(f, scope, "to_namespace");
	fprintf(f, " AS sees_to ");
}

/* --- fields of an end -------------------------------------------------------------------- */

/* What is stored as empty is not known, and equals nothing. */
static void write_is(FILE *f, const char *end, const char *column, const char *text)
{
	if (!*text) {
		fprintf(f, "0");
		return;
	}
	fprintf(f, "%s_%s = ", end, column);
	weir_sql_text(f, text);
}

static void namespace_is(FILE *f, const char *end, const value_t *v)
{
	write_is(f, end, "namespace", v->text);
}

static void pod_is(FILE *f, const char *end, const value_t *v)
{
	fprintf(f, "sees_%s AND ", end);
	write_is(f, end, "pod", v->name);
	if (v->namespace_) {
		fprintf(f, " AND ");
		write_is(f, end, "namespace", v->namespace_);
	}
}

static void workload_is(FILE *f, const char *end, const value_t *v)
{
	write_is(f, end, "workload", v->name);
	if (v->kind) {
		fprintf(f, " AND ");
		write_is(f, end, "workload_kind", v->kind);
	}
}

/* The first of a key counts. */
static void has_label(FILE *f, const char *end, const value_t *v)
{
	fprintf(f, "sees_%s AND has(`%s_labels.key`, ", end, end);
	weir_sql_text(f, v->kind);
	fputc(')', f);
	if (!v->name)
		return;
	fprintf(f, " AND `%s_labels.value`[indexOf(`%s_labels.key`, ", end, end);
	weir_sql_text(f, v->kind);
	fprintf(f, ")] = ");
	weir_sql_text(f, v->name);
}

static void write_bytes(FILE *f, const uint8_t *bytes, size_t n)
{
	fprintf(f, "unhex('");
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%02X", bytes[i]);
	fprintf(f, "')");
}

/* Addresses of one length are in the order of their bytes. */
static void within(FILE *f, const char *end, const char *column, const struct weir_prefix *p)
{
	struct weir_addr last = p->addr;
	size_t size = weir_addr_size(&p->addr);

	for (size_t bit = p->len; bit < 8 * size; bit++)
		last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	fprintf(f, "length(%s_%s) = %zu AND %s_%s >= ", end, column, size, end, column);
	write_bytes(f, p->addr.bytes, size);
	fprintf(f, " AND %s_%s <= ", end, column);
	write_bytes(f, last.bytes, size);
}

static void address_is(FILE *f, const char *end, const value_t *v)
{
	fprintf(f, "((sees_%s OR %s_namespace = '') AND ", end, end);
	within(f, end, "addr", &v->prefix);
	fprintf(f, ") OR (sees_%s AND ", end);
	within(f, end, "nat_addr", &v->prefix);
	fputc(')', f);
}

static void service_is(FILE *f, const char *end, const value_t *v)
{
	fprintf(f, "sees_%s AND ", end);
	write_is(f, end, "service", v->text);
}

static void end_node_is(FILE *f, const char *end, const value_t *v)
{
	fprintf(f, "sees_%s AND ", end);
	write_is(f, end, "node", v->text);
}

static void (*const end_is[])(FILE *, const char *, const value_t *) = {
	[WEIR_FILTER_NAMESPACE] = namespace_is, [WEIR_FILTER_POD] = pod_is,
	[WEIR_FILTER_WORKLOAD] = workload_is,	[WEIR_FILTER_LABEL] = has_label,
	[WEIR_FILTER_ADDRESS] = address_is,	[WEIR_FILTER_SERVICE] = service_is,
	[WEIR_FILTER_END_NODE] = end_node_is,
};

/* --- fields of the flow ------------------------------------------------------------------- */

static void cluster_is(FILE *f, const value_t *v)
{
	fprintf(f, "cluster = ");
	weir_sql_text(f, v->text);
}

static void node_is(FILE *f, const value_t *v)
{
	fprintf(f, "(sees_from AND ");
	write_is(f, "egress", "reporter", v->text);
	fprintf(f, ") OR (sees_to AND ");
	write_is(f, "ingress", "reporter", v->text);
	fputc(')', f);
}

static void port_is(FILE *f, const value_t *v)
{
	fprintf(f, "to_port BETWEEN %u AND %u", v->low, v->high);
}

static void protocol_is(FILE *f, const value_t *v)
{
	fprintf(f, "protocol = %u", v->low);
}

static void verdict_is(FILE *f, const value_t *v)
{
	fprintf(f, "verdict = %u", v->low);
}

static void staged_is(FILE *f, const value_t *v)
{
	fprintf(f, "staged = %u", v->low);
}

static void reason_is(FILE *f, const value_t *v)
{
	fprintf(f, "egress_reason = %u OR ingress_reason = %u", v->low, v->low);
}

static void side_has_policy(FILE *f, const char *end, const char *side, const value_t *v)
{
	fprintf(f, "(sees_%s AND arrayExists((k, s, n) -> n = ", end);
	weir_sql_text(f, v->name);
	if (v->kind) {
		fprintf(f, " AND k = ");
		weir_sql_text(f, v->kind);
	}
	if (v->namespace_) {
		fprintf(f, *v->namespace_ ? " AND s = " : " AND s > '' AND s = ");
		weir_sql_text(f, v->namespace_);
	}
	fprintf(f, ", `%s_policies.kind`, `%s_policies.namespace`, `%s_policies.name`))", side,
		side, side);
}

static void policy_is(FILE *f, const value_t *v)
{
	side_has_policy(f, "from", "egress", v);
	fprintf(f, " OR ");
	side_has_policy(f, "to", "ingress", v);
}

static void direction_is(FILE *f, const value_t *v)
{
	const char *side = v->low == WEIR_EGRESS ? "egress" : "ingress";

	fprintf(f, "%s_reason != %d AND %s_verdict = verdict", side, WEIR_REASON_NOT_ENDPOINT,
		side);
}

static void type_is(FILE *f, const value_t *v)
{
	fprintf(f, "type = %u", v->low);
}

static void (*const flow_is[WEIR_FILTER_FIELDS])(FILE *, const value_t *) = {
	[WEIR_FILTER_CLUSTER] = cluster_is,	[WEIR_FILTER_NODE] = node_is,
	[WEIR_FILTER_PORT] = port_is,		[WEIR_FILTER_PROTOCOL] = protocol_is,
	[WEIR_FILTER_VERDICT] = verdict_is,	[WEIR_FILTER_STAGED] = staged_is,
	[WEIR_FILTER_REASON] = reason_is,	[WEIR_FILTER_POLICY] = policy_is,
	[WEIR_FILTER_DIRECTION] = direction_is, [WEIR_FILTER_TYPE] = type_is,
};

/* --- terms ------------------------------------------------------------------------------- */

/* end: NULL for a field of the flow. */
static void write_term(FILE *f, const struct weir_term *t, const char *end)
{
	fprintf(f, t->negated ? "NOT (0" : "(0");
	for (size_t i = 0; i < t->n_values; i++) {
		fprintf(f, " OR (");
		if (end)
			end_is[t->field](f, end, &t->values[i]);
		else
			flow_is[t->field](f, &t->values[i]);
		fputc(')', f);
	}
	fputc(')', f);
}

static bool is_either(const struct weir_term *t)
{
	return weir_field_is_of_end(t->field) && t->end == WEIR_EITHER_END && !t->negated;
}

static void write_either(FILE *f, const struct weir_filter *filter, const char *end)
{
	fprintf(f, "(1");
	for (size_t i = 0; i < filter->n_terms; i++) {
		if (!is_either(&filter->terms[i]))
			continue;
		fprintf(f, " AND ");
		write_term(f, &filter->terms[i], end);
	}
	fputc(')', f);
}

static void write_terms(FILE *f, const struct weir_filter *filter)
{
	bool either = false;

	fprintf(f, "(1");
	for (size_t i = 0; i < filter->n_terms; i++) {
		const struct weir_term *t = &filter->terms[i];

		either |= is_either(t);
		if (is_either(t))
			continue;
		if (!weir_field_is_of_end(t->field)) {
			fprintf(f, " AND ");
			write_term(f, t, NULL);
			continue;
		}
		for (int end = 0; end < 2; end++) {
			if (t->end == (end ? WEIR_FROM_END : WEIR_TO_END))
				continue;
			fprintf(f, " AND ");
			write_term(f, t, end ? "to" : "from");
		}
	}
	if (either) {
		fprintf(f, " AND (");
		write_either(f, filter, "from");
		fprintf(f, " OR ");
		write_either(f, filter, "to");
		fputc(')', f);
	}
	fputc(')', f);
}

/* A gap has neither ends nor a verdict. */
static void write_gap_terms(FILE *f, const struct weir_filter *filter)
{
	fprintf(f, "(1");
	for (size_t i = 0; i < filter->n_terms; i++) {
		uint8_t field = filter->terms[i].field;

		if (field != WEIR_FILTER_CLUSTER && field != WEIR_FILTER_NODE &&
		    field != WEIR_FILTER_TYPE)
			continue;
		fprintf(f, " AND ");
		write_term(f, &filter->terms[i], NULL);
	}
	fputc(')', f);
}

static void write_filter(FILE *f, enum weir_ch_rows rows, const struct weir_filter *filter)
{
	if (!filter->n_terms)
		return;
	fprintf(f, " AND ");
	if (rows == WEIR_CH_COUNTED || rows == WEIR_CH_SUMS) {
		write_terms(f, filter);
		return;
	}
	fprintf(f, "((type = %d AND ", WEIR_RECORD_GAP);
	write_gap_terms(f, filter);
	fprintf(f, ") OR (type != %d AND ", WEIR_RECORD_GAP);
	write_terms(f, filter);
	fprintf(f, "))");
}

void weir_where(FILE *f, enum weir_ch_rows rows, uint64_t from, uint64_t to,
		const struct weir_scope *scope, const struct weir_filter *filter)
{
	fprintf(f, "time >= %" PRIu64 " AND time < %" PRIu64, from, to);
	if (rows != WEIR_CH_SUMS)
		fprintf(f, " AND type %s %d AND attempt NOT IN (SELECT attempt FROM weir_voids)",
			rows == WEIR_CH_COUNTED ? "<" : "<=", WEIR_RECORD_GAP);
	if (rows == WEIR_CH_FLOWS || rows == WEIR_CH_COUNTED)
		fprintf(f, " AND second = 0");
	if (!weir_scope_is_all(scope))
		fprintf(f, " AND (sees_from OR sees_to)");
	write_filter(f, rows, filter);
}
