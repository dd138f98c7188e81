/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * YAML (several documents a text) and JSON, as cJSON trees that remember
 * the line of each node. Scalars follow the YAML 1.2 core schema (what
 * Kubernetes means by YAML); anchors and aliases are expanded within
 * bounds. Duplicate keys are errors: nobody means them.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "weir/error.h"

struct weir_doc;

/* The documents of a text one after another, so that a large text never is one
 * large tree. Empty ones are left out. A document that begins with '{' or '['
 * is read as JSON, else as YAML. name is for messages:
 * "name:12: mapping values are not allowed here". Text and name are borrowed
 * until the cursor is cleared and the last document is freed.
 *
 *	weir_docs_begin(&cursor, text, len, name);
 *	while ((r = weir_docs_next(&cursor, &doc, &err)) != 0)
 *		...
 *	weir_docs_end(&cursor);
 */
struct weir_docs_cursor {
	const char *name;
	const char *at, *end; /* what has not been read yet */
	unsigned line;	      /* of at */
	bool whole;	      /* has YAML directives: not to be taken apart */
	size_t copies;	      /* nodes that aliases have made */
	struct weir_doc **ready;
	size_t n_ready, next_ready;
};
void weir_docs_begin(struct weir_docs_cursor *c, const char *text, size_t len, const char *name);
/* 1: *ret is the next document, free with weir_doc_free(). 0: there is no other.
 * -errno: this one is broken, err says where and why; the next call goes on behind it. */
int weir_docs_next(struct weir_docs_cursor *c, struct weir_doc **ret, struct weir_error *err);
void weir_docs_end(struct weir_docs_cursor *c);
void weir_doc_free(struct weir_doc **doc);

/* All documents of a text, or the first error.
 * ret_docs: *ret_n pointers, free with weir_docs_free(). */
int weir_docs_parse(const char *text, size_t len, const char *name, struct weir_doc ***ret_docs,
		    size_t *ret_n, struct weir_error *err);
void weir_docs_free(struct weir_doc ***docs, size_t n);

const cJSON *weir_doc_root(const struct weir_doc *doc);
/* Line (from 1) where this node of the tree began; 0 when not known. */
unsigned weir_doc_line(const struct weir_doc *doc, const cJSON *node);

/* Bounds: a deeper or larger document is refused with a message, and so is a
 * text whose aliases make too many nodes: they cost nothing to write. */
#define WEIR_DOC_DEPTH_MAX  64
#define WEIR_DOC_NODES_MAX  4000000
#define WEIR_DOC_COPIES_MAX 100000
