/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON documents. cJSON parses and refuses; it knows no lines, so a walk over
 * the text, which is known to be JSON by then, meets the nodes in the order
 * in which they stand there.
 */
#include <errno.h>
#include <string.h>

#include "lib/doc/doc.h"

struct walk {
	const char *at;
	unsigned line;
	struct weir_doc *doc;
};

static unsigned line_of(const char *text, const char *at)
{
	unsigned line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

/* To the next character that begins a value or a key, or closes something.
 * What cJSON takes for white space is any byte up to the blank. */
static void skip_separators(struct walk *w)
{
	for (; *w->at && ((unsigned char)*w->at <= ' ' || strchr(":,", *w->at)); w->at++)
		w->line += *w->at == '\n';
}

static void skip_string(struct walk *w)
{
	for (w->at++; *w->at != '"'; w->at++)
		if (*w->at == '\\')
			w->at++;
	w->at++;
}

static void skip_literal(struct walk *w)
{
	while ((unsigned char)*w->at > ' ' && !strchr(",:]}", *w->at))
		w->at++;
}

static int walk_value(struct walk *w, const cJSON *node)
{
	const cJSON *child;
	int r;

	skip_separators(w);
	r = weir_doc_note_line(w->doc, node, w->line);
	if (r < 0)
		return r;
	if (*w->at == '"') {
		skip_string(w);
		return 0;
	}
	if (*w->at != '{' && *w->at != '[') {
		skip_literal(w);
		return 0;
	}
	w->at++;
	cJSON_ArrayForEach (child, node) {
		skip_separators(w);
		if (cJSON_IsObject(node))
			skip_string(w);
		r = walk_value(w, child);
		if (r < 0)
			return r;
	}
	skip_separators(w);
	w->at++;
	return 0;
}

/* Where cJSON gave up, with a few characters of what is there. */
static int not_valid(const char *text, size_t len, const char *at, const char *name,
		     struct weir_error *err)
{
	int shown = 0;

	while (shown < 30 && at + shown < text + len && !strchr("\r\n", at[shown]))
		shown++;
	return weir_error_set(err, EINVAL, "%s:%u: not valid JSON near \"%.*s\"", name,
			      line_of(text, at), shown, at);
}

int weir_doc_read_json(const char *text, size_t len, const char *name, struct weir_doc_list *list,
		       struct weir_error *err)
{
	struct weir_doc *doc = weir_doc_list_add(list);
	struct walk walk = {.at = text, .line = 1, .doc = doc};
	const char *end = NULL;

	if (!doc)
		return weir_error_errno(err, ENOMEM, "%s", name);
	if (memchr(text, 0, len))
		return weir_error_set(err, EINVAL, "%s: a NUL byte in the text", name);
	doc->root = cJSON_ParseWithLengthOpts(text, len, &end, 0);
	if (!doc->root)
		return not_valid(text, len, end ? end : text, name, err);
	for (; end < text + len; end++)
		if (!strchr(" \t\r\n", *end))
			return weir_error_set(err, EINVAL,
					      "%s:%u: something follows the end of the JSON value",
					      name, line_of(text, end));
	if (walk_value(&walk, doc->root) < 0)
		return weir_error_errno(err, ENOMEM, "%s", name);
	return 0;
}
