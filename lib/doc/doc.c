/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents: a cJSON tree and the line of each of its nodes. Chooses the
 * reader, and checks what both readers must refuse alike.
 */
#include "lib/doc/doc.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

int weir_doc_note_line(struct weir_doc *doc, const cJSON *node, unsigned line)
{
	struct weir_doc_lines *l = &doc->lines;

	if (l->n == l->size) {
		size_t size = l->size ? l->size * 2 : 32;
		void *entries = realloc(l->entries, size * sizeof(l->entries[0]));

		if (!entries)
			return -ENOMEM;
		l->entries = entries;
		l->size = size;
	}
	l->entries[l->n++] = (struct weir_doc_line){node, line};
	return 0;
}

struct weir_doc *weir_doc_list_add(struct weir_doc_list *list)
{
	struct weir_doc *doc;

	if (list->n == list->size) {
		size_t size = list->size ? list->size * 2 : 8;
		void *docs = realloc(list->docs, size * sizeof(list->docs[0]));

		if (!docs)
			return NULL;
		list->docs = docs;
		list->size = size;
	}
	doc = calloc(1, sizeof(*doc));
	if (doc)
		list->docs[list->n++] = doc;
	return doc;
}

static int compare_nodes(const void *a, const void *b)
{
	const struct weir_doc_line *x = a, *y = b;

	return x->node < y->node ? -1 : x->node > y->node;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp((*(cJSON *const *)a)->string, (*(cJSON *const *)b)->string);
}

/* The second of two children with one key, NULL when there is none. */
static int find_duplicate(const cJSON *object, const cJSON **ret)
{
	size_t n = (size_t)cJSON_GetArraySize(object), i = 0;
	WEIR_AUTO_FREE const cJSON **children = NULL;
	const cJSON *child;

	*ret = NULL;
	if (n < 2)
		return 0;
	children = calloc(n, sizeof(*children));
	if (!children)
		return -ENOMEM;
	cJSON_ArrayForEach (child, object)
		children[i++] = child;
	qsort(children, n, sizeof(*children), compare_keys);
	for (i = 1; i < n; i++)
		if (strcmp(children[i - 1]->string, children[i]->string) == 0)
			*ret = children[i];
	return 0;
}

static int check_node(const struct weir_doc *doc, const cJSON *node, unsigned depth,
		      const char *name, struct weir_error *err)
{
	const cJSON *child, *twice = NULL;

	if (depth > WEIR_DOC_DEPTH_MAX)
		return weir_error_set(err, EINVAL, "%s:%u: nested deeper than %d levels", name,
				      weir_doc_line(doc, node), WEIR_DOC_DEPTH_MAX);
	if (cJSON_IsObject(node) && find_duplicate(node, &twice) < 0)
		return weir_error_errno(err, ENOMEM, "%s", name);
	if (twice)
		return weir_error_set(err, EINVAL,
				      "%s:%u: the key \"%.100s\" is there twice: keep one", name,
				      weir_doc_line(doc, twice), twice->string);
	cJSON_ArrayForEach (child, node) {
		int r = check_node(doc, child, depth + 1, name, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int weir_doc_finish(struct weir_doc *doc, const char *name, struct weir_error *err)
{
	if (doc->lines.n)
		qsort(doc->lines.entries, doc->lines.n, sizeof(doc->lines.entries[0]),
		      compare_nodes);
	return check_node(doc, doc->root, 1, name, err);
}

const cJSON *weir_doc_root(const struct weir_doc *doc)
{
	return doc->root;
}

unsigned weir_doc_line(const struct weir_doc *doc, const cJSON *node)
{
	struct weir_doc_line key = {.node = node}, *found;

	if (!doc->lines.n)
		return 0;
	found = bsearch(&key, doc->lines.entries, doc->lines.n, sizeof(key), compare_nodes);
	return found ? found->line : 0;
}

static void doc_free(struct weir_doc *doc)
{
	cJSON_Delete(doc->root);
	free(doc->lines.entries);
	free(doc);
}

void weir_docs_free(struct weir_doc ***docs, size_t n)
{
	for (size_t i = 0; *docs && i < n; i++)
		doc_free((*docs)[i]);
	free(*docs);
	*docs = NULL;
}

static int first_character(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!strchr(" \t\r\n", text[i]) || !text[i])
			return text[i];
	return 0;
}

/* One JSON value. JSON documents behind each other, with "---" between them,
 * are YAML; no string of JSON has a line break, so this finds no other. */
static bool is_json(const char *text, size_t len)
{
	int first = first_character(text, len);

	return (first == '{' || first == '[') && !memmem(text, len, "\n---", 4);
}

int weir_docs_parse(const char *text, size_t len, const char *name, struct weir_doc ***ret_docs,
		    size_t *ret_n, struct weir_error *err)
{
	struct weir_doc_list list = {0};
	int r;

	if (is_json(text, len))
		r = weir_doc_read_json(text, len, name, &list, err);
	else
		r = weir_doc_read_yaml(text, len, name, &list, err);
	for (size_t i = 0; r == 0 && i < list.n; i++)
		r = weir_doc_finish(list.docs[i], name, err);
	if (r < 0) {
		weir_docs_free(&list.docs, list.n);
		return r;
	}
	*ret_docs = list.docs;
	*ret_n = list.n;
	return 0;
}
