/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Reading access.yaml: what its parts share. Errors name file and line. */
#include "hub/access/internal.h"
#include "weir/doc.h"

struct weir_reading {
	const struct weir_doc *doc;
	const char *file;
	struct weir_error *err;
	struct weir_rules *rules;
	const cJSON *projects;
};

/* -EINVAL, with where at lies in the file. */
int weir_reading_wrong(const struct weir_reading *r, const cJSON *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int weir_reading_no_memory(const struct weir_reading *r);
/* Only these keys; names: ended by NULL. */
int weir_reading_keys(const struct weir_reading *r, const cJSON *object, const char *what,
		      const char *const *names);
/* A list of texts, or nothing; copies go to *ret, free with weir_texts_free(), also after an
 * error. */
int weir_reading_texts(const struct weir_reading *r, const cJSON *object, const char *key,
		       char ***ret, size_t *ret_n);
void weir_texts_free(char **texts, size_t n);

/* --- projects.c ---------------------------------------------------------------------- */

int weir_reading_projects(struct weir_reading *r, const cJSON *projects);
/* clusters x namespaces of an object; a list that is not there: all. */
int weir_reading_grants(const struct weir_reading *r, const cJSON *object,
			struct weir_scope *scope);
/* What a project, a workspace ("project/workspace") is; at: who names it. */
int weir_reading_project(const struct weir_reading *r, const cJSON *at, const char *name,
			 struct weir_scope *scope);
int weir_reading_workspace(const struct weir_reading *r, const cJSON *at, const char *name,
			   struct weir_scope *scope);
