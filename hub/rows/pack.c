/* SPDX-License-Identifier: Apache-2.0 */
/* Ends, sides and origins as bytes, and back; see pack.h for the form. */
#include "hub/rows/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"
#include "weir/ruleset.h"

/* --- to bytes ------------------------------------------------------------------- */

static void put(struct weir_bytes *b, const void *from, size_t len)
{
	if (b->len + len > b->size) {
		size_t size = (b->len + len) * 2 + 64;
		uint8_t *data = realloc(b->data, size);

		if (!data) {
			b->short_of_memory = true;
			return;
		}
		b->data = data;
		b->size = size;
	}
	memcpy(b->data + b->len, from, len);
	b->len += len;
}

static void put_byte(struct weir_bytes *b, uint8_t v)
{
	put(b, &v, 1);
}

static void put_u16(struct weir_bytes *b, uint16_t v)
{
	put(b, (uint8_t[]){ (uint8_t)v, (uint8_t)(v >> 8) }, 2);
}

static void put_text(struct weir_bytes *b, const char *text)
{
	put_byte(b, text != NULL);
	if (text)
		put(b, text, strlen(text) + 1);
}

void weir_pack_end(struct weir_bytes *b, const char *cluster, const struct weir_record_peer *p)
{
	const char *texts[] = { cluster,     p->namespace_, p->pod,    p->workload_kind,
				p->workload, p->node,	    p->service };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(texts); i++)
		put_text(b, texts[i]);
	put_u16(b, p->n_labels);
	for (uint16_t i = 0; i < p->n_labels; i++) {
		put_text(b, p->labels[i].key);
		put_text(b, p->labels[i].value);
	}
}

void weir_pack_side(struct weir_bytes *b, const struct weir_record_side *s)
{
	uint32_t rule = (uint32_t)s->rule;

	put(b, (uint8_t[]){ s->verdict, s->reason, s->tier }, 3);
	put_u16(b, (uint16_t)rule);
	put_u16(b, (uint16_t)(rule >> 16));
	put_u16(b, s->n_more);
	put_text(b, s->rule_name);
	put_u16(b, s->n_policies);
	for (uint16_t i = 0; i < s->n_policies; i++) {
		put_text(b, s->policies[i].kind);
		put_text(b, s->policies[i].namespace_);
		put_text(b, s->policies[i].name);
	}
}

void weir_pack_origin(struct weir_bytes *b, const char *cluster, const char *node, const char *boot)
{
	put_text(b, cluster);
	put_text(b, node);
	put_text(b, boot);
}

/* --- and back ------------------------------------------------------------------- */

struct input {
	const uint8_t *p, *end;
	bool broken;
};

static const uint8_t *take(struct input *in, size_t len)
{
	const uint8_t *p = in->p;

	if (in->broken || (size_t)(in->end - in->p) < len) {
		in->broken = true;
		return NULL;
	}
	in->p += len;
	return p;
}

static uint8_t take_byte(struct input *in)
{
	const uint8_t *p = take(in, 1);

	return p ? *p : 0;
}

static uint16_t take_u16(struct input *in)
{
	const uint8_t *p = take(in, 2);

	return p ? (uint16_t)(p[0] | p[1] << 8) : 0;
}

static const char *take_text(struct input *in)
{
	const uint8_t *nul;
	const char *text;

	if (!take_byte(in) || in->broken)
		return NULL;
	nul = memchr(in->p, 0, (size_t)(in->end - in->p));
	if (!nul) {
		in->broken = true;
		return NULL;
	}
	text = (const char *)in->p;
	in->p = nul + 1;
	return text;
}

static int ended(const struct input *in)
{
	return in->broken || in->p != in->end ? -EBADMSG : 0;
}

static int take_labels(struct input *in, struct weir_record_peer *p)
{
	uint16_t n = take_u16(in);
	struct weir_record_label *labels;

	if (!n || in->broken)
		return ended(in);
	if ((size_t)(in->end - in->p) < 2u * n) /* each text has a byte at least */
		return -EBADMSG;
	labels = calloc(n, sizeof(*labels));
	if (!labels)
		return -ENOMEM;
	p->labels = labels;
	p->n_labels = n;
	for (uint16_t i = 0; i < n; i++) {
		labels[i].key = take_text(in);
		labels[i].value = take_text(in);
		in->broken |= !labels[i].key || !labels[i].value;
	}
	return ended(in);
}

int weir_unpack_end(const uint8_t *bytes, size_t len, struct weir_end *ret)
{
	struct input in = { bytes, bytes + len, false };
	struct weir_end e = { .cluster = take_text(&in) };
	int r;

	e.peer.namespace_ = take_text(&in);
	e.peer.pod = take_text(&in);
	e.peer.workload_kind = take_text(&in);
	e.peer.workload = take_text(&in);
	e.peer.node = take_text(&in);
	e.peer.service = take_text(&in);
	r = take_labels(&in, &e.peer);
	if (r < 0) {
		weir_end_clear(&e);
		return r;
	}
	*ret = e;
	return 0;
}

void weir_end_clear(struct weir_end *end)
{
	free((void *)end->peer.labels);
	*end = (struct weir_end){ 0 };
}

static int take_policies(struct input *in, struct weir_record_side *s)
{
	uint16_t n = take_u16(in);
	struct weir_record_policy *policies;

	if (!n || in->broken)
		return ended(in);
	if ((size_t)(in->end - in->p) < 3u * n)
		return -EBADMSG;
	policies = calloc(n, sizeof(*policies));
	if (!policies)
		return -ENOMEM;
	s->policies = policies;
	s->n_policies = n;
	for (uint16_t i = 0; i < n; i++) {
		policies[i].kind = take_text(in);
		policies[i].namespace_ = take_text(in);
		policies[i].name = take_text(in);
		in->broken |= !policies[i].kind || !policies[i].name;
	}
	return ended(in);
}

int weir_unpack_side(const uint8_t *bytes, size_t len, struct weir_record_side *ret)
{
	struct input in = { bytes, bytes + len, false };
	struct weir_record_side s = { .verdict = take_byte(&in) };
	uint32_t rule;
	int r;

	s.reason = take_byte(&in);
	s.tier = take_byte(&in);
	rule = take_u16(&in);
	rule |= (uint32_t)take_u16(&in) << 16;
	s.rule = (int32_t)rule;
	s.n_more = take_u16(&in);
	s.rule_name = take_text(&in);
	r = take_policies(&in, &s);
	if (r < 0) {
		weir_side_clear(&s);
		return r;
	}
	*ret = s;
	return 0;
}

void weir_side_clear(struct weir_record_side *side)
{
	free((void *)side->policies);
	*side = (struct weir_record_side){ 0 };
}

int weir_unpack_origin(const uint8_t *bytes, size_t len, struct weir_reporter *ret)
{
	struct input in = { bytes, bytes + len, false };
	struct weir_reporter o = { .cluster = take_text(&in) };

	o.node = take_text(&in);
	o.boot = take_text(&in);
	if (!o.cluster || !o.node || !o.boot)
		return -EBADMSG;
	if (ended(&in) < 0)
		return -EBADMSG;
	*ret = o;
	return 0;
}
