/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue of what waits for the hub. With a folder every batch is written
 * there as it comes, and memory holds copies of the newest; without one, memory is
 * all there is. Files: segment.c.
 */
#include "daemon/hub/spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"
#include "weir/log.h"

/* --- one item ---------------------------------------------------------------------- */

static bool is_there(const struct weir_spool_item *item)
{
	return item->kept || item->segment;
}

static void forget_memory(struct weir_spool *s, struct weir_spool_item *item)
{
	if (!item->kept)
		return;
	s->memory -= item->len;
	weir_kept_unref(weir_take(item->kept));
}

/* Of its records, those that the hub has not stored. */
static uint64_t waiting(const struct weir_spool_boot *b, const struct weir_spool_item *item)
{
	uint64_t first = item->first > b->acked ? item->first : b->acked;

	return item->next > first ? item->next - first : 0;
}

static void drop(struct weir_spool *s, struct weir_spool_boot *b, struct weir_spool_item *item,
		 bool lost)
{
	if (!is_there(item))
		return;
	forget_memory(s, item);
	if (item->segment)
		weir_segment_drop(s, item);
	s->records -= item->next - item->first;
	if (lost)
		s->lost += waiting(b, item);
}

/* --- boots --------------------------------------------------------------------------- */

struct weir_spool_boot *weir_spool_boot(struct weir_spool *s, const char *boot)
{
	for (unsigned i = 0; i < s->n_boots; i++)
		if (!strcmp(s->boots[i].boot, boot))
			return &s->boots[i];
	return NULL;
}

static struct weir_spool_boot *running(struct weir_spool *s)
{
	return &s->boots[s->n_boots - 1];
}

static void remove_boot(struct weir_spool *s, struct weir_spool_boot *b)
{
	for (size_t i = b->head; i < b->end; i++)
		drop(s, b, &b->items[i], true);
	free(b->items);
	s->n_boots--;
	memmove(b, b + 1, (size_t)(&s->boots[s->n_boots] - b) * sizeof(*b));
}

struct weir_spool_boot *weir_spool_make_boot(struct weir_spool *s, const char *boot)
{
	struct weir_spool_boot *b = weir_spool_boot(s, boot);

	if (b)
		return b;
	if (s->n_boots == WEIR_LINK_BOOTS_MAX)
		remove_boot(s, &s->boots[0]);
	b = &s->boots[s->n_boots++];
	*b = (struct weir_spool_boot){ .next = 1 };
	strcpy(b->boot, boot);
	return b;
}

void weir_spool_add_end(struct weir_spool *s, const char *boot, uint64_t next, bool torn)
{
	struct weir_spool_boot *b = weir_spool_boot(s, boot), run;

	if (!b && s->n_boots < WEIR_LINK_BOOTS_MAX) { /* before the one that runs */
		run = *running(s);
		b = running(s);
		*b = (struct weir_spool_boot){ .next = 1 };
		strcpy(b->boot, boot);
		s->boots[s->n_boots++] = run;
	}
	if (!b || b == running(s))
		return;
	b->torn = torn;
	if (b->next < next)
		b->next = next;
}

/* --- items --------------------------------------------------------------------------- */

static int make_room(struct weir_spool_boot *b)
{
	size_t n = b->end - b->head, size = b->size ? b->size : 64;
	struct weir_spool_item *items;

	if (b->end < b->size)
		return 0;
	if (b->head < b->size / 2 || !b->size) {
		size = b->size ? b->size * 2 : size;
		items = realloc(b->items, size * sizeof(*items));
		if (!items)
			return -ENOMEM;
		b->items = items;
		b->size = size;
		return 0;
	}
	memmove(b->items, b->items + b->head, n * sizeof(*b->items));
	b->cold -= b->head;
	b->head = 0;
	b->end = n;
	return 0;
}

int weir_spool_append(struct weir_spool *s, struct weir_spool_boot *b,
		      const struct weir_spool_item *item)
{
	int r = make_room(b);

	if (r < 0)
		return r;
	if (b->next < item->next)
		b->next = item->next;
	b->items[b->end++] = *item;
	s->records += item->next - item->first;
	return 0;
}

/* Memory goes from the oldest on; with a file the batch itself stays. */
static void fit_memory(struct weir_spool *s)
{
	struct weir_spool_boot *b = running(s);

	for (; s->memory > s->memory_max && b->cold < b->end; b->cold++) {
		struct weir_spool_item *item = &b->items[b->cold];

		if (item->segment)
			forget_memory(s, item);
		else
			drop(s, b, item, true);
	}
}

static void write_item(struct weir_spool *s, struct weir_spool_boot *b,
		       struct weir_spool_item *item)
{
	struct weir_error err;

	if (weir_segment_add(s, b, item, item->kept->bytes, &err) == 0) {
		if (s->complained)
			weir_log(WEIR_LOG_INFO, "the hub's spool can be written again", NULL);
		s->complained = false;
	} else if (!s->complained) {
		weir_log(WEIR_LOG_ERROR, "the hub's spool goes on in memory only", "error",
			 err.text, NULL);
		s->complained = true;
	}
}

void weir_spool_skip(struct weir_spool *s, uint64_t next, uint64_t records)
{
	struct weir_spool_boot *b = running(s);

	if (b->next < next)
		b->next = next;
	s->lost += records;
}

void weir_spool_add(struct weir_spool *s, struct weir_kept *k)
{
	struct weir_spool_boot *b = running(s);
	struct weir_spool_item item = { .first = k->first_seq,
					.next = k->first_seq + k->records,
					.kept = k,
					.len = (uint32_t)k->len };

	if (k->len > WEIR_LINK_BATCH_MAX || weir_spool_append(s, b, &item) < 0) {
		weir_spool_skip(s, item.next, k->records);
		return;
	}
	weir_kept_ref(k);
	s->memory += k->len;
	if (*s->path)
		write_item(s, b, &b->items[b->end - 1]);
	fit_memory(s);
}

struct weir_spool_item *weir_spool_find(struct weir_spool_boot *b, uint64_t seq)
{
	size_t low = b->head, high = b->end, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (b->items[mid].next <= seq)
			low = mid + 1;
		else
			high = mid;
	}
	while (low < b->end && !is_there(&b->items[low]))
		low++;
	return low < b->end ? &b->items[low] : NULL;
}

int weir_spool_bytes(struct weir_spool *s, struct weir_spool_item *item,
		     struct weir_kept **ret_kept, uint8_t **ret_bytes)
{
	WEIR_AUTO_FREE uint8_t *bytes = NULL;
	int r;

	if (item->kept) {
		*ret_kept = weir_kept_ref(item->kept);
		return 0;
	}
	bytes = malloc(item->len);
	if (!bytes)
		return -ENOMEM;
	r = weir_segment_read(item, bytes);
	if (r < 0) {
		weir_log(WEIR_LOG_ERROR, "a batch of the hub's spool cannot be read back", "error",
			 strerror(-r), NULL);
		s->lost += item->next - item->first;
		s->records -= item->next - item->first;
		weir_segment_drop(s, item);
		return -EIO;
	}
	*ret_kept = NULL;
	*ret_bytes = weir_take(bytes);
	return 0;
}

/* All that is below seq goes. */
static void shrink(struct weir_spool *s, struct weir_spool_boot *b, uint64_t seq, bool lost)
{
	for (; b->head < b->end && b->items[b->head].next <= seq; b->head++)
		drop(s, b, &b->items[b->head], lost);
	if (b->cold < b->head)
		b->cold = b->head;
	if (b->head == b->end)
		b->head = b->end = b->cold = 0;
}

void weir_spool_lose(struct weir_spool *s, struct weir_spool_boot *b, uint64_t seq)
{
	shrink(s, b, seq, true);
	if (b->next < seq)
		b->next = seq;
}

void weir_spool_acked(struct weir_spool *s, const char *boot, uint64_t seq)
{
	struct weir_spool_boot *b = weir_spool_boot(s, boot);

	if (!b || seq <= b->acked)
		return;
	b->acked = seq;
	shrink(s, b, seq, false);
	if (b != running(s) && !b->torn && b->acked >= b->next)
		remove_boot(s, b);
}

void weir_spool_lose_segment(struct weir_spool *s, struct weir_segment *segment)
{
	for (unsigned i = 0; i < s->n_boots; i++) {
		struct weir_spool_boot *b = &s->boots[i];

		for (size_t k = b->head; k < b->end; k++) {
			struct weir_spool_item *item = &b->items[k];

			if (item->segment != segment)
				continue;
			if (item->kept)
				weir_segment_drop(s, item);
			else
				drop(s, b, item, true);
		}
	}
}

/* --- open and close ------------------------------------------------------------------ */

int weir_spool_open(const char *boot, const char *path, uint64_t memory_max, uint64_t disk_max,
		    struct weir_spool *ret, struct weir_error *err)
{
	struct weir_spool s = { .memory_max = memory_max, .disk_max = disk_max };
	int r = 0;

	s.path = strdup(path);
	if (!s.path)
		return weir_error_errno(err, ENOMEM, "spool");
	if (*path)
		r = weir_segments_load(&s, boot, err);
	if (r < 0) {
		weir_spool_close(&s);
		return r;
	}
	weir_spool_make_boot(&s, boot);
	for (unsigned i = 0; i < s.n_boots; i++)
		s.boots[i].cold = s.boots[i].end;
	*ret = s;
	return 0;
}

void weir_spool_close(struct weir_spool *s)
{
	for (unsigned i = 0; i < s->n_boots; i++) {
		struct weir_spool_boot *b = &s->boots[i];

		for (size_t k = b->head; k < b->end; k++)
			forget_memory(s, &b->items[k]);
		free(b->items);
	}
	weir_segments_close(s);
	free(s->path);
	*s = (struct weir_spool){ .path = NULL };
}
