/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/kube/items.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Depth 1 is inside of the outermost object, 2 inside of the array "items". */
enum { OUTER = 1, ELEMENTS = 2 };

/* The next part of the value under way. */
static int gather(struct weir_items *s, const char *bytes, size_t len)
{
	if (s->len + len > s->max)
		return -E2BIG;
	if (s->len + len + 1 > s->size) {
		size_t size = (s->len + len + 1) * 2;
		char *buf = realloc(s->buf, size);

		if (!buf)
			return -ENOMEM;
		s->buf = buf;
		s->size = size;
	}
	memcpy(s->buf + s->len, bytes, len);
	s->len += len;
	s->buf[s->len] = 0;
	return 0;
}

static bool key_is(const struct weir_items *s, const char *key)
{
	return s->key_len == strlen(key) && memcmp(s->key, key, s->key_len) == 0;
}

static void in_string(struct weir_items *s, char c)
{
	if (s->escaped)
		s->escaped = false;
	else if (c == '\\')
		s->escaped = true;
	else if (c == '"')
		s->in_string = s->gathers_key = false;
	if (s->gathers_key && s->key_len < sizeof(s->key))
		s->key[s->key_len++] = c;
}

static void open_string(struct weir_items *s)
{
	s->in_string = true;
	/* in the outermost object each string is a key, or the value of one that
	 * is of no interest: then the next key overwrites it */
	s->gathers_key = s->depth == OUTER;
	if (s->gathers_key)
		s->key_len = 0;
}

static void open_bracket(struct weir_items *s, char c)
{
	if (s->depth == OUTER && c == '[' && key_is(s, "items"))
		s->in_items = s->has_items = true;
	s->depth++;
	if (s->start || c != '{')
		return;
	s->is_item = s->in_items && s->depth == ELEMENTS + 1;
	if (s->is_item || (s->depth == OUTER + 1 && key_is(s, "metadata")))
		s->start = s->depth;
}

/* 1: the value that is gathered ends here. */
static int close_bracket(struct weir_items *s)
{
	bool ends = s->start && s->depth == s->start;

	if (!s->depth)
		return -EBADMSG;
	s->depth--;
	if (s->depth == OUTER)
		s->in_items = false;
	s->ended = !s->depth;
	return ends;
}

static int outside_of_strings(struct weir_items *s, char c)
{
	/* only objects are items: one that is passed over would count as gone */
	if (s->in_items && s->depth == ELEMENTS && !strchr(" \t\r\n,{]", c))
		return -EBADMSG;
	switch (c) {
	case 'n': /* null */
		s->has_items |= s->depth == OUTER && key_is(s, "items");
		return 0;
	case '"':
		open_string(s);
		return 0;
	case '{':
	case '[':
		open_bracket(s, c);
		return 0;
	case '}':
	case ']':
		return close_bracket(s);
	default:
		return 0;
	}
}

/* One byte: 1 when the value that is gathered ends with it. */
static int step(struct weir_items *s, char c)
{
	if (s->in_string) {
		in_string(s, c);
		return 0;
	}
	if (!s->depth && c != '{')
		return c && strchr(" \t\r\n", c) ? 0 : -EBADMSG;
	if (s->ended)
		return -EBADMSG;
	return outside_of_strings(s, c);
}

int weir_items_feed(struct weir_items *s, const char *bytes, size_t len,
		    int (*item)(void *data, const char *text, size_t len),
		    int (*meta)(void *data, const char *text, size_t len), void *data)
{
	size_t from = 0; /* of what is gathered, in these bytes */

	for (size_t i = 0; i < len; i++) {
		bool started = s->start != 0;
		int r = step(s, bytes[i]);

		if (r < 0)
			return r;
		if (!started)
			from = i;
		if (r == 0)
			continue;
		r = gather(s, bytes + from, i + 1 - from);
		if (r == 0)
			r = (s->is_item ? item : meta)(data, s->buf, s->len);
		if (r < 0)
			return r;
		s->start = 0;
		s->len = 0;
	}
	return s->start ? gather(s, bytes + from, len - from) : 0;
}

void weir_items_clear(struct weir_items *s)
{
	free(s->buf);
	*s = (struct weir_items){ .max = s->max };
}
