/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of copies. Knows files and names, not what is in them; files.c
 * decides when a manifest is good. Not synced: a copy must survive kill -9,
 * and what a power cut takes is only the fallback for a broken manifest.
 */
#include "daemon/source/keep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weir/cleanup.h"

#define FOLDER "last-good"
#define SUFFIX ".good"
#define BESIDE ".new"

static int name_of(const char *name, const char *suffix, char ret[static NAME_MAX + 1])
{
	int n = snprintf(ret, NAME_MAX + 1, "%s%s", name, suffix);

	return n > NAME_MAX ? -ENAMETOOLONG : 0;
}

int weir_keep_open(struct weir_keep *k, const char *state_dir, struct weir_error *err)
{
	WEIR_AUTO_CLOSE int state = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	k->dir = -1;
	if (state < 0)
		return weir_error_errno(err, errno, "%s", state_dir);
	if (mkdirat(state, FOLDER, 0700) < 0 && errno != EEXIST)
		return weir_error_errno(err, errno, "%s/" FOLDER, state_dir);
	k->dir = openat(state, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return k->dir < 0 ? weir_error_errno(err, errno, "%s/" FOLDER, state_dir) : 0;
}

void weir_keep_close(struct weir_keep *k)
{
	if (k->dir >= 0)
		close(weir_take_fd(k->dir));
}

bool weir_keep_is_current(const struct weir_keep *k, const char *name, const struct stat *st)
{
	char copy[NAME_MAX + 1];
	struct stat kept;

	return name_of(name, SUFFIX, copy) == 0 && fstatat(k->dir, copy, &kept, 0) == 0 &&
	       kept.st_size == st->st_size && kept.st_mtim.tv_sec == st->st_mtim.tv_sec &&
	       kept.st_mtim.tv_nsec == st->st_mtim.tv_nsec;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Time 0 for what is no copy of a file, so that it never counts as one. */
static int fill(int fd, const char *text, size_t len, const struct stat *st)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { 0 } };
	int r = fd < 0 ? -errno : write_all(fd, text, len);

	if (r < 0)
		return r;
	if (st)
		times[1] = st->st_mtim;
	return futimens(fd, times) < 0 ? -errno : 0;
}

int weir_keep_write(const struct weir_keep *k, const char *name, const char *text, size_t len,
		    const struct stat *st, struct weir_error *err)
{
	char copy[NAME_MAX + 1], beside[NAME_MAX + 1];
	int r = name_of(name, SUFFIX, copy);

	if (r == 0)
		r = name_of(name, BESIDE, beside);
	if (r == 0) {
		WEIR_AUTO_CLOSE int fd =
			openat(k->dir, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		r = fill(fd, text, len, st);
		if (r == 0 && renameat(k->dir, beside, k->dir, copy) < 0)
			r = -errno;
		if (r < 0)
			unlinkat(k->dir, beside, 0);
	}
	return r < 0 ? weir_error_errno(err, -r, FOLDER "/%s" SUFFIX, name) : 0;
}

int weir_keep_read(const struct weir_keep *k, const char *name, char **ret, size_t *ret_len)
{
	char copy[NAME_MAX + 1];
	WEIR_AUTO_CLOSE int fd = -1;
	WEIR_AUTO_FREE char *text = NULL;
	struct stat st;
	size_t len = 0;
	ssize_t n = 1;

	if (name_of(name, SUFFIX, copy) < 0)
		return -ENOENT;
	fd = openat(k->dir, copy, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	while (len < (size_t)st.st_size && n > 0) {
		n = read(fd, text + len, (size_t)st.st_size - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0)
		return -errno;
	*ret = weir_take(text);
	*ret_len = len;
	return 0;
}

void weir_keep_remove(const struct weir_keep *k, const char *name)
{
	char copy[NAME_MAX + 1];

	if (name_of(name, SUFFIX, copy) == 0)
		unlinkat(k->dir, copy, 0);
}

void weir_keep_prune(const struct weir_keep *k, bool (*exists)(void *data, const char *name),
		     void *data)
{
	int fd = openat(k->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char name[NAME_MAX + 1];
		size_t len = strlen(entry->d_name), suffix = sizeof(SUFFIX) - 1;

		if (len <= suffix || strcmp(entry->d_name + len - suffix, SUFFIX))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(len - suffix), entry->d_name);
		if (!exists(data, name))
			unlinkat(k->dir, entry->d_name, 0);
	}
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
}
