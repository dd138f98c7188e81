/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies a flow with all that it points to. Called by the thread that receives
 * from the nodes: no lock, no allocation, and room that is short only counts.
 */
#include "hub/api/copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

#define ALIGNMENT 8

int weir_block_init(struct weir_block *b, size_t size)
{
	*b = (struct weir_block){ .memory = malloc(size), .size = size };
	return b->memory ? 0 : -ENOMEM;
}

void weir_block_clear(struct weir_block *b)
{
	free(weir_take(b->memory));
}

/* NULL when there is no room; then nothing that follows has, either. */
static void *room(struct weir_block *b, size_t len)
{
	void *at = b->memory + b->len;

	len = (len + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (len > b->size - b->len) {
		b->len = b->size;
		return NULL;
	}
	b->len += len;
	return at;
}

static void copy_text(struct weir_block *b, const char **text)
{
	size_t len;
	char *to;

	if (!*text)
		return;
	len = strlen(*text) + 1;
	to = room(b, len);
	if (to)
		*text = memcpy(to, *text, len);
}

static void copy_peer(struct weir_block *b, struct weir_record_peer *p)
{
	struct weir_record_label *labels = room(b, p->n_labels * sizeof(*labels));

	copy_text(b, &p->namespace_);
	copy_text(b, &p->pod);
	copy_text(b, &p->workload_kind);
	copy_text(b, &p->workload);
	copy_text(b, &p->node);
	copy_text(b, &p->service);
	for (uint16_t i = 0; labels && i < p->n_labels; i++) {
		labels[i] = p->labels[i];
		copy_text(b, &labels[i].key);
		copy_text(b, &labels[i].value);
	}
	p->labels = labels;
}

static void copy_side(struct weir_block *b, struct weir_record_side *s)
{
	struct weir_record_policy *policies = room(b, s->n_policies * sizeof(*policies));

	copy_text(b, &s->rule_name);
	for (uint16_t i = 0; policies && i < s->n_policies; i++) {
		policies[i] = s->policies[i];
		copy_text(b, &policies[i].kind);
		copy_text(b, &policies[i].namespace_);
		copy_text(b, &policies[i].name);
	}
	s->policies = policies;
}

static void copy_texts(struct weir_block *b, struct weir_hub_flow *f)
{
	copy_text(b, &f->cluster);
	copy_text(b, &f->nodes[0]);
	copy_text(b, &f->nodes[1]);
	copy_peer(b, &f->record.src);
	copy_peer(b, &f->record.dst);
	copy_side(b, &f->record.egress);
	copy_side(b, &f->record.ingress);
	copy_side(b, &f->record.staged_egress);
	copy_side(b, &f->record.staged_ingress);
}

bool weir_block_add(struct weir_block *b, const struct weir_hub_flow *flow, bool joined)
{
	size_t before = b->len;
	struct weir_block_flow *to = room(b, sizeof(*to));

	if (to) {
		to->flow = *flow;
		to->joined = joined;
		copy_texts(b, &to->flow);
	}
	if (!to || b->len == b->size) {
		b->len = before;
		b->lost++;
		return false;
	}
	to->len = b->len - before;
	return true;
}

const struct weir_block_flow *weir_block_next(const struct weir_block *b, size_t *at)
{
	const struct weir_block_flow *f = (const void *)(b->memory + *at);

	if (*at >= b->len)
		return NULL;
	*at += f->len;
	return f;
}
