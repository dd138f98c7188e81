/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one group of live clients sees of a flow: first the scope, then the filter,
 * then the words. A connection's second half is told only where the first was
 * not wanted: else it would be there twice.
 */
#include "hub/api/live-group.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"
#include "weir/ruleset.h"
#include "weir/wire.h"

/* --- which group -------------------------------------------------------------------- */

char *weir_live_group_key(const struct weir_request *r)
{
	const struct weir_scope *scope = &r->person->scopes[WEIR_RIGHT_FLOWS];
	char *key = NULL;
	size_t len;
	FILE *f = open_memstream(&key, &len);

	if (!f)
		return NULL;
	fputs(r->ndjson ? "n" : "e", f);
	for (size_t i = 0; i < r->n_params; i++)
		fprintf(f, "\n?%s=%s", r->params[i].name, r->params[i].value);
	for (size_t i = 0; i < scope->n_grants; i++)
		fprintf(f, "\n%s/%s", scope->grants[i].cluster, scope->grants[i].namespace_);
	if (fclose(f) != 0) {
		free(key);
		return NULL;
	}
	return key;
}

struct weir_live_group *weir_live_group_new(struct weir_request *r, uint32_t queue)
{
	struct weir_live_group *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->key = weir_live_group_key(r);
	if (!g->key || weir_ring_init(&g->ring, queue) < 0) {
		weir_live_group_free(g);
		return NULL;
	}
	g->events = !r->ndjson;
	g->ask = r->ask;
	r->ask = (struct weir_ask){ 0 };
	g->person = weir_take(r->person);
	return g;
}

void weir_live_group_free(struct weir_live_group *g)
{
	if (g->ring.slots)
		weir_ring_clear(&g->ring);
	weir_ask_clear(&g->ask);
	weir_person_free(&g->person);
	weir_json_buffer_free(&g->text);
	free(g->lens);
	free(g->key);
	free(g);
}

/* --- words -------------------------------------------------------------------------- */

static void put(struct weir_live_group *g, const char *text)
{
	struct weir_json j = { .b = &g->text };

	weir_json_raw(&j, text, strlen(text));
}

static int room_for_one(struct weir_live_group *g)
{
	size_t room = g->room_lens ? 2 * g->room_lens : 64;
	size_t *grown;

	if (g->n_lens < g->room_lens)
		return 0;
	grown = realloc(g->lens, room * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	g->lens = grown;
	g->room_lens = room;
	return 0;
}

static int write_flow(struct weir_live_group *g, const struct weir_hub_flow *f)
{
	struct weir_json_flow hub = { .cluster = f->cluster,
				      .nodes = { f->nodes[0], f->nodes[1] },
				      .second = f->second,
				      .n_fields = g->ask.n_fields,
				      .fields = g->ask.fields };
	char head[64];
	int r;

	if (g->events) {
		snprintf(head, sizeof(head),
			 "event: flow\nid: %" PRIu64 "\ndata: ", f->record.time);
		put(g, head);
	}
	r = weir_flow_to_json(&f->record, &hub, &g->text);
	put(g, g->events ? "\n\n" : "\n");
	return r;
}

/* --- flows --------------------------------------------------------------------------- */

static void mix(uint64_t *h, const void *data, size_t len)
{
	const uint8_t *at = data;

	for (size_t i = 0; i < len; i++)
		*h = (*h ^ at[i]) * 0x100000001b3ull;
}

/* The same for both halves of a connection's record. */
static uint64_t connection_of(const struct weir_hub_flow *f)
{
	const struct weir_record *r = &f->record;
	uint64_t h = 0xcbf29ce484222325ull;

	mix(&h, f->cluster, f->cluster ? strlen(f->cluster) : 0);
	mix(&h, &r->protocol, sizeof(r->protocol));
	mix(&h, &r->src.addr.bytes, sizeof(r->src.addr.bytes));
	mix(&h, &r->dst.addr.bytes, sizeof(r->dst.addr.bytes));
	mix(&h, &r->src.port, sizeof(r->src.port));
	mix(&h, &r->dst.port, sizeof(r->dst.port));
	mix(&h, &r->type, sizeof(r->type));
	return h ?: 1;
}

static bool told_before(struct weir_live_group *g, const struct weir_block_flow *f)
{
	uint64_t h = connection_of(&f->flow), *slot = &g->told[h % WEIR_GROUP_TOLD];
	bool told = f->joined && *slot == h;

	*slot = h;
	return told;
}

void weir_live_group_flow(struct weir_live_group *g, const struct weir_block_flow *f)
{
	struct weir_hub_flow shown = f->flow;
	size_t before = g->text.len;

	if (shown.second && !g->ask.seconds)
		return;
	if (!weir_scope_redact(&g->person->scopes[WEIR_RIGHT_FLOWS], &shown) ||
	    !weir_filter_matches(&g->ask.filter, &shown) || told_before(g, f))
		return;
	if (room_for_one(g) < 0 || write_flow(g, &shown) < 0)
		g->text.len = before;
	else
		g->lens[g->n_lens++] = g->text.len - before;
}

void weir_live_group_unread(struct weir_live_group *g, uint64_t n)
{
	size_t before = g->text.len;
	char text[96];

	if (room_for_one(g) < 0)
		return;
	snprintf(text, sizeof(text),
		 g->events ? "event: lost\ndata: {\"unread\":%" PRIu64 "}\n\n"
			   : "{\"unread\":%" PRIu64 "}\n",
		 n);
	put(g, text);
	g->lens[g->n_lens++] = g->text.len - before;
}

size_t weir_live_group_flush(struct weir_live_group *g, size_t max_bytes)
{
	size_t n = g->n_lens, at = 0;

	for (size_t i = 0; i < n; at += g->lens[i++])
		weir_ring_push(&g->ring, g->text.text + at, g->lens[i], max_bytes);
	g->n_lens = 0;
	g->text.len = 0;
	return n;
}
