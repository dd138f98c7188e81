/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file source: a folder of manifests (*.yaml, *.yml, *.json; folders in
 * it are not searched). Finds out which files have changed and gives their
 * texts to the catalog. A folder that is missing keeps what it last held.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "daemon/cluster/cluster.h"
#include "daemon/reconcile/reconcile.h"
#include "daemon/source/keep.h"
#include "daemon/source/manifest.h"
#include "daemon/source/source.h"
#include "daemon/source/watch.h"
#include "daemon/weird.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define FILE_MAX (512l * 1024 * 1024)
/* A file that changed so shortly before it was read may change once more
 * without another time stamp (the kernel's clock ticks every few ms). */
#define RACY_NS 20000000ll

/* What tells whether a file is still the one that was read. */
struct stamp {
	struct timespec mtime, ctime;
	off_t size;
	dev_t dev;
	ino_t ino;
};

struct file {
	struct weir_manifest manifest;
	char *name;
	struct stamp stamp;
	bool dirty; /* read it again whatever the stamp says */
	bool seen;
};

struct files {
	struct weir_source source; /* first: what others hold */
	struct weird *d;
	char *path;
	struct weir_catalog catalog;
	struct weir_keep keep;
	struct weir_watch *watch;
	struct file **items; /* sorted by name */
	size_t n;
	bool unknown;		  /* a file is being written that was never read */
	bool ready;		  /* the whole folder was read once */
	bool pruned;		  /* no copies are left of files that went before we came */
	struct weir_error folder; /* why it cannot be read; "" */
};

/* --- the list of files ---------------------------------------------------------- */

static bool is_manifest(const char *name)
{
	const char *dot = strrchr(name, '.');

	return *name != '.' && dot &&
	       (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml") || !strcmp(dot, ".json"));
}

/* Position of the name, or where it would go. */
static size_t position(const struct files *s, const char *name, bool *ret_found)
{
	size_t low = 0, high = s->n;

	*ret_found = false;
	while (low < high) {
		size_t mid = (low + high) / 2;
		int order = strcmp(s->items[mid]->name, name);

		if (order == 0)
			*ret_found = true;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct file *file_of(struct files *s, const char *name)
{
	bool found;
	size_t at = position(s, name, &found);
	struct file **longer, *file;

	if (found)
		return s->items[at];
	longer = reallocarray(s->items, s->n + 1, sizeof(*longer));
	if (!longer)
		return NULL;
	s->items = longer;
	file = calloc(1, sizeof(*file));
	if (!file || !(file->name = strdup(name))) {
		free(file);
		return NULL;
	}
	file->manifest.name = file->name;
	file->dirty = true;
	memmove(&longer[at + 1], &longer[at], (s->n++ - at) * sizeof(*longer));
	longer[at] = file;
	return file;
}

static void close_file(struct files *s, size_t at)
{
	struct file *file = s->items[at];

	weir_catalog_unload(&s->catalog, &file->manifest);
	memmove(&s->items[at], &s->items[at + 1], (--s->n - at) * sizeof(*s->items));
	free(file->name);
	free(file);
}

/* The file does not exist any more. */
static void forget_file(struct files *s, const char *name)
{
	bool found;
	size_t at = position(s, name, &found);

	weir_keep_remove(&s->keep, name);
	if (found)
		close_file(s, at);
}

/* --- one file -------------------------------------------------------------------- */

static struct stamp stamp_of(const struct stat *st)
{
	return (struct stamp){ .mtime = st->st_mtim,
			       .ctime = st->st_ctim,
			       .size = st->st_size,
			       .dev = st->st_dev,
			       .ino = st->st_ino };
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
	return same_time(&a->mtime, &b->mtime) && same_time(&a->ctime, &b->ctime) &&
	       a->size == b->size && a->dev == b->dev && a->ino == b->ino;
}

static bool is_racy(const struct stamp *stamp)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (now.tv_sec - stamp->ctime.tv_sec) * 1000000000ll + now.tv_nsec -
		       stamp->ctime.tv_nsec <
	       RACY_NS;
}

/* Somebody is still writing it: half a file is not to be believed, although
 * it may well be readable. A read lease is refused while there is a writer. */
static bool is_being_written(int fd)
{
	if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
		fcntl(fd, F_SETLEASE, F_UNLCK);
		return false;
	}
	return errno == EAGAIN;
}

static int read_file(int fd, off_t size, char **ret, size_t *ret_len)
{
	WEIR_AUTO_FREE char *text = malloc((size_t)size + 1);
	size_t len = 0;
	ssize_t n;

	if (!text)
		return -ENOMEM;
	while (len < (size_t)size && (n = read(fd, text + len, (size_t)size - len)) != 0) {
		if (n < 0)
			return -errno;
		len += (size_t)n;
	}
	text[len] = 0;
	*ret = weir_take(text);
	*ret_len = len;
	return 0;
}

static void log_errors(const struct file *file)
{
	for (size_t i = 0; i < file->manifest.n_errors; i++)
		weir_log(WEIR_LOG_WARNING, "manifest refused", "error", file->manifest.errors[i],
			 NULL);
}

/* --- what is kept of a file ------------------------------------------------------ */

/* Brings back what an earlier weird knew. */
static bool restore(struct files *s, struct file *file)
{
	WEIR_AUTO_FREE char *text = NULL;
	size_t len;

	if (weir_keep_read(&s->keep, file->name, &text, &len) < 0)
		return false;
	weir_catalog_load(&s->catalog, &file->manifest, text, len);
	return true;
}

static void keep(struct files *s, struct file *file, const char *text, size_t len,
		 const struct stat *st)
{
	WEIR_AUTO_FREE char *good = NULL, *before = NULL;
	size_t good_len = 0, before_len = 0;
	struct weir_error err;
	int r = 0;

	if (!file->manifest.n_errors) {
		r = weir_keep_write(&s->keep, file->name, text, len, st, &err);
	} else {
		weir_keep_read(&s->keep, file->name, &before, &before_len);
		r = weir_catalog_good(&s->catalog, &file->manifest, text, len, before, before_len,
				      &good, &good_len);
		r = r < 0 ? weir_error_errno(&err, -r, "%s", file->name)
			  : weir_keep_write(&s->keep, file->name, good, good_len, NULL, &err);
	}
	if (r < 0)
		weir_log(WEIR_LOG_WARNING,
			 "good state not kept; should it break, a restart will not know it",
			 "error", err.text, NULL);
}

/* The first text that this weird sees of a file may be broken: then it goes on
 * top of what was kept, as it would have if weird had run all the time. */
static void load_text(struct files *s, struct file *file, const char *text, size_t len,
		      const struct stat *st)
{
	bool first = !file->manifest.round;
	uint64_t errors = s->catalog.errors;

	weir_catalog_load(&s->catalog, &file->manifest, text, len);
	if (first && file->manifest.n_errors && restore(s, file)) {
		s->catalog.errors = errors;
		weir_catalog_load(&s->catalog, &file->manifest, text, len);
	}
	if (!first || file->manifest.n_errors || !weir_keep_is_current(&s->keep, file->name, st))
		keep(s, file, text, len, st);
}

static void fail(struct files *s, struct file *file, int r)
{
	struct weir_error err;

	if (!file->manifest.round)
		restore(s, file);
	weir_error_errno(&err, -r, "%s", file->name);
	if (file->manifest.n_errors == 1 && !strcmp(file->manifest.errors[0], err.text))
		return; /* no news */
	weir_catalog_fail(&s->catalog, &file->manifest, err.text);
	log_errors(file);
}

static int open_file(int dir, const char *name, struct stat *ret)
{
	WEIR_AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, ret) < 0)
		return -errno;
	if (!S_ISREG(ret->st_mode))
		return -EISDIR;
	if (ret->st_size > FILE_MAX)
		return -EFBIG;
	return weir_take_fd(fd);
}

/* The file is there: read it when it is another than the one read before. */
static void load(struct files *s, struct file *file, int dir)
{
	struct stat st;
	WEIR_AUTO_CLOSE int fd = open_file(dir, file->name, &st);
	WEIR_AUTO_FREE char *text = NULL;
	struct stamp stamp;
	size_t len = 0;
	int r;

	if (fd < 0) {
		fail(s, file, fd);
		return;
	}
	stamp = stamp_of(&st);
	if (!file->dirty && !file->manifest.stale && same_stamp(&stamp, &file->stamp))
		return;
	file->dirty = true;
	if (is_being_written(fd)) {
		s->unknown |= !file->manifest.round;
		return;
	}
	r = read_file(fd, st.st_size, &text, &len);
	if (r < 0) {
		fail(s, file, r);
		return;
	}
	file->stamp = stamp;
	file->dirty = is_racy(&stamp);
	load_text(s, file, text, len, &st);
	log_errors(file);
}

/* --- the folder ------------------------------------------------------------------ */

/* Objects that have lost their owner may be in other files, too; a file that
 * has lost objects to an earlier one has to say so. */
static void settle(struct files *s, int dir)
{
	struct weir_catalog *c = &s->catalog;

	for (int round = 0; (c->freed || c->stale) && round < 8; round++) {
		bool freed = c->freed;

		c->freed = c->stale = false;
		for (size_t i = 0; i < s->n; i++)
			s->items[i]->manifest.stale |= freed && s->items[i]->manifest.shadowed;
		for (size_t i = 0; i < s->n; i++) {
			if (s->items[i]->manifest.stale)
				load(s, s->items[i], dir);
			c->stale |= s->items[i]->manifest.stale;
		}
	}
}

static void kick_if_changed(struct files *s, uint64_t before)
{
	if (s->catalog.changes != before)
		weir_reconcile_kick(s->d->reconcile);
}

static bool is_known(void *data, const char *name)
{
	bool found;

	position(data, name, &found);
	return found;
}

static void forget_unseen(struct files *s)
{
	if (!s->pruned)
		weir_keep_prune(&s->keep, is_known, s);
	s->pruned = true;
	for (size_t i = s->n; i > 0; i--) {
		if (!s->items[i - 1]->seen)
			forget_file(s, s->items[i - 1]->name);
	}
}

static int folder_failed(struct files *s, int code, struct weir_error *err)
{
	struct weir_error now;

	weir_error_errno(&now, code, "%s", s->path);
	if (strcmp(now.text, s->folder.text)) {
		s->catalog.errors++;
		weir_log(WEIR_LOG_ERROR, "folder of manifests cannot be read; its last state holds",
			 "error", now.text, NULL);
	}
	s->folder = now;
	return weir_error_set(err, code, "%s", now.text);
}

static void closedir_p(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* The order of the files tells nothing of which pod got its address first. */
static void load_all(struct files *s, int dir)
{
	struct weir_world *w = &s->d->world;

	pthread_mutex_lock(&w->lock);
	weir_cluster_begin_list(w->cluster);
	pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < s->n; i++)
		load(s, s->items[i], dir);
	pthread_mutex_lock(&w->lock);
	weir_cluster_end_list(w->cluster);
	pthread_mutex_unlock(&w->lock);
}

static int scan(struct files *s, struct weir_error *err)
{
	WEIR_CLEANUP(closedir_p) DIR *dir = opendir(s->path);
	uint64_t before = s->catalog.changes;
	const struct dirent *entry;
	struct file *file;

	if (!dir)
		return folder_failed(s, errno, err);
	for (size_t i = 0; i < s->n; i++)
		s->items[i]->seen = false;
	while ((errno = 0, entry = readdir(dir))) {
		if (!is_manifest(entry->d_name))
			continue;
		file = file_of(s, entry->d_name);
		if (!file)
			return folder_failed(s, ENOMEM, err);
		file->seen = true;
	}
	if (errno)
		return folder_failed(s, errno, err);
	s->folder.text[0] = 0;
	s->unknown = false;
	forget_unseen(s);
	load_all(s, dirfd(dir));
	settle(s, dirfd(dir));
	kick_if_changed(s, before);
	return s->unknown ? weir_error_set(err, EAGAIN, "%s: a new file is still being written",
					   s->path)
			  : 0;
}

static void on_change(void *data, const char *name)
{
	struct files *s = data;
	uint64_t before = s->catalog.changes;
	WEIR_AUTO_CLOSE int dir = -1;
	struct file *file;
	struct stat st;

	if (!name) {
		scan(s, NULL);
		return;
	}
	dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || !is_manifest(name))
		return;
	if (fstatat(dir, name, &st, 0) < 0 && errno == ENOENT) {
		forget_file(s, name);
	} else if ((file = file_of(s, name))) {
		file->dirty = true;
		load(s, file, dir);
	}
	settle(s, dir);
	kick_if_changed(s, before);
}

/* --- as a source ------------------------------------------------------------------ */

static int files_ready(struct weir_source *source, struct weir_error *err)
{
	struct files *s = (struct files *)source;
	int r = s->ready ? 0 : scan(s, err);

	s->ready |= r == 0;
	return r;
}

static void files_sync(struct weir_source *source, weir_source_done *done, void *data)
{
	struct weir_error err;

	done(data, scan((struct files *)source, &err) < 0 ? &err : NULL);
}

static void add_broken(cJSON *list, const char *file, const char *error)
{
	cJSON *item = cJSON_CreateObject();

	cJSON_AddStringToObject(item, "file", file);
	cJSON_AddStringToObject(item, "error", error);
	cJSON_AddItemToArray(list, item);
}

static void add_ignored(cJSON *list, const struct weir_manifest *m)
{
	cJSON *item = cJSON_CreateObject(), *names;

	cJSON_AddStringToObject(item, "file", m->name);
	names = cJSON_AddArrayToObject(item, "kinds");
	for (size_t i = 0; i < m->n_ignored; i++)
		cJSON_AddItemToArray(names, cJSON_CreateString(m->ignored[i]));
	cJSON_AddItemToArray(list, item);
}

static cJSON *files_status(const struct weir_source *source)
{
	const struct files *s = (const struct files *)source;
	cJSON *status = cJSON_CreateObject(), *broken, *ignored;

	cJSON_AddStringToObject(status, "kind", "files");
	cJSON_AddStringToObject(status, "path", s->path);
	cJSON_AddNumberToObject(status, "files", (double)s->n);
	cJSON_AddNumberToObject(status, "objects", (double)s->catalog.entries.n);
	broken = cJSON_AddArrayToObject(status, "broken");
	ignored = cJSON_AddArrayToObject(status, "ignored");
	if (s->folder.text[0])
		add_broken(broken, s->path, s->folder.text);
	for (size_t i = 0; i < s->n; i++) {
		const struct weir_manifest *m = &s->items[i]->manifest;

		for (size_t e = 0; e < m->n_errors; e++)
			add_broken(broken, m->name, m->errors[e]);
		if (m->n_ignored)
			add_ignored(ignored, m);
	}
	return status;
}

static void files_counts(const struct weir_source *source, uint64_t *broken, uint64_t *errors)
{
	const struct files *s = (const struct files *)source;

	*errors = s->catalog.errors;
	*broken = s->folder.text[0] ? 1 : 0;
	for (size_t i = 0; i < s->n; i++)
		*broken += s->items[i]->manifest.n_errors;
}

static void files_close(struct weir_source *source)
{
	struct files *s = (struct files *)source;

	weir_watch_stop(&s->watch);
	while (s->n)
		close_file(s, s->n - 1);
	free(s->items);
	weir_keep_close(&s->keep);
	weir_catalog_clear(&s->catalog);
	free(s->path);
	free(s);
}

static const struct weir_source_ops files_ops = {
	.name = "files",
	.ready = files_ready,
	.sync = files_sync,
	.status = files_status,
	.counts = files_counts,
	.close = files_close,
};

int weir_source_files_open(struct weird *d, const char *path, struct weir_source **ret,
			   struct weir_error *err)
{
	struct files *s = calloc(1, sizeof(*s));
	int r;

	if (!s || !(s->path = strdup(path))) {
		free(s);
		return weir_error_errno(err, ENOMEM, "%s", path);
	}
	s->source.ops = &files_ops;
	s->d = d;
	s->keep.dir = -1;
	/* is_being_written() may be told so by a signal, between its two calls */
	signal(SIGIO, SIG_IGN);
	r = weir_catalog_init(&s->catalog, &d->world, err);
	if (r == 0)
		r = weir_keep_open(&s->keep, d->config->state_dir, err);
	if (r == 0)
		r = weir_watch_start(d->loop, path, on_change, s, &s->watch, err);
	if (r < 0) {
		files_close(&s->source);
		return r;
	}
	*ret = &s->source;
	return 0;
}
