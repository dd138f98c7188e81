/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files the store has. A torn one is set aside under another name, so that
 * somebody may look at it, and the store goes on without.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/store/sqlite/sqlite.h"
#include "weir/cleanup.h"
#include "weir/log.h"

static int compare(const struct weir_partition *a, enum weir_level level, uint64_t start)
{
	if (a->level != level)
		return a->level < level ? -1 : 1;
	return a->start < start ? -1 : a->start > start;
}

/* Under the lock. */
static int insert(struct weir_sqlite *s, struct weir_partition *p)
{
	struct weir_partition **more =
		realloc(s->partitions, (s->n_partitions + 1) * sizeof(struct weir_partition *));
	size_t at;

	if (!more)
		return -ENOMEM;
	s->partitions = more;
	for (at = s->n_partitions; at && compare(more[at - 1], p->level, p->start) > 0; at--)
		more[at] = more[at - 1];
	more[at] = p;
	s->n_partitions++;
	return 0;
}

static void rename_aside(const char *path)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char from[4096], to[4096];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(ends); i++) {
		snprintf(from, sizeof(from), "%s%s", path, ends[i]);
		snprintf(to, sizeof(to), "%s.torn%s", path, ends[i]);
		rename(from, to);
	}
}

static void tell_torn(struct weir_sqlite *s, const char *path, const char *why)
{
	weir_log(WEIR_LOG_ERROR,
		 "a file of the store is torn and was set aside; its flows are lost", "file", path,
		 "renamed", "to *.torn", "error", why, NULL);
	s->broken++;
}

static int read_one(struct weir_sqlite *s, const char *name, struct weir_error *err)
{
	struct weir_error why = { "" };
	struct weir_partition *p = NULL;
	enum weir_level level;
	uint64_t start;
	char path[4096];
	int r;

	if (!weir_partition_parse(name, &level, &start))
		return 0;
	r = weir_partition_open(s->folder, level, start, false, &p, &why);
	if (r == -EBADMSG || r == -EIO) {
		weir_partition_path(s->folder, level, start, path, sizeof(path));
		tell_torn(s, path, why.text);
		rename_aside(path);
		return 0;
	}
	if (r < 0)
		return weir_error_set(err, -r, "%s", why.text);
	r = insert(s, p);
	if (r < 0) {
		weir_partition_unref(&p);
		return weir_error_errno(err, -r, "%s", name);
	}
	return 0;
}

int weir_catalog_open(struct weir_sqlite *s, struct weir_error *err)
{
	DIR *dir = opendir(s->folder);
	struct dirent *e;
	int r = 0;

	if (!dir)
		return weir_error_errno(err, errno, "%s", s->folder);
	while (r == 0 && (e = readdir(dir)))
		r = read_one(s, e->d_name, err);
	closedir(dir);
	return r;
}

void weir_catalog_close(struct weir_sqlite *s)
{
	for (size_t i = 0; i < s->n_partitions; i++)
		weir_partition_unref(&s->partitions[i]);
	free(weir_take(s->partitions));
	s->n_partitions = 0;
}

static struct weir_partition *find(struct weir_sqlite *s, enum weir_level level, uint64_t start)
{
	for (size_t i = 0; i < s->n_partitions; i++)
		if (compare(s->partitions[i], level, start) == 0)
			return s->partitions[i];
	return NULL;
}

int weir_catalog_get(struct weir_sqlite *s, enum weir_level level, uint64_t start,
		     struct weir_partition **ret, struct weir_error *err)
{
	struct weir_partition *p;
	int r = 0;

	pthread_mutex_lock(&s->lock);
	p = find(s, level, start);
	if (!p) {
		r = weir_partition_open(s->folder, level, start, true, &p, err);
		if (r == 0 && insert(s, p) < 0) {
			weir_partition_unref(&p);
			r = weir_error_errno(err, ENOMEM, "store");
		}
	}
	if (r == 0)
		*ret = weir_partition_ref(p);
	pthread_mutex_unlock(&s->lock);
	return r;
}

int weir_catalog_all(struct weir_sqlite *s, enum weir_level level, struct weir_partition ***ret,
		     size_t *ret_n)
{
	struct weir_partition **all;
	size_t n = 0;

	pthread_mutex_lock(&s->lock);
	all = calloc(s->n_partitions + 1, sizeof(struct weir_partition *));
	for (size_t i = 0; all && i < s->n_partitions; i++)
		if (s->partitions[i]->level == level)
			all[n++] = weir_partition_ref(s->partitions[i]);
	pthread_mutex_unlock(&s->lock);
	*ret = all;
	*ret_n = n;
	return all ? 0 : -ENOMEM;
}

void weir_catalog_put(struct weir_partition **all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		weir_partition_unref(&all[i]);
	free(all);
}

static void forget(struct weir_sqlite *s, struct weir_partition *p)
{
	struct weir_partition *known;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n_partitions; i++) {
		if (s->partitions[i] != p)
			continue;
		known = s->partitions[i];
		s->n_partitions--;
		memmove(&s->partitions[i], &s->partitions[i + 1],
			(s->n_partitions - i) * sizeof(struct weir_partition *));
		weir_partition_unref(&known);
		break;
	}
	pthread_mutex_unlock(&s->lock);
}

void weir_catalog_remove(struct weir_sqlite *s, struct weir_partition *p)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char name[4096];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(ends); i++) {
		snprintf(name, sizeof(name), "%s%s", p->path, ends[i]);
		unlink(name);
	}
	forget(s, p);
}

void weir_catalog_set_aside(struct weir_sqlite *s, struct weir_partition *p, const char *why)
{
	tell_torn(s, p->path, why);
	rename_aside(p->path);
	forget(s, p);
}
