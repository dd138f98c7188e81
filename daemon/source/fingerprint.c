/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has this object changed since the last time? SipHash-2-4 (Aumasson and
 * Bernstein, 2012) over the tree: keyed, since whoever may write one policy of
 * a big file must not be able to make a change of it look like none.
 */
#include <string.h>

#include "daemon/source/manifest.h"

struct state {
	uint64_t v0, v1, v2, v3;
	uint64_t word; /* bytes that do not fill 8 yet */
	uint64_t len;
};

static uint64_t rotate(uint64_t x, int bits)
{
	return (x << bits) | (x >> (64 - bits));
}

static void round_(struct state *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 = rotate(s->v0, 32) + s->v3;
	s->v2 += s->v1;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static void compress(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	round_(s);
	round_(s);
	s->v0 ^= word;
}

static void add(struct state *s, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++) {
		s->word |= (uint64_t)bytes[i] << (8 * (s->len++ & 7));
		if ((s->len & 7) == 0) {
			compress(s, s->word);
			s->word = 0;
		}
	}
}

static void add_text(struct state *s, const char *text)
{
	add(s, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* Every node begins with its type and key and ends with what no type is, so
 * that no two trees give the same bytes. */
static void add_node(struct state *s, const cJSON *node)
{
	uint8_t type = (uint8_t)(node->type & 0xFF), end = 0;
	const cJSON *child;

	add(s, &type, 1);
	add_text(s, node->string);
	if (cJSON_IsString(node))
		add_text(s, node->valuestring);
	else if (cJSON_IsNumber(node))
		add(s, &node->valuedouble, sizeof(node->valuedouble));
	cJSON_ArrayForEach (child, node)
		add_node(s, child);
	add(s, &end, 1);
}

uint64_t weir_fingerprint(const struct weir_fingerprint_key *key, const cJSON *json)
{
	struct state s = {
		.v0 = key->k[0] ^ 0x736f6d6570736575ull,
		.v1 = key->k[1] ^ 0x646f72616e646f6dull,
		.v2 = key->k[0] ^ 0x6c7967656e657261ull,
		.v3 = key->k[1] ^ 0x7465646279746573ull,
	};
	uint64_t hash;

	add_node(&s, json);
	compress(&s, s.word | s.len << 56);
	s.v2 ^= 0xFF;
	for (int i = 0; i < 4; i++)
		round_(&s);
	hash = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
	return hash ? hash : 1;
}
