/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's life, and what comes in: rows and marks go to the newest file of
 * flows, in one transaction. When its span is over the next file begins with the marks of
 * the last, and the keeper packs the old one.
 */
#include "hub/store/sqlite/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "weir/cleanup.h"

#define MS	   1000000ull
#define RANGES_MAX 4096u

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void sqlite_close(struct weir_store *store)
{
	struct weir_sqlite *s = (struct weir_sqlite *)store;

	weir_keeper_stop(s);
	weir_writer_close(&s->writer);
	weir_catalog_close(s);
	if (s->folder_lock >= 0)
		close(s->folder_lock);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->wake);
	pthread_rwlock_destroy(&s->summing);
	free(s->folder);
	free(s);
}

static int lock_folder(struct weir_sqlite *s, struct weir_error *err)
{
	char path[4096];

	if (mkdir(s->folder, 0700) < 0 && errno != EEXIST)
		return weir_error_errno(err, errno, "%s", s->folder);
	snprintf(path, sizeof(path), "%s/lock", s->folder);
	s->folder_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->folder_lock < 0)
		return weir_error_errno(err, errno, "%s", path);
	if (flock(s->folder_lock, LOCK_EX | LOCK_NB) < 0)
		return weir_error_set(err, EBUSY,
				      "%s: another weir-hub uses this folder; give each its own",
				      s->folder);
	return 0;
}

static int sqlite_open(const struct weir_store_config *config, struct weir_store **ret,
		       struct weir_error *err)
{
	struct weir_sqlite *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return weir_error_errno(err, ENOMEM, "store");
	s->store.ops = &weir_store_sqlite;
	s->folder_lock = -1;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	pthread_rwlock_init(&s->summing, NULL);
	s->folder = strdup(config->path);
	s->raw_ns = config->raw_ms * MS;
	s->rollup_ns = config->rollup_ms * MS;
	s->partition_ns = config->partition_ms * MS;
	s->max_bytes = config->max_bytes;
	r = s->folder ? lock_folder(s, err) : weir_error_errno(err, ENOMEM, "store");
	if (r == 0)
		r = weir_catalog_open(s, err);
	if (r == 0)
		r = weir_rollup_load(s, err);
	if (r == 0)
		r = weir_keeper_start(s, err);
	if (r < 0) {
		sqlite_close(&s->store);
		return r;
	}
	*ret = &s->store;
	return 0;
}

/* --- marks -------------------------------------------------------------------------- */

static int each_mark(struct weir_partition *p, int (*fn)(void *data, const struct weir_mark *mark),
		     void *data, struct weir_error *err)
{
	WEIR_AUTO_FREE struct weir_range *ranges = malloc(RANGES_MAX * sizeof(*ranges));
	sqlite3_stmt *s = NULL;
	int r = 0, code = SQLITE_DONE;

	if (!ranges)
		return weir_error_errno(err, ENOMEM, "marks");
	pthread_mutex_lock(&p->lock);
	if (sqlite3_prepare_v2(p->db, "SELECT cluster, node, boot, next, ranges FROM marks", -1, &s,
			       NULL) != SQLITE_OK)
		r = weir_sql_error(p->db, err, "marks");
	while (r == 0 && (code = sqlite3_step(s)) == SQLITE_ROW) {
		struct weir_mark m = {
			.cluster = (const char *)sqlite3_column_text(s, 0),
			.node = (const char *)sqlite3_column_text(s, 1),
			.boot = (const char *)sqlite3_column_text(s, 2),
			.next = (uint64_t)sqlite3_column_int64(s, 3),
			.ranges = ranges,
			.n_ranges = (size_t)sqlite3_column_bytes(s, 4) / sizeof(*m.ranges),
		};

		if (m.n_ranges > RANGES_MAX)
			m.n_ranges = RANGES_MAX; /* the others are asked for again */
		if (m.n_ranges)
			memcpy(ranges, sqlite3_column_blob(s, 4), m.n_ranges * sizeof(*ranges));
		r = m.cluster && m.node && m.boot ? fn(data, &m) : -EBADMSG;
	}
	if (r == 0 && code != SQLITE_DONE)
		r = weir_sql_error(p->db, err, "marks");
	sqlite3_finalize(s);
	pthread_mutex_unlock(&p->lock);
	return r;
}

/* Each file begins with the marks of the one before: the newest that can be read has all. */
static int sqlite_marks(struct weir_store *store,
			int (*fn)(void *data, const struct weir_mark *mark), void *data,
			struct weir_error *err)
{
	struct weir_sqlite *s = (struct weir_sqlite *)store;
	struct weir_partition **all;
	size_t n;
	int r = weir_catalog_all(s, WEIR_LEVEL_RAW, &all, &n);

	if (r < 0)
		return weir_error_errno(err, ENOMEM, "marks");
	r = n ? each_mark(all[n - 1], fn, data, err) : 0;
	weir_catalog_put(all, n);
	return r;
}

/* --- what comes in ------------------------------------------------------------------ */

static int copy_mark(void *data, const struct weir_mark *mark)
{
	return weir_writer_mark(data, mark, NULL);
}

static int newest(struct weir_sqlite *s, struct weir_partition **ret, struct weir_error *err)
{
	struct weir_partition **all;
	size_t n;

	*ret = NULL;
	if (weir_catalog_all(s, WEIR_LEVEL_RAW, &all, &n) < 0)
		return weir_error_errno(err, ENOMEM, "store");
	if (n)
		*ret = weir_partition_ref(all[n - 1]);
	weir_catalog_put(all, n);
	return 0;
}

static int begin_file(struct weir_sqlite *s, uint64_t start, struct weir_partition *last,
		      struct weir_error *err)
{
	WEIR_CLEANUP(weir_partition_unref) struct weir_partition *p = NULL;
	WEIR_CLEANUP(weir_writer_close) struct weir_writer *w = NULL;
	int r = weir_catalog_get(s, WEIR_LEVEL_RAW, start, &p, err);

	if (r == 0)
		r = weir_writer_open(p, &w, err);
	if (r == 0)
		r = weir_writer_begin(w, err);
	if (r < 0)
		return r;
	if (last && last != p)
		r = each_mark(last, copy_mark, w, err);
	if (r == 0)
		r = weir_writer_commit(w, err);
	if (r < 0) {
		weir_writer_rollback(w);
		if (last && last != p) /* without marks it must not become the newest */
			weir_catalog_remove(s, p);
		return r;
	}
	weir_writer_close(&s->writer);
	s->writer = weir_take(w);
	pthread_cond_signal(&s->wake); /* the keeper has something to pack */
	return 0;
}

/* The file that rows of now belong into. Should the clock go back, it stays. */
static int right_file(struct weir_sqlite *s, bool full, struct weir_error *err)
{
	WEIR_CLEANUP(weir_partition_unref) struct weir_partition *last = NULL;
	uint64_t now = now_ns(), start = now - now % s->partition_ns;
	int r;

	if (s->writer && !full && start <= s->writer->p->start)
		return 0;
	r = newest(s, &last, err);
	if (r < 0)
		return r;
	if (last && start <= last->start)
		start = last->start;
	if (last && (full || last->sealed) && start == last->start)
		start = last->start + 1000000000u; /* the next name there is */
	if (s->writer && start == s->writer->p->start)
		return 0;
	return begin_file(s, start, last, err);
}

static int write_all(struct weir_writer *w, const struct weir_dictionary *words,
		     const struct weir_row *rows, size_t n, const struct weir_mark *marks,
		     size_t n_marks, struct weir_error *err)
{
	int r = weir_writer_begin(w, err);

	if (r == 0)
		r = weir_writer_rows(w, words, rows, n, err);
	for (size_t i = 0; r == 0 && i < n_marks; i++)
		r = weir_writer_mark(w, &marks[i], err);
	if (r == 0)
		r = weir_writer_commit(w, err);
	if (r < 0)
		weir_writer_rollback(w);
	return r;
}

static void note_failure(struct weir_sqlite *s, int r, const struct weir_error *err)
{
	pthread_mutex_lock(&s->lock);
	s->failing = r < 0;
	snprintf(s->why, sizeof(s->why), "%.255s", r < 0 ? err->text : "");
	pthread_mutex_unlock(&s->lock);
}

/* A file that cannot be written to because it is torn: its readable part stays for the readers
 * until the next start; rows go to a new one. */
static int sqlite_append(struct weir_store *store, const struct weir_dictionary *words,
			 const struct weir_row *rows, size_t n, const struct weir_mark *marks,
			 size_t n_marks, struct weir_error *err)
{
	struct weir_sqlite *s = (struct weir_sqlite *)store;
	struct weir_error why = { "" };
	int r = right_file(s, false, &why);

	if (r == 0)
		r = write_all(s->writer, words, rows, n, marks, n_marks, &why);
	if (r == -E2BIG || r == -EBADMSG) {
		r = right_file(s, true, &why);
		if (r == 0)
			r = write_all(s->writer, words, rows, n, marks, n_marks, &why);
	}
	if (r == 0 && weir_keeper_pack(s->writer, false, &why) < 0)
		weir_writer_rollback(s->writer); /* as it was; tried again after the next rows */
	note_failure(s, r, &why);
	return r < 0 ? weir_error_set(err, -r, "%s", why.text) : 0;
}

static void add_partition(const struct weir_partition *p, struct weir_store_stats *ret)
{
	ret->partitions++;
	ret->bytes += p->bytes;
	if (p->level != WEIR_LEVEL_RAW)
		return;
	ret->rows += p->rows;
	for (size_t i = 0; i < p->n_blocks; i++) {
		if (!ret->oldest || p->blocks[i].from < ret->oldest)
			ret->oldest = p->blocks[i].from;
		if (p->blocks[i].to > ret->newest)
			ret->newest = p->blocks[i].to;
	}
}

static void sqlite_stats(struct weir_store *store, struct weir_store_stats *ret)
{
	struct weir_sqlite *s = (struct weir_sqlite *)store;

	*ret = (struct weir_store_stats){ 0 };
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n_partitions; i++) {
		pthread_mutex_lock(&s->partitions[i]->lock);
		add_partition(s->partitions[i], ret);
		pthread_mutex_unlock(&s->partitions[i]->lock);
	}
	ret->expired = s->expired;
	ret->broken = s->broken;
	ret->failing = s->failing;
	memcpy(ret->why, s->why, sizeof(ret->why));
	pthread_mutex_unlock(&s->lock);
}

const struct weir_store_ops weir_store_sqlite = {
	.name = "sqlite",
	.open = sqlite_open,
	.append = sqlite_append,
	.marks = sqlite_marks,
	.flows = weir_sqlite_flows,
	.sums = weir_sqlite_sums,
	.values = weir_sqlite_values,
	.expire = weir_sqlite_expire,
	.stats = sqlite_stats,
	.close = sqlite_close,
};
