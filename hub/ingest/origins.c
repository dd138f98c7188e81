/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes and their boots: what of them has come, and how far it is stored. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/ingest/internal.h"
#include "weir/cleanup.h"

#define SILENCE_NS 5000000000ull

/* Texts one behind the other, each with its NUL; returns the length. */
static size_t make_key(char *to, size_t size, const char *const *texts, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		size_t more = strlen(texts[i]) + 1;

		if (len + more > size)
			return 0;
		memcpy(to + len, texts[i], more);
		len += more;
	}
	return len;
}

struct weir_sender *weir_sender_get(struct weir_ingest *in, const char *cluster, const char *name,
				    bool make)
{
	const char *texts[] = { cluster, name };
	struct weir_sender *node;
	char key[1024];
	size_t len = make_key(key, sizeof(key), texts, WEIR_ARRAY_SIZE(texts));

	HASH_FIND(hh, in->nodes, key, len, node);
	if (node || !make || !len)
		return node;
	node = calloc(1, sizeof(*node) + len);
	if (!node)
		return NULL;
	memcpy(node->key, key, len);
	HASH_ADD_KEYPTR(hh, in->nodes, node->key, len, node);
	return node;
}

bool weir_sender_may_tell(const struct weir_sender *s, uint64_t now)
{
	return s->up || (s->heard && now < s->heard + SILENCE_NS);
}

struct weir_origin *weir_origin_get(struct weir_ingest *in, const char *cluster, const char *node,
				    const char *boot, bool make)
{
	const char *texts[] = { cluster, node, boot };
	struct weir_origin *o;
	char key[1024];
	size_t len = make_key(key, sizeof(key), texts, WEIR_ARRAY_SIZE(texts));

	HASH_FIND(hh, in->origins, key, len, o);
	if (o || !make || !len)
		return o;
	o = calloc(1, sizeof(*o) + len);
	if (!o)
		return NULL;
	memcpy(o->key, key, len);
	o->cluster = o->key;
	o->name = o->cluster + strlen(o->cluster) + 1;
	o->boot = o->name + strlen(o->name) + 1;
	o->last = &o->first;
	o->node = weir_sender_get(in, cluster, node, true);
	if (!o->node) {
		free(o);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, in->origins, o->key, len, o);
	o->next = in->list;
	in->list = o;
	return o;
}

static int load_one(void *data, const struct weir_mark *mark)
{
	struct weir_ingest *in = data;
	struct weir_origin *o = weir_origin_get(in, mark->cluster, mark->node, mark->boot, true);

	if (!o)
		return -ENOMEM;
	o->node->heard = weir_ingest_clock(CLOCK_MONOTONIC); /* it will be back in a moment */
	o->expected = mark->next;
	o->n_skip = mark->n_ranges;
	o->skip = calloc(mark->n_ranges + 1, sizeof(*o->skip));
	if (!o->skip)
		return -ENOMEM;
	if (mark->n_ranges)
		memcpy(o->skip, mark->ranges, mark->n_ranges * sizeof(*o->skip));
	return 0;
}

int weir_origins_load(struct weir_ingest *in, struct weir_error *err)
{
	return in->config.store->ops->marks(in->config.store, load_one, in, err);
}

void weir_origins_free(struct weir_ingest *in)
{
	struct weir_sender *node, *next_node;
	struct weir_origin *o, *next;
	struct weir_entry *e;

	HASH_CLEAR(hh, in->origins);
	for (o = in->list; o; o = next) {
		next = o->next;
		while ((e = o->first)) {
			o->first = e->next;
			free(e);
		}
		free(o->skip);
		free(o);
	}
	in->list = NULL;
	HASH_ITER (hh, in->nodes, node, next_node) {
		HASH_DEL(in->nodes, node);
		free(node);
	}
}

void weir_origin_push(struct weir_origin *o, struct weir_entry *e)
{
	e->origin = o;
	e->next = NULL;
	*o->last = e;
	o->last = &e->next;
	o->ahead += e->state == WEIR_ENTRY_STORED;
	o->expected = e->last + 1;
	o->changed = true;
}

bool weir_origin_skips(const struct weir_origin *o, uint64_t seq)
{
	for (size_t i = 0; i < o->n_skip; i++)
		if (seq >= o->skip[i].from && seq <= o->skip[i].to)
			return true;
	return false;
}

static void add_range(struct weir_range *ranges, size_t *n, uint64_t from, uint64_t to)
{
	if (*n && ranges[*n - 1].to + 1 == from)
		ranges[*n - 1].to = to;
	else
		ranges[(*n)++] = (struct weir_range){ from, to };
}

int weir_origin_mark(const struct weir_origin *o, struct weir_mark *ret)
{
	struct weir_range *ranges = calloc(o->ahead + o->n_skip + 1, sizeof(*ranges));
	size_t n = 0;

	if (!ranges)
		return -ENOMEM;
	for (const struct weir_entry *e = o->ahead ? o->first : NULL; e; e = e->next)
		if (e->state == WEIR_ENTRY_STORED)
			add_range(ranges, &n, e->first, e->last);
	for (size_t i = 0; i < o->n_skip; i++)
		if (o->skip[i].to >= o->expected)
			add_range(ranges, &n,
				  o->skip[i].from > o->expected ? o->skip[i].from : o->expected,
				  o->skip[i].to);
	*ret = (struct weir_mark){ .cluster = o->cluster,
				   .node = o->name,
				   .boot = o->boot,
				   .next = o->first ? o->first->first : o->expected,
				   .n_ranges = n,
				   .ranges = ranges };
	return 0;
}
