/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of those who may subscribe over CURVE, one file each: a public key,
 * and below it what that key may see. Read anew each time; a file that cannot be
 * understood lets nobody in.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/publish/internal.h"
#include "weir/cleanup.h"
#include "weir/file.h"

#define FILE_MAX 65536

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t\r");
	len = strlen(text);
	while (len && strchr(" \t\r", text[len - 1]))
		text[--len] = 0;
	return text;
}

static int put(char *to, size_t size, const char *key, const char *value, struct weir_error *err)
{
	if (!*value || strlen(value) >= size)
		return weir_error_set(err, EINVAL, "%s: must have 1 to %zu characters", key,
				      size - 1);
	strcpy(to, value);
	return 0;
}

static int read_line(char *line, struct weir_client *c, struct weir_error *err)
{
	char *value = strchr(line, ':');

	if (!*line || *line == '#')
		return 0;
	if (value)
		*value++ = 0;
	value = trim(value ? value : line + strlen(line));
	if (!strcmp(line, "namespaces"))
		return put(c->namespaces, sizeof(c->namespaces), line, value, err);
	if (!strcmp(line, "address"))
		return put(c->address, sizeof(c->address), line, value, err);
	if (!strcmp(line, "role") && !strcmp(value, "hub")) {
		c->hub = true;
		return 0;
	}
	return weir_error_set(err, EINVAL,
			      "%s: want namespaces: LIST, address: tcp://..., or role: hub", line);
}

static int check(const struct weir_client *c, struct weir_error *err)
{
	if (!*c->namespaces && !*c->address)
		return 0;
	if (!*c->namespaces || strncmp(c->address, "tcp://", 6) != 0 || c->hub)
		return weir_error_set(err, EINVAL,
				      "a key for some namespaces only needs both: namespaces: and "
				      "address: tcp://..., an address of its own");
	return 0;
}

int weir_client_read(const char *path, struct weir_client *ret, struct weir_error *err)
{
	WEIR_AUTO_FREE char *text = NULL;
	struct weir_client c = { .hub = false };
	char *line, *rest;
	size_t len = 0;
	int r = weir_curve_read_key(path, c.key, err);

	if (r == 0)
		r = weir_file_read(path, FILE_MAX, &text, &len, err);
	if (r < 0)
		return r;
	rest = strchr(text, '\n'); /* behind the key */
	while (r == 0 && rest && (line = strsep(&rest, "\n")))
		r = read_line(trim(line), &c, err);
	if (r == 0)
		r = check(&c, err);
	if (r < 0)
		return weir_error_prefix(err, r, "%s", path);
	*ret = c;
	return 0;
}

void weir_clients_each(const char *dir,
		       void (*fn)(void *data, const struct weir_client *client,
				  const struct weir_error *broken),
		       void *data)
{
	DIR *d = dir ? opendir(dir) : NULL;
	struct weir_client c;
	struct weir_error err;
	char path[4096];
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (weir_client_read(path, &c, &err) < 0)
			fn(data, NULL, &err);
		else
			fn(data, &c, NULL);
	}
	if (d)
		closedir(d);
}

bool weir_client_sees(const char *namespaces, const char *namespace_)
{
	static const char separators[] = ", \t";
	size_t len;

	for (const char *p = namespaces; namespace_ && *p; p += len) {
		p += strspn(p, separators);
		len = strcspn(p, separators);
		if (len && p[len - 1] == '*'
			    ? !strncmp(p, namespace_, len - 1)
			    : len == strlen(namespace_) && len && !memcmp(p, namespace_, len))
			return true;
	}
	return false;
}
