/* SPDX-License-Identifier: Apache-2.0 */
/* The store's life, and what comes in; see clickhouse.h for what an append is. */
#include "hub/store/clickhouse/clickhouse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "hub/store/clickhouse/insert.h"
#include "weir/cleanup.h"

uint64_t weir_ch_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t weir_ch_random(void)
{
	uint64_t v = 0;

	while (!v)
		if (getrandom(&v, sizeof(v), 0) != sizeof(v))
			v = 0;
	return v;
}

static void ch_close(struct weir_store *store)
{
	struct weir_clickhouse *s = (struct weir_clickhouse *)store;

	weir_rollup_stop(s);
	weir_server_free(&s->server);
	weir_words_clear(&s->words);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static int ch_open(const struct weir_store_config *config, struct weir_store **ret,
		   struct weir_error *err)
{
	struct weir_clickhouse *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return weir_error_errno(err, ENOMEM, "store");
	s->store.ops = &weir_store_clickhouse;
	s->raw_ns = config->raw_ms * 1000000;
	s->rollup_ns = config->rollup_ms * 1000000;
	s->max_bytes = config->max_bytes;
	pthread_mutex_init(&s->lock, NULL);
	r = weir_server_new(config->url, &s->server, err);
	if (r == 0)
		r = weir_schema_open(s, err);
	if (r == 0)
		r = weir_ch_count(s, err);
	if (r == 0)
		r = weir_rollup_start(s, err);
	if (r < 0) {
		ch_close(&s->store);
		return r;
	}
	*ret = &s->store;
	return 0;
}

/* --- what comes in ------------------------------------------------------------------- */

/* Words that were added to the dictionary since the last append. */
static int learn_words(struct weir_clickhouse *s, const struct weir_dictionary *words,
		       struct weir_error *err)
{
	if (s->words_id != weir_dictionary_id(words)) {
		weir_words_clear(&s->words);
		s->words_id = weir_dictionary_id(words);
	}
	for (int kind = 0; kind < WEIR_WORD_KINDS; kind++) {
		uint32_t n = weir_dictionary_count(words, (enum weir_word_kind)kind);

		for (uint32_t i = s->words.n[kind] + 1; i <= n; i++) {
			const struct weir_word *w =
				weir_dictionary_get(words, (enum weir_word_kind)kind, i);
			int r = w ? weir_words_set(&s->words, (enum weir_word_kind)kind, i,
						   w->bytes, w->len)
				  : -EBADMSG;

			if (r < 0)
				return weir_error_errno(err, -r, "word %u of the dictionary", i);
		}
	}
	return 0;
}

/* Whatever became of it, or will: no question sees it. */
static int make_void(struct weir_clickhouse *s, struct weir_error *err)
{
	int r;

	if (!s->unclear)
		return 0;
	r = weir_server_do(s->server, err, "INSERT INTO weir_voids VALUES (%u, %" PRIu64 ")",
			   s->unclear_day, s->unclear);
	if (r == 0)
		s->unclear = 0;
	return r;
}

static int send_rows(struct weir_clickhouse *s, struct weir_insert *in, struct weir_error *err)
{
	struct weir_request request = { .sql = "INSERT INTO weir_flows FORMAT Native",
					.feed = weir_insert_feed,
					.data = in };
	int r;

	s->unclear = in->stamp.attempt;
	s->unclear_day = in->stamp.day;
	r = weir_server_ask(s->server, &request, NULL, err);
	if (r == 0)
		s->unclear = 0;
	return r;
}

static void note(struct weir_clickhouse *s, int r, const struct weir_row *rows, size_t n,
		 const struct weir_error *why)
{
	pthread_mutex_lock(&s->lock);
	s->stats.failing = r < 0;
	snprintf(s->stats.why, sizeof(s->stats.why), "%.255s", r < 0 ? why->text : "");
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (!s->stats.oldest || rows[i].time < s->stats.oldest)
			s->stats.oldest = rows[i].time;
		if (rows[i].time > s->stats.newest)
			s->stats.newest = rows[i].time;
	}
	s->stats.rows += r == 0 ? n : 0;
	pthread_mutex_unlock(&s->lock);
}

static int ch_append(struct weir_store *store, const struct weir_dictionary *words,
		     const struct weir_row *rows, size_t n, const struct weir_mark *marks,
		     size_t n_marks, struct weir_error *err)
{
	struct weir_clickhouse *s = (struct weir_clickhouse *)store;
	struct weir_insert in = { .stamp = { .attempt = weir_ch_random(),
					     .day = (uint16_t)(weir_ch_now() / WEIR_DAY_NS) },
				  .words = &s->words,
				  .rows = rows,
				  .n = n,
				  .marks = marks,
				  .n_marks = n_marks };
	struct weir_error why = { "" };
	int r;

	if (!n && !n_marks)
		return 0;
	r = learn_words(s, words, &why);
	if (r == 0)
		r = make_void(s, &why);
	if (r == 0)
		r = send_rows(s, &in, &why);
	weir_insert_close(&in);
	note(s, r, rows, n, &why);
	return r < 0 ? weir_error_set(err, -r, "%s", why.text) : 0;
}

static void ch_stats(struct weir_store *store, struct weir_store_stats *ret)
{
	struct weir_clickhouse *s = (struct weir_clickhouse *)store;

	pthread_mutex_lock(&s->lock);
	*ret = s->stats;
	pthread_mutex_unlock(&s->lock);
}

const struct weir_store_ops weir_store_clickhouse = {
	.name = "clickhouse",
	.open = ch_open,
	.append = ch_append,
	.marks = weir_ch_marks,
	.flows = weir_ch_flows,
	.sums = weir_ch_sums,
	.values = weir_ch_values,
	.expire = weir_ch_expire,
	.stats = ch_stats,
	.close = ch_close,
};
