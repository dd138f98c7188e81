/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoder of batch.v1. The message is not trusted: lengths and indexes are
 * checked, tables are no longer than the bytes that fill them. Fields behind
 * those we know are skipped, so that a newer node can talk to an older hub.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/wire/batch.h"
#include "lib/wire/reader.h"
#include "weir/cleanup.h"
#include "weir/flow.h"
#include "weir/ruleset.h"
#include "weir/wire.h"

#define ENTRY_BYTES 8u /* a name or a side is never shorter: 7 fields and the array's head */

struct decoder {
	struct weir_reader in;
	char *node, *boot, *text; /* text: all strings, each terminated */
	const char **strings;
	struct weir_record_peer *names;
	struct weir_record_side *sides;
	uint32_t n_strings, n_names, n_sides, n_records;
};

static void decoder_clear(struct decoder *d)
{
	for (uint32_t i = 0; i < d->n_names; i++)
		free((void *)d->names[i].labels);
	for (uint32_t i = 0; i < d->n_sides; i++)
		free((void *)d->sides[i].policies);
	free(d->names);
	free(d->sides);
	free(d->strings);
	free(d->text);
	free(d->node);
	free(d->boot);
}

static int read_small(struct weir_reader *in, uint64_t max, void *ret, size_t size)
{
	uint64_t v;

	if (weir_read_uint(in, max, &v) < 0)
		return -EBADMSG;
	if (size == 1)
		*(uint8_t *)ret = (uint8_t)v;
	else if (size == 2)
		*(uint16_t *)ret = (uint16_t)v;
	else
		*(uint32_t *)ret = (uint32_t)v;
	return 0;
}

static int read_word(struct weir_reader *in, char **ret)
{
	const char *text;
	uint32_t len;

	if (weir_read_str(in, &text, &len) < 0 || memchr(text, 0, len))
		return -EBADMSG;
	*ret = strndup(text, len);
	return *ret ? 0 : -ENOMEM;
}

static int read_header(struct decoder *d, struct weir_batch_header *h)
{
	struct weir_reader *in = &d->in;
	uint32_t n;
	int r;

	if (weir_read_array(in, WEIR_HEADER_FIELDS, &n) < 0)
		return -EBADMSG;
	r = read_word(in, &d->node);
	if (r == 0)
		r = read_word(in, &d->boot);
	if (r < 0)
		return r;
	h->node = d->node;
	h->boot = d->boot;
	if (weir_read_uint(in, UINT64_MAX, &h->batch) < 0 ||
	    weir_read_uint(in, UINT64_MAX, &h->first_seq) < 0 ||
	    read_small(in, UINT32_MAX, &h->records, sizeof(h->records)) < 0 ||
	    weir_read_uint(in, UINT64_MAX, &h->time) < 0)
		return -EBADMSG;
	return weir_read_skip(in, n - WEIR_HEADER_FIELDS);
}

static int read_strings(struct decoder *d)
{
	uint32_t n, len;
	const char *text;
	char *to;

	if (weir_read_array(&d->in, 0, &n) < 0)
		return -EBADMSG;
	d->strings = calloc((size_t)n + 1, sizeof(*d->strings));
	/* a string takes a byte of head, which becomes its terminator */
	to = d->text = malloc(weir_reader_left(&d->in) + 1);
	if (!d->strings || !d->text)
		return -ENOMEM;
	for (; d->n_strings < n; d->n_strings++) {
		if (weir_read_str(&d->in, &text, &len) < 0 || memchr(text, 0, len))
			return -EBADMSG;
		memcpy(to, text, len);
		to[len] = 0;
		d->strings[d->n_strings] = to;
		to += len + 1;
	}
	return 0;
}

static int read_ref(struct decoder *d, const char **ret)
{
	uint64_t ref;

	if (weir_read_uint(&d->in, d->n_strings, &ref) < 0)
		return -EBADMSG;
	*ret = ref ? d->strings[ref - 1] : NULL;
	return 0;
}

/* For what cannot be unknown. */
static int read_text(struct decoder *d, const char **ret)
{
	return read_ref(d, ret) < 0 || !*ret ? -EBADMSG : 0;
}

static int read_labels(struct decoder *d, struct weir_record_peer *p)
{
	struct weir_record_label *labels;
	uint32_t n;

	if (weir_read_array(&d->in, 0, &n) < 0 || n % 2 || n / 2 > UINT16_MAX)
		return -EBADMSG;
	if (!n)
		return 0;
	labels = calloc(n / 2, sizeof(*labels));
	if (!labels)
		return -ENOMEM;
	p->labels = labels;
	p->n_labels = (uint16_t)(n / 2);
	for (uint32_t i = 0; i < n / 2; i++)
		if (read_text(d, &labels[i].key) < 0 || read_text(d, &labels[i].value) < 0)
			return -EBADMSG;
	return 0;
}

static int read_name(struct decoder *d, struct weir_record_peer *p)
{
	uint32_t n;
	int r;

	if (weir_read_array(&d->in, WEIR_NAME_FIELDS, &n) < 0 || read_ref(d, &p->namespace_) < 0 ||
	    read_ref(d, &p->pod) < 0 || read_ref(d, &p->workload_kind) < 0 ||
	    read_ref(d, &p->workload) < 0 || read_ref(d, &p->node) < 0 ||
	    read_ref(d, &p->service) < 0)
		return -EBADMSG;
	r = read_labels(d, p);
	return r < 0 ? r : weir_read_skip(&d->in, n - WEIR_NAME_FIELDS);
}

static int read_policies(struct decoder *d, struct weir_record_side *s)
{
	struct weir_record_policy *policies;
	uint32_t n;

	if (weir_read_array(&d->in, 0, &n) < 0 || n % 3 || n / 3 > UINT16_MAX)
		return -EBADMSG;
	if (!n)
		return 0;
	policies = calloc(n / 3, sizeof(*policies));
	if (!policies)
		return -ENOMEM;
	s->policies = policies;
	s->n_policies = (uint16_t)(n / 3);
	for (uint32_t i = 0; i < n / 3; i++)
		if (read_text(d, &policies[i].kind) < 0 ||
		    read_ref(d, &policies[i].namespace_) < 0 || read_text(d, &policies[i].name) < 0)
			return -EBADMSG;
	return 0;
}

static int read_side(struct decoder *d, struct weir_record_side *s)
{
	struct weir_reader *in = &d->in;
	int64_t rule;
	uint32_t n;
	int r;

	if (weir_read_array(in, WEIR_SIDE_FIELDS, &n) < 0 ||
	    read_small(in, WEIR_VERDICT_MAX - 1, &s->verdict, 1) < 0 ||
	    read_small(in, UINT8_MAX, &s->reason, 1) < 0 ||
	    read_small(in, UINT8_MAX, &s->tier, 1) < 0 || weir_read_int(in, &rule) < 0 ||
	    rule < INT32_MIN || rule > INT32_MAX || read_ref(d, &s->rule_name) < 0 ||
	    read_small(in, UINT16_MAX, &s->n_more, 2) < 0)
		return -EBADMSG;
	s->rule = (int32_t)rule;
	r = read_policies(d, s);
	return r < 0 ? r : weir_read_skip(in, n - WEIR_SIDE_FIELDS);
}

static int read_names(struct decoder *d)
{
	uint32_t n;
	int r = 0;

	if (weir_read_array(&d->in, 0, &n) < 0 || n > weir_reader_left(&d->in) / ENTRY_BYTES)
		return -EBADMSG;
	d->names = calloc((size_t)n + 1, sizeof(*d->names));
	if (!d->names)
		return -ENOMEM;
	while (r == 0 && d->n_names < n)
		r = read_name(d, &d->names[d->n_names++]);
	return r;
}

static int read_sides(struct decoder *d)
{
	uint32_t n;
	int r = 0;

	if (weir_read_array(&d->in, 0, &n) < 0 || n > weir_reader_left(&d->in) / ENTRY_BYTES)
		return -EBADMSG;
	d->sides = calloc((size_t)n + 1, sizeof(*d->sides));
	if (!d->sides)
		return -ENOMEM;
	while (r == 0 && d->n_sides < n)
		r = read_side(d, &d->sides[d->n_sides++]);
	return r;
}

static int read_addr(struct weir_reader *in, struct weir_addr *ret)
{
	const uint8_t *bytes;
	uint32_t len;

	*ret = (struct weir_addr){ 0 };
	if (weir_read_nil(in))
		return 0;
	if (weir_read_bin(in, &bytes, &len) < 0 || (len != 4 && len != 16))
		return -EBADMSG;
	ret->family = len == 4 ? AF_INET : AF_INET6;
	memcpy(ret->bytes, bytes, len);
	return 0;
}

static int read_peer(struct decoder *d, struct weir_record_peer *ret)
{
	uint64_t name;

	if (!d->n_names || weir_read_uint(&d->in, d->n_names - 1, &name) < 0)
		return -EBADMSG;
	*ret = d->names[name];
	ret->ref = (uint32_t)name;
	return read_addr(&d->in, &ret->addr) < 0 || read_small(&d->in, UINT16_MAX, &ret->port, 2)
		       ? -EBADMSG
		       : 0;
}

static int read_side_ref(struct decoder *d, struct weir_record_side *ret)
{
	uint64_t side;

	if (!d->n_sides || weir_read_uint(&d->in, d->n_sides - 1, &side) < 0)
		return -EBADMSG;
	*ret = d->sides[side];
	ret->ref = (uint32_t)side;
	return 0;
}

static int read_flags(struct weir_reader *in, struct weir_record *r)
{
	uint8_t flags;

	if (read_small(in, UINT8_MAX, &flags, 1) < 0)
		return -EBADMSG;
	r->verdict = flags & ((1u << WEIR_FLAGS_VERDICT_BITS) - 1);
	r->staged = flags >> WEIR_FLAGS_STAGED_SHIFT & ((1u << WEIR_FLAGS_STAGED_BITS) - 1);
	r->end = flags >> WEIR_FLAGS_END_SHIFT & ((1u << WEIR_FLAGS_END_BITS) - 1);
	r->has_counters = flags & WEIR_FLAGS_HAS_COUNTERS;
	return r->verdict < WEIR_VERDICT_MAX && r->staged <= WEIR_VERDICT_MAX &&
			       r->end < WEIR_END_REASON_MAX
		       ? 0
		       : -EBADMSG;
}

static int read_times(struct weir_reader *in, struct weir_record *r, const struct weir_record *last)
{
	int64_t step, age;

	if (weir_read_int(in, &step) < 0)
		return -EBADMSG;
	r->time = last->time + (uint64_t)step;
	if (weir_read_nil(in))
		return 0;
	if (weir_read_int(in, &age) < 0)
		return -EBADMSG;
	r->start = r->time - (uint64_t)age;
	return 0;
}

static int read_pairs(struct decoder *d, struct weir_record *r, enum weir_record_field field)
{
	struct weir_reader *in = &d->in;

	switch (field) {
	case WEIR_FIELD_NAT:
		return read_addr(in, &r->src.nat_addr) ||
		       read_small(in, UINT16_MAX, &r->src.nat_port, 2) ||
		       read_addr(in, &r->dst.nat_addr) ||
		       read_small(in, UINT16_MAX, &r->dst.nat_port, 2);
	case WEIR_FIELD_COUNTERS:
		return weir_read_uint(in, UINT64_MAX, &r->packets[0]) ||
		       weir_read_uint(in, UINT64_MAX, &r->packets[1]) ||
		       weir_read_uint(in, UINT64_MAX, &r->bytes[0]) ||
		       weir_read_uint(in, UINT64_MAX, &r->bytes[1]);
	case WEIR_FIELD_ICMP:
		return read_small(in, UINT8_MAX, &r->icmp_type, 1) ||
		       read_small(in, UINT8_MAX, &r->icmp_code, 1);
	case WEIR_FIELD_LOSS:
		return read_small(in, UINT8_MAX, &r->lost_at, 1) ||
		       weir_read_uint(in, UINT64_MAX, &r->lost);
	case WEIR_FIELD_STAGED:
		return read_side_ref(d, &r->staged_egress) || read_side_ref(d, &r->staged_ingress);
	case WEIR_FIELD_COUNTED:
		return weir_read_uint(in, UINT64_MAX, &r->counted_packets[0]) ||
		       weir_read_uint(in, UINT64_MAX, &r->counted_packets[1]) ||
		       weir_read_uint(in, UINT64_MAX, &r->counted_bytes[0]) ||
		       weir_read_uint(in, UINT64_MAX, &r->counted_bytes[1]);
	case WEIR_FIELD_TYPE ... WEIR_FIELD_INGRESS:
	case WEIR_FIELD_CONNECTIONS:
	case WEIR_FIELD_MAX:
		break;
	}
	return -EBADMSG;
}

static int read_optional(struct decoder *d, struct weir_record *r, enum weir_record_field field)
{
	struct weir_reader *in = &d->in;
	bool four = field == WEIR_FIELD_NAT || field == WEIR_FIELD_COUNTERS ||
		    field == WEIR_FIELD_COUNTED;
	uint32_t n, known = four ? 4 : 2;

	if (weir_read_nil(in))
		return 0;
	if (field == WEIR_FIELD_CONNECTIONS)
		return weir_read_uint(in, UINT64_MAX, &r->connections);
	if (weir_read_array(in, known, &n) < 0 || read_pairs(d, r, field))
		return -EBADMSG;
	return weir_read_skip(in, n - known);
}

static int read_record(struct decoder *d, const struct weir_record *last, struct weir_record *r)
{
	static const struct weir_record_side nobody = { .reason = WEIR_REASON_NOT_ENDPOINT,
							.rule = -1 };
	struct weir_reader *in = &d->in;
	int64_t flow;
	uint32_t n;

	*r = (struct weir_record){ .seq = last->seq + 1,
				   .connections = 1,
				   .staged_egress = nobody,
				   .staged_ingress = nobody };
	if (weir_read_array(in, WEIR_FIELD_NAT, &n) < 0 ||
	    read_small(in, WEIR_RECORD_TYPE_MAX - 1, &r->type, 1) < 0 ||
	    read_times(in, r, last) < 0 || weir_read_int(in, &flow) < 0 || read_flags(in, r) < 0 ||
	    read_small(in, UINT8_MAX, &r->protocol, 1) < 0 || read_peer(d, &r->src) < 0 ||
	    read_peer(d, &r->dst) < 0 || read_side_ref(d, &r->egress) < 0 ||
	    read_side_ref(d, &r->ingress) < 0)
		return -EBADMSG;
	r->flow = last->flow + (uint64_t)flow;
	for (uint32_t field = WEIR_FIELD_NAT; field < n && field < WEIR_FIELD_MAX; field++)
		if (read_optional(d, r, field) < 0)
			return -EBADMSG;
	return n > WEIR_FIELD_MAX ? weir_read_skip(in, n - WEIR_FIELD_MAX) : 0;
}

static int read_begin(struct decoder *d, struct weir_batch_header *h)
{
	uint64_t format;
	uint32_t parts;

	if (weir_read_array(&d->in, WEIR_BATCH_PARTS, &parts) < 0 ||
	    weir_read_uint(&d->in, UINT64_MAX, &format) < 0)
		return -EBADMSG;
	return format == WEIR_BATCH_FORMAT ? read_header(d, h) : -EPROTONOSUPPORT;
}

static int read_tables(struct decoder *d, struct weir_batch_header *h)
{
	int r = read_begin(d, h);

	if (r == 0)
		r = read_strings(d);
	if (r == 0)
		r = read_names(d);
	if (r == 0)
		r = read_sides(d);
	if (r == 0)
		r = weir_read_array(&d->in, 0, &d->n_records);
	return r == 0 && d->n_records != h->records ? -EBADMSG : r;
}

static int fail(struct weir_error *err, int r, const struct decoder *d, const uint8_t *msg)
{
	if (r == -EPROTONOSUPPORT)
		return weir_error_set(err, EPROTONOSUPPORT,
				      "batch: of a newer format than this version reads (%d)",
				      WEIR_BATCH_FORMAT);
	if (r == -ENOMEM)
		return weir_error_errno(err, ENOMEM, "batch");
	return weir_error_set(err, EBADMSG, "batch: not valid at byte %zu",
			      (size_t)(d->in.p - msg));
}

int weir_batch_decode(const uint8_t *msg, size_t len, struct weir_batch_header *ret,
		      int (*fn)(void *data, const struct weir_record *record), void *data,
		      struct weir_error *err)
{
	WEIR_CLEANUP(decoder_clear) struct decoder d = { .in = { msg, msg + len } };
	struct weir_batch_header header = { 0 };
	struct weir_record last, record;
	int r = read_tables(&d, &header);

	if (r < 0)
		return fail(err, r, &d, msg);
	*ret = header; /* node and boot: for fn */
	last = (struct weir_record){ .seq = header.first_seq - 1 };
	for (uint32_t i = 0; i < d.n_records; i++) {
		if (read_record(&d, &last, &record) < 0)
			return fail(err, -EBADMSG, &d, msg);
		r = fn ? fn(data, &record) : 0;
		if (r)
			return r;
		last = record;
	}
	ret->node = ret->boot = NULL;
	return 0;
}

int weir_batch_read_header(const uint8_t *msg, size_t len, struct weir_batch_header *ret,
			   struct weir_batch_names *names, struct weir_error *err)
{
	WEIR_CLEANUP(decoder_clear) struct decoder d = { .in = { msg, msg + len } };
	struct weir_batch_header h = { 0 };
	int r = read_begin(&d, &h);

	if (r == 0 &&
	    (strlen(d.node) >= sizeof(names->node) || strlen(d.boot) >= sizeof(names->boot)))
		r = -EBADMSG;
	if (r < 0)
		return fail(err, r, &d, msg);
	strcpy(names->node, d.node);
	strcpy(names->boot, d.boot);
	*ret = h;
	ret->node = names->node;
	ret->boot = names->boot;
	return 0;
}
