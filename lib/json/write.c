/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSON into a buffer that grows. A comma goes before whatever does not
 * follow a bracket, a colon or a line's end.
 */
#include "weir/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void weir_json_buffer_free(struct weir_json_buffer *b)
{
	free(b->text);
	*b = (struct weir_json_buffer){ 0 };
}

void weir_json_raw(struct weir_json *j, const char *text, size_t len)
{
	struct weir_json_buffer *b = j->b;
	size_t size = b->size ? b->size : 1024;
	char *grown;

	if (j->failed || !len)
		return;
	while (size < b->len + len + 1)
		size *= 2;
	if (size != b->size) {
		grown = realloc(b->text, size);
		if (!grown) {
			j->failed = true;
			return;
		}
		b->text = grown;
		b->size = size;
	}
	memcpy(b->text + b->len, text, len);
	b->len += len;
	b->text[b->len] = 0;
}

static void put_escaped(struct weir_json *j, unsigned char c)
{
	char text[8];
	int n;

	if (c == '"' || c == '\\')
		n = snprintf(text, sizeof(text), "\\%c", c);
	else
		n = snprintf(text, sizeof(text), "\\u%04x", c);
	weir_json_raw(j, text, (size_t)n);
}

/* Bytes of the valid UTF-8 sequence that begins here (RFC 3629), 0: none does. */
static size_t sequence(const unsigned char *s)
{
	size_t n = *s < 0x80   ? 1
		   : *s < 0xc2 ? 0
		   : *s < 0xe0 ? 2
		   : *s < 0xf0 ? 3
		   : *s < 0xf5 ? 4
			       : 0;

	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) || /* long, surrogates */
	    (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f))	  /* long, > U+10FFFF */
		return 0;
	return n;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Readers refuse a whole object for one byte that is no UTF-8: it becomes U+FFFD. */
static void put_string(struct weir_json *j, const char *s)
{
	const char *from = s;
	size_t n;

	weir_json_raw(j, "\"", 1);
	while (*s) {
		n = is_plain((unsigned char)*s) ? 1 : sequence((const unsigned char *)s);
		if (n > 1 || is_plain((unsigned char)*s)) {
			s += n;
			continue;
		}
		weir_json_raw(j, from, (size_t)(s - from));
		if (n)
			put_escaped(j, (unsigned char)*s);
		else
			weir_json_raw(j, "\xef\xbf\xbd", 3);
		from = ++s;
	}
	weir_json_raw(j, from, (size_t)(s - from));
	weir_json_raw(j, "\"", 1);
}

static void separate(struct weir_json *j)
{
	char last = j->b->len ? j->b->text[j->b->len - 1] : '\n';

	if (!strchr("{[:\n", last))
		weir_json_raw(j, ",", 1);
}

void weir_json_open(struct weir_json *j, char bracket)
{
	separate(j);
	weir_json_raw(j, &bracket, 1);
}

void weir_json_close(struct weir_json *j, char bracket)
{
	weir_json_raw(j, &bracket, 1);
}

void weir_json_key(struct weir_json *j, const char *name)
{
	separate(j);
	put_string(j, name);
	weir_json_raw(j, ":", 1);
}

void weir_json_string(struct weir_json *j, const char *s)
{
	separate(j);
	put_string(j, s);
}

void weir_json_number(struct weir_json *j, uint64_t v)
{
	char digits[24];
	size_t at = sizeof(digits);

	separate(j);
	do
		digits[--at] = (char)('0' + v % 10);
	while (v /= 10);
	weir_json_raw(j, digits + at, sizeof(digits) - at);
}

void weir_json_bool(struct weir_json *j, bool v)
{
	separate(j);
	weir_json_raw(j, v ? "true" : "false", v ? 4 : 5);
}

void weir_json_member(struct weir_json *j, const char *name, const char *value)
{
	if (!value)
		return;
	weir_json_key(j, name);
	weir_json_string(j, value);
}

void weir_json_member_number(struct weir_json *j, const char *name, uint64_t v)
{
	weir_json_key(j, name);
	weir_json_number(j, v);
}

void weir_json_member_bool(struct weir_json *j, const char *name, bool v)
{
	weir_json_key(j, name);
	weir_json_bool(j, v);
}
