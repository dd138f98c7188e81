/* SPDX-License-Identifier: Apache-2.0 */
/* Messages in a ring; whoever calls holds the lock. */
#include "hub/api/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

int weir_ring_init(struct weir_ring *r, uint32_t size)
{
	*r = (struct weir_ring){ .size = size, .slots = calloc(size, sizeof(*r->slots)) };
	return r->slots ? 0 : -ENOMEM;
}

void weir_message_drop(struct weir_message **m)
{
	struct weir_message *old = weir_take(*m);

	if (old && --old->refs == 0)
		free(old);
}

static void drop_first(struct weir_ring *r)
{
	struct weir_message **slot = &r->slots[r->first++ % r->size];

	r->bytes -= (*slot)->len;
	weir_message_drop(slot);
}

int weir_ring_push(struct weir_ring *r, const char *text, size_t len, size_t max_bytes)
{
	struct weir_message *m = malloc(sizeof(*m) + len);

	if (!m)
		return -ENOMEM;
	m->refs = 1;
	m->len = len;
	memcpy(m->text, text, len);
	if (r->next - r->first == r->size)
		drop_first(r);
	r->slots[r->next++ % r->size] = m;
	r->bytes += len;
	while (r->bytes > max_bytes && r->next - r->first > 1)
		drop_first(r);
	return 0;
}

struct weir_message *weir_ring_take(const struct weir_ring *r, uint64_t number)
{
	struct weir_message *m = r->slots[number % r->size];

	m->refs++;
	return m;
}

void weir_ring_clear(struct weir_ring *r)
{
	while (r->first < r->next)
		drop_first(r);
	free(weir_take(r->slots));
}
