/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retention: whole files go, by age, and the oldest when there are too many bytes. A
 * clock that has just jumped is not believed: for an hour nothing goes by age.
 */
#include <stdio.h>
#include <string.h>

#include "hub/store/sqlite/sqlite.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define S_NS 1000000000ull

/* The newest time that anything in the store was stored at: its clock when it ended. */
static uint64_t newest_start(struct weir_sqlite *s)
{
	uint64_t newest = 0;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n_partitions; i++)
		if (s->partitions[i]->level == WEIR_LEVEL_RAW && s->partitions[i]->start > newest)
			newest = s->partitions[i]->start;
	pthread_mutex_unlock(&s->lock);
	return newest;
}

static uint64_t span_of(const struct weir_sqlite *s, enum weir_level level)
{
	static const uint64_t days[WEIR_LEVEL_MAX] = {
		[WEIR_LEVEL_MINUTE] = 1, [WEIR_LEVEL_HOUR] = 7
	};

	return level == WEIR_LEVEL_RAW ? s->partition_ns : days[level] * 86400 * S_NS;
}

static bool is_old(const struct weir_sqlite *s, const struct weir_partition *p, uint64_t now)
{
	uint64_t keep = p->level == WEIR_LEVEL_RAW ? s->raw_ns : s->rollup_ns;

	return now > p->start && now - p->start > keep + span_of(s, p->level);
}

static void expire(struct weir_sqlite *s, struct weir_partition *p, const char *why)
{
	weir_log(WEIR_LOG_INFO, "flows deleted", "file", p->path, "why", why, NULL);
	weir_catalog_remove(s, p);
	pthread_mutex_lock(&s->lock);
	s->expired++;
	pthread_mutex_unlock(&s->lock);
}

static int by_age(struct weir_sqlite *s, enum weir_level level, uint64_t now)
{
	struct weir_partition **all;
	size_t n;
	int r = weir_catalog_all(s, level, &all, &n);

	if (r < 0)
		return r;
	/* the newest of all stays: it has the marks */
	for (size_t i = 0; i + 1 < n; i++)
		if (is_old(s, all[i], now))
			expire(s, all[i], "age");
	weir_catalog_put(all, n);
	return 0;
}

/* Flows first, then sums: sums are small and reach further back. */
static int by_bytes(struct weir_sqlite *s)
{
	struct weir_store_stats stats;
	struct weir_partition **all;
	size_t n;
	int r = 0;

	for (int level = 0; r == 0 && s->max_bytes && level < WEIR_LEVEL_MAX; level++) {
		r = weir_catalog_all(s, (enum weir_level)level, &all, &n);
		for (size_t i = 0; r == 0 && i + 1 < n; i++) {
			s->store.ops->stats(&s->store, &stats);
			if (stats.bytes <= s->max_bytes)
				break;
			expire(s, all[i], "bytes");
		}
		if (r == 0)
			weir_catalog_put(all, n);
	}
	return r;
}

int weir_sqlite_expire(struct weir_store *store, uint64_t now, struct weir_error *err)
{
	struct weir_sqlite *s = (struct weir_sqlite *)store;
	bool steady = weir_clock_is_steady(&s->clock, now, newest_start(s), s->raw_ns);
	int r = 0;

	for (int level = 0; r == 0 && steady && level < WEIR_LEVEL_MAX; level++)
		r = by_age(s, (enum weir_level)level, now);
	if (r == 0)
		r = by_bytes(s);
	return r < 0 ? weir_error_errno(err, -r, "expire") : 0;
}
