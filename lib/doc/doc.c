/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents: a cJSON tree and the line of each of its nodes. Checks what both
 * readers must refuse alike. Which documents a text consists of: docs.c.
 */
#include "lib/doc/doc.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

#define FEW_KEYS 12 /* for which to compare each with each is faster than to sort */

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
	l->entries[l->n++] = (struct weir_doc_line){ node, line };
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

void weir_doc_list_clear(struct weir_doc_list *list)
{
	weir_docs_free(&list->docs, list->n);
	*list = (struct weir_doc_list){ 0 };
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

/* Of many keys: sorted, equal ones are neighbours. */
static int find_duplicate_sorted(const cJSON *object, size_t n, const cJSON **ret)
{
	WEIR_AUTO_FREE const cJSON **children = calloc(n, sizeof(*children));
	const cJSON *child;
	size_t i = 0;

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

/* The second of two children with one key, NULL when there is none. */
static int find_duplicate(const cJSON *object, const cJSON **ret)
{
	size_t n = (size_t)cJSON_GetArraySize(object);

	if (n > FEW_KEYS)
		return find_duplicate_sorted(object, n, ret);
	for (const cJSON *a = object->child; a; a = a->next)
		for (const cJSON *b = object->child; b != a; b = b->next)
			if (strcmp(a->string, b->string) == 0)
				*ret = a;
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
	struct weir_doc_line key = { .node = node }, *found;

	if (doc->json)
		return weir_doc_json_line(doc, node);
	if (!doc->lines.n)
		return 0;
	found = bsearch(&key, doc->lines.entries, doc->lines.n, sizeof(key), compare_nodes);
	return found ? found->line : 0;
}

void weir_doc_free(struct weir_doc **doc)
{
	struct weir_doc *old = weir_take(*doc);

	if (!old)
		return;
	cJSON_Delete(old->root);
	free(old->lines.entries);
	free(old);
}

void weir_docs_free(struct weir_doc ***docs, size_t n)
{
	for (size_t i = 0; *docs && i < n; i++)
		weir_doc_free(&(*docs)[i]);
	free(weir_take(*docs));
}
