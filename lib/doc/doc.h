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
	struct weir_doc_lines lines; /* of YAML; sorted by node when the document is done */
	const char *json;	     /* of JSON: its text, in which lines are looked up */
	unsigned first_line;	     /* of json */
};

/* A list of documents that grows. */
struct weir_doc_list {
	struct weir_doc **docs;
	size_t n, size;
};

/* A part of a text that can be read by itself. */
struct weir_doc_part {
	const char *name;
	const char *text;
	size_t len;
	unsigned line; /* of text in the whole */
};

int weir_doc_note_line(struct weir_doc *doc, const cJSON *node, unsigned line);
struct weir_doc *weir_doc_list_add(struct weir_doc_list *list); /* NULL: no memory */
void weir_doc_list_clear(struct weir_doc_list *list);
/* Depth and duplicate keys; sorts the lines. name is for the message. */
int weir_doc_finish(struct weir_doc *doc, const char *name, struct weir_error *err);

/* copies counts nodes made by aliases, over all parts of a text */
int weir_doc_read_yaml(const struct weir_doc_part *part, size_t *copies, struct weir_doc_list *list,
		       struct weir_error *err);
int weir_doc_read_json(const struct weir_doc_part *part, struct weir_doc_list *list,
		       struct weir_error *err);
/* 0 when the node is not there */
unsigned weir_doc_json_line(const struct weir_doc *doc, const cJSON *node);
