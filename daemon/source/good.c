/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The good part of a manifest that is broken in places: of each object the
 * form that is in the cluster, from the text as it is now or, where that is
 * broken, from the text that was kept before. Called by files.c, which keeps it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/source/manifest.h"
#include "weir/cleanup.h"

struct collect {
	struct weir_catalog *catalog;
	struct weir_manifest *manifest;
	FILE *out;
};

static void collect_object(void *data, const cJSON *json)
{
	struct collect *w = data;
	struct weir_manifest_object o;
	struct weir_manifest_entry *e;
	WEIR_AUTO_FREE char *text = NULL;

	weir_manifest_object_read(json, &o);
	if (!o.kind || o.misspelt || !o.name)
		return;
	e = weir_catalog_find(w->catalog, &o);
	if (!e || e->owner != w->manifest || e->kept == w->manifest->round ||
	    e->fingerprint != weir_fingerprint(&w->catalog->key, json))
		return;
	text = cJSON_PrintUnformatted(json);
	if (text && fprintf(w->out, "---\n%s\n", text) > 0)
		e->kept = w->manifest->round;
}

static void collect_text(struct collect *w, const char *text, size_t len)
{
	struct weir_docs_cursor cursor;
	struct weir_doc *doc = NULL;
	int r;

	weir_docs_begin(&cursor, text, len, w->manifest->name);
	while ((r = weir_docs_next(&cursor, &doc, NULL)) != 0) {
		if (r > 0)
			weir_manifest_each_object(weir_doc_root(doc), collect_object, w);
		weir_doc_free(&doc);
	}
	weir_docs_end(&cursor);
}

int weir_catalog_good(struct weir_catalog *c, struct weir_manifest *m, const char *now,
		      size_t now_len, const char *before, size_t before_len, char **ret,
		      size_t *ret_len)
{
	char *text = NULL;
	struct collect w = { .catalog = c, .manifest = m, .out = open_memstream(&text, ret_len) };

	if (!w.out)
		return -errno;
	collect_text(&w, now, now_len);
	collect_text(&w, before, before_len);
	if (fclose(w.out) != 0) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}
