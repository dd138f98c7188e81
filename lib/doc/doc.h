/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the two readers of documents (YAML, JSON) share. */
#include "weir/doc.h"

struct weir_doc_lines {
	struct weir_doc_line {
		const cJSON *node;
		unsigned line;
	} * entries;
	size_t n, size;
};

struct weir_doc {
	cJSON *root;
	struct weir_doc_lines lines; /* sorted by node when the document is done */
};

/* A list of documents that grows. */
struct weir_doc_list {
	struct weir_doc **docs;
	size_t n, size;
};

int weir_doc_note_line(struct weir_doc *doc, const cJSON *node, unsigned line);
struct weir_doc *weir_doc_list_add(struct weir_doc_list *list); /* NULL: no memory */
/* Depth and duplicate keys; sorts the lines. name is for the message. */
int weir_doc_finish(struct weir_doc *doc, const char *name, struct weir_error *err);

int weir_doc_read_yaml(const char *text, size_t len, const char *name, struct weir_doc_list *list,
		       struct weir_error *err);
int weir_doc_read_json(const char *text, size_t len, const char *name, struct weir_doc_list *list,
		       struct weir_error *err);
