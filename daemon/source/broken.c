/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of the API server that weir cannot use as they are now: each with its
 * error, until it is mended or gone. Its last good form stays in the cluster.
 */
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "daemon/source/kubernetes.h"
#include "weir/cleanup.h"
#include "weir/log.h"

/* Enough to see what is wrong; a broken operator may break ten thousand. */
enum { STATUS_MAX = 200 };

struct weir_broken_object {
	char *id; /* "KIND NAMESPACE/NAME", "KIND NAME": no part can contain the separators */
	char *kind, *ns, *name, *uid, *error;
	UT_hash_handle hh;
};

static char *id_of(const char *kind, const char *ns, const char *name)
{
	char *id;

	return asprintf(&id, "%s %s%s%s", kind, ns ? ns : "", ns ? "/" : "", name) < 0 ? NULL : id;
}

static void free_object(struct weir_broken_object *o)
{
	free(o->id);
	free(o->kind);
	free(o->ns);
	free(o->name);
	free(o->uid);
	free(o->error);
	free(o);
}

static struct weir_broken_object *new_object(const char *kind, const char *ns, const char *name)
{
	struct weir_broken_object *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->id = id_of(kind, ns, name);
	o->kind = strdup(kind);
	o->ns = ns ? strdup(ns) : NULL;
	o->name = strdup(name);
	if (o->id && o->kind && o->name && !ns == !o->ns)
		return o;
	free_object(o);
	return NULL;
}

static struct weir_broken_object *find(const struct weir_broken *b, const char *kind,
				       const char *ns, const char *name)
{
	WEIR_AUTO_FREE char *id = b->objects ? id_of(kind, ns, name) : NULL;
	struct weir_broken_object *o = NULL;

	if (id)
		HASH_FIND_STR(b->objects, id, o);
	return o;
}

static void drop(struct weir_broken *b, struct weir_broken_object *o)
{
	HASH_DEL(b->objects, o);
	free_object(o);
}

void weir_broken_set(struct weir_broken *b, const char *kind, const char *ns, const char *name,
		     const char *uid, const char *error)
{
	struct weir_broken_object *o = find(b, kind, ns, name);
	char *text;

	b->errors++;
	if (o && o->error && strcmp(o->error + strlen(o->id) + 2, error) == 0)
		return; /* no news */
	weir_log(WEIR_LOG_WARNING, "object refused", "kind", kind, "namespace", ns, "name", name,
		 "error", error, NULL);
	if (!o) {
		o = new_object(kind, ns, name);
		if (!o)
			return;
		HASH_ADD_KEYPTR(hh, b->objects, o->id, strlen(o->id), o);
	}
	if (asprintf(&text, "%s: %s", o->id, error) < 0)
		text = NULL;
	free(o->error);
	o->error = text;
	free(o->uid);
	o->uid = uid ? strdup(uid) : NULL;
}

void weir_broken_clear(struct weir_broken *b, const char *kind, const char *ns, const char *name)
{
	struct weir_broken_object *o = find(b, kind, ns, name);

	if (o)
		drop(b, o);
}

void weir_broken_sweep(struct weir_broken *b, const char *kind,
		       bool (*stays)(void *data, const char *ns, const char *name), void *data)
{
	struct weir_broken_object *o, *next;

	HASH_ITER (hh, b->objects, o, next) {
		if (strcmp(o->kind, kind) == 0 && !stays(data, o->ns, o->name))
			drop(b, o);
	}
}

cJSON *weir_broken_status(const struct weir_broken *b)
{
	cJSON *list = cJSON_CreateArray();
	struct weir_broken_object *o, *next;
	unsigned n = 0;

	HASH_ITER (hh, b->objects, o, next) {
		cJSON *item;

		if (n++ == STATUS_MAX)
			break;
		item = cJSON_CreateObject();
		cJSON_AddStringToObject(item, "kind", o->kind);
		if (o->ns)
			cJSON_AddStringToObject(item, "namespace", o->ns);
		cJSON_AddStringToObject(item, "name", o->name);
		if (o->uid)
			cJSON_AddStringToObject(item, "uid", o->uid);
		cJSON_AddStringToObject(item, "error", o->error ? o->error : "out of memory");
		cJSON_AddItemToArray(list, item);
	}
	return list;
}

void weir_broken_counts(const struct weir_broken *b, uint64_t *broken, uint64_t *errors)
{
	*broken = HASH_COUNT(b->objects);
	*errors = b->errors;
}

void weir_broken_free(struct weir_broken *b)
{
	struct weir_broken_object *o, *next;

	HASH_ITER (hh, b->objects, o, next)
		drop(b, o);
}
