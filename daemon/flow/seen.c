/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing, grown by doubling up to the bound. Called by denied.c. */
#include "daemon/flow/seen.h"

#include <stdlib.h>

#include "weir/cleanup.h"

#define FIRST_SIZE 1024u

void weir_seen_init(struct weir_seen *s, uint32_t max, uint64_t max_age)
{
	*s = (struct weir_seen){ .max = max, .max_age = max_age };
}

void weir_seen_done(struct weir_seen *s)
{
	free(weir_take(s->now.slots));
	free(weir_take(s->before.slots));
}

/* The slot where it is, or would be; size is a power of two and not full. */
static uint64_t *slot(const struct weir_seen_half *h, uint64_t fingerprint)
{
	uint32_t mask = h->size - 1, i = (uint32_t)(fingerprint >> 32) & mask;

	while (h->slots[i] && h->slots[i] != fingerprint)
		i = (i + 1) & mask;
	return &h->slots[i];
}

static bool contains(const struct weir_seen_half *h, uint64_t fingerprint)
{
	return h->slots && *slot(h, fingerprint);
}

static bool grow(struct weir_seen_half *h)
{
	struct weir_seen_half bigger = { .size = h->size ? h->size * 2 : FIRST_SIZE,
					 .used = h->used };

	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return false;
	for (uint32_t i = 0; i < h->size; i++) {
		if (h->slots[i])
			*slot(&bigger, h->slots[i]) = h->slots[i];
	}
	free(h->slots);
	*h = bigger;
	return true;
}

static void rotate(struct weir_seen *s, uint64_t now)
{
	free(s->before.slots);
	s->before = s->now;
	s->now = (struct weir_seen_half){ 0 };
	s->began = now;
}

bool weir_seen_add(struct weir_seen *s, uint64_t fingerprint, uint64_t now)
{
	bool known;

	fingerprint = fingerprint ? fingerprint : 1;
	if (now - s->began > s->max_age || s->now.used >= s->max)
		rotate(s, now);
	if (contains(&s->now, fingerprint))
		return false;
	known = contains(&s->before, fingerprint);
	if (s->now.used * 4 >= s->now.size * 3 && !grow(&s->now))
		return !known;
	*slot(&s->now, fingerprint) = fingerprint;
	s->now.used++;
	return !known;
}
