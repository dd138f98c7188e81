/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record as one JSON object; the members are listed in weir/wire.h. Used
 * for the ns. topics and for weirctl flows.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"
#include "weir/flow.h"
#include "weir/object.h"
#include "weir/ruleset.h"
#include "weir/wire.h"

#define WHY_MAX 1024

struct out {
	struct weir_json_buffer *b;
	bool failed;
};

void weir_json_buffer_free(struct weir_json_buffer *b)
{
	free(b->text);
	*b = (struct weir_json_buffer){ 0 };
}

static void put(struct out *o, const char *text, size_t len)
{
	struct weir_json_buffer *b = o->b;
	size_t size = b->size ? b->size : 1024;
	char *grown;

	if (o->failed)
		return;
	while (size < b->len + len + 1)
		size *= 2;
	if (size != b->size) {
		grown = realloc(b->text, size);
		if (!grown) {
			o->failed = true;
			return;
		}
		b->text = grown;
		b->size = size;
	}
	memcpy(b->text + b->len, text, len);
	b->len += len;
	b->text[b->len] = 0;
}

static void put_text(struct out *o, const char *text)
{
	put(o, text, strlen(text));
}

static void put_escaped(struct out *o, unsigned char c)
{
	char text[8];

	if (c == '"' || c == '\\')
		snprintf(text, sizeof(text), "\\%c", c);
	else
		snprintf(text, sizeof(text), "\\u%04x", c);
	put_text(o, text);
}

/* Bytes of the valid UTF-8 sequence that begins here (RFC 3629), 0: none does. */
static size_t sequence(const unsigned char *s)
{
	size_t n = *s < 0x80   ? 1
		   : *s < 0xc2 ? 0
		   : *s < 0xe0 ? 2
		   : *s < 0xf0 ? 3
		   : *s < 0xf5 ? 4
			       : 0;

	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) || /* long, surrogates */
	    (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f))	  /* long, > U+10FFFF */
		return 0;
	return n;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Readers refuse a whole object for one byte that is no UTF-8: it becomes U+FFFD. */
static void put_string(struct out *o, const char *s)
{
	const char *from = s;
	size_t n;

	put(o, "\"", 1);
	while (*s) {
		n = is_plain((unsigned char)*s) ? 1 : sequence((const unsigned char *)s);
		if (n > 1 || is_plain((unsigned char)*s)) {
			s += n;
			continue;
		}
		put(o, from, (size_t)(s - from));
		if (n)
			put_escaped(o, (unsigned char)*s);
		else
			put_text(o, "\xef\xbf\xbd");
		from = ++s;
	}
	put(o, from, (size_t)(s - from));
	put(o, "\"", 1);
}

/* A comma unless the object or array has just been opened. */
static void separate(struct out *o)
{
	char last = o->b->len ? o->b->text[o->b->len - 1] : '{';

	if (last != '{' && last != '[')
		put(o, ",", 1);
}

static void key(struct out *o, const char *name)
{
	separate(o);
	put(o, "\"", 1);
	put_text(o, name);
	put(o, "\":", 2);
}

static void string(struct out *o, const char *name, const char *value)
{
	if (!value)
		return;
	key(o, name);
	put_string(o, value);
}

static void put_number(struct out *o, uint64_t v)
{
	char digits[24];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + v % 10);
	while (v /= 10);
	put(o, digits + at, sizeof(digits) - at);
}

static void number(struct out *o, const char *name, uint64_t v)
{
	key(o, name);
	put_number(o, v);
}

static void pair(struct out *o, const char *name, const uint64_t v[2])
{
	key(o, name);
	put(o, "[", 1);
	put_number(o, v[0]);
	put(o, ",", 1);
	put_number(o, v[1]);
	put(o, "]", 1);
}

static void address(struct out *o, const char *name, const struct weir_addr *a)
{
	char text[WEIR_ADDR_STRLEN];

	if (a->family)
		string(o, name, weir_addr_format(a, text));
}

static void peer(struct out *o, const char *name, const struct weir_record_peer *p)
{
	key(o, name);
	put(o, "{", 1);
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
	if (p->n_labels) {
		key(o, "labels");
		put(o, "{", 1);
		for (uint16_t i = 0; i < p->n_labels; i++) {
			separate(o);
			put_string(o, p->labels[i].key);
			put(o, ":", 1);
			put_string(o, p->labels[i].value);
		}
		put(o, "}", 1);
	}
	put(o, "}", 1);
}

static void policies(struct out *o, const struct weir_record_side *s)
{
	key(o, "policies");
	put(o, "[", 1);
	for (uint16_t i = 0; i < s->n_policies; i++) {
		separate(o);
		put(o, "{", 1);
		string(o, "kind", s->policies[i].kind);
		string(o, "namespace", s->policies[i].namespace_);
		string(o, "name", s->policies[i].name);
		put(o, "}", 1);
	}
	put(o, "]", 1);
}

static void side(struct out *o, const char *name, const struct weir_record_side *s)
{
	if (s->reason == WEIR_REASON_NOT_ENDPOINT)
		return;
	key(o, name);
	put(o, "{", 1);
	string(o, "verdict", weir_verdict_name(s->verdict));
	string(o, "reason", weir_reason_name(s->reason));
	if (s->reason == WEIR_REASON_RULE) {
		string(o, "tier", weir_tier_name(s->tier));
		if (s->rule >= 0)
			number(o, "rule", (uint64_t)s->rule);
		string(o, "ruleName", s->rule_name);
	}
	if (s->n_policies)
		policies(o, s);
	if (s->n_more)
		number(o, "more", s->n_more);
	put(o, "}", 1);
}

static void head(struct out *o, const struct weir_record *r, const char *node)
{
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
	char why[WHY_MAX];

	if (r->staged == WEIR_VERDICT_MAX)
		return;
	would.verdict = r->staged;
	would.egress = r->staged_egress;
	would.ingress = r->staged_ingress;
	string(o, "staged", weir_verdict_name(r->staged));
	side(o, "stagedEgress", &r->staged_egress);
	side(o, "stagedIngress", &r->staged_ingress);
	string(o, "stagedWhy", weir_record_why(&would, why, sizeof(why)));
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

int weir_record_to_json(const struct weir_record *record, const char *node,
			struct weir_json_buffer *out)
{
	struct out o = { .b = out };
	size_t before = out->len;
	char why[WHY_MAX];

	put(&o, "{", 1);
	head(&o, record, node);
	if (record->type != WEIR_RECORD_GAP)
		connection(&o, record);
	string(&o, "why", weir_record_why(record, why, sizeof(why)));
	if (record->type == WEIR_RECORD_GAP) {
		number(&o, "lost", record->lost);
		string(&o, "lostAt", weir_loss_name(record->lost_at));
	}
	put(&o, "}", 1);
	if (!o.failed)
		return 0;
	out->len = before;
	if (out->text)
		out->text[before] = 0;
	return -ENOMEM;
}
