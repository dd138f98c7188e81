/* SPDX-License-Identifier: Apache-2.0 */
/* A file is replaced as a whole or not at all: written beside, synced, renamed,
 * and the folder synced. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/chain/chain.h"
#include "weir/cleanup.h"

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

/* The primary's file may hold a token: ours is never more readable, not even
 * while it is written. */
static int fill(int fd, const char *text, size_t len, const struct stat *like)
{
	int r = write_all(fd, text, len);

	if (r == 0 && fchown(fd, like->st_uid, like->st_gid) < 0 &&
	    (like->st_uid != geteuid() || like->st_gid != getegid()))
		r = -errno;
	if (r == 0 && (fchmod(fd, like->st_mode & 0777) < 0 || fsync(fd) < 0))
		r = -errno;
	return r;
}

int weir_chain_replace(int dirfd, const char *name, const char *text, size_t len,
		       const struct stat *like, struct weir_error *err)
{
	char beside[NAME_MAX + 1];
	WEIR_AUTO_CLOSE int fd = -1;
	int r;

	if (snprintf(beside, sizeof(beside), ".%s" WEIR_CHAIN_TEMPORARY, name) >=
	    (int)sizeof(beside))
		return weir_error_errno(err, ENAMETOOLONG, "%s", name);
	unlinkat(dirfd, beside, 0);
	fd = openat(dirfd, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	r = fd < 0 ? -errno : fill(fd, text, len, like);
	if (r == 0 && renameat(dirfd, beside, dirfd, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dirfd, beside, 0);
		return weir_error_errno(err, -r, "%s", name);
	}
	fsync(dirfd); /* some file systems cannot; the rename is done all the same */
	return 0;
}

static bool is_temporary(const char *name)
{
	size_t len = strlen(name), end = sizeof(WEIR_CHAIN_TEMPORARY) - 1;

	return *name == '.' && len > end && !strcmp(name + len - end, WEIR_CHAIN_TEMPORARY);
}

void weir_chain_sweep(int dirfd)
{
	int copy = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (!dir) {
		if (copy >= 0)
			close(copy);
		return;
	}
	rewinddir(dir);
	while ((entry = readdir(dir))) {
		if (is_temporary(entry->d_name))
			unlinkat(dirfd, entry->d_name, 0);
	}
	closedir(dir);
}
