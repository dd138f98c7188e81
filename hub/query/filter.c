/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terms of a filter: read from the parameters of a URL, held against one flow.
 * Used by the API for live streams, and by stores for what they cannot look up.
 */
#include "hub/query/filter.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "weir/cleanup.h"
#include "weir/ruleset.h"

static const char *const names[] = {
	[WEIR_FILTER_NAMESPACE] = "namespace", [WEIR_FILTER_POD] = "pod",
	[WEIR_FILTER_WORKLOAD] = "workload",   [WEIR_FILTER_LABEL] = "label",
	[WEIR_FILTER_ADDRESS] = "address",     [WEIR_FILTER_SERVICE] = "service",
	[WEIR_FILTER_END_NODE] = "hostNode",   [WEIR_FILTER_CLUSTER] = "cluster",
	[WEIR_FILTER_NODE] = "node",	       [WEIR_FILTER_PORT] = "port",
	[WEIR_FILTER_PROTOCOL] = "protocol",   [WEIR_FILTER_VERDICT] = "verdict",
	[WEIR_FILTER_STAGED] = "staged",       [WEIR_FILTER_REASON] = "reason",
	[WEIR_FILTER_POLICY] = "policy",       [WEIR_FILTER_DIRECTION] = "direction",
	[WEIR_FILTER_TYPE] = "type",
};
_Static_assert(WEIR_ARRAY_SIZE(names) == WEIR_FILTER_FIELDS, "a name for each field");

const char *weir_field_name(enum weir_field field)
{
	return names[field];
}

enum weir_field weir_field_of(const char *name)
{
	enum weir_field f = 0;

	while (f < WEIR_FILTER_FIELDS && strcmp(name, names[f]))
		f++;
	return f;
}

/* --- values --------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
	{ "TCP", IPPROTO_TCP },	  { "UDP", IPPROTO_UDP },	{ "SCTP", IPPROTO_SCTP },
	{ "ICMP", IPPROTO_ICMP }, { "ICMPv6", IPPROTO_ICMPV6 },
};

static int read_number(const char *text, uint32_t max, uint32_t *ret, const char **end)
{
	unsigned long n;
	char *stop;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	n = strtoul(text, &stop, 10);
	if (n > max)
		return -EINVAL;
	*ret = (uint32_t)n;
	*end = stop;
	return 0;
}

static int read_port(struct weir_term_value *v)
{
	const char *end;

	if (read_number(v->text, UINT16_MAX, &v->low, &end) < 0)
		return -EINVAL;
	v->high = v->low;
	if (*end == '-' && read_number(end + 1, UINT16_MAX, &v->high, &end) < 0)
		return -EINVAL;
	return *end || v->high < v->low ? -EINVAL : 0;
}

static int read_protocol(struct weir_term_value *v)
{
	const char *end;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(protocols); i++) {
		if (strcasecmp(v->text, protocols[i].name) == 0) {
			v->low = protocols[i].number;
			return 0;
		}
	}
	return read_number(v->text, UINT8_MAX, &v->low, &end) < 0 || *end ? -EINVAL : 0;
}

static int read_verdict(struct weir_term_value *v)
{
	for (v->low = 0; v->low < WEIR_VERDICT_MAX; v->low++)
		if (strcmp(v->text, weir_verdict_name(v->low)) == 0)
			return 0;
	return -EINVAL;
}

static int read_reason(struct weir_term_value *v)
{
	for (v->low = 0; v->low < WEIR_REASON_MAX; v->low++)
		if (strcmp(v->text, weir_reason_name(v->low)) == 0)
			return 0;
	return -EINVAL;
}

static int read_type(struct weir_term_value *v)
{
	for (v->low = 0; v->low < WEIR_RECORD_TYPE_MAX; v->low++)
		if (strcmp(v->text, weir_record_type_name(v->low)) == 0)
			return 0;
	return -EINVAL;
}

static int read_direction(struct weir_term_value *v)
{
	v->low = strcmp(v->text, "egress") == 0 ? WEIR_EGRESS : WEIR_INGRESS;
	return v->low == WEIR_EGRESS || strcmp(v->text, "ingress") == 0 ? 0 : -EINVAL;
}

static int read_address(struct weir_term_value *v)
{
	struct weir_addr addr;

	if (strchr(v->text, '/'))
		return weir_prefix_parse(v->text, false, &v->prefix);
	if (weir_addr_parse(v->text, &addr) < 0)
		return -EINVAL;
	v->prefix = weir_prefix_of(&addr, weir_addr_bits(&addr));
	return 0;
}

static int part(const char *from, const char *to, char **ret)
{
	*ret = strndup(from, (size_t)(to - from));
	return *ret ? 0 : -ENOMEM;
}

/* "a/b" as two parts; "b" alone leaves the first out. */
static int read_pair(struct weir_term_value *v, char **first)
{
	const char *slash = strchr(v->text, '/'), *end = v->text + strlen(v->text);

	if (slash && (slash == v->text || !slash[1] || strchr(slash + 1, '/')))
		return -EINVAL;
	if (slash && part(v->text, slash, first) < 0)
		return -ENOMEM;
	return part(slash ? slash + 1 : v->text, end, &v->name);
}

static int read_pod(struct weir_term_value *v)
{
	return read_pair(v, &v->namespace_);
}

static int read_workload(struct weir_term_value *v)
{
	return read_pair(v, &v->kind);
}

static int read_label(struct weir_term_value *v)
{
	const char *equals = strchr(v->text, '='), *end = v->text + strlen(v->text);

	if (equals == v->text)
		return -EINVAL;
	if (part(v->text, equals ?: end, &v->kind) < 0)
		return -ENOMEM;
	return equals ? part(equals + 1, end, &v->name) : 0;
}

static bool is_kind(const char *word, size_t len)
{
	static const char *const kinds[] = { "NetworkPolicy", "ClusterNetworkPolicy",
					     "AdminNetworkPolicy", "BaselineAdminNetworkPolicy" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(kinds); i++)
		if (strlen(kinds[i]) == len && strncmp(kinds[i], word, len) == 0)
			return true;
	return false;
}

/* [Kind/][namespace/]name: a name of Kubernetes is never one of the kinds. */
static int read_policy(struct weir_term_value *v)
{
	const char *rest = v->text, *slash = strchr(rest, '/');

	if (slash && is_kind(rest, (size_t)(slash - rest))) {
		if (part(rest, slash, &v->kind) < 0)
			return -ENOMEM;
		rest = slash + 1;
		slash = strchr(rest, '/');
	}
	if (slash) {
		if (part(rest, slash, &v->namespace_) < 0)
			return -ENOMEM;
		rest = slash + 1;
	}
	return !*rest || strchr(rest, '/') ? -EINVAL : part(rest, rest + strlen(rest), &v->name);
}

static const struct {
	int (*read)(struct weir_term_value *v); /* NULL: any text */
	const char *want;
} forms[WEIR_FILTER_FIELDS] = {
	[WEIR_FILTER_NAMESPACE] = { NULL, "a name" },
	[WEIR_FILTER_POD] = { read_pod, "POD or NAMESPACE/POD" },
	[WEIR_FILTER_WORKLOAD] = { read_workload, "NAME or KIND/NAME" },
	[WEIR_FILTER_LABEL] = { read_label, "KEY or KEY=VALUE" },
	[WEIR_FILTER_ADDRESS] = { read_address, "an address or a CIDR" },
	[WEIR_FILTER_SERVICE] = { NULL, "NAMESPACE/NAME" },
	[WEIR_FILTER_END_NODE] = { NULL, "a name" },
	[WEIR_FILTER_CLUSTER] = { NULL, "a name" },
	[WEIR_FILTER_NODE] = { NULL, "a name" },
	[WEIR_FILTER_PORT] = { read_port, "a port or LOW-HIGH" },
	[WEIR_FILTER_PROTOCOL] = { read_protocol, "TCP, UDP, SCTP, ICMP, ICMPv6 or a number" },
	[WEIR_FILTER_VERDICT] = { read_verdict, "allowed or denied" },
	[WEIR_FILTER_STAGED] = { read_verdict, "allowed or denied" },
	[WEIR_FILTER_REASON] = { read_reason, "a reason as flows have it, like \"rule\"" },
	[WEIR_FILTER_POLICY] = { read_policy, "[KIND/][NAMESPACE/]NAME" },
	[WEIR_FILTER_DIRECTION] = { read_direction, "egress or ingress" },
	[WEIR_FILTER_TYPE] = { read_type, "open, update, end, denied or gap" },
};

static void clear_value(struct weir_term_value *v)
{
	free(v->text);
	free(v->kind);
	free(v->namespace_);
	free(v->name);
	*v = (struct weir_term_value){ 0 };
}

void weir_filter_clear(struct weir_filter *filter)
{
	for (size_t i = 0; i < filter->n_terms; i++) {
		for (size_t k = 0; k < filter->terms[i].n_values; k++)
			clear_value(&filter->terms[i].values[k]);
		free(filter->terms[i].values);
	}
	free(filter->terms);
	*filter = (struct weir_filter){ 0 };
}

/* --- parameters ----------------------------------------------------------------- */

static int read_name(const char *name, struct weir_term *ret)
{
	static const struct {
		const char *prefix;
		uint8_t end;
	} ends[] = { { "from.", WEIR_FROM_END }, { "to.", WEIR_TO_END } };

	ret->end = WEIR_EITHER_END;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(ends); i++) {
		size_t len = strlen(ends[i].prefix);

		if (strncmp(name, ends[i].prefix, len) == 0) {
			ret->end = ends[i].end;
			name += len;
			break;
		}
	}
	ret->field = weir_field_of(name);
	if (ret->field == WEIR_FILTER_FIELDS)
		return -ENOENT;
	return ret->end == WEIR_EITHER_END || weir_field_is_of_end(ret->field) ? 0 : -ENOENT;
}

/* The term that this value belongs to: alternatives share one. */
static struct weir_term *term_for(struct weir_filter *f, const struct weir_term *like,
				  const char *name, struct weir_error *err)
{
	struct weir_term *terms;

	for (size_t i = 0; i < f->n_terms; i++)
		if (f->terms[i].field == like->field && f->terms[i].end == like->end &&
		    f->terms[i].negated == like->negated)
			return &f->terms[i];
	if (f->n_terms == WEIR_FILTER_TERMS_MAX) {
		weir_error_set(err, EINVAL, "%s: more than %d different filters", name,
			       WEIR_FILTER_TERMS_MAX);
		return NULL;
	}
	terms = realloc(f->terms, (f->n_terms + 1) * sizeof(*terms));
	if (!terms) {
		weir_error_errno(err, ENOMEM, "%s", name);
		return NULL;
	}
	f->terms = terms;
	terms[f->n_terms] = *like;
	return &terms[f->n_terms++];
}

static int add_value(struct weir_term *t, const char *text, const char *name,
		     struct weir_error *err)
{
	struct weir_term_value *values, v = { .text = strdup(text) };
	int r = v.text ? 0 : -ENOMEM;

	if (r == 0 && !*text)
		r = -EINVAL;
	if (r == 0 && forms[t->field].read)
		r = forms[t->field].read(&v);
	values = r == 0 ? realloc(t->values, (t->n_values + 1) * sizeof(*values)) : NULL;
	if (!values) {
		clear_value(&v);
		return r == -EINVAL ? weir_error_set(err, EINVAL, "%s: \"%.64s\": want %s", name,
						     text, forms[t->field].want)
				    : weir_error_errno(err, ENOMEM, "%s", name);
	}
	t->values = values;
	values[t->n_values++] = v;
	return 0;
}

int weir_filter_add(struct weir_filter *filter, const char *name, const char *value,
		    struct weir_error *err)
{
	struct weir_term like = { .negated = *value == '!' }, *term;
	int r = read_name(name, &like);

	if (r < 0)
		return r;
	if (strlen(value) > WEIR_FILTER_TEXT_MAX)
		return weir_error_set(err, EINVAL, "%s: longer than %d bytes", name,
				      WEIR_FILTER_TEXT_MAX);
	term = term_for(filter, &like, name, err);
	if (!term)
		return -EINVAL;
	if (term->n_values == WEIR_FILTER_VALUES_MAX)
		return weir_error_set(err, EINVAL, "%s: more than %d values", name,
				      WEIR_FILTER_VALUES_MAX);
	return add_value(term, value + like.negated, name, err);
}
