/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record as one JSON object; the members are listed in weir/wire.h. Used
 * for the ns. topics, for weirctl flows, and by the hub, which adds what it knows and
 * leaves out what nobody asked for.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"
#include "weir/flow.h"
#include "weir/json.h"
#include "weir/object.h"
#include "weir/ruleset.h"
#include "weir/wire.h"

#define WHY_MAX 1024

struct out {
	struct weir_json j;
	const struct weir_json_flow *hub; /* NULL: all members, none of the hub's */
	const char *object;		  /* the member within which we are; NULL: none */
};

/* --- which members ---------------------------------------------------------------- */

/* Is this field the member, something within it, or what the member is within? */
static bool names(const char *field, const char *object, const char *name)
{
	size_t len;

	if (object) {
		len = strlen(object);
		if (strncmp(field, object, len) != 0)
			return false;
		if (!field[len])
			return true;
		if (field[len] != '.')
			return false;
		field += len + 1;
	}
	len = strlen(name);
	return strncmp(field, name, len) == 0 && (!field[len] || (!object && field[len] == '.'));
}

static bool wanted(const struct out *o, const char *name)
{
	if (!o->hub || !o->hub->n_fields)
		return true;
	for (size_t i = 0; i < o->hub->n_fields; i++)
		if (names(o->hub->fields[i], o->object, name))
			return true;
	return false;
}

static bool key(struct out *o, const char *name)
{
	if (!wanted(o, name))
		return false;
	weir_json_key(&o->j, name);
	return true;
}

static bool begin(struct out *o, const char *name)
{
	if (!key(o, name))
		return false;
	weir_json_open(&o->j, '{');
	o->object = name;
	return true;
}

static void end(struct out *o)
{
	weir_json_close(&o->j, '}');
	o->object = NULL;
}

/* --- members ---------------------------------------------------------------------- */

static void string(struct out *o, const char *name, const char *value)
{
	if (value && key(o, name))
		weir_json_string(&o->j, value);
}

static void number(struct out *o, const char *name, uint64_t v)
{
	if (key(o, name))
		weir_json_number(&o->j, v);
}

static void pair(struct out *o, const char *name, const uint64_t v[2])
{
	if (!key(o, name))
		return;
	weir_json_open(&o->j, '[');
	weir_json_number(&o->j, v[0]);
	weir_json_number(&o->j, v[1]);
	weir_json_close(&o->j, ']');
}

static void address(struct out *o, const char *name, const struct weir_addr *a)
{
	char text[WEIR_ADDR_STRLEN];

	if (a->family)
		string(o, name, weir_addr_format(a, text));
}

static void labels(struct out *o, const struct weir_record_peer *p)
{
	if (!p->n_labels || !key(o, "labels"))
		return;
	weir_json_open(&o->j, '{');
	for (uint16_t i = 0; i < p->n_labels; i++)
		weir_json_member(&o->j, p->labels[i].key, p->labels[i].value);
	weir_json_close(&o->j, '}');
}

static void peer(struct out *o, const char *name, const struct weir_record_peer *p)
{
	if (!begin(o, name))
		return;
	address(o, "addr", &p->addr);
	if (p->port)
		number(o, "port", p->port);
	address(o, "natAddr", &p->nat_addr);
	if (p->nat_port)
		number(o, "natPort", p->nat_port);
	string(o, "namespace", p->namespace_);
	string(o, "pod", p->pod);
	string(o, "workloadKind", p->workload_kind);
	string(o, "workload", p->workload);
	string(o, "node", p->node);
	string(o, "service", p->service);
	labels(o, p);
	end(o);
}

static void policies(struct out *o, const struct weir_record_side *s)
{
	if (!s->n_policies || !key(o, "policies"))
		return;
	weir_json_open(&o->j, '[');
	for (uint16_t i = 0; i < s->n_policies; i++) {
		weir_json_open(&o->j, '{');
		weir_json_member(&o->j, "kind", s->policies[i].kind);
		weir_json_member(&o->j, "namespace", s->policies[i].namespace_);
		weir_json_member(&o->j, "name", s->policies[i].name);
		weir_json_close(&o->j, '}');
	}
	weir_json_close(&o->j, ']');
}

static void side(struct out *o, const char *name, const struct weir_record_side *s)
{
	if (s->reason == WEIR_REASON_NOT_ENDPOINT || !begin(o, name))
		return;
	string(o, "verdict", weir_verdict_name(s->verdict));
	string(o, "reason", weir_reason_name(s->reason));
	if (s->reason == WEIR_REASON_RULE) {
		string(o, "tier", weir_tier_name(s->tier));
		if (s->rule >= 0)
			number(o, "rule", (uint64_t)s->rule);
		string(o, "ruleName", s->rule_name);
	}
	policies(o, s);
	if (s->n_more)
		number(o, "more", s->n_more);
	end(o);
}

static void head(struct out *o, const struct weir_record *r, const char *node)
{
	if (r->seq || !o->hub) /* the hub hides it from those whose node it is not */
		number(o, "seq", r->seq);
	number(o, "time", r->time);
	if (r->start)
		number(o, "start", r->start);
	string(o, "node", node);
	if (r->flow)
		number(o, "flow", r->flow);
	string(o, "type", weir_record_type_name(r->type));
}

/* What it would be, and why: as of a record with that verdict. */
static void staged(struct out *o, const struct weir_record *r)
{
	struct weir_record would = *r;
	char text[WHY_MAX];

	if (r->staged == WEIR_VERDICT_MAX)
		return;
	would.verdict = r->staged;
	would.egress = r->staged_egress;
	would.ingress = r->staged_ingress;
	string(o, "staged", weir_verdict_name(r->staged));
	side(o, "stagedEgress", &r->staged_egress);
	side(o, "stagedIngress", &r->staged_ingress);
	string(o, "stagedWhy", weir_record_why(&would, text, sizeof(text)));
}

static void connection(struct out *o, const struct weir_record *r)
{
	char protocol[4];

	string(o, "verdict", weir_verdict_name(r->verdict));
	string(o, "protocol", weir_protocol_name(r->protocol, protocol));
	if (r->protocol == WEIR_PROTO_ICMP || r->protocol == WEIR_PROTO_ICMPV6) {
		number(o, "icmpType", r->icmp_type);
		number(o, "icmpCode", r->icmp_code);
	}
	peer(o, "src", &r->src);
	peer(o, "dst", &r->dst);
	side(o, "egress", &r->egress);
	side(o, "ingress", &r->ingress);
	staged(o, r);
	if (r->has_counters || r->type == WEIR_RECORD_DENIED) {
		pair(o, "packets", r->packets);
		pair(o, "bytes", r->bytes);
	}
	number(o, "connections", r->connections);
	if (r->end)
		string(o, "end", weir_end_reason_name(r->end));
}

static void of_hub(struct out *o)
{
	const struct weir_json_flow *h = o->hub;

	if (!h)
		return;
	string(o, "cluster", h->cluster);
	if (begin(o, "nodes")) {
		string(o, "egress", h->nodes[WEIR_EGRESS]);
		string(o, "ingress", h->nodes[WEIR_INGRESS]);
		end(o);
	}
	if (h->second && key(o, "second"))
		weir_json_bool(&o->j, true);
}

static void why(struct out *o, const struct weir_record *r)
{
	char text[WHY_MAX];

	if (wanted(o, "why"))
		string(o, "why", weir_record_why(r, text, sizeof(text)));
}

static int write_record(const struct weir_record *record, const char *node,
			const struct weir_json_flow *hub, struct weir_json_buffer *out)
{
	struct out o = { .j.b = out, .hub = hub };
	size_t before = out->len;

	weir_json_raw(&o.j, "{", 1);
	head(&o, record, node);
	of_hub(&o);
	if (record->type != WEIR_RECORD_GAP)
		connection(&o, record);
	why(&o, record);
	if (record->type == WEIR_RECORD_GAP) {
		number(&o, "lost", record->lost);
		string(&o, "lostAt", weir_loss_name(record->lost_at));
	}
	weir_json_close(&o.j, '}');
	if (!o.j.failed)
		return 0;
	out->len = before;
	if (out->text)
		out->text[before] = 0;
	return -ENOMEM;
}

int weir_record_to_json(const struct weir_record *record, const char *node,
			struct weir_json_buffer *out)
{
	return write_record(record, node, NULL, out);
}

int weir_flow_to_json(const struct weir_record *record, const struct weir_json_flow *hub,
		      struct weir_json_buffer *out)
{
	return write_record(record, hub->nodes[WEIR_EGRESS] ?: hub->nodes[WEIR_INGRESS], hub, out);
}

/* --- their names ------------------------------------------------------------------ */

static const char *const plain[] = { "seq",	 "time",	"start",  "node",      "flow",
				     "type",	 "cluster",	"second", "verdict",   "protocol",
				     "icmpType", "icmpCode",	"staged", "stagedWhy", "packets",
				     "bytes",	 "connections", "end",	  "why",       "lost",
				     "lostAt" };
static const char *const of_nodes[] = { "egress", "ingress", NULL };
static const char *const of_peer[] = { "addr",	    "port",    "natAddr",      "natPort",
				       "namespace", "pod",     "workloadKind", "workload",
				       "node",	    "service", "labels",       NULL };
static const char *const of_side[] = { "verdict",  "reason",   "tier", "rule",
				       "ruleName", "policies", "more", NULL };
static const struct {
	const char *name;
	const char *const *members;
} objects[] = {
	{ "nodes", of_nodes },	      { "src", of_peer },     { "dst", of_peer },
	{ "egress", of_side },	      { "ingress", of_side }, { "stagedEgress", of_side },
	{ "stagedIngress", of_side },
};

int weir_json_members(int (*fn)(void *data, const char *name), void *data)
{
	char name[64];
	int r = 0;

	for (size_t i = 0; r == 0 && i < WEIR_ARRAY_SIZE(plain); i++)
		r = fn(data, plain[i]);
	for (size_t i = 0; r == 0 && i < WEIR_ARRAY_SIZE(objects); i++) {
		r = fn(data, objects[i].name);
		for (const char *const *m = objects[i].members; r == 0 && *m; m++) {
			snprintf(name, sizeof(name), "%s.%s", objects[i].name, *m);
			r = fn(data, name);
		}
	}
	return r;
}
