/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the files in order. While one is written to, its many small blocks become
 * few; when its span is over a thread packs it whole, sums it up and seals it. Each
 * step is a transaction that is done again when it was cut off.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hub/store/sqlite/scan.h"
#include "hub/store/sqlite/sqlite.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define LOOK_S 60

/* When so many blocks are below a size they become one. */
static const struct {
	uint32_t below, blocks;
} sizes[] = { { 2048, 24 }, { 16384, 16 } };

static int by_time(const void *a, const void *b)
{
	const struct weir_row *x = a, *y = b;

	return x->time < y->time ? -1 : x->time > y->time;
}

/* The rows of some blocks, sorted by time; *ret_n of them, free(). */
static int gather(struct weir_writer *w, const struct weir_block *blocks, size_t n,
		  struct weir_row **ret, size_t *ret_n, struct weir_error *err)
{
	WEIR_AUTO_FREE struct weir_row *rows = NULL;
	size_t total = 0, got = 0;
	int r = 0;

	for (size_t i = 0; i < n; i++)
		total += blocks[i].rows;
	rows = malloc((total + 1) * sizeof(*rows));
	if (!rows)
		return weir_error_errno(err, ENOMEM, "pack");
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = weir_block_rows(w->p, w->codec, &blocks[i], &w->bytes, rows + got, err);
		got += blocks[i].rows;
	}
	if (r < 0)
		return r;
	qsort(rows, total, sizeof(*rows), by_time);
	*ret = weir_take(rows);
	*ret_n = total;
	return 0;
}

static int replace(struct weir_writer *w, const struct weir_block *blocks, size_t n,
		   struct weir_error *err)
{
	WEIR_AUTO_FREE struct weir_row *rows = NULL;
	size_t total = 0, at = 0;
	int r = gather(w, blocks, n, &rows, &total, err);

	if (r == 0)
		r = weir_writer_begin(w, err);
	if (r < 0)
		return r;
	for (; r == 0 && at < total; at += WEIR_BLOCK_ROWS)
		r = weir_writer_block(w, rows + at,
				      total - at < WEIR_BLOCK_ROWS ? (uint32_t)(total - at)
								   : WEIR_BLOCK_ROWS,
				      err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = weir_writer_remove(w, blocks[i].id, err);
	if (r == 0)
		r = weir_writer_commit(w, err);
	if (r < 0)
		weir_writer_rollback(w);
	return r;
}

/* Who reads keeps its list of blocks until it has read them: not now, then. */
static int pack_some(struct weir_writer *w, const struct weir_block *blocks, size_t n, bool wait,
		     struct weir_error *err)
{
	int r;

	if (wait)
		pthread_rwlock_wrlock(&w->p->pack);
	else if (pthread_rwlock_trywrlock(&w->p->pack) != 0)
		return 0;
	r = replace(w, blocks, n, err);
	pthread_rwlock_unlock(&w->p->pack);
	return r;
}

/* Moves blocks of less than so many rows to the front; at most one block's worth of rows. */
static size_t choose(struct weir_block *blocks, size_t n, uint32_t below)
{
	size_t chosen = 0;
	uint32_t rows = 0;

	for (size_t i = 0; i < n; i++) {
		if (blocks[i].rows >= below || rows + blocks[i].rows > WEIR_BLOCK_ROWS)
			continue;
		rows += blocks[i].rows;
		blocks[chosen++] = blocks[i];
	}
	return chosen;
}

int weir_keeper_pack(struct weir_writer *w, bool all, struct weir_error *err)
{
	WEIR_AUTO_FREE struct weir_block *blocks = NULL;
	size_t n, chosen;
	int r;

	for (size_t i = 0; !all && i < WEIR_ARRAY_SIZE(sizes); i++) {
		free(weir_take(blocks));
		if (weir_partition_blocks(w->p, 0, UINT64_MAX, &blocks, &n) < 0)
			return weir_error_errno(err, ENOMEM, "pack");
		chosen = choose(blocks, n, sizes[i].below);
		r = chosen >= sizes[i].blocks ? pack_some(w, blocks, chosen, false, err) : 0;
		if (r < 0)
			return r;
	}
	for (r = 0; all && r == 0;) {
		free(weir_take(blocks));
		if (weir_partition_blocks(w->p, 0, UINT64_MAX, &blocks, &n) < 0)
			return weir_error_errno(err, ENOMEM, "pack");
		chosen = choose(blocks, n, WEIR_BLOCK_ROWS / 2);
		if (chosen < 2)
			break;
		r = pack_some(w, blocks, chosen, true, err);
	}
	return r;
}

static int seal(struct weir_sqlite *s, struct weir_partition *p, struct weir_error *err)
{
	WEIR_CLEANUP(weir_writer_close) struct weir_writer *w = NULL;
	int r = weir_writer_open(p, &w, err);

	if (r == 0)
		r = weir_keeper_pack(w, true, err);
	if (r == 0)
		r = weir_rollup(s, p, err);
	if (r == 0)
		r = weir_writer_begin(w, err);
	if (r < 0)
		return r;
	r = weir_writer_note(w, "sealed", "yes", err);
	if (r == 0)
		r = weir_writer_commit(w, err);
	if (r < 0) {
		weir_writer_rollback(w);
		return r;
	}
	weir_sql_run(w->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL); /* else: at the next start */
	pthread_mutex_lock(&p->lock);
	p->sealed = true;
	weir_partition_measure(p);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

/* All but the newest. */
static void seal_complete(struct weir_sqlite *s)
{
	struct weir_partition **all;
	struct weir_error err = { "" };
	size_t n;
	int r;

	if (weir_catalog_all(s, WEIR_LEVEL_RAW, &all, &n) < 0)
		return;
	for (size_t i = 0; i + 1 < n && !s->ending; i++) {
		if (all[i]->sealed)
			continue;
		r = seal(s, all[i], &err);
		if (r == -EBADMSG)
			weir_catalog_set_aside(s, all[i], err.text);
		else if (r < 0)
			weir_log(WEIR_LOG_WARNING, "a file of the store cannot be summed up yet",
				 "file", all[i]->path, "error", err.text, NULL);
	}
	weir_catalog_put(all, n);
}

static void *keep(void *data)
{
	struct weir_sqlite *s = data;
	struct timespec until;

	pthread_mutex_lock(&s->lock);
	while (!s->ending) {
		pthread_mutex_unlock(&s->lock);
		seal_complete(s);
		pthread_mutex_lock(&s->lock);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += LOOK_S;
		if (!s->ending)
			pthread_cond_timedwait(&s->wake, &s->lock, &until);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int weir_keeper_start(struct weir_sqlite *s, struct weir_error *err)
{
	int r = pthread_create(&s->keeper, NULL, keep, s);

	s->has_keeper = r == 0;
	return r ? weir_error_errno(err, r, "store: thread") : 0;
}

void weir_keeper_stop(struct weir_sqlite *s)
{
	if (!s->has_keeper)
		return;
	pthread_mutex_lock(&s->lock);
	s->ending = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->keeper, NULL);
	s->has_keeper = false;
}
