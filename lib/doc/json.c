/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON documents. cJSON parses and refuses; it knows no lines, so when one is
 * asked for, a walk over the text, which is known to be JSON by then, meets the
 * nodes in the order in which they stand there.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lib/doc/doc.h"

struct walk {
	const char *at;
	unsigned line;
	const cJSON *wanted;
};

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

/* true: the wanted node begins here */
static bool walk_value(struct walk *w, const cJSON *node)
{
	const cJSON *child;

	skip_separators(w);
	if (node == w->wanted)
		return true;
	if (*w->at == '"') {
		skip_string(w);
		return false;
	}
	if (*w->at != '{' && *w->at != '[') {
		skip_literal(w);
		return false;
	}
	w->at++;
	cJSON_ArrayForEach (child, node) {
		skip_separators(w);
		if (cJSON_IsObject(node))
			skip_string(w);
		if (walk_value(w, child))
			return true;
	}
	skip_separators(w);
	w->at++;
	return false;
}

unsigned weir_doc_json_line(const struct weir_doc *doc, const cJSON *node)
{
	struct walk walk = { .at = doc->json, .line = doc->first_line, .wanted = node };

	return walk_value(&walk, doc->root) ? walk.line : 0;
}

static unsigned line_of(const struct weir_doc_part *part, const char *at)
{
	unsigned line = part->line;

	for (const char *text = part->text; text < at; text++)
		line += *text == '\n';
	return line;
}

/* Where cJSON gave up, with a few characters of what is there. */
static int not_valid(const struct weir_doc_part *part, const char *at, struct weir_error *err)
{
	int shown = 0;

	while (shown < 30 && at + shown < part->text + part->len && !strchr("\r\n", at[shown]))
		shown++;
	return weir_error_set(err, EINVAL, "%s:%u: not valid JSON near \"%.*s\"", part->name,
			      line_of(part, at), shown, at);
}

int weir_doc_read_json(const struct weir_doc_part *part, struct weir_doc_list *list,
		       struct weir_error *err)
{
	const char *end = NULL, *stop = part->text + part->len;
	struct weir_doc *doc;

	if (memchr(part->text, 0, part->len))
		return weir_error_set(err, EINVAL, "%s: a NUL byte in the text", part->name);
	doc = weir_doc_list_add(list);
	if (!doc)
		return weir_error_errno(err, ENOMEM, "%s", part->name);
	doc->json = part->text;
	doc->first_line = part->line;
	doc->root = cJSON_ParseWithLengthOpts(part->text, part->len, &end, 0);
	if (!doc->root)
		return not_valid(part, end ? end : part->text, err);
	for (; end < stop; end++)
		if (!strchr(" \t\r\n", *end))
			return weir_error_set(err, EINVAL,
					      "%s:%u: something follows the end of the JSON value",
					      part->name, line_of(part, end));
	return 0;
}
