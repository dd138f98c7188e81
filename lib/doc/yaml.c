/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML documents: libyaml's events become a cJSON tree. Plain scalars follow
 * the YAML 1.2 core schema, section 10.3.2. Aliases are copies, bounded by
 * the count of nodes, so that a small text cannot become a large tree.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "lib/doc/doc.h"
#include "weir/cleanup.h"

struct anchor {
	char *name;
	cJSON *node;
};

struct reader {
	yaml_parser_t parser;
	const struct weir_doc_part *part;
	struct weir_doc_list *list;
	struct weir_doc *doc;
	cJSON *open[WEIR_DOC_DEPTH_MAX + 1]; /* containers that are not closed yet */
	unsigned depth;
	char *key; /* of the mapping entry whose value comes next */
	struct anchor *anchors;
	size_t n_anchors;
	size_t nodes;	/* of this document */
	size_t *copies; /* that aliases have made, in the whole text */
	struct weir_error *err;
};

static unsigned line_of(const struct reader *r, const yaml_event_t *event)
{
	return (unsigned)event->start_mark.line + r->part->line;
}

static int fail(struct reader *r, const yaml_event_t *event, const char *what)
{
	return weir_error_set(r->err, EINVAL, "%s:%u: %s", r->part->name, line_of(r, event), what);
}

static int no_memory(struct reader *r)
{
	return weir_error_errno(r->err, ENOMEM, "%s", r->part->name);
}

/* --- scalars ---------------------------------------------------------------- */

static bool is_one_of(const char *s, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(s, *words) == 0)
			return true;
	return false;
}

/* [-+]? ( digits [. digits] | . digits ) ( [eE] [-+]? digits )? */
static bool is_decimal(const char *s)
{
	size_t whole, part = 0;

	s += *s == '-' || *s == '+';
	whole = strspn(s, "0123456789");
	s += whole;
	if (*s == '.') {
		part = strspn(s + 1, "0123456789");
		s += part + 1;
	}
	if (!whole && !part)
		return false;
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		whole = strspn(s, "0123456789");
		if (!whole)
			return false;
		s += whole;
	}
	return !*s;
}

static bool is_based(const char *s, const char *prefix, const char *digits)
{
	return strncmp(s, prefix, 2) == 0 && s[2] && !s[2 + strspn(s + 2, digits)];
}

static cJSON *plain_scalar(const char *s)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const trues[] = { "true", "True", "TRUE", NULL };
	static const char *const falses[] = { "false", "False", "FALSE", NULL };

	if (is_one_of(s, nulls))
		return cJSON_CreateNull();
	if (is_one_of(s, trues))
		return cJSON_CreateTrue();
	if (is_one_of(s, falses))
		return cJSON_CreateFalse();
	if (is_decimal(s))
		return cJSON_CreateNumber(strtod(s, NULL));
	if (is_based(s, "0x", "0123456789abcdefABCDEF"))
		return cJSON_CreateNumber((double)strtoull(s + 2, NULL, 16));
	if (is_based(s, "0o", "01234567"))
		return cJSON_CreateNumber((double)strtoull(s + 2, NULL, 8));
	return cJSON_CreateString(s);
}

static cJSON *scalar(const yaml_event_t *event)
{
	const char *s = (const char *)event->data.scalar.value;
	const char *tag = (const char *)event->data.scalar.tag;
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	if (tag && strcmp(tag, YAML_STR_TAG) == 0)
		plain = false;
	return plain ? plain_scalar(s) : cJSON_CreateString(s);
}

/* --- the tree ------------------------------------------------------------------ */

static size_t count_nodes(const cJSON *node)
{
	const cJSON *child;
	size_t n = 1;

	cJSON_ArrayForEach (child, node)
		n += count_nodes(child);
	return n;
}

/* Put a finished or just opened node to where it belongs; takes it. */
static int place(struct reader *r, const yaml_event_t *event, cJSON *node)
{
	cJSON *parent = r->depth ? r->open[r->depth - 1] : NULL;

	if (!node)
		return no_memory(r);
	if (parent && cJSON_IsObject(parent)) {
		cJSON_AddItemToObject(parent, r->key, node);
		free(r->key);
		r->key = NULL;
	} else if (parent) {
		cJSON_AddItemToArray(parent, node);
	} else {
		r->doc->root = node;
	}
	if (++r->nodes > WEIR_DOC_NODES_MAX)
		return fail(r, event, "too many nodes in one document: split it");
	return weir_doc_note_line(r->doc, node, line_of(r, event)) < 0 ? no_memory(r) : 0;
}

static int remember_anchor(struct reader *r, const yaml_char_t *name, cJSON *node)
{
	struct anchor *grown;

	if (!name)
		return 0;
	grown = realloc(r->anchors, (r->n_anchors + 1) * sizeof(*grown));
	if (!grown)
		return no_memory(r);
	r->anchors = grown;
	r->anchors[r->n_anchors].name = strdup((const char *)name);
	if (!r->anchors[r->n_anchors].name)
		return no_memory(r);
	r->anchors[r->n_anchors++].node = node;
	return 0;
}

static bool is_open(const struct reader *r, const cJSON *node)
{
	for (unsigned i = 0; i < r->depth; i++)
		if (r->open[i] == node)
			return true;
	return false;
}

static bool wants_key(const struct reader *r)
{
	return r->depth && cJSON_IsObject(r->open[r->depth - 1]) && !r->key;
}

static int on_alias(struct reader *r, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;

	if (wants_key(r))
		return fail(r, event, "an alias cannot be a key here");
	for (size_t i = r->n_anchors; i-- > 0;) {
		cJSON *node = r->anchors[i].node;

		if (strcmp(r->anchors[i].name, name) != 0)
			continue;
		if (is_open(r, node))
			return fail(r, event, "an alias within what it names");
		*r->copies += count_nodes(node);
		if (*r->copies > WEIR_DOC_COPIES_MAX)
			return fail(r, event, "aliases grow to too many nodes");
		return place(r, event, cJSON_Duplicate(node, 1));
	}
	return fail(r, event, "an alias to an anchor that does not exist");
}

static int on_scalar(struct reader *r, const yaml_event_t *event)
{
	cJSON *node;
	int ret;

	if (strlen((const char *)event->data.scalar.value) != event->data.scalar.length)
		return fail(r, event, "a NUL character in a value");
	if (wants_key(r)) {
		r->key = strdup((const char *)event->data.scalar.value);
		return r->key ? 0 : no_memory(r);
	}
	node = scalar(event);
	ret = place(r, event, node);
	return ret < 0 ? ret : remember_anchor(r, event->data.scalar.anchor, node);
}

static int on_start(struct reader *r, const yaml_event_t *event, cJSON *node,
		    const yaml_char_t *anchor)
{
	int ret;

	if (wants_key(r)) {
		cJSON_Delete(node);
		return fail(r, event, "a mapping or list cannot be a key");
	}
	if (r->depth == WEIR_DOC_DEPTH_MAX) {
		cJSON_Delete(node);
		return fail(r, event, "nested too deep");
	}
	ret = place(r, event, node);
	if (ret < 0)
		return ret;
	r->open[r->depth++] = node;
	return remember_anchor(r, anchor, node);
}

static void forget_anchors(struct reader *r)
{
	for (size_t i = 0; i < r->n_anchors; i++)
		free(r->anchors[i].name);
	free(r->anchors);
	r->anchors = NULL;
	r->n_anchors = 0;
}

/* A document without content ("---" and nothing) is left out. */
static void end_document(struct reader *r)
{
	const cJSON *root = r->doc->root;

	if (!root || cJSON_IsNull(root)) {
		cJSON_Delete(r->doc->root);
		free(r->doc->lines.entries);
		free(r->doc);
		r->list->n--;
	}
	r->doc = NULL;
	r->nodes = 0;
	forget_anchors(r);
}

static int on_event(struct reader *r, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		r->doc = weir_doc_list_add(r->list);
		return r->doc ? 0 : no_memory(r);
	case YAML_DOCUMENT_END_EVENT:
		end_document(r);
		return 0;
	case YAML_ALIAS_EVENT:
		return on_alias(r, event);
	case YAML_SCALAR_EVENT:
		return on_scalar(r, event);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(r, event, cJSON_CreateArray(), event->data.sequence_start.anchor);
	case YAML_MAPPING_START_EVENT:
		return on_start(r, event, cJSON_CreateObject(), event->data.mapping_start.anchor);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		r->depth--;
		return 0;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
		return 0;
	}
	return 0;
}

static int parse_failed(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;

	return weir_error_set(r->err, EINVAL, "%s:%zu: %s%s%s", r->part->name,
			      p->problem_mark.line + r->part->line,
			      p->problem ? p->problem : "not valid YAML", p->context ? " " : "",
			      p->context ? p->context : "");
}

static int read_events(struct reader *r)
{
	yaml_event_type_t type;

	do {
		yaml_event_t event;
		int ret;

		if (!yaml_parser_parse(&r->parser, &event))
			return parse_failed(r);
		type = event.type;
		ret = on_event(r, &event);
		yaml_event_delete(&event);
		if (ret < 0)
			return ret;
	} while (type != YAML_STREAM_END_EVENT);
	return 0;
}

int weir_doc_read_yaml(const struct weir_doc_part *part, size_t *copies, struct weir_doc_list *list,
		       struct weir_error *err)
{
	struct reader r = { .part = part, .list = list, .copies = copies, .err = err };
	int ret;

	if (!yaml_parser_initialize(&r.parser))
		return no_memory(&r);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)part->text, part->len);
	ret = read_events(&r);
	forget_anchors(&r);
	free(r.key);
	yaml_parser_delete(&r.parser);
	return ret;
}
