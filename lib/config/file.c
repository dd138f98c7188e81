/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of configuration: walks the document and gives each value to the table. Every
 * error names file, line and key; an unknown key gets the nearest valid one
 * and the list of what is valid at that place.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/config/value.h"
#include "weir/cleanup.h"
#include "weir/doc.h"
#include "weir/near.h"

#define FILE_MAX  (1024 * 1024)
#define NAME_MAX_ 128 /* of a dotted key */

struct walk {
	const struct weir_config_table *table;
	void *config;
	const struct weir_doc *doc;
	const char *file;
	struct weir_error *err;
};

/* The part of the key's name that may stand in the section prefix ("" or
 * "flows."), into word; false when the key is not of that section. */
static bool word_in(const struct weir_config_key *k, const char *prefix, char *word)
{
	size_t len = strlen(prefix);

	if (strncmp(k->name, prefix, len))
		return false;
	snprintf(word, NAME_MAX_, "%.*s", (int)strcspn(k->name + len, "."), k->name + len);
	return true;
}

static int unknown_key(const struct walk *w, unsigned line, const char *prefix, const char *key)
{
	char word[NAME_MAX_], last[NAME_MAX_] = "", near[NAME_MAX_] = "", list[512] = "";
	char hint[NAME_MAX_ + 32] = "";
	unsigned best = 3;

	for (const struct weir_config_key *k = w->table->keys; k->name; k++) {
		if (!word_in(k, prefix, word) || !strcmp(word, last))
			continue;
		strcpy(last, word);
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
			 *list ? ", " : "", word);
		if (weir_distance(key, word) < best) {
			best = weir_distance(key, word);
			strcpy(near, word);
		}
	}
	if (*near)
		snprintf(hint, sizeof(hint), " did you mean \"%s\"?", near);
	return weir_error_set(w->err, EINVAL, "%s:%u: unknown key \"%s%s\":%s valid here: %s",
			      w->file, line, prefix, key, hint, list);
}

static bool is_section(const struct walk *w, const char *name)
{
	size_t len = strlen(name);

	for (const struct weir_config_key *k = w->table->keys; k->name; k++) {
		if (!strncmp(k->name, name, len) && k->name[len] == '.')
			return true;
	}
	return false;
}

/* What YAML makes of true and false, where the words are ours. */
static const char *truth_text(const cJSON *node)
{
	return cJSON_IsTrue(node) ? "yes" : "no";
}

/* A scalar as the text it was (numbers: integers only); NULL when it is none. */
static const char *scalar_text(const cJSON *node, char *buf, size_t size)
{
	if (cJSON_IsString(node))
		return node->valuestring;
	if (cJSON_IsNull(node))
		return "";
	if (!cJSON_IsNumber(node) || node->valuedouble < 0 || node->valuedouble > 1e15 ||
	    node->valuedouble != (double)(uint64_t)node->valuedouble)
		return NULL;
	snprintf(buf, size, "%llu", (unsigned long long)node->valuedouble);
	return buf;
}

static int set_list(const struct walk *w, const struct weir_config_key *key, const cJSON *node)
{
	WEIR_AUTO_FREE const char **items =
		calloc((size_t)cJSON_GetArraySize(node) + 1, sizeof(*items));
	const cJSON *item;
	size_t n = 0;

	if (!items)
		return weir_error_errno(w->err, ENOMEM, "%s", key->name);
	cJSON_ArrayForEach (item, node) {
		if (!cJSON_IsString(item) || !*item->valuestring)
			return weir_error_set(w->err, EINVAL, "want a list of texts");
		items[n++] = item->valuestring;
	}
	return weir_config_value_set(w->config, key, items, n, w->err);
}

static int set_key(const struct walk *w, const struct weir_config_key *key, const cJSON *node)
{
	bool list = key->type == WEIR_KEY_STRINGS || key->type == WEIR_KEY_PREFIXES;
	const char *text;
	char buf[32];
	int r;

	if (list && !cJSON_IsArray(node)) {
		r = weir_error_set(w->err, EINVAL, "want a list: [a, b]");
	} else if (list) {
		r = set_list(w, key, node);
	} else {
		text = cJSON_IsBool(node) && key->type == WEIR_KEY_CHOICE
			       ? truth_text(node)
			       : scalar_text(node, buf, sizeof(buf));
		r = text ? weir_config_value_set(w->config, key, &text, 1, w->err)
			 : weir_error_set(w->err, EINVAL, "want one value: %s",
					  weir_config_type_name(key->type));
	}
	return r < 0 ? weir_error_prefix(w->err, r, "%s:%u: %s", w->file,
					 weir_doc_line(w->doc, node), key->name)
		     : 0;
}

static int walk_section(const struct walk *w, const char *prefix, const cJSON *section)
{
	const struct weir_config_key *key;
	char name[NAME_MAX_];
	const cJSON *node;
	int r = 0;

	cJSON_ArrayForEach (node, section) {
		unsigned line = weir_doc_line(w->doc, node);

		if (snprintf(name, sizeof(name) - 1, "%s%s", prefix, node->string) >=
		    (int)sizeof(name) - 1)
			return unknown_key(w, line, prefix, node->string);
		key = strchr(node->string, '.') ? NULL : weir_config_find(w->table, name);
		if (key) {
			r = set_key(w, key, node);
		} else if (!*node->string || !is_section(w, name)) {
			r = unknown_key(w, line, prefix, node->string);
		} else if (!cJSON_IsObject(node)) {
			r = weir_error_set(w->err, EINVAL, "%s:%u: %s: want keys below it", w->file,
					   line, name);
		} else {
			strcat(name, ".");
			r = walk_section(w, name, node);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int weir_config_parse(const struct weir_config_table *table, void *config, const char *text,
		      size_t len, const char *name, struct weir_error *err)
{
	struct weir_doc **docs = NULL;
	struct walk w = { .table = table, .config = config, .file = name, .err = err };
	size_t n = 0;
	int r = weir_docs_parse(text, len, name, &docs, &n, err);

	if (r < 0)
		return r;
	if (n > 1) {
		r = weir_error_set(err, EINVAL, "%s: want one document, found %zu", name, n);
	} else if (n == 1) {
		w.doc = docs[0];
		r = cJSON_IsObject(weir_doc_root(w.doc))
			    ? walk_section(&w, "", weir_doc_root(w.doc))
			    : weir_error_set(err, EINVAL, "%s: want \"key: value\" lines", name);
	}
	weir_docs_free(&docs, n);
	return r;
}

int weir_config_read(const struct weir_config_table *table, void *config, const char *path,
		     struct weir_error *err)
{
	WEIR_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	WEIR_AUTO_FREE char *text = NULL;
	ssize_t got, len = 0;

	if (fd < 0)
		return weir_error_errno(err, errno, "%s", path);
	text = malloc(FILE_MAX + 1);
	if (!text)
		return weir_error_errno(err, ENOMEM, "%s", path);
	while ((got = read(fd, text + len, (size_t)(FILE_MAX + 1 - len))) > 0)
		len += got;
	if (got < 0)
		return weir_error_errno(err, errno, "%s", path);
	if (len > FILE_MAX)
		return weir_error_set(err, EFBIG, "%s: longer than %d bytes", path, FILE_MAX);
	return weir_config_parse(table, config, text, (size_t)len, path, err);
}
