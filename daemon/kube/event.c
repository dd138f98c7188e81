/* SPDX-License-Identifier: Apache-2.0 */
/* The events of a watch (metav1.WatchEvent), one JSON object a line. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/kube/reflector.h"
#include "weir/cleanup.h"

/* What we missed with it, only a list can tell. */
static int unreadable(struct weir_reflector *r, const char *what)
{
	r->gone = true;
	return weir_error_set(&r->broken, EBADMSG, "%s", what);
}

/* Where the watch has come to, for the next one. */
static int note_version(struct weir_reflector *r, const cJSON *object)
{
	const cJSON *meta = cJSON_GetObjectItemCaseSensitive(object, "metadata");
	const char *version =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(meta, "resourceVersion"));

	if (!version || !*version)
		return unreadable(r, "an event has no resourceVersion");
	weir_reflector_heard(r);
	return weir_reflector_set_text(&r->version, meta, "resourceVersion");
}

static int on_object(struct weir_reflector *r, cJSON *object)
{
	int e = note_version(r, object);

	if (e < 0)
		return e;
	r->state.events++;
	weir_reflector_object(r, object);
	return 0;
}

static int on_removed(struct weir_reflector *r, cJSON *object)
{
	int e = note_version(r, object);

	if (e < 0)
		return e;
	r->state.events++;
	r->ops->removed(r->data, object);
	return 0;
}

static int on_bookmark(struct weir_reflector *r, cJSON *object)
{
	r->state.bookmarks++;
	return note_version(r, object);
}

static int on_error(struct weir_reflector *r, cJSON *object)
{
	const cJSON *code = cJSON_GetObjectItemCaseSensitive(object, "code");
	const char *message =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "message"));

	r->gone = cJSON_IsNumber(code) && code->valueint == 410;
	return weir_error_set(&r->broken, EIO, "the watch ended: %s",
			      message ? message : "the server says no more");
}

int weir_reflector_event(struct weir_reflector *r, const char *text, size_t len)
{
	static const struct {
		const char *type;
		int (*fn)(struct weir_reflector *r, cJSON *object);
	} types[] = {
		{ "ADDED", on_object },	     { "MODIFIED", on_object }, { "DELETED", on_removed },
		{ "BOOKMARK", on_bookmark }, { "ERROR", on_error },
	};
	cJSON *event = cJSON_ParseWithLengthOpts(text, len + 1, NULL, true);
	const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, "type"));
	cJSON *object = cJSON_GetObjectItemCaseSensitive(event, "object");
	size_t i = 0;
	int e = 0;

	if (!type || !cJSON_IsObject(object)) {
		e = unreadable(r, "an event of the watch is not JSON, or none");
		cJSON_Delete(event);
		return e;
	}
	while (i < WEIR_ARRAY_SIZE(types) && strcmp(type, types[i].type))
		i++;
	if (i < WEIR_ARRAY_SIZE(types))
		e = types[i].fn(r, object);
	else
		r->state.unknown++;
	cJSON_Delete(event);
	return e;
}
