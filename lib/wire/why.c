/* SPDX-License-Identifier: Apache-2.0 */
/* A record's decision as one line for people. Used by json.c and weirctl. */
#include <stdarg.h>
#include <stdio.h>

#include "weir/flow.h"
#include "weir/ruleset.h"
#include "weir/wire.h"

struct line {
	char *text;
	size_t len, size;
};

static void __attribute__((format(printf, 2, 3))) add(struct line *l, const char *fmt, ...)
{
	va_list args;
	int n;

	if (l->len + 1 >= l->size)
		return;
	va_start(args, fmt);
	n = vsnprintf(l->text + l->len, l->size - l->len, fmt, args);
	va_end(args);
	if (n > 0)
		l->len = (size_t)n < l->size - l->len ? l->len + (size_t)n : l->size - 1;
}

static void add_policy(struct line *l, const struct weir_record_policy *p)
{
	add(l, "%s %s%s%s", p->kind, p->namespace_ ? p->namespace_ : "", p->namespace_ ? "/" : "",
	    p->name);
}

static void add_rule(struct line *l, const struct weir_record_side *s)
{
	add(l, "by ");
	if (s->n_policies)
		add_policy(l, &s->policies[0]);
	else
		add(l, "a policy");
	if (s->rule_name)
		add(l, " rule %s", s->rule_name);
	else if (s->rule >= 0)
		add(l, " rule %d", s->rule);
}

static void add_isolated(struct line *l, const struct weir_record_side *s)
{
	unsigned more = s->n_more + (s->n_policies ? s->n_policies - 1u : 0);

	add(l, "isolated by ");
	if (s->n_policies)
		add_policy(l, &s->policies[0]);
	else
		add(l, "policies that have changed since");
	if (more)
		add(l, " (+%u more)", more);
}

static void add_side(struct line *l, const char *direction, const struct weir_record_side *s)
{
	add(l, "%s ", direction);
	switch ((enum weir_reason)s->reason) {
	case WEIR_REASON_RULE:
		add_rule(l, s);
		return;
	case WEIR_REASON_ISOLATED:
		add_isolated(l, s);
		return;
	case WEIR_REASON_NO_POLICY:
		add(l, "no policy");
		return;
	case WEIR_REASON_SELF:
		add(l, "own address");
		return;
	case WEIR_REASON_OWN_NODE:
		add(l, "own node");
		return;
	case WEIR_REASON_PENDING:
		add(l, "pending: pod is being set up");
		return;
	case WEIR_REASON_SPOOFED:
		add(l, "spoofed: not an address of the pod");
		return;
	case WEIR_REASON_NOT_ENDPOINT:
	case WEIR_REASON_MAX:
		break;
	}
	add(l, "not judged here");
}

static void add_gap(struct line *l, const struct weir_record *r)
{
	if (r->lost)
		add(l, "%llu events or records lost at %s", (unsigned long long)r->lost,
		    weir_loss_name(r->lost_at));
	else
		add(l, "an unknown number of records lost at %s", weir_loss_name(r->lost_at));
}

/* Of a denied connection only what denied it is worth reading. */
static bool matters(const struct weir_record *r, const struct weir_record_side *s)
{
	return s->reason != WEIR_REASON_NOT_ENDPOINT &&
	       (r->verdict != WEIR_DENIED || s->verdict == WEIR_DENIED);
}

const char *weir_record_why(const struct weir_record *r, char *buf, size_t size)
{
	struct line l = { buf, 0, size };
	bool egress = matters(r, &r->egress), ingress = matters(r, &r->ingress);

	if (size)
		*buf = 0;
	if (r->type == WEIR_RECORD_GAP) {
		add_gap(&l, r);
		return buf;
	}
	add(&l, "%s%s", weir_verdict_name(r->verdict), egress || ingress ? ": " : "");
	if (egress)
		add_side(&l, "egress", &r->egress);
	if (egress && ingress)
		add(&l, "; ");
	if (ingress)
		add_side(&l, "ingress", &r->ingress);
	return buf;
}
