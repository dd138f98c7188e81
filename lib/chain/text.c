/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the text of the primary's configuration to that of ours. The primary's
 * bytes are kept as they are (numbers, order of keys, unknown keys, its white
 * space): cJSON says that it is JSON and what is in it, and a scanner where the
 * list of plugins ends.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/chain/chain.h"
#include "weir/cleanup.h"

#define OUR_TYPE "weir"

static const char *text_of(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

char *weir_chain_made_from(const char *text, size_t len)
{
	cJSON *json = cJSON_ParseWithLength(text, len);
	const char *mark = text_of(json, WEIR_CHAIN_MARK);
	char *name = mark ? strdup(mark) : NULL;

	cJSON_Delete(json);
	return name;
}

bool weir_chain_is_ours(const char *text, size_t len)
{
	WEIR_AUTO_FREE char *from = weir_chain_made_from(text, len);

	return from != NULL;
}

/* --- where is it ------------------------------------------------------------------ */

struct place {
	size_t open;	    /* just behind the first bracket of the object */
	size_t plugins_end; /* the bracket that closes "plugins"; 0: none */
	unsigned n_plugins_keys;
};

/* Behind the string that begins at i. */
static size_t skip_string(const char *text, size_t i)
{
	for (i++; text[i] && text[i] != '"'; i++) {
		if (text[i] == '\\' && text[i + 1])
			i++;
	}
	return text[i] ? i + 1 : i;
}

/* Of JSON that has been parsed: so brackets match and strings end. */
static struct place find_place(const char *text)
{
	static const char key[] = "\"plugins\"";
	struct place p = { 0 };
	bool in_plugins = false, next_is_plugins = false;
	unsigned depth = 0;

	for (size_t i = 0; text[i];) {
		char c = text[i];

		if (c == '"') {
			size_t end = skip_string(text, i);

			/* a key, or a value of that name: then no colon follows */
			if (depth == 1 && text[end + strspn(text + end, " \t\r\n")] == ':') {
				next_is_plugins = end - i == sizeof(key) - 1 &&
						  !strncmp(text + i, key, sizeof(key) - 1);
				p.n_plugins_keys += next_is_plugins;
			}
			i = end;
			continue;
		}
		if (c == '{' || c == '[') {
			depth++;
			if (depth == 1)
				p.open = i + 1;
			if (depth == 2 && c == '[' && next_is_plugins)
				in_plugins = true;
		} else if (c == '}' || c == ']') {
			if (depth == 2 && in_plugins) {
				p.plugins_end = i;
				in_plugins = false;
			}
			depth--;
		}
		i++;
	}
	return p;
}

/* --- is it usable --------------------------------------------------------------------- */

static int check_version(const struct weir_chain_file *f, const cJSON *json, struct weir_error *err)
{
	static const char *const chained[] = { "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0" };
	const char *version = text_of(json, "cniVersion");

	for (size_t i = 0; version && i < WEIR_ARRAY_SIZE(chained); i++) {
		if (!strcmp(version, chained[i]))
			return 0;
	}
	return weir_error_set(err, EINVAL,
			      "%s: cniVersion \"%.32s\" has no chains that weir can be part of "
			      "(want 0.3.0, 0.3.1, 0.4.0, 1.0.0 or 1.1.0)",
			      f->name, version ? version : "");
}

static bool has_weir(const cJSON *plugins)
{
	const cJSON *plugin;

	cJSON_ArrayForEach (plugin, plugins) {
		const char *type = text_of(plugin, "type");

		if (type && !strcmp(type, OUR_TYPE))
			return true;
	}
	return false;
}

/* A .conflist is a list; the others are the configuration of one plugin. */
static bool is_list(const struct weir_chain_file *f)
{
	const char *dot = strrchr(f->name, '.');

	return dot && !strcmp(dot, ".conflist");
}

static int check_list(const struct weir_chain_file *f, const cJSON *json, struct weir_error *err)
{
	const cJSON *plugins = cJSON_GetObjectItemCaseSensitive(json, "plugins"), *plugin;

	if (!cJSON_IsArray(plugins) || !cJSON_GetArraySize(plugins))
		return weir_error_set(err, EINVAL, "%s: plugins must be a list with a plugin in it",
				      f->name);
	cJSON_ArrayForEach (plugin, plugins) {
		if (!text_of(plugin, "type"))
			return weir_error_set(err, EINVAL, "%s: a plugin of the list has no type",
					      f->name);
	}
	if (find_place(f->text).n_plugins_keys != 1)
		return weir_error_set(err, EINVAL, "%s: plugins is there twice", f->name);
	return has_weir(plugins);
}

static int check_single(const struct weir_chain_file *f, const cJSON *json, struct weir_error *err)
{
	const char *type = text_of(json, "type");

	if (!type || !*type)
		return weir_error_set(err, EINVAL, "%s: type is missing: which plugin is it?",
				      f->name);
	return !strcmp(type, OUR_TYPE);
}

static int check(const struct weir_chain_file *f, const cJSON *json, struct weir_error *err)
{
	const char *name = text_of(json, "name");
	int r;

	/* cJSON would pass over the byte order mark, runtimes do not */
	if (!cJSON_IsObject(json) || !strncmp(f->text, "\xEF\xBB\xBF", 3))
		return weir_error_set(err, EINVAL, "%s: is not JSON, or not complete yet", f->name);
	if (!name || !*name)
		return weir_error_set(err, EINVAL, "%s: name of the network is missing", f->name);
	r = check_version(f, json, err);
	if (r == 0)
		r = is_list(f) ? check_list(f, json, err) : check_single(f, json, err);
	return r;
}

/* --- the new text ------------------------------------------------------------------------ */

/* Without the white space at the end of the first len bytes. */
static size_t trim(const char *text, size_t len)
{
	while (len && strchr(" \t\r\n", text[len - 1]))
		len--;
	return len;
}

static int list_text(const struct weir_chain_file *f, const char *mark, const char *entry,
		     char **ret)
{
	struct place p = find_place(f->text);
	size_t last = trim(f->text, p.plugins_end); /* behind the last plugin */

	return asprintf(ret, "%.*s\n  %s,%.*s,\n    %s\n  %s", (int)p.open, f->text, mark,
			(int)(last - p.open), f->text + p.open, entry, f->text + p.plugins_end);
}

static int single_text(const struct weir_chain_file *f, const cJSON *json, const char *mark,
		       const char *entry, char **ret)
{
	char *version =
		cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(json, "cniVersion"));
	char *name = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(json, "name"));
	int n = -1;

	if (version && name)
		n = asprintf(ret,
			     "{\n  %s,\n  \"cniVersion\": %s,\n  \"name\": %s,\n  \"plugins\": [\n"
			     "%.*s,\n    %s\n  ]\n}\n",
			     mark, version, name, (int)trim(f->text, f->len), f->text, entry);
	free(version);
	free(name);
	return n;
}

/* "weir.dev/madeFrom": "10-lab.conflist" */
static char *make_mark(const char *name)
{
	cJSON *text = cJSON_CreateString(name);
	char *printed = cJSON_PrintUnformatted(text), *mark = NULL;

	if (printed && asprintf(&mark, "\"" WEIR_CHAIN_MARK "\": %s", printed) < 0)
		mark = NULL;
	free(printed);
	cJSON_Delete(text);
	return mark;
}

static int make_text(const struct weir_chain_file *f, const cJSON *json, const char *entry,
		     char **ret, struct weir_error *err)
{
	WEIR_AUTO_FREE char *mark = make_mark(f->name);
	int n = -1;

	if (mark)
		n = is_list(f) ? list_text(f, mark, entry, ret)
			       : single_text(f, json, mark, entry, ret);
	return n < 0 ? weir_error_errno(err, ENOMEM, "%s", f->name) : 0;
}

/* It is alone on its line: see list_text() and single_text(). */
char *weir_chain_entry_of(const char *text)
{
	size_t end = trim(text, find_place(text).plugins_end), begin = end;

	while (begin && text[begin - 1] != '\n')
		begin--;
	begin += strspn(text + begin, " ");
	return begin < end ? strndup(text + begin, end - begin) : NULL;
}

int weir_chain_text(const struct weir_chain_file *primary, const char *entry, char **ret,
		    char *network, struct weir_error *err)
{
	cJSON *json;
	const char *name;
	int r;

	*network = 0;
	*ret = NULL;
	if (primary->error)
		return weir_error_errno(err, primary->error, "%s", primary->name);
	if (strlen(primary->text) != primary->len)
		return weir_error_set(err, EINVAL, "%s: there is a NUL in it", primary->name);
	json = cJSON_ParseWithOpts(primary->text, NULL, true);
	name = text_of(json, "name");
	snprintf(network, 256, "%s", name ? name : "");
	r = check(primary, json, err);
	if (r == 0)
		r = make_text(primary, json, entry, ret, err);
	cJSON_Delete(json);
	return r;
}
