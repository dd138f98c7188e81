/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file is replaced as a whole or not at all: written beside, synced, renamed,
 * and the folder synced. Not by a lock on the folder: whoever may read that could
 * hold it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/chain/chain.h"
#include "weir/cleanup.h"

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static mode_t mode_of(const struct stat *st)
{
	return st->st_mode & 0777;
}

/* For a file whose group could not be made the same: what everybody may. */
static mode_t without_group(mode_t mode)
{
	return (mode & 0707) | (mode & 0070 & (mode & 0007) << 3);
}

bool weir_chain_same_access(const struct stat *file, const struct stat *like)
{
	if (file->st_uid == like->st_uid && file->st_gid == like->st_gid)
		return mode_of(file) == mode_of(like);
	return file->st_uid == geteuid() && file->st_gid == getegid() &&
	       mode_of(file) == without_group(mode_of(like));
}

/* The primary's file may hold a token: ours is never more readable, not even
 * while it is written. */
static int fill(int fd, const char *text, size_t len, const struct stat *like)
{
	mode_t mode = mode_of(like);
	int r = write_all(fd, text, len);

	if (r < 0)
		return r;
	if (fchown(fd, like->st_uid, like->st_gid) < 0) {
		if (errno != EPERM)
			return -errno;
		mode = without_group(mode);
	}
	return fchmod(fd, mode) < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* A new file that the sweep of another process leaves alone, because it is locked. */
static int open_beside(int dirfd, const char *name, char *ret_beside)
{
	for (unsigned tries = 0; tries < 8; tries++) {
		WEIR_AUTO_CLOSE int fd = -1;
		struct stat st;
		uint32_t number;

		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			return -EIO;
		if (snprintf(ret_beside, NAME_MAX + 1, ".%s.%08x" WEIR_CHAIN_TEMPORARY, name,
			     number) > NAME_MAX)
			return -ENAMETOOLONG;
		fd = openat(dirfd, ret_beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    0600);
		if (fd < 0 && errno != EEXIST)
			return -errno;
		/* swept before it was locked? then it has no name any more */
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 &&
		    st.st_nlink)
			return weir_take_fd(fd);
	}
	return -EBUSY;
}

int weir_chain_replace(int dirfd, const char *name, const char *text, size_t len,
		       const struct stat *like, struct weir_error *err)
{
	char beside[NAME_MAX + 1];
	WEIR_AUTO_CLOSE int fd = open_beside(dirfd, name, beside);
	int r = fd < 0 ? fd : fill(fd, text, len, like);

	if (r == 0 && renameat(dirfd, beside, dirfd, name) < 0)
		r = -errno;
	if (r < 0) {
		if (fd >= 0)
			unlinkat(dirfd, beside, 0);
		return weir_error_errno(err, -r, "%s", name);
	}
	fsync(dirfd); /* some file systems cannot; the rename is done all the same */
	return 0;
}

bool weir_chain_is_temporary(const char *name)
{
	size_t len = strlen(name), end = sizeof(WEIR_CHAIN_TEMPORARY) - 1;

	return *name == '.' && len > end && !strcmp(name + len - end, WEIR_CHAIN_TEMPORARY);
}

/* Nobody holds the lock of one whose writer was killed. */
static void sweep(int dirfd, const char *name)
{
	WEIR_AUTO_CLOSE int fd =
		openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlinkat(dirfd, name, 0);
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
		if (weir_chain_is_temporary(entry->d_name))
			sweep(dirfd, entry->d_name);
	}
	closedir(dir);
}
