/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a flow is what a filter wants: one function for each field. */
#include <string.h>

#include "hub/query/filter.h"
#include "weir/cleanup.h"
#include "weir/ruleset.h"

typedef struct weir_term_value value_t;

static bool same(const char *have, const char *want)
{
	return have && strcmp(have, want) == 0;
}

/* --- of an end ------------------------------------------------------------------ */

static bool namespace_is(const struct weir_record_peer *p, const value_t *v)
{
	return same(p->namespace_, v->text);
}

static bool pod_is(const struct weir_record_peer *p, const value_t *v)
{
	return same(p->pod, v->name) && (!v->namespace_ || same(p->namespace_, v->namespace_));
}

static bool workload_is(const struct weir_record_peer *p, const value_t *v)
{
	return same(p->workload, v->name) && (!v->kind || same(p->workload_kind, v->kind));
}

static bool has_label(const struct weir_record_peer *p, const value_t *v)
{
	for (uint16_t i = 0; i < p->n_labels; i++)
		if (same(p->labels[i].key, v->kind))
			return !v->name || same(p->labels[i].value, v->name);
	return false;
}

static bool address_is(const struct weir_record_peer *p, const value_t *v)
{
	return (p->addr.family && weir_prefix_contains(&v->prefix, &p->addr)) ||
	       (p->nat_addr.family && weir_prefix_contains(&v->prefix, &p->nat_addr));
}

static bool service_is(const struct weir_record_peer *p, const value_t *v)
{
	return same(p->service, v->text);
}

static bool end_node_is(const struct weir_record_peer *p, const value_t *v)
{
	return same(p->node, v->text);
}

static bool (*const end_is[])(const struct weir_record_peer *, const value_t *) = {
	[WEIR_FILTER_NAMESPACE] = namespace_is, [WEIR_FILTER_POD] = pod_is,
	[WEIR_FILTER_WORKLOAD] = workload_is,	[WEIR_FILTER_LABEL] = has_label,
	[WEIR_FILTER_ADDRESS] = address_is,	[WEIR_FILTER_SERVICE] = service_is,
	[WEIR_FILTER_END_NODE] = end_node_is,
};

/* --- of the flow ---------------------------------------------------------------- */

static bool cluster_is(const struct weir_hub_flow *f, const value_t *v)
{
	return same(f->cluster, v->text);
}

static bool node_is(const struct weir_hub_flow *f, const value_t *v)
{
	return same(f->nodes[0], v->text) || same(f->nodes[1], v->text);
}

static bool port_is(const struct weir_hub_flow *f, const value_t *v)
{
	return f->record.dst.port >= v->low && f->record.dst.port <= v->high;
}

static bool protocol_is(const struct weir_hub_flow *f, const value_t *v)
{
	return f->record.protocol == v->low;
}

static bool verdict_is(const struct weir_hub_flow *f, const value_t *v)
{
	return f->record.verdict == v->low;
}

static bool staged_is(const struct weir_hub_flow *f, const value_t *v)
{
	return f->record.staged == v->low;
}

static bool reason_is(const struct weir_hub_flow *f, const value_t *v)
{
	return f->record.egress.reason == v->low || f->record.ingress.reason == v->low;
}

static bool side_has_policy(const struct weir_record_side *s, const value_t *v)
{
	for (uint16_t i = 0; i < s->n_policies; i++) {
		const struct weir_record_policy *p = &s->policies[i];

		if (same(p->name, v->name) && (!v->kind || same(p->kind, v->kind)) &&
		    (!v->namespace_ || same(p->namespace_, v->namespace_)))
			return true;
	}
	return false;
}

static bool policy_is(const struct weir_hub_flow *f, const value_t *v)
{
	return side_has_policy(&f->record.egress, v) || side_has_policy(&f->record.ingress, v);
}

/* The side that denied; of an allowed one each that judged. */
static bool direction_is(const struct weir_hub_flow *f, const value_t *v)
{
	const struct weir_record_side *s =
		v->low == WEIR_EGRESS ? &f->record.egress : &f->record.ingress;

	return s->reason != WEIR_REASON_NOT_ENDPOINT && s->verdict == f->record.verdict;
}

static bool type_is(const struct weir_hub_flow *f, const value_t *v)
{
	return f->record.type == v->low;
}

static bool (*const flow_is[WEIR_FILTER_FIELDS])(const struct weir_hub_flow *, const value_t *) = {
	[WEIR_FILTER_CLUSTER] = cluster_is,	[WEIR_FILTER_NODE] = node_is,
	[WEIR_FILTER_PORT] = port_is,		[WEIR_FILTER_PROTOCOL] = protocol_is,
	[WEIR_FILTER_VERDICT] = verdict_is,	[WEIR_FILTER_STAGED] = staged_is,
	[WEIR_FILTER_REASON] = reason_is,	[WEIR_FILTER_POLICY] = policy_is,
	[WEIR_FILTER_DIRECTION] = direction_is, [WEIR_FILTER_TYPE] = type_is,
};

/* --- terms ---------------------------------------------------------------------- */

bool weir_term_holds_of_end(const struct weir_term *t, const struct weir_record_peer *end)
{
	bool any = false;

	for (size_t i = 0; !any && i < t->n_values; i++)
		any = end_is[t->field](end, &t->values[i]);
	return any != t->negated;
}

bool weir_term_holds(const struct weir_term *t, const struct weir_hub_flow *flow)
{
	bool any = false;

	for (size_t i = 0; !any && i < t->n_values; i++)
		any = flow_is[t->field](flow, &t->values[i]);
	return any != t->negated;
}

/* The terms of either end that want something hold at this one. */
static bool could_be(const struct weir_filter *f, const struct weir_record_peer *end)
{
	for (size_t i = 0; i < f->n_terms; i++) {
		const struct weir_term *t = &f->terms[i];

		if (weir_field_is_of_end(t->field) && t->end == WEIR_EITHER_END && !t->negated &&
		    !weir_term_holds_of_end(t, end))
			return false;
	}
	return true;
}

static bool holds(const struct weir_term *t, const struct weir_hub_flow *flow)
{
	const struct weir_record *r = &flow->record;

	if (!weir_field_is_of_end(t->field))
		return weir_term_holds(t, flow);
	if (t->end != WEIR_TO_END && (t->negated || t->end == WEIR_FROM_END) &&
	    !weir_term_holds_of_end(t, &r->src))
		return false;
	return t->end == WEIR_FROM_END || (!t->negated && t->end == WEIR_EITHER_END) ||
	       weir_term_holds_of_end(t, &r->dst);
}

static bool gap_matches(const struct weir_filter *f, const struct weir_hub_flow *flow)
{
	for (size_t i = 0; i < f->n_terms; i++) {
		uint8_t field = f->terms[i].field;

		if ((field == WEIR_FILTER_CLUSTER || field == WEIR_FILTER_NODE ||
		     field == WEIR_FILTER_TYPE) &&
		    !weir_term_holds(&f->terms[i], flow))
			return false;
	}
	return true;
}

bool weir_filter_matches(const struct weir_filter *filter, const struct weir_hub_flow *flow)
{
	if (flow->record.type == WEIR_RECORD_GAP)
		return gap_matches(filter, flow);
	for (size_t i = 0; i < filter->n_terms; i++)
		if (!holds(&filter->terms[i], flow))
			return false;
	return could_be(filter, &flow->record.src) || could_be(filter, &flow->record.dst);
}
