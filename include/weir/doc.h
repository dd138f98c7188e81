/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * YAML (several documents a text) and JSON, as cJSON trees that remember
 * the line of each node. Scalars follow the YAML 1.2 core schema (what
 * Kubernetes means by YAML); anchors and aliases are expanded within
 * bounds. Duplicate keys are errors: nobody means them.
 */
#include <cjson/cJSON.h>
#include <stddef.h>

#include "weir/error.h"

struct weir_doc;

/* All documents of the text, in order; empty ones are left out. A text that
 * begins with '{' or '[' is read as JSON (one value), else as YAML. name is
 * for messages: "name:12: mapping values are not allowed here".
 * ret_docs: *ret_n pointers, free with weir_docs_free(). */
int weir_docs_parse(const char *text, size_t len, const char *name, struct weir_doc ***ret_docs,
		    size_t *ret_n, struct weir_error *err);
void weir_docs_free(struct weir_doc ***docs, size_t n);

const cJSON *weir_doc_root(const struct weir_doc *doc);
/* Line (from 1) where this node of the tree began; 0 when not known. */
unsigned weir_doc_line(const struct weir_doc *doc, const cJSON *node);

/* Bounds: deeper or larger input is refused with a message. */
#define WEIR_DOC_DEPTH_MAX 64
#define WEIR_DOC_NODES_MAX 4000000
