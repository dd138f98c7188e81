/* SPDX-License-Identifier: Apache-2.0 */
/* State and key files of weird and the hub. */
#include "weir/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weir/cleanup.h"

int weir_file_read(const char *path, size_t max, char **ret, size_t *ret_len,
		   struct weir_error *err)
{
	WEIR_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	WEIR_AUTO_FREE char *text = NULL;
	struct stat st;
	size_t len = 0;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return weir_error_errno(err, errno, "%s", path);
	if (st.st_size < 0 || (size_t)st.st_size > max)
		return weir_error_set(err, EFBIG, "%s: longer than %zu bytes", path, max);
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return weir_error_errno(err, ENOMEM, "%s", path);
	while (len < (size_t)st.st_size && (n = read(fd, text + len, (size_t)st.st_size - len))) {
		if (n < 0)
			return weir_error_errno(err, errno, "%s", path);
		len += (size_t)n;
	}
	text[len] = 0;
	*ret_len = len;
	*ret = weir_take(text);
	return 0;
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static void sync_folder_of(const char *path)
{
	char copy[4096];
	WEIR_AUTO_CLOSE int fd = -1;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		fsync(fd); /* some file systems cannot; the rename is done all the same */
}

int weir_file_replace(const char *path, const void *bytes, size_t len, mode_t mode,
		      struct weir_error *err)
{
	WEIR_AUTO_CLOSE int fd = -1;
	char beside[4096];
	int r;

	if (snprintf(beside, sizeof(beside), "%s.new", path) >= (int)sizeof(beside))
		return weir_error_errno(err, ENAMETOOLONG, "%s", path);
	if (unlink(beside) < 0 && errno != ENOENT)
		return weir_error_errno(err, errno, "%s", beside);
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return weir_error_errno(err, errno, "%s", beside);
	r = write_all(fd, bytes, len);
	if (r == 0 && (fsync(fd) < 0 || rename(beside, path) < 0))
		r = -errno;
	if (r < 0) {
		unlink(beside);
		return weir_error_errno(err, -r, "%s", path);
	}
	sync_folder_of(path);
	return 0;
}
