/* SPDX-License-Identifier: Apache-2.0 */
/* The manifests that are asked about, as texts: the daemon understands them. */
#include "cli/simulate/simulate.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "weir/cleanup.h"

static int read_stream(FILE *file, char **ret)
{
	char *text = NULL;
	size_t size = 0;

	/* a manifest has no NUL: getdelim gives all of it, and of an empty one nothing */
	if (getdelim(&text, &size, 0, file) < 0) {
		free(text);
		text = ferror(file) ? NULL : strdup("");
	}
	*ret = text;
	return text ? 0 : ferror(file) ? -EIO : -ENOMEM;
}

static int add_file(cJSON *array, const char *name, struct weir_error *err)
{
	bool is_stdin = strcmp(name, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(name, "re");
	WEIR_AUTO_FREE char *text = NULL;
	cJSON *item;
	int r;

	if (!file)
		return weir_error_errno(err, errno, "%s", name);
	r = read_stream(file, &text);
	if (!is_stdin)
		fclose(file);
	if (r < 0)
		return weir_error_errno(err, -r, "%s", name);
	item = cJSON_CreateObject();
	cJSON_AddStringToObject(item, "name", is_stdin ? "stdin" : name);
	cJSON_AddStringToObject(item, "text", text);
	cJSON_AddItemToArray(array, item);
	return 0;
}

static int is_manifest(const struct dirent *entry)
{
	static const char *const ends[] = { ".yaml", ".yml", ".json" };
	size_t len = strlen(entry->d_name);

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(ends) && *entry->d_name != '.'; i++) {
		size_t end = strlen(ends[i]);

		if (len > end && !strcmp(entry->d_name + len - end, ends[i]))
			return 1;
	}
	return 0;
}

static int add_folder(cJSON *array, const char *folder, struct weir_error *err)
{
	struct dirent **entries = NULL;
	int n = scandir(folder, &entries, is_manifest, alphasort), r = 0;
	char *name;

	if (n < 0)
		return weir_error_errno(err, errno, "%s", folder);
	if (n == 0)
		r = weir_error_set(err, ENOENT, "%s: no *.yaml, *.yml or *.json in this folder",
				   folder);
	for (int i = 0; i < n; i++) {
		if (r == 0 && asprintf(&name, "%s/%s", folder, entries[i]->d_name) >= 0) {
			r = add_file(array, name, err);
			free(name);
		}
		free(entries[i]);
	}
	free(entries);
	return r;
}

int simulate_add_files(cJSON *array, char *const *names, struct weir_error *err)
{
	struct stat st;
	int r = 0;

	for (; *names && r == 0; names++) {
		if (strcmp(*names, "-") != 0 && stat(*names, &st) == 0 && S_ISDIR(st.st_mode))
			r = add_folder(array, *names, err);
		else
			r = add_file(array, *names, err);
	}
	return r;
}
