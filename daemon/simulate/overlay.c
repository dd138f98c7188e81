/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policies that the question brings, put into the child's cluster in place
 * of those of the same name. A staged one counts as enforced: that it changes
 * nothing needs no asking.
 */
#include <errno.h>
#include <string.h>

#include "daemon/query/query.h"
#include "daemon/simulate/simulate.h"
#include "daemon/source/manifest.h"
#include "weir/cleanup.h"

#define MODE "weir.dev/mode"

struct overlay {
	struct weir_world *world;
	const char *file;
	cJSON *set, *removed, *ignored;
	struct weir_error *err;
	int r; /* of the first that failed */
};

/* --- what is put in ------------------------------------------------------------------ */

static void note_ignored(struct overlay *o, const char *kind)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, o->ignored) {
		if (!strcmp(item->valuestring, kind))
			return;
	}
	cJSON_AddItemToArray(o->ignored, cJSON_CreateString(kind));
}

static void append(cJSON *array, const struct weir_manifest_object *object, const char *change)
{
	cJSON *ref = cJSON_CreateObject();

	cJSON_AddStringToObject(ref, "kind", object->kind->kind);
	weir_query_add_text(ref, "namespace", object->namespace_);
	cJSON_AddStringToObject(ref, "name", object->name);
	if (change)
		cJSON_AddStringToObject(ref, "change", change);
	cJSON_AddItemToArray(array, ref);
}

static const struct weir_policy *find(const struct overlay *o,
				      const struct weir_manifest_object *object)
{
	return weir_cluster_policy(o->world->cluster, object->kind->kind, object->namespace_,
				   object->name);
}

static int refuse(const struct overlay *o, const struct weir_manifest_object *object, int r)
{
	return weir_error_prefix(o->err, r, "%s: %s %s%s%s", o->file,
				 object->kind ? object->kind->kind : object->kind_text ?: "object",
				 object->namespace_ ?: "", object->namespace_ ? "/" : "",
				 object->name ?: "without metadata.name");
}

static int check(const struct overlay *o, const struct weir_manifest_object *object)
{
	int r = 0;

	if (!object->name)
		r = weir_error_set(o->err, EINVAL, "metadata.name is missing");
	else if (object->misspelt)
		r = weir_error_set(o->err, EINVAL, "kind is \"%s\": %s is meant", object->kind_text,
				   object->kind->kind);
	else if (strcmp(object->api, object->kind->api_version) != 0)
		r = weir_error_set(o->err, EINVAL, "apiVersion is \"%s\": want %s", object->api,
				   object->kind->api_version);
	return r < 0 ? refuse(o, object, r) : 0;
}

static int set(struct overlay *o, const struct weir_manifest_object *object)
{
	const struct weir_policy *before = find(o, object);
	cJSON *copy = cJSON_Duplicate(object->json, true);
	cJSON *annotations = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(copy, "metadata"), "annotations");
	int r;

	cJSON_DeleteItemFromObjectCaseSensitive(annotations, MODE);
	r = copy ? object->kind->set(o->world, copy, o->err)
		 : weir_error_set(o->err, ENOMEM, "out of memory");
	cJSON_Delete(copy);
	if (r < 0)
		return refuse(o, object, r);
	append(o->set, object,
	       !before			   ? "added"
	       : before == find(o, object) ? "unchanged"
					   : "changed");
	return 0;
}

static void take(void *data, const cJSON *json)
{
	struct overlay *o = data;
	struct weir_manifest_object object;

	if (o->r < 0)
		return;
	weir_manifest_object_read(json, &object);
	if (!object.kind_text || !object.api)
		o->r = refuse(o, &object,
			      weir_error_set(o->err, EINVAL, "apiVersion or kind is missing"));
	else if (!object.kind || !object.kind->policy)
		note_ignored(o, object.kind_text);
	else
		o->r = check(o, &object) ?: set(o, &object);
}

static int take_text(struct overlay *o, const char *text)
{
	struct weir_docs_cursor cursor;
	struct weir_doc *doc;
	int r;

	weir_docs_begin(&cursor, text, strlen(text), o->file);
	while ((r = weir_docs_next(&cursor, &doc, o->err)) > 0 && o->r == 0) {
		weir_manifest_each_object(weir_doc_root(doc), take, o);
		weir_doc_free(&doc);
	}
	weir_docs_end(&cursor);
	return r < 0 ? r : o->r;
}

static int take_files(struct overlay *o, const cJSON *files)
{
	const cJSON *file;
	int r = 0;

	cJSON_ArrayForEach (file, files) {
		const char *text =
			cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file, "text"));

		o->file = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file, "name"));
		if (!o->file || !text)
			return weir_error_set(o->err, EINVAL,
					      "parameter \"files\": each has a name and a text");
		r = take_text(o, text);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- what is taken out ----------------------------------------------------------------- */

/* "NetworkPolicy/shop/web" or "ClusterNetworkPolicy/deny"; text is taken apart. */
static int split(char *text, struct weir_manifest_object *ret)
{
	char *rest = strchr(text, '/'), *name;

	if (!rest)
		return -EINVAL;
	*rest++ = 0;
	*ret = (struct weir_manifest_object){ .kind = weir_kind_find(text, &ret->misspelt) };
	name = strchr(rest, '/');
	if (!ret->kind || !ret->kind->policy || strcmp(ret->kind->kind, text) != 0 ||
	    !name != !ret->kind->namespaced)
		return -EINVAL;
	if (name) {
		*name++ = 0;
		ret->namespace_ = rest;
	}
	ret->name = name ? name : rest;
	return *ret->name ? 0 : -EINVAL;
}

static int take_out(struct overlay *o, const char *text)
{
	WEIR_AUTO_FREE char *copy = text ? strdup(text) : NULL;
	struct weir_manifest_object object;

	if (!copy || split(copy, &object) < 0)
		return weir_error_set(o->err, EINVAL,
				      "without \"%s\": want KIND/NAMESPACE/NAME, or KIND/NAME of a "
				      "cluster-wide policy",
				      text ?: "");
	if (!find(o, &object))
		return weir_error_set(o->err, ENOENT, "without \"%s\": there is no such policy",
				      text);
	append(o->removed, &object, NULL);
	object.kind->remove(o->world, object.namespace_, object.name);
	return 0;
}

int weir_simulate_overlay(struct weir_world *world, const cJSON *params, cJSON *result,
			  struct weir_error *err)
{
	struct overlay o = { .world = world, .err = err };
	const cJSON *item;
	int r = 0;

	o.set = cJSON_AddArrayToObject(result, "policies");
	o.removed = cJSON_AddArrayToObject(result, "removed");
	o.ignored = cJSON_AddArrayToObject(result, "ignored");
	cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(params, "without"))
		r = r ? r : take_out(&o, cJSON_GetStringValue(item));
	if (r == 0)
		r = take_files(&o, cJSON_GetObjectItemCaseSensitive(params, "files"));
	return r;
}
