/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes of access.yaml: keys, lists of texts, errors with their line. */
#include "hub/access/reading.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/near.h"

int weir_reading_wrong(const struct weir_reading *r, const cJSON *at, const char *fmt, ...)
{
	char text[WEIR_ERROR_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return weir_error_set(r->err, EINVAL, "%s:%u: %s", r->file, weir_doc_line(r->doc, at),
			      text);
}

int weir_reading_no_memory(const struct weir_reading *r)
{
	return weir_error_errno(r->err, ENOMEM, "%s", r->file);
}

/* --- shapes -------------------------------------------------------------------------- */

int weir_reading_keys(const struct weir_reading *r, const cJSON *object, const char *what,
		      const char *const *names)
{
	const cJSON *member;

	if (!cJSON_IsObject(object))
		return weir_reading_wrong(r, object, "%s: want keys and values", what);
	cJSON_ArrayForEach (member, object) {
		const char *near = NULL;
		char list[256] = "";
		size_t i;

		for (i = 0; names[i] && strcmp(names[i], member->string); i++) {
			snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
				 i ? ", " : "", names[i]);
			if (weir_distance(names[i], member->string) < 3)
				near = names[i];
		}
		if (!names[i])
			return weir_reading_wrong(
				r, member, "%s: unknown key \"%.64s\": %s%s%svalid here: %s", what,
				member->string, near ? "did you mean \"" : "", near ?: "",
				near ? "\"? " : "", list);
	}
	return 0;
}

int weir_reading_texts(const struct weir_reading *r, const cJSON *object, const char *key,
		       char ***ret, size_t *ret_n)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, key), *item;
	char **texts;
	size_t n = 0;

	if (!list)
		return 0;
	if (!cJSON_IsArray(list))
		return weir_reading_wrong(r, list, "%s: want a list: [a, b]", key);
	texts = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(char *));
	if (!texts)
		return weir_reading_no_memory(r);
	*ret = texts;
	cJSON_ArrayForEach (item, list) {
		if (!cJSON_IsString(item) || !*item->valuestring)
			return weir_reading_wrong(r, item, "%s: want texts", key);
		texts[n] = strdup(item->valuestring);
		if (!texts[n])
			return weir_reading_no_memory(r);
		*ret_n = ++n;
	}
	return 0;
}

void weir_texts_free(char **texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(texts[i]);
	free(texts);
}
