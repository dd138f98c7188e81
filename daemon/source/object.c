/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a tree claims to be: kind, namespace, name. Nothing is decoded here, so
 * that an object that is broken inside can still be named.
 */
#include <string.h>

#include "daemon/source/manifest.h"

static const char *text_at(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

/* Another project's kind of the same name. Not so for policy: one of another
 * group is more likely meant for us than not, and it is not enforced. */
static bool is_foreign(const struct weir_kind *kind, const char *api)
{
	return !kind->policy && strcspn(api, ".") < strcspn(api, "/") && strchr(api, '/');
}

void weir_manifest_object_read(const cJSON *json, struct weir_manifest_object *ret)
{
	const cJSON *meta = cJSON_GetObjectItemCaseSensitive(json, "metadata");
	struct weir_manifest_object o = {
		.json = json,
		.kind_text = text_at(json, "kind"),
		.api = text_at(json, "apiVersion"),
		.name = text_at(meta, "name"),
	};

	if (o.kind_text && o.api)
		o.kind = weir_kind_find(o.kind_text, &o.misspelt);
	if (o.kind && is_foreign(o.kind, o.api))
		o.kind = NULL;
	if (o.kind && o.kind->namespaced) {
		o.namespace_ = text_at(meta, "namespace");
		if (!o.namespace_ || !*o.namespace_)
			o.namespace_ = "default";
	}
	*ret = o;
}

void weir_manifest_each_object(const cJSON *root, void (*fn)(void *data, const cJSON *json),
			       void *data)
{
	const cJSON *items = cJSON_GetObjectItemCaseSensitive(root, "items"), *item;
	const char *kind = text_at(root, "kind");
	size_t len = kind ? strlen(kind) : 0;

	if (len < 4 || strcmp(kind + len - 4, "List") || !cJSON_IsArray(items)) {
		fn(data, root);
		return;
	}
	cJSON_ArrayForEach (item, items)
		fn(data, item);
}
