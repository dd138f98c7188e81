/* SPDX-License-Identifier: Apache-2.0 */
/* Reading below the root of the node that is looked at. For all of doctor/. */
#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"
#include "weir/cleanup.h"

/* The longest is a list of modules, of about 1 MB; a pseudo file does not tell its size. */
#define FILE_MAX_BYTES (8u << 20)

__attribute__((format(printf, 3, 0))) static void make_path(const struct doctor *d, char *path,
							    const char *fmt, va_list args)
{
	int len = snprintf(path, PATH_MAX, "%s", d->root);

	if (len < PATH_MAX)
		vsnprintf(path + len, (size_t)(PATH_MAX - len), fmt, args);
}

bool doctor_exists(const struct doctor *d, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, fmt);
	make_path(d, path, fmt, args);
	va_end(args);
	return access(path, F_OK) == 0;
}

char *doctor_read(const struct doctor *d, const char *fmt, ...)
{
	char path[PATH_MAX], *text;
	size_t len, size = 4096;
	va_list args;
	FILE *f;

	va_start(args, fmt);
	make_path(d, path, fmt, args);
	va_end(args);
	f = fopen(path, "re");
	text = f ? malloc(size) : NULL;
	for (len = 0; text; size *= 2) {
		char *more;

		len += fread(text + len, 1, size - len - 1, f);
		text[len] = 0;
		if (len < size - 1 || size >= FILE_MAX_BYTES)
			break;
		more = realloc(text, size * 2);
		if (!more)
			break;
		text = more;
	}
	if (f)
		fclose(f);
	return text;
}

bool doctor_number(const struct doctor *d, const char *path, long *ret)
{
	WEIR_AUTO_FREE char *text = doctor_read(d, "%s", path);
	char *end;
	long value;

	if (!text)
		return false;
	value = strtol(text, &end, 10);
	if (end == text)
		return false;
	*ret = value;
	return true;
}

static int by_byte(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

size_t doctor_names(const struct doctor *d, const char *path, char ***ret)
{
	char whole[PATH_MAX], **names = NULL;
	const struct dirent *entry;
	size_t n = 0;
	DIR *dir;

	*ret = NULL;
	snprintf(whole, sizeof(whole), "%s%s", d->root, path);
	dir = opendir(whole);
	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		char **more = reallocarray(names, n + 1, sizeof(*names));

		if (!more)
			break;
		names = more;
		names[n] = strdup(entry->d_name);
		if (names[n])
			n++;
	}
	closedir(dir);
	if (n)
		qsort(names, n, sizeof(*names), by_byte);
	*ret = names;
	return n;
}

void doctor_free_names(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}
