/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of JSON objects by name, with messages that carry their path. */
#include "policy/decode/fields.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

struct weir_part {
	struct weir_part *next;
	max_align_t room[];
};

void *weir_decoder_alloc(struct weir_decoder *d, size_t n, size_t size)
{
	struct weir_part *part = calloc(1, sizeof(*part) + n * size);

	if (!part) {
		weir_error_set(d->err, ENOMEM, "out of memory");
		return NULL;
	}
	part->next = d->parts;
	d->parts = part;
	return part->room;
}

void weir_decoder_end(struct weir_decoder *d)
{
	while (d->parts) {
		struct weir_part *next = d->parts->next;

		free(d->parts);
		d->parts = next;
	}
}

struct weir_path weir_path_root(void)
{
	return (struct weir_path){ .text = "" };
}

struct weir_path weir_path_key(const struct weir_path *parent, const char *key)
{
	struct weir_path p = *parent;
	size_t len = strlen(p.text);

	snprintf(p.text + len, sizeof(p.text) - len, "%s%s", len ? "." : "", key);
	return p;
}

struct weir_path weir_path_index(const struct weir_path *parent, unsigned index)
{
	struct weir_path p = *parent;
	size_t len = strlen(p.text);

	snprintf(p.text + len, sizeof(p.text) - len, "[%u]", index);
	return p;
}

int weir_field_error(struct weir_decoder *d, const struct weir_path *path, const char *fmt, ...)
{
	char text[WEIR_ERROR_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return weir_error_set(d->err, EINVAL, "%s%s%s", path->text, *path->text ? ": " : "", text);
}

const cJSON *weir_field(const cJSON *object, const char *key)
{
	const cJSON *child = cJSON_GetObjectItemCaseSensitive(object, key);

	return child && !cJSON_IsNull(child) ? child : NULL;
}

int weir_field_object(struct weir_decoder *d, const struct weir_path *path, const cJSON *object,
		      const char *key, const cJSON **ret)
{
	struct weir_path here = weir_path_key(path, key);
	const cJSON *child = weir_field(object, key);

	if (child && !cJSON_IsObject(child))
		return weir_field_error(d, &here, "want an object (key: value)");
	*ret = child;
	return 0;
}

int weir_field_array(struct weir_decoder *d, const struct weir_path *path, const cJSON *object,
		     const char *key, const cJSON **ret)
{
	struct weir_path here = weir_path_key(path, key);
	const cJSON *child = weir_field(object, key);

	if (child && !cJSON_IsArray(child))
		return weir_field_error(d, &here, "want a list");
	*ret = child;
	return 0;
}

int weir_field_text(struct weir_decoder *d, const struct weir_path *path, const cJSON *object,
		    const char *key, const char **ret)
{
	struct weir_path here = weir_path_key(path, key);
	const cJSON *child = weir_field(object, key);

	if (child && !cJSON_IsString(child))
		return weir_field_error(d, &here, "want a string (put it in quotes)");
	*ret = child ? child->valuestring : NULL;
	return 0;
}

int weir_field_port(struct weir_decoder *d, const struct weir_path *path, const cJSON *value,
		    uint16_t *ret)
{
	double number = value->valuedouble;

	if (!cJSON_IsNumber(value) || number < 1 || number > UINT16_MAX ||
	    number != (double)(uint16_t)number)
		return weir_field_error(d, path, "want a port number from 1 to 65535");
	*ret = (uint16_t)number;
	return 0;
}

int weir_field_protocol(struct weir_decoder *d, const struct weir_path *path, const cJSON *object,
			uint8_t *ret)
{
	struct weir_path here = weir_path_key(path, "protocol");
	const char *text = NULL;
	int r = weir_field_text(d, path, object, "protocol", &text);

	if (r < 0)
		return r;
	if (!text || strcmp(text, "TCP") == 0)
		*ret = WEIR_PROTO_TCP;
	else if (strcmp(text, "UDP") == 0)
		*ret = WEIR_PROTO_UDP;
	else if (strcmp(text, "SCTP") == 0)
		*ret = WEIR_PROTO_SCTP;
	else
		return weir_field_error(d, &here, "\"%.40s\" is not TCP, UDP or SCTP", text);
	return 0;
}

/* Levenshtein distance, for words short enough to be a field's name. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[48], n = (unsigned)strlen(b);

	if (strlen(a) >= WEIR_ARRAY_SIZE(row) || n >= WEIR_ARRAY_SIZE(row))
		return WEIR_ARRAY_SIZE(row);
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (diagonal + 1 < best)
				best = diagonal + 1;
			row[j] = best;
		}
	}
	return row[n];
}

static int unknown_field(struct weir_decoder *d, const struct weir_path *path, const char *key,
			 const char *const *known)
{
	const char *best = NULL;
	unsigned least = 3;
	char list[256] = "";

	for (; *known; known++) {
		size_t len = strlen(list);

		snprintf(list + len, sizeof(list) - len, "%s%s", len ? ", " : "", *known);
		if (distance(key, *known) < least) {
			least = distance(key, *known);
			best = *known;
		}
	}
	if (best)
		return weir_field_error(d, path, "unknown field \"%.60s\": did you mean \"%s\"?",
					key, best);
	return weir_field_error(d, path, "unknown field \"%.60s\": the fields here are %s", key,
				list);
}

int weir_field_known(struct weir_decoder *d, const struct weir_path *path, const cJSON *object,
		     const char *const *known)
{
	const cJSON *child;

	cJSON_ArrayForEach (child, object) {
		const char *const *k = known;

		while (*k && strcmp(*k, child->string) != 0)
			k++;
		if (!*k)
			return unknown_field(d, path, child->string, known);
	}
	return 0;
}

int weir_field_string(struct weir_decoder *d, const char *text, const char **ret)
{
	*ret = weir_pool_string(d->pool, text);
	return *ret ? 0 : weir_error_errno(d->err, ENOMEM, "%.40s", text);
}

static int checked_name(struct weir_decoder *d, const struct weir_path *path, const char *key,
			const char *text, const char *(*syntax)(const char *), const char **ret)
{
	struct weir_path here = weir_path_key(path, key);
	const char *want = text ? syntax(text) : "is missing: every object has one";

	if (want)
		return weir_field_error(d, &here, "%s%.64s%s%s", text ? "\"" : "", text ? text : "",
					text ? "\": " : "", want);
	return weir_field_string(d, text, ret);
}

int weir_field_name(struct weir_decoder *d, const cJSON *json, const char **ret_ns,
		    const char **ret_name)
{
	struct weir_path root = weir_path_root(), path = weir_path_key(&root, "metadata");
	const char *name = NULL, *ns = NULL;
	const cJSON *metadata;
	int r;

	r = weir_field_object(d, &root, json, "metadata", &metadata);
	if (r == 0)
		r = weir_field_text(d, &path, metadata, "name", &name);
	if (r == 0)
		r = checked_name(d, &path, "name", name, weir_syntax_dns_subdomain, ret_name);
	if (r < 0 || !ret_ns)
		return r;
	r = weir_field_text(d, &path, metadata, "namespace", &ns);
	if (r == 0)
		r = checked_name(d, &path, "namespace", ns ? ns : "default", weir_syntax_dns_label,
				 ret_ns);
	return r;
}

static int check_label(struct weir_decoder *d, const struct weir_path *path, const cJSON *label)
{
	const char *want = weir_syntax_label_key(label->string);

	if (want)
		return weir_field_error(d, path, "key \"%.80s\": %s", label->string, want);
	if (!cJSON_IsString(label))
		return weir_field_error(d, path,
					"value of \"%.80s\": want a string (put it in quotes)",
					label->string);
	want = weir_syntax_label_value(label->valuestring);
	if (want)
		return weir_field_error(d, path, "value \"%.80s\" of \"%.80s\": %s",
					label->valuestring, label->string, want);
	return 0;
}

int weir_field_labels(struct weir_decoder *d, const struct weir_path *path, const cJSON *object,
		      const char *key, const struct weir_label_input *extra,
		      const struct weir_labels **ret)
{
	struct weir_path here = weir_path_key(path, key);
	WEIR_AUTO_FREE struct weir_label_input *pairs = NULL;
	const cJSON *map = NULL, *label;
	size_t n = 0;
	int r = weir_field_object(d, path, object, key, &map);

	if (r < 0)
		return r;
	pairs = calloc((size_t)cJSON_GetArraySize(map) + 1, sizeof(*pairs));
	if (!pairs)
		return weir_error_errno(d->err, ENOMEM, "%s", here.text);
	cJSON_ArrayForEach (label, map) {
		r = check_label(d, &here, label);
		if (r < 0)
			return r;
		pairs[n++] = (struct weir_label_input){ label->string, label->valuestring };
	}
	if (extra)
		pairs[n++] = *extra; /* the last of a key wins */
	*ret = weir_pool_labels(d->pool, pairs, n);
	return *ret ? 0 : weir_error_errno(d->err, ENOMEM, "%s", here.text);
}
