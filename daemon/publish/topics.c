/* SPDX-License-Identifier: Apache-2.0 */
/* Which prefixes are subscribed, and by how many: what is not, is not encoded.
 * And how many messages each topic has had. Used by publish.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/publish/internal.h"
#include "weir/cleanup.h"

static int add(struct weir_topics *t, const uint8_t *name, size_t len)
{
	struct weir_topic *items = realloc(t->items, (t->n + 1) * sizeof(*items));
	char *copy;

	if (!items)
		return -ENOMEM;
	t->items = items;
	copy = malloc(len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, name, len);
	copy[len] = 0;
	items[t->n++] = (struct weir_topic){ copy, len, 1 };
	return 0;
}

static void drop(struct weir_topics *t, size_t i)
{
	if (--t->items[i].n)
		return;
	free(t->items[i].name);
	t->items[i] = t->items[--t->n];
}

int weir_topics_change(struct weir_topics *t, const uint8_t *msg, size_t len)
{
	if (!len || msg[0] > 1)
		return 0;
	for (size_t i = 0; i < t->n; i++) {
		if (t->items[i].len != len - 1 || memcmp(t->items[i].name, msg + 1, len - 1) != 0)
			continue;
		if (msg[0])
			t->items[i].n++;
		else
			drop(t, i);
		return 0;
	}
	return msg[0] ? add(t, msg + 1, len - 1) : 0;
}

bool weir_topics_match(const struct weir_topics *t, const char *topic)
{
	size_t len = strlen(topic);

	for (size_t i = 0; i < t->n; i++)
		if (t->items[i].len <= len && memcmp(t->items[i].name, topic, t->items[i].len) == 0)
			return true;
	return false;
}

uint64_t weir_topics_count(const struct weir_topics *t)
{
	uint64_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += t->items[i].n;
	return n;
}

/* Sorted by name: one is looked up for every message. */
uint64_t weir_topics_next(struct weir_topics *t, const char *topic)
{
	size_t low = 0, high = t->n, mid;
	struct weir_topic added;
	int order;

	while (low < high) {
		mid = low + (high - low) / 2;
		order = strcmp(t->items[mid].name, topic);
		if (order == 0)
			return ++t->items[mid].n;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (add(t, (const uint8_t *)topic, strlen(topic)) < 0)
		return 0;
	added = t->items[t->n - 1];
	memmove(t->items + low + 1, t->items + low, (t->n - 1 - low) * sizeof(*t->items));
	t->items[low] = added;
	return 1;
}

void weir_topics_free(struct weir_topics *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->items[i].name);
	free(t->items);
	*t = (struct weir_topics){ 0 };
}
