/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which manifest holds which objects. Loading a text marks what it holds and
 * sweeps what it held before; objects that have not changed are not touched.
 * Called by files.c, which knows where texts come from.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/source/manifest.h"
#include "weir/cleanup.h"

#define ERRORS_MAX 1000 /* listed for one manifest; all are counted */

static struct weir_name entry_key(const void *item)
{
	const struct weir_manifest_entry *e = item;

	return (struct weir_name){ e->name, e->namespace_, e->kind };
}

int weir_catalog_init(struct weir_catalog *c, struct weir_world *world, struct weir_error *err)
{
	*c = (struct weir_catalog){ .world = world, .entries.key = entry_key };
	if (getrandom(&c->key, sizeof(c->key), 0) != sizeof(c->key))
		return weir_error_errno(err, errno, "getrandom");
	return 0;
}

void weir_catalog_clear(struct weir_catalog *c)
{
	weir_registry_clear(&c->entries);
}

/* --- lists of words ----------------------------------------------------------- */

static void append(char ***list, size_t *n, char *text)
{
	char **longer = text ? reallocarray(*list, *n + 1, sizeof(*longer)) : NULL;

	if (!longer) {
		free(text);
		return;
	}
	*list = longer;
	longer[(*n)++] = text;
}

static void clear(char ***list, size_t *n)
{
	while (*n)
		free((*list)[--*n]);
	free(weir_take(*list));
}

static void clear_reports(struct weir_manifest *m)
{
	clear(&m->errors, &m->n_errors);
	clear(&m->ignored, &m->n_ignored);
	m->shadowed = false;
	m->unnamed = false;
}

__attribute__((format(printf, 3, 4))) static void
report(struct weir_catalog *c, struct weir_manifest *m, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	c->errors++;
	if (m->n_errors == ERRORS_MAX)
		return;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	append(&m->errors, &m->n_errors, text);
}

static void note_ignored(struct weir_manifest *m, const char *kind)
{
	for (size_t i = 0; i < m->n_ignored; i++) {
		if (!strcmp(m->ignored[i], kind))
			return;
	}
	append(&m->ignored, &m->n_ignored, strdup(kind));
}

/* --- entries ------------------------------------------------------------------ */

static void free_entry(struct weir_catalog *c, struct weir_manifest_entry *e)
{
	weir_pool_put_string(c->world->pool, e->namespace_);
	weir_pool_put_string(c->world->pool, e->name);
	free(e);
}

static void link_entry(struct weir_manifest *m, struct weir_manifest_entry *e)
{
	e->owner = m;
	e->next = m->entries;
	e->at = &m->entries;
	if (e->next)
		e->next->at = &e->next;
	m->entries = e;
	m->n_entries++;
}

static void unlink_entry(struct weir_manifest_entry *e)
{
	*e->at = e->next;
	if (e->next)
		e->next->at = e->at;
	e->owner->n_entries--;
}

/* The entry, made when there is none; NULL when memory is short. */
static struct weir_manifest_entry *entry_of(struct weir_catalog *c, struct weir_manifest *m,
					    const struct weir_kind *kind, const char *ns,
					    const char *name)
{
	struct weir_pool *pool = c->world->pool;
	struct weir_manifest_entry *e = calloc(1, sizeof(*e)), *known;
	void *old;

	if (!e)
		return NULL;
	e->kind = kind;
	e->namespace_ = ns ? weir_pool_string(pool, ns) : NULL;
	e->name = weir_pool_string(pool, name);
	known = e->name && !ns == !e->namespace_ ? weir_registry_find(&c->entries, entry_key(e))
						 : NULL;
	if (known || !e->name || !ns != !e->namespace_ ||
	    weir_registry_put(&c->entries, e, &old) < 0) {
		free_entry(c, e);
		return known;
	}
	link_entry(m, e);
	return e;
}

static void drop_entry(struct weir_catalog *c, struct weir_manifest_entry *e)
{
	if (e->fingerprint) {
		e->kind->remove(c->world, e->namespace_, e->name);
		c->changes++;
	}
	unlink_entry(e);
	weir_registry_take(&c->entries, entry_key(e));
	free_entry(c, e);
	c->freed = true;
}

/* Drops what this load has not seen. */
static void sweep(struct weir_catalog *c, struct weir_manifest *m)
{
	struct weir_manifest_entry *next;

	for (struct weir_manifest_entry *e = m->entries; e; e = next) {
		next = e->next;
		if (e->round != m->round)
			drop_entry(c, e);
	}
}

/* --- one object ---------------------------------------------------------------- */

/* Where a text and an object in it are, for messages. */
struct place {
	const struct weir_doc *doc;
	const cJSON *json;
	const struct weir_kind *kind;
	const char *namespace_, *name;
};

static const char *text_at(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

__attribute__((format(printf, 4, 5))) static void report_object(struct weir_catalog *c,
								struct weir_manifest *m,
								const struct place *p,
								const char *fmt, ...)
{
	char text[2 * WEIR_ERROR_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	report(c, m, "%s:%u: %s %s%s%s: %s", m->name, weir_doc_line(p->doc, p->json), p->kind->kind,
	       p->namespace_ ? p->namespace_ : "", p->namespace_ ? "/" : "",
	       p->name ? p->name : "(no name)", text);
}

/* false: this manifest has no say about it, which has been reported */
static bool claim(struct weir_catalog *c, struct weir_manifest *m, const struct place *p,
		  struct weir_manifest_entry *e)
{
	if (e->owner == m && e->round == m->round) {
		report_object(c, m, p, "is twice in this file; the first one counts");
		return false;
	}
	if (e->owner != m && strcmp(e->owner->name, m->name) < 0) {
		m->shadowed = true;
		report_object(c, m, p, "is also in %s, which counts", e->owner->name);
		return false;
	}
	if (e->owner != m) {
		e->owner->stale = c->stale = true;
		unlink_entry(e);
		link_entry(m, e);
	}
	e->round = m->round;
	return true;
}

static int set_object(struct weir_catalog *c, const struct place *p, const char *api,
		      struct weir_error *err)
{
	if (strcmp(p->kind->api_version, api))
		return weir_error_set(err, ENOTSUP, "apiVersion \"%s\" is not supported (want %s)",
				      api, p->kind->api_version);
	return p->kind->set(c->world, p->json, err);
}

static void load_known(struct weir_catalog *c, struct weir_manifest *m, const struct place *p,
		       const char *api)
{
	struct weir_manifest_entry *e = entry_of(c, m, p->kind, p->namespace_, p->name);
	uint64_t fingerprint = weir_fingerprint(&c->key, p->json);
	struct weir_error err = { "" };

	if (!e) {
		report_object(c, m, p, "out of memory");
		return;
	}
	if (!claim(c, m, p, e) || e->fingerprint == fingerprint)
		return;
	if (set_object(c, p, api, &err) < 0) {
		report_object(c, m, p, "%s%s", err.text,
			      e->fingerprint ? " (its last good state stays)" : "");
		return;
	}
	e->fingerprint = fingerprint;
	c->changes++;
}

static void load_object(struct weir_catalog *c, struct weir_manifest *m, const struct weir_doc *doc,
			const cJSON *json)
{
	const char *kind = text_at(json, "kind"), *api = text_at(json, "apiVersion");
	const cJSON *meta = cJSON_GetObjectItemCaseSensitive(json, "metadata");
	struct place p = { .doc = doc, .json = json, .name = text_at(meta, "name") };

	if (!kind || !api) {
		report(c, m, "%s:%u: not an object: apiVersion or kind is missing", m->name,
		       weir_doc_line(doc, json));
		m->unnamed = true;
		return;
	}
	p.kind = weir_kind_find(kind);
	if (!p.kind) {
		note_ignored(m, kind);
		return;
	}
	if (p.kind->namespaced) {
		p.namespace_ = text_at(meta, "namespace");
		if (!p.namespace_ || !*p.namespace_)
			p.namespace_ = "default";
	}
	if (!p.kind->api_version) {
		report_object(c, m, &p, "not supported by this version; it is not enforced");
	} else if (!p.name || !*p.name) {
		report_object(c, m, &p, "metadata.name is missing");
		m->unnamed = true;
	} else {
		load_known(c, m, &p, api);
	}
}

/* "kind: List" (and PodList, ...) stands for its items. */
static void load_root(struct weir_catalog *c, struct weir_manifest *m, const struct weir_doc *doc,
		      const cJSON *root)
{
	const cJSON *items = cJSON_GetObjectItemCaseSensitive(root, "items"), *item;
	const char *kind = text_at(root, "kind");
	size_t len = kind ? strlen(kind) : 0;

	if (len < 4 || strcmp(kind + len - 4, "List") || !cJSON_IsArray(items)) {
		load_object(c, m, doc, root);
		return;
	}
	cJSON_ArrayForEach (item, items)
		load_object(c, m, doc, item);
}

/* --- one text ------------------------------------------------------------------- */

/* It could be about any object: those that are missing now stay. */
static void load_unreadable(struct weir_catalog *c, struct weir_manifest *m,
			    const struct weir_error *err)
{
	report(c, m, "%s (the last good state of what is missing stays)", err->text);
	m->unnamed = true;
	m->shadowed = true;
}

void weir_catalog_load(struct weir_catalog *c, struct weir_manifest *m, const char *text,
		       size_t len)
{
	struct weir_docs_cursor cursor;
	struct weir_doc *doc = NULL;
	struct weir_error err;
	int r;

	clear_reports(m);
	m->stale = false;
	m->round++;
	pthread_mutex_lock(&c->world->lock);
	weir_docs_begin(&cursor, text, len, m->name);
	while ((r = weir_docs_next(&cursor, &doc, &err)) != 0) {
		if (r < 0)
			load_unreadable(c, m, &err);
		else
			load_root(c, m, doc, weir_doc_root(doc));
		weir_doc_free(&doc);
	}
	weir_docs_end(&cursor);
	/* A broken object without a name could be any of those that are missing:
	 * a typing error in a name must not open traffic. */
	if (!m->unnamed)
		sweep(c, m);
	pthread_mutex_unlock(&c->world->lock);
}

void weir_catalog_fail(struct weir_catalog *c, struct weir_manifest *m, const char *error)
{
	clear_reports(m);
	m->stale = false;
	/* it may be about objects that an earlier manifest owned when it was whole */
	m->shadowed = true;
	report(c, m, "%s", error);
}

void weir_catalog_unload(struct weir_catalog *c, struct weir_manifest *m)
{
	clear_reports(m);
	m->round++;
	pthread_mutex_lock(&c->world->lock);
	sweep(c, m);
	pthread_mutex_unlock(&c->world->lock);
}
