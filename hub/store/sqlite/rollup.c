/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums of a complete file of flows, per minute and per hour: rows again, of the
 * workloads in place of the pods, which the same code writes, reads and expires. That a
 * file is summed up is noted in the transaction that brings its sums.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/store/sqlite/dimensions.h"
#include "hub/store/sqlite/sqlite.h"
#include "weir/cleanup.h"
#include "weir/ruleset.h"

#define S_NS 1000000000ull

static const struct {
	uint64_t bucket; /* ns */
	uint64_t span;	 /* of a file */
} levels[WEIR_LEVEL_MAX] = {
	[WEIR_LEVEL_MINUTE] = { 60 * S_NS, 86400 * S_NS },
	[WEIR_LEVEL_HOUR] = { 3600 * S_NS, 7 * 86400 * S_NS },
};

struct rollup {
	struct weir_partition *p;
	uint64_t bucket;
	struct weir_dictionary *words;	/* of the sums */
	uint32_t *map[WEIR_WORD_KINDS]; /* the file's word -> that of the sums, + 1; 0: not yet */
	struct weir_row *rows;		/* the sums */
	size_t n, size;
	uint32_t *slots; /* index in rows + 1 */
	size_t n_slots;
};

/* --- words --------------------------------------------------------------------------- */

static int add_word(struct rollup *u, enum weir_word_kind kind, uint32_t number, uint32_t *ret)
{
	struct weir_bytes b = { 0 };
	const struct weir_end *end = weir_words_end(&u->p->words, number);
	const struct weir_record_side *side = weir_words_side(&u->p->words, number);
	const struct weir_reporter *o = weir_words_origin(&u->p->words, number);
	struct weir_record_peer peer = { 0 };
	int r = -EBADMSG;

	if (kind == WEIR_WORD_END && end) {
		peer.namespace_ = end->peer.namespace_;
		peer.workload_kind = end->peer.workload_kind;
		peer.workload = end->peer.workload;
		weir_pack_end(&b, end->cluster, &peer);
	} else if (kind == WEIR_WORD_SIDE && side) {
		weir_pack_side(&b, side);
	} else if (kind == WEIR_WORD_ORIGIN && o) {
		weir_pack_origin(&b, o->cluster, o->node, "");
	}
	if (b.len)
		r = b.short_of_memory ? -ENOMEM
				      : weir_dictionary_add(u->words, kind, b.data, b.len, ret);
	free(b.data);
	return r;
}

static int translate(struct rollup *u, enum weir_word_kind kind, uint32_t *number)
{
	uint32_t *slot;
	int r = 0;

	if (!*number)
		return 0;
	if (*number > u->p->words.n[kind])
		return -EBADMSG;
	slot = &u->map[kind][*number];
	if (!*slot)
		r = add_word(u, kind, *number, slot);
	*number = *slot;
	return r;
}

/* --- rows ---------------------------------------------------------------------------- */

/* What is the same for all flows of a sum. */
static int key_of(struct rollup *u, const struct weir_row *row, struct weir_row *ret)
{
	struct weir_row k = { .time = row->time - row->time % u->bucket,
			      .protocol = row->protocol,
			      .verdict = row->verdict,
			      .staged = WEIR_VERDICT_MAX,
			      .type = row->verdict == WEIR_DENIED ? WEIR_RECORD_DENIED
								  : WEIR_RECORD_OPEN,
			      .has_counters = true };
	int r = 0;

	k.port[1] = row->port[1];
	for (int i = 0; r == 0 && i < 2; i++) {
		const struct weir_end *end = weir_words_end(&u->p->words, row->end[i]);

		if (end && !end->peer.namespace_)
			k.addr[i] = row->addr[i];
		k.end[i] = row->end[i];
		k.side[i] = row->side[i];
		k.origin[i] = row->origin[i];
		r = translate(u, WEIR_WORD_END, &k.end[i]);
		if (r == 0)
			r = translate(u, WEIR_WORD_SIDE, &k.side[i]);
		if (r == 0)
			r = translate(u, WEIR_WORD_ORIGIN, &k.origin[i]);
	}
	*ret = k;
	return r;
}

static bool same(const struct weir_row *a, const struct weir_row *b)
{
	return a->time == b->time && !memcmp(a->end, b->end, sizeof(a->end)) &&
	       !memcmp(a->side, b->side, sizeof(a->side)) &&
	       !memcmp(a->origin, b->origin, sizeof(a->origin)) &&
	       !memcmp(a->addr, b->addr, sizeof(a->addr)) && a->port[1] == b->port[1] &&
	       a->protocol == b->protocol && a->verdict == b->verdict;
}

static size_t hash(const struct weir_row *k)
{
	uint64_t h = k->time, v;

	for (int i = 0; i < 2; i++) {
		h = (h ^ k->end[i]) * 0x9e3779b97f4a7c15ull;
		h = (h ^ k->side[i]) * 0x9e3779b97f4a7c15ull;
		h = (h ^ k->origin[i]) * 0x9e3779b97f4a7c15ull;
		memcpy(&v, k->addr[i].bytes, sizeof(v));
		h = (h ^ v ^ h >> 31) * 0x9e3779b97f4a7c15ull;
		memcpy(&v, k->addr[i].bytes + 8, sizeof(v));
		h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	}
	h = (h ^ k->port[1] ^ (uint64_t)k->protocol << 16 ^ (uint64_t)k->verdict << 24) *
	    0x9e3779b97f4a7c15ull;
	return (size_t)(h ^ h >> 32);
}

static int grow(struct rollup *u)
{
	size_t size = u->size ? u->size * 2 : 4096;
	struct weir_row *rows = realloc(u->rows, size * sizeof(*rows));
	uint32_t *slots;

	if (!rows)
		return -ENOMEM;
	u->rows = rows;
	u->size = size;
	slots = calloc(size * 2, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(u->slots);
	u->slots = slots;
	u->n_slots = size * 2;
	for (size_t i = 0; i < u->n; i++) {
		size_t at = hash(&rows[i]) & (u->n_slots - 1);

		while (slots[at])
			at = (at + 1) & (u->n_slots - 1);
		slots[at] = (uint32_t)i + 1;
	}
	return 0;
}

static int sum_of(struct rollup *u, const struct weir_row *key, struct weir_row **ret)
{
	size_t at;

	if (u->n == u->size && grow(u) < 0)
		return -ENOMEM;
	for (at = hash(key) & (u->n_slots - 1); u->slots[at]; at = (at + 1) & (u->n_slots - 1)) {
		if (same(&u->rows[u->slots[at] - 1], key)) {
			*ret = &u->rows[u->slots[at] - 1];
			return 0;
		}
	}
	u->rows[u->n] = *key;
	u->slots[at] = (uint32_t)++u->n;
	*ret = &u->rows[u->n - 1];
	return 0;
}

static int add_row(struct rollup *u, const struct weir_row *row)
{
	struct weir_row key, *sum = NULL;
	int r;

	if (row->type == WEIR_RECORD_GAP || row->second)
		return 0;
	r = key_of(u, row, &key);
	if (r == 0)
		r = sum_of(u, &key, &sum);
	if (r < 0 || !sum)
		return r;
	if (row->type == WEIR_RECORD_OPEN || row->type == WEIR_RECORD_DENIED)
		sum->connections += row->connections;
	for (int i = 0; i < WEIR_ROW_COUNTERS; i++)
		if (row->counters[i] > row->counted[i])
			sum->counters[i] += row->counters[i] - row->counted[i];
	return 0;
}

static void close_rollup(struct rollup *u)
{
	for (int k = 0; k < WEIR_WORD_KINDS; k++)
		free(u->map[k]);
	weir_dictionary_free(&u->words);
	free(u->rows);
	free(u->slots);
}

static int open_rollup(struct rollup *u)
{
	if (weir_dictionary_new(&u->words) < 0)
		return -ENOMEM;
	for (int k = 0; k < WEIR_WORD_KINDS; k++) {
		u->map[k] = calloc(u->p->words.n[k] + 1u, sizeof(*u->map[k]));
		if (!u->map[k])
			return -ENOMEM;
	}
	return 0;
}

static int add_blocks(struct rollup *u, struct weir_error *err)
{
	WEIR_AUTO_FREE struct weir_row *rows = malloc(WEIR_BLOCK_ROWS * sizeof(*rows));
	WEIR_CLEANUP(weir_codec_free) struct weir_codec *codec = NULL;
	WEIR_AUTO_FREE struct weir_block *blocks = NULL;
	struct weir_bytes bytes = { 0 };
	size_t n = 0;
	int r = 0;

	if (!rows || weir_codec_new(&codec) < 0 ||
	    weir_partition_blocks(u->p, 0, UINT64_MAX, &blocks, &n) < 0)
		return weir_error_errno(err, ENOMEM, "sums");
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = weir_block_rows(u->p, codec, &blocks[i], &bytes, rows, err);
		for (uint32_t k = 0; r == 0 && k < blocks[i].rows; k++) {
			r = add_row(u, &rows[k]);
			if (r < 0)
				weir_error_errno(err, -r, "sums");
		}
	}
	free(bytes.data);
	return r;
}

/* --- files --------------------------------------------------------------------------- */

static const char *note_of(const struct weir_partition *p, char *buf, size_t size)
{
	snprintf(buf, size, "sums of %" PRIu64, p->start);
	return buf;
}

static int write_sums(struct weir_sqlite *s, struct rollup *u, enum weir_level level,
		      struct weir_error *err)
{
	WEIR_CLEANUP(weir_partition_unref) struct weir_partition *to = NULL;
	WEIR_CLEANUP(weir_writer_close) struct weir_writer *w = NULL;
	char note[48];
	int r = weir_catalog_get(s, level, u->p->start - u->p->start % levels[level].span, &to,
				 err);

	if (r == 0)
		r = weir_writer_open(to, &w, err);
	if (r == 0)
		r = weir_writer_begin(w, err);
	if (r < 0)
		return r;
	r = weir_writer_rows(w, u->words, u->rows, u->n, err);
	if (r == 0)
		r = weir_writer_note(w, note_of(u->p, note, sizeof(note)), "", err);
	if (r == 0) {
		pthread_rwlock_wrlock(&s->summing);
		r = weir_writer_commit(w, err);
		u->p->summed[level] = r == 0;
		pthread_rwlock_unlock(&s->summing);
	}
	if (r < 0)
		weir_writer_rollback(w);
	return r == 0 ? weir_keeper_pack(w, false, err) : r;
}

int weir_rollup(struct weir_sqlite *s, struct weir_partition *p, struct weir_error *err)
{
	int r = weir_partition_load_words(p, err);

	for (int level = WEIR_LEVEL_MINUTE; r == 0 && level < WEIR_LEVEL_MAX; level++) {
		struct rollup u = { .p = p, .bucket = levels[level].bucket };

		if (p->summed[level])
			continue;
		r = open_rollup(&u) < 0 ? weir_error_errno(err, ENOMEM, "sums")
					: add_blocks(&u, err);
		if (r == 0)
			r = write_sums(s, &u, (enum weir_level)level, err);
		close_rollup(&u);
	}
	return r;
}

static int has_note(struct weir_partition *sums, const struct weir_partition *p, bool *ret,
		    struct weir_error *err)
{
	sqlite3_stmt *s = NULL;
	char note[48];
	int code;

	if (sqlite3_prepare_v2(sums->db, "SELECT 1 FROM notes WHERE key = ?", -1, &s, NULL) !=
	    SQLITE_OK)
		return weir_sql_error(sums->db, err, "notes");
	sqlite3_bind_text(s, 1, note_of(p, note, sizeof(note)), -1, SQLITE_STATIC);
	code = sqlite3_step(s);
	*ret = code == SQLITE_ROW;
	sqlite3_finalize(s);
	return code == SQLITE_ROW || code == SQLITE_DONE ? 0
							 : weir_sql_error(sums->db, err, "notes");
}

int weir_rollup_load(struct weir_sqlite *s, struct weir_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->n_partitions; i++) {
		struct weir_partition *p = s->partitions[i];

		for (size_t k = 0; r == 0 && p->level == WEIR_LEVEL_RAW && k < s->n_partitions;
		     k++) {
			struct weir_partition *sums = s->partitions[k];

			if (sums->level != WEIR_LEVEL_RAW &&
			    sums->start == p->start - p->start % levels[sums->level].span)
				r = has_note(sums, p, &p->summed[sums->level], err);
		}
	}
	return r;
}
