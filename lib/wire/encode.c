/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoder of batch.v1: strings, names and sides are collected in tables while
 * records are added; finish puts tables and records behind one another. Used
 * by the publisher. Knows nothing of ZeroMQ.
 */
#include <errno.h>
#include <msgpack/pack.h>
#include <msgpack/sbuffer.h>
#include <stdlib.h>
#include <string.h>

#include "lib/wire/batch.h"
#include "lib/wire/intern.h"
#include "weir/cleanup.h"
#include "weir/ruleset.h"
#include "weir/wire.h"

#define CACHE_SLOTS 2048u

/* Most strings come at the same address again and again: where they were
 * found last. The text is compared, so that an address may be used anew. */
struct cached {
	const char *text;
	uint32_t id, offset, len;
};

struct weir_batch_encoder {
	struct weir_intern strings, names, sides;
	msgpack_sbuffer records, scratch, text;
	struct cached cache[CACHE_SLOTS];
	uint64_t first_seq, last_time, last_flow;
	uint32_t n;
};

int weir_batch_encoder_new(struct weir_batch_encoder **ret)
{
	struct weir_batch_encoder *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	msgpack_sbuffer_init(&e->records);
	msgpack_sbuffer_init(&e->scratch);
	msgpack_sbuffer_init(&e->text);
	*ret = e;
	return 0;
}

void weir_batch_encoder_free(struct weir_batch_encoder **encoder)
{
	struct weir_batch_encoder *e = weir_take(*encoder);

	if (!e)
		return;
	weir_intern_free(&e->strings);
	weir_intern_free(&e->names);
	weir_intern_free(&e->sides);
	msgpack_sbuffer_destroy(&e->records);
	msgpack_sbuffer_destroy(&e->scratch);
	msgpack_sbuffer_destroy(&e->text);
	free(e);
}

static int write_text(msgpack_sbuffer *out, const char *text, size_t len)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, out, msgpack_sbuffer_write);
	return msgpack_pack_str(&pk, len) || msgpack_pack_str_body(&pk, text, len) ? -ENOMEM : 0;
}

static int find_string(struct weir_batch_encoder *e, const char *text, struct cached *ret)
{
	size_t len = strlen(text);
	int r;

	msgpack_sbuffer_clear(&e->text);
	r = write_text(&e->text, text, len);
	if (r == 0)
		r = weir_intern_add(&e->strings, e->text.data, e->text.size, &ret->id);
	if (r < 0)
		return r;
	ret->text = text;
	ret->len = (uint32_t)len;
	ret->offset = e->strings.ends[ret->id] - ret->len;
	return 0;
}

/* Index of the string + 1; 0 stands for NULL. */
static int64_t string_ref(struct weir_batch_encoder *e, const char *text)
{
	struct cached *c;
	int r;

	if (!text)
		return 0;
	c = &e->cache[((uintptr_t)text * 0x9e3779b97f4a7c15ull) >> 53];
	if (c->text == text &&
	    strncmp(text, (const char *)e->strings.bytes + c->offset, c->len) == 0 && !text[c->len])
		return (int64_t)c->id + 1;
	r = find_string(e, text, c);
	return r < 0 ? r : (int64_t)c->id + 1;
}

static int pack_string(struct weir_batch_encoder *e, msgpack_packer *pk, const char *text)
{
	int64_t ref = string_ref(e, text);

	return ref < 0 ? (int)ref : msgpack_pack_uint64(pk, (uint64_t)ref);
}

static int intern_name(struct weir_batch_encoder *e, const struct weir_record_peer *p,
		       uint32_t *ret)
{
	const char *texts[] = { p->namespace_, p->pod,	p->workload_kind,
				p->workload,   p->node, p->service };
	msgpack_packer pk;
	int r;

	msgpack_sbuffer_clear(&e->scratch);
	msgpack_packer_init(&pk, &e->scratch, msgpack_sbuffer_write);
	r = msgpack_pack_array(&pk, WEIR_NAME_FIELDS);
	for (size_t i = 0; r == 0 && i < WEIR_ARRAY_SIZE(texts); i++)
		r = pack_string(e, &pk, texts[i]);
	if (r == 0)
		r = msgpack_pack_array(&pk, p->n_labels * 2u);
	for (uint16_t i = 0; r == 0 && i < p->n_labels; i++) {
		r = pack_string(e, &pk, p->labels[i].key);
		if (r == 0)
			r = pack_string(e, &pk, p->labels[i].value);
	}
	if (r < 0)
		return -ENOMEM;
	return weir_intern_add(&e->names, e->scratch.data, e->scratch.size, ret);
}

static int pack_policies(struct weir_batch_encoder *e, msgpack_packer *pk,
			 const struct weir_record_side *s)
{
	int r = msgpack_pack_array(pk, s->n_policies * 3u);

	for (uint16_t i = 0; r == 0 && i < s->n_policies; i++) {
		r = pack_string(e, pk, s->policies[i].kind);
		if (r == 0)
			r = pack_string(e, pk, s->policies[i].namespace_);
		if (r == 0)
			r = pack_string(e, pk, s->policies[i].name);
	}
	return r;
}

static int intern_side(struct weir_batch_encoder *e, const struct weir_record_side *s,
		       uint32_t *ret)
{
	msgpack_packer pk;
	int r;

	msgpack_sbuffer_clear(&e->scratch);
	msgpack_packer_init(&pk, &e->scratch, msgpack_sbuffer_write);
	r = msgpack_pack_array(&pk, WEIR_SIDE_FIELDS) || msgpack_pack_uint8(&pk, s->verdict) ||
	    msgpack_pack_uint8(&pk, s->reason) || msgpack_pack_uint8(&pk, s->tier) ||
	    msgpack_pack_int32(&pk, s->rule) || pack_string(e, &pk, s->rule_name) ||
	    msgpack_pack_uint16(&pk, s->n_more) || pack_policies(e, &pk, s);
	if (r)
		return -ENOMEM;
	return weir_intern_add(&e->sides, e->scratch.data, e->scratch.size, ret);
}

static int pack_addr(msgpack_packer *pk, const struct weir_addr *a)
{
	size_t len = weir_addr_size(a);

	if (!len)
		return msgpack_pack_nil(pk);
	return msgpack_pack_bin(pk, len) || msgpack_pack_bin_body(pk, a->bytes, len);
}

static bool has_nat(const struct weir_record *r)
{
	return r->src.nat_addr.family || r->src.nat_port || r->dst.nat_addr.family ||
	       r->dst.nat_port;
}

static bool has_counters(const struct weir_record *r)
{
	return r->has_counters || r->packets[0] || r->packets[1] || r->bytes[0] || r->bytes[1];
}

static bool has_counted(const struct weir_record *r)
{
	return r->counted_packets[0] || r->counted_packets[1] || r->counted_bytes[0] ||
	       r->counted_bytes[1];
}

static bool has_field(const struct weir_record *r, enum weir_record_field field)
{
	switch (field) {
	case WEIR_FIELD_NAT:
		return has_nat(r);
	case WEIR_FIELD_COUNTERS:
		return has_counters(r);
	case WEIR_FIELD_CONNECTIONS:
		return r->connections != 1;
	case WEIR_FIELD_ICMP:
		return r->icmp_type || r->icmp_code;
	case WEIR_FIELD_LOSS:
		return r->lost_at || r->lost;
	case WEIR_FIELD_STAGED:
		return r->staged < WEIR_VERDICT_MAX;
	case WEIR_FIELD_COUNTED:
		return has_counted(r);
	case WEIR_FIELD_TYPE ... WEIR_FIELD_INGRESS:
	case WEIR_FIELD_MAX:
		break;
	}
	return true;
}

static int pack_field(msgpack_packer *pk, const struct weir_record *r, const uint32_t staged[2],
		      enum weir_record_field field)
{
	if (!has_field(r, field))
		return msgpack_pack_nil(pk);
	switch (field) {
	case WEIR_FIELD_NAT:
		return msgpack_pack_array(pk, 4) || pack_addr(pk, &r->src.nat_addr) ||
		       msgpack_pack_uint16(pk, r->src.nat_port) ||
		       pack_addr(pk, &r->dst.nat_addr) || msgpack_pack_uint16(pk, r->dst.nat_port);
	case WEIR_FIELD_COUNTERS:
		return msgpack_pack_array(pk, 4) || msgpack_pack_uint64(pk, r->packets[0]) ||
		       msgpack_pack_uint64(pk, r->packets[1]) ||
		       msgpack_pack_uint64(pk, r->bytes[0]) || msgpack_pack_uint64(pk, r->bytes[1]);
	case WEIR_FIELD_CONNECTIONS:
		return msgpack_pack_uint64(pk, r->connections);
	case WEIR_FIELD_ICMP:
		return msgpack_pack_array(pk, 2) || msgpack_pack_uint8(pk, r->icmp_type) ||
		       msgpack_pack_uint8(pk, r->icmp_code);
	case WEIR_FIELD_LOSS:
		return msgpack_pack_array(pk, 2) || msgpack_pack_uint8(pk, r->lost_at) ||
		       msgpack_pack_uint64(pk, r->lost);
	case WEIR_FIELD_STAGED:
		return msgpack_pack_array(pk, 2) || msgpack_pack_uint32(pk, staged[0]) ||
		       msgpack_pack_uint32(pk, staged[1]);
	case WEIR_FIELD_COUNTED:
		return msgpack_pack_array(pk, 4) ||
		       msgpack_pack_uint64(pk, r->counted_packets[0]) ||
		       msgpack_pack_uint64(pk, r->counted_packets[1]) ||
		       msgpack_pack_uint64(pk, r->counted_bytes[0]) ||
		       msgpack_pack_uint64(pk, r->counted_bytes[1]);
	case WEIR_FIELD_TYPE ... WEIR_FIELD_INGRESS:
	case WEIR_FIELD_MAX:
		break;
	}
	return -EINVAL;
}

static uint8_t flags_of(const struct weir_record *r)
{
	return (uint8_t)(r->verdict | r->staged << WEIR_FLAGS_STAGED_SHIFT |
			 r->end << WEIR_FLAGS_END_SHIFT |
			 (r->has_counters ? WEIR_FLAGS_HAS_COUNTERS : 0));
}

static int pack_start(msgpack_packer *pk, const struct weir_record *r)
{
	return r->start ? msgpack_pack_int64(pk, (int64_t)(r->time - r->start))
			: msgpack_pack_nil(pk);
}

static int pack_record(struct weir_batch_encoder *e, const struct weir_record *r,
		       const uint32_t names[2], const uint32_t sides[4])
{
	unsigned n = WEIR_FIELD_MAX;
	msgpack_packer pk;
	int err;

	while (n > WEIR_FIELD_NAT && !has_field(r, n - 1))
		n--;
	msgpack_packer_init(&pk, &e->records, msgpack_sbuffer_write);
	err = msgpack_pack_array(&pk, n) || msgpack_pack_uint8(&pk, r->type) ||
	      msgpack_pack_int64(&pk, (int64_t)(r->time - e->last_time)) || pack_start(&pk, r) ||
	      msgpack_pack_int64(&pk, (int64_t)(r->flow - e->last_flow)) ||
	      msgpack_pack_uint8(&pk, flags_of(r)) || msgpack_pack_uint8(&pk, r->protocol) ||
	      msgpack_pack_uint32(&pk, names[0]) || pack_addr(&pk, &r->src.addr) ||
	      msgpack_pack_uint16(&pk, r->src.port) || msgpack_pack_uint32(&pk, names[1]) ||
	      pack_addr(&pk, &r->dst.addr) || msgpack_pack_uint16(&pk, r->dst.port) ||
	      msgpack_pack_uint32(&pk, sides[0]) || msgpack_pack_uint32(&pk, sides[1]);
	for (unsigned field = WEIR_FIELD_NAT; !err && field < n; field++)
		err = pack_field(&pk, r, &sides[2], field);
	return err ? -ENOMEM : 0;
}

static bool is_valid(const struct weir_batch_encoder *e, const struct weir_record *r)
{
	return r->type < WEIR_RECORD_TYPE_MAX && r->verdict < WEIR_VERDICT_MAX &&
	       r->staged <= WEIR_VERDICT_MAX && r->end < WEIR_END_REASON_MAX &&
	       (!e->n || r->seq == e->first_seq + e->n);
}

static int intern_sides(struct weir_batch_encoder *e, const struct weir_record *r, uint32_t ret[4])
{
	if (intern_side(e, &r->egress, &ret[0]) < 0 || intern_side(e, &r->ingress, &ret[1]) < 0)
		return -ENOMEM;
	if (r->staged == WEIR_VERDICT_MAX)
		return 0;
	return intern_side(e, &r->staged_egress, &ret[2]) < 0 ||
			       intern_side(e, &r->staged_ingress, &ret[3]) < 0
		       ? -ENOMEM
		       : 0;
}

int weir_batch_add(struct weir_batch_encoder *e, const struct weir_record *record)
{
	size_t before = e->records.size;
	uint32_t names[2], sides[4] = { 0 };

	if (!is_valid(e, record))
		return -EINVAL;
	if (intern_name(e, &record->src, &names[0]) < 0 ||
	    intern_name(e, &record->dst, &names[1]) < 0 || intern_sides(e, record, sides) < 0 ||
	    pack_record(e, record, names, sides) < 0) {
		e->records.size = before;
		return -ENOMEM;
	}
	if (!e->n++)
		e->first_seq = record->seq;
	e->last_time = record->time;
	e->last_flow = record->flow;
	return 0;
}

size_t weir_batch_records(const struct weir_batch_encoder *e)
{
	return e->n;
}

size_t weir_batch_bytes(const struct weir_batch_encoder *e)
{
	return e->strings.len + e->names.len + e->sides.len + e->records.size;
}

static int pack_text(msgpack_packer *pk, const char *text)
{
	return msgpack_pack_str(pk, strlen(text)) || msgpack_pack_str_body(pk, text, strlen(text));
}

static int pack_head(const struct weir_batch_encoder *e, const struct weir_batch_header *h,
		     msgpack_packer *pk)
{
	return msgpack_pack_array(pk, WEIR_BATCH_PARTS) ||
	       msgpack_pack_uint8(pk, WEIR_BATCH_FORMAT) ||
	       msgpack_pack_array(pk, WEIR_HEADER_FIELDS) || pack_text(pk, h->node) ||
	       pack_text(pk, h->boot) || msgpack_pack_uint64(pk, h->batch) ||
	       msgpack_pack_uint64(pk, e->n ? e->first_seq : h->first_seq) ||
	       msgpack_pack_uint32(pk, e->n) || msgpack_pack_uint64(pk, h->time);
}

static int pack_part(msgpack_packer *pk, msgpack_sbuffer *out, uint32_t n, const void *bytes,
		     size_t len)
{
	return msgpack_pack_array(pk, n) || (len && msgpack_sbuffer_write(out, bytes, len));
}

static void reset(struct weir_batch_encoder *e)
{
	weir_intern_reset(&e->strings);
	weir_intern_reset(&e->names);
	weir_intern_reset(&e->sides);
	msgpack_sbuffer_clear(&e->records);
	memset(e->cache, 0, sizeof(e->cache));
	e->first_seq = e->last_time = e->last_flow = 0;
	e->n = 0;
}

int weir_batch_finish(struct weir_batch_encoder *e, const struct weir_batch_header *header,
		      uint8_t **ret, size_t *ret_len)
{
	msgpack_sbuffer out;
	msgpack_packer pk;

	msgpack_sbuffer_init(&out);
	msgpack_packer_init(&pk, &out, msgpack_sbuffer_write);
	if (pack_head(e, header, &pk) ||
	    pack_part(&pk, &out, e->strings.n, e->strings.bytes, e->strings.len) ||
	    pack_part(&pk, &out, e->names.n, e->names.bytes, e->names.len) ||
	    pack_part(&pk, &out, e->sides.n, e->sides.bytes, e->sides.len) ||
	    pack_part(&pk, &out, e->n, e->records.data, e->records.size)) {
		msgpack_sbuffer_destroy(&out);
		return -ENOMEM;
	}
	*ret_len = out.size;
	*ret = (uint8_t *)msgpack_sbuffer_release(&out);
	reset(e);
	return 0;
}
