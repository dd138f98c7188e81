/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which documents a text consists of. A line that begins with "---" always
 * begins a document (YAML 1.2, 9.1.2: it cannot be inside of a scalar), so the
 * text is taken apart there before anything is parsed: one document is in
 * memory at a time, a broken one leaves the others whole, and JSON among YAML
 * is read by the faster reader.
 */
#include <errno.h>
#include <string.h>

#include "lib/doc/doc.h"
#include "weir/cleanup.h"

#define MARKER "---"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_marker(const char *at, const char *end)
{
	size_t len = sizeof(MARKER) - 1;

	return (size_t)(end - at) >= len && memcmp(at, MARKER, len) == 0 &&
	       (at + len == end || is_blank(at[len]));
}

/* Where the next line begins, or end. */
static const char *next_line(const char *at, const char *end)
{
	const char *newline = memchr(at, '\n', (size_t)(end - at));

	return newline ? newline + 1 : end;
}

static bool has_directives(const char *text, const char *end)
{
	for (; text < end; text = next_line(text, end))
		if (*text == '%')
			return true;
	return false;
}

void weir_docs_begin(struct weir_docs_cursor *c, const char *text, size_t len, const char *name)
{
	*c = (struct weir_docs_cursor){
		.name = name,
		.at = text,
		.end = len ? text + len : text, /* NULL for an empty one */
		.line = 1,
		.whole = len && has_directives(text, text + len),
	};
}

/* From one marker to the next. */
static struct weir_doc_part cut(struct weir_docs_cursor *c)
{
	struct weir_doc_part part = { .name = c->name, .text = c->at, .line = c->line };
	const char *at = c->at;

	do {
		at = next_line(at, c->end);
		c->line++;
	} while (at < c->end && (c->whole || !is_marker(at, c->end)));
	part.len = (size_t)(at - c->at);
	c->at = at;
	return part;
}

/* What is left of the part when it can only be JSON; false: it is YAML. */
static bool as_json(const struct weir_doc_part *part, struct weir_doc_part *ret)
{
	const char *at = part->text, *end = at + part->len;

	*ret = *part;
	if (is_marker(at, end))
		at += sizeof(MARKER) - 1;
	for (; at < end && is_blank(*at); at++)
		ret->line += *at == '\n';
	ret->text = at;
	ret->len = (size_t)(end - at);
	return at < end && (*at == '{' || *at == '[');
}

/* In JSON a key is quoted; {apiVersion: v1} is YAML. */
static bool has_bare_key(const struct weir_doc_part *part)
{
	const char *at = part->text + 1, *end = part->text + part->len;

	while (at < end && is_blank(*at))
		at++;
	return *part->text == '{' && at < end && *at != '"' && *at != '}';
}

/* A text of one part that begins like JSON is meant to be JSON, and half of it is
 * not to be taken for something else; among others it may be YAML in its flow style. */
static int read_part(struct weir_docs_cursor *c, const struct weir_doc_part *part, bool only,
		     struct weir_doc_list *list, struct weir_error *err)
{
	struct weir_doc_part json;
	int r;

	if (!as_json(part, &json) || has_bare_key(&json))
		return weir_doc_read_yaml(part, &c->copies, list, err);
	r = weir_doc_read_json(&json, list, err);
	if (r == 0 || only)
		return r;
	weir_doc_list_clear(list);
	return weir_doc_read_yaml(part, &c->copies, list, err);
}

static int read_next(struct weir_docs_cursor *c, struct weir_error *err)
{
	bool first = c->line == 1;
	struct weir_doc_part part = cut(c);
	struct weir_doc_list list = { 0 };
	int r = read_part(c, &part, first && c->at == c->end, &list, err);

	for (size_t i = 0; r == 0 && i < list.n; i++)
		r = weir_doc_finish(list.docs[i], c->name, err);
	if (r < 0) {
		weir_doc_list_clear(&list);
		return r;
	}
	weir_docs_free(&c->ready, 0);
	c->ready = list.docs;
	c->n_ready = list.n;
	c->next_ready = 0;
	return 0;
}

int weir_docs_next(struct weir_docs_cursor *c, struct weir_doc **ret, struct weir_error *err)
{
	while (c->next_ready == c->n_ready) {
		int r;

		if (c->at == c->end)
			return 0;
		r = read_next(c, err);
		if (r < 0)
			return r;
	}
	*ret = weir_take(c->ready[c->next_ready]);
	c->next_ready++;
	return 1;
}

void weir_docs_end(struct weir_docs_cursor *c)
{
	weir_docs_free(&c->ready, c->n_ready);
	*c = (struct weir_docs_cursor){ 0 };
}

static int keep(struct weir_doc_list *list, struct weir_doc *doc)
{
	struct weir_doc *kept = weir_doc_list_add(list);

	if (!kept)
		return -ENOMEM;
	weir_doc_free(&list->docs[list->n - 1]);
	list->docs[list->n - 1] = doc;
	return 0;
}

int weir_docs_parse(const char *text, size_t len, const char *name, struct weir_doc ***ret_docs,
		    size_t *ret_n, struct weir_error *err)
{
	struct weir_docs_cursor cursor;
	struct weir_doc_list list = { 0 };
	struct weir_doc *doc;
	int r;

	weir_docs_begin(&cursor, text, len, name);
	while ((r = weir_docs_next(&cursor, &doc, err)) > 0) {
		if (keep(&list, doc) < 0) {
			weir_doc_free(&doc);
			r = weir_error_errno(err, ENOMEM, "%s", name);
			break;
		}
	}
	weir_docs_end(&cursor);
	if (r < 0) {
		weir_doc_list_clear(&list);
		return r;
	}
	*ret_docs = list.docs;
	*ret_n = list.n;
	return 0;
}
