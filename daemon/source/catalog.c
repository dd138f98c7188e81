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

struct weir_manifest_entry *weir_catalog_find(const struct weir_catalog *c,
					      const struct weir_manifest_object *o)
{
	const struct weir_pool *pool = c->world->pool;
	struct weir_name key = { weir_pool_find(pool, o->name),
				 o->namespace_ ? weir_pool_find(pool, o->namespace_) : NULL,
				 o->kind };

	return key.a && !o->namespace_ == !key.b ? weir_registry_find(&c->entries, key) : NULL;
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
	/* also one that was never good: it may have been closed */
	e->kind->remove(c->world, e->namespace_, e->name);
	c->changes++;
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

/* An object, and where it stands. */
struct place {
	struct weir_catalog *catalog;
	struct weir_manifest *manifest;
	const struct weir_doc *doc;
	struct weir_manifest_object object;
};

__attribute__((format(printf, 2, 3))) static void report_object(const struct place *p,
								const char *fmt, ...)
{
	const struct weir_manifest_object *o = &p->object;
	char text[2 * WEIR_ERROR_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	report(p->catalog, p->manifest, "%s:%u: %s %s%s%s: %s", p->manifest->name,
	       weir_doc_line(p->doc, o->json), o->kind_text, o->namespace_ ? o->namespace_ : "",
	       o->namespace_ ? "/" : "", o->name ? o->name : "(no name)", text);
}

/* false: this manifest has no say about it, which has been reported */
static bool claim(const struct place *p, struct weir_manifest_entry *e)
{
	struct weir_manifest *m = p->manifest;

	if (e->owner == m && e->round == m->round) {
		report_object(p, "is twice in this file; the first one counts");
		return false;
	}
	if (e->owner != m && strcmp(e->owner->name, m->name) < 0) {
		m->shadowed = true;
		report_object(p, "is also in %s, which counts", e->owner->name);
		return false;
	}
	if (e->owner != m) {
		e->owner->stale = p->catalog->stale = true;
		unlink_entry(e);
		link_entry(m, e);
	}
	e->round = m->round;
	return true;
}

static int set_object(const struct place *p, struct weir_error *err)
{
	const struct weir_manifest_object *o = &p->object;

	if (o->misspelt)
		return weir_error_set(err, EINVAL,
				      "kind \"%.60s\" is not known: did you mean \"%s\"?",
				      o->kind_text, o->kind->kind);
	if (strcmp(o->kind->api_version, o->api))
		return weir_error_set(err, ENOTSUP,
				      "apiVersion \"%.100s\" is not supported (want %s)", o->api,
				      o->kind->api_version);
	return o->kind->set(p->catalog->world, o->json, err);
}

static void load_known(const struct place *p)
{
	const struct weir_manifest_object *o = &p->object;
	struct weir_catalog *c = p->catalog;
	struct weir_manifest_entry *e = entry_of(c, p->manifest, o->kind, o->namespace_, o->name);
	uint64_t fingerprint = weir_fingerprint(&c->key, o->json);
	struct weir_error err = { "" };

	if (!e) {
		report_object(p, "out of memory");
		return;
	}
	if (!claim(p, e) || e->fingerprint == fingerprint)
		return;
	c->changes++;
	if (set_object(p, &err) < 0) {
		report_object(p, "%s%s", err.text,
			      e->fingerprint ? " (its last good state stays)" : "");
		return;
	}
	e->fingerprint = fingerprint;
}

static void load_object(void *data, const cJSON *json)
{
	struct place *p = data;
	struct weir_manifest_object *o = &p->object;

	weir_manifest_object_read(json, o);
	if (!o->kind_text || !o->api) {
		report(p->catalog, p->manifest,
		       "%s:%u: not an object: apiVersion or kind is missing", p->manifest->name,
		       weir_doc_line(p->doc, json));
		p->manifest->unnamed = true;
	} else if (!o->kind) {
		note_ignored(p->manifest, o->kind_text);
	} else if (!o->name || !*o->name) {
		report_object(p, "metadata.name is missing");
		p->manifest->unnamed = true;
	} else {
		load_known(p);
	}
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
	struct place place = { .catalog = c, .manifest = m };
	int r;

	clear_reports(m);
	m->stale = false;
	m->round++;
	weir_world_lock_to_change(c->world);
	weir_docs_begin(&cursor, text, len, m->name);
	while ((r = weir_docs_next(&cursor, &doc, &err)) != 0) {
		place.doc = doc;
		if (r < 0)
			load_unreadable(c, m, &err);
		else
			weir_manifest_each_object(weir_doc_root(doc), load_object, &place);
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
	weir_world_lock_to_change(c->world);
	sweep(c, m);
	pthread_mutex_unlock(&c->world->lock);
}
