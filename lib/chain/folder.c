/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of CNI configurations, read whole: the files a runtime would look
 * at, in its order, and which of them are ours. Changes nothing. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/chain/chain.h"
#include "weir/cleanup.h"

/* In the order in which they are tried: the plainest that sorts before the primary's. */
static const char *const names[] = { "00-weir.conflist", "00-00-weir.conflist", "!weir.conflist" };

const char *weir_chain_name_before(const char *primary)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], primary) < 0)
			return names[i];
	}
	return NULL;
}

static bool is_configuration(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (!strcmp(dot, ".conf") || !strcmp(dot, ".conflist") || !strcmp(dot, ".json"));
}

/* Runtimes pass over folders; a link to one they try to read. */
static bool is_folder(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static bool may_be_ours(const char *name)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(names); i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return false;
}

static int read_text(int fd, struct weir_chain_file *f)
{
	ssize_t n = 1;

	if (fd < 0 || fstat(fd, &f->st) < 0)
		return errno;
	if (!S_ISREG(f->st.st_mode))
		return EISDIR;
	f->text = malloc(WEIR_CHAIN_TEXT_MAX + 1);
	if (!f->text)
		return ENOMEM;
	while (f->len < WEIR_CHAIN_TEXT_MAX && n > 0) {
		n = read(fd, f->text + f->len, WEIR_CHAIN_TEXT_MAX - f->len);
		f->len += n > 0 ? (size_t)n : 0;
	}
	f->text[f->len] = 0;
	return n < 0 ? errno : n > 0 ? EFBIG : 0;
}

static void read_entry(int dirfd, struct weir_chain_file *f)
{
	WEIR_AUTO_CLOSE int fd = openat(dirfd, f->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *fitting;

	f->error = read_text(fd, f);
	fitting = f->text ? realloc(f->text, f->len + 1) : NULL;
	if (fitting)
		f->text = fitting;
	f->ours = !f->error && may_be_ours(f->name) && weir_chain_is_ours(f->text, f->len);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct weir_chain_file *)a)->name,
		      ((const struct weir_chain_file *)b)->name);
}

static int add(struct weir_chain_folder *f, const char *name)
{
	struct weir_chain_file *longer = reallocarray(f->files, f->n + 1, sizeof(*longer));

	if (!longer)
		return -ENOMEM;
	f->files = longer;
	f->files[f->n] = (struct weir_chain_file){ 0 };
	strcpy(f->files[f->n].name, name);
	read_entry(f->fd, &f->files[f->n++]);
	return 0;
}

static int read_names(struct weir_chain_folder *f)
{
	int copy = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;
	int r = 0;

	if (!dir) {
		r = -errno;
		if (copy >= 0)
			close(copy);
		return r;
	}
	rewinddir(dir);
	while (r == 0 && (errno = 0, entry = readdir(dir))) {
		if (is_configuration(entry->d_name) && strlen(entry->d_name) <= NAME_MAX &&
		    !is_folder(f->fd, entry->d_name))
			r = add(f, entry->d_name);
	}
	if (r == 0)
		r = -errno;
	closedir(dir);
	return r;
}

int weir_chain_folder_open(const char *dir, struct weir_chain_folder *ret, struct weir_error *err)
{
	int r;

	*ret = (struct weir_chain_folder){ .fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	if (ret->fd < 0)
		return weir_error_errno(err, errno, "%s", dir);
	r = read_names(ret);
	if (r < 0) {
		weir_chain_folder_close(ret);
		return weir_error_errno(err, -r, "%s", dir);
	}
	if (ret->n)
		qsort(ret->files, ret->n, sizeof(*ret->files), by_name);
	return 0;
}

void weir_chain_folder_close(struct weir_chain_folder *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->files[i].text);
	free(weir_take(f->files));
	f->n = 0;
	if (f->fd >= 0)
		close(weir_take_fd(f->fd));
}

static const struct weir_chain_file *first(const struct weir_chain_folder *f, bool ours)
{
	for (size_t i = 0; i < f->n; i++) {
		/* a file that vanished while we looked was not there */
		if (f->files[i].ours == ours && f->files[i].error != ENOENT)
			return &f->files[i];
	}
	return NULL;
}

const struct weir_chain_file *weir_chain_primary(const struct weir_chain_folder *f)
{
	return first(f, false);
}

const struct weir_chain_file *weir_chain_ours(const struct weir_chain_folder *f)
{
	return first(f, true);
}

const struct weir_chain_file *weir_chain_find(const struct weir_chain_folder *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++) {
		if (!strcmp(f->files[i].name, name))
			return &f->files[i];
	}
	return NULL;
}
