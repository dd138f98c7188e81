/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one who writes to a file of the store: rows as blocks of columns, words, marks,
 * in transactions. What is committed is told to the readers' list of blocks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/store/sqlite/partition.h"
#include "weir/cleanup.h"

enum statement {
	PUT_BLOCK,
	PUT_COLUMN,
	PUT_WORD,
	PUT_MARK,
	PUT_NOTE,
	DROP_BLOCK,
	DROP_COLUMNS,
	STATEMENT_MAX
};

static const char *const texts[] = {
	[PUT_BLOCK] = "INSERT INTO blocks (id, first, last, n, bytes) VALUES (?, ?, ?, ?, ?)",
	[PUT_COLUMN] = "INSERT INTO columns (id, bytes) VALUES (?, ?)",
	[PUT_WORD] = "INSERT INTO words (kind, number, bytes) VALUES (?, ?, ?)",
	[PUT_MARK] = "INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?, ?)",
	[PUT_NOTE] = "INSERT OR REPLACE INTO notes (key, value) VALUES (?, ?)",
	[DROP_BLOCK] = "DELETE FROM blocks WHERE id = ?",
	[DROP_COLUMNS] = "DELETE FROM columns WHERE id BETWEEN ? AND ?",
};
_Static_assert(WEIR_ARRAY_SIZE(texts) == STATEMENT_MAX, "a text for each statement");
_Static_assert(STATEMENT_MAX <= WEIR_ARRAY_SIZE(((struct weir_writer *)0)->statements), "room");

static int done(struct weir_writer *w, sqlite3_stmt *s, struct weir_error *err, const char *what)
{
	int code = sqlite3_step(s);

	sqlite3_reset(s);
	return code == SQLITE_DONE ? 0 : weir_sql_error(w->db, err, what);
}

static int scalar(struct weir_writer *w, const char *sql, int bind, uint64_t *ret,
		  struct weir_error *err)
{
	sqlite3_stmt *s = NULL;
	int code;

	if (sqlite3_prepare_v2(w->db, sql, -1, &s, NULL) != SQLITE_OK)
		return weir_sql_error(w->db, err, "read");
	if (bind >= 0)
		sqlite3_bind_int(s, 1, bind);
	code = sqlite3_step(s);
	if (code == SQLITE_ROW)
		*ret = (uint64_t)sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return code == SQLITE_ROW ? 0 : weir_sql_error(w->db, err, "read");
}

static int open_db(struct weir_writer *w, const char *path, struct weir_error *err)
{
	uint64_t n = 0;
	int r;

	if (sqlite3_open_v2(path, &w->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		return weir_sql_error(w->db, err, path);
	sqlite3_busy_timeout(w->db, 5000);
	r = weir_sql_run(w->db, "PRAGMA synchronous=FULL;PRAGMA wal_autocheckpoint=1000;", err);
	for (int i = 0; r == 0 && i < STATEMENT_MAX; i++)
		if (sqlite3_prepare_v2(w->db, texts[i], -1, &w->statements[i], NULL) != SQLITE_OK)
			r = weir_sql_error(w->db, err, path);
	if (r == 0)
		r = scalar(w, "SELECT ifnull(max(id), 0) FROM blocks", -1, &w->next_block, err);
	w->next_block++;
	for (int k = 0; r == 0 && k < WEIR_WORD_KINDS; k++) {
		r = scalar(w, "SELECT ifnull(max(number), 0) FROM words WHERE kind = ?", k, &n,
			   err);
		w->n_words[k] = (uint32_t)n;
	}
	return r;
}

int weir_writer_open(struct weir_partition *p, struct weir_writer **ret, struct weir_error *err)
{
	WEIR_CLEANUP(weir_writer_close) struct weir_writer *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return weir_error_errno(err, ENOMEM, "writer");
	w->p = weir_partition_ref(p);
	w->rows = malloc(WEIR_BLOCK_ROWS * sizeof(*w->rows));
	if (!w->rows || weir_codec_new(&w->codec) < 0)
		return weir_error_errno(err, ENOMEM, "writer");
	r = open_db(w, p->path, err);
	if (r == 0)
		*ret = weir_take(w);
	return r;
}

void weir_writer_close(struct weir_writer **writer)
{
	struct weir_writer *w = weir_take(*writer);

	if (!w)
		return;
	for (int i = 0; i < STATEMENT_MAX; i++)
		sqlite3_finalize(w->statements[i]);
	sqlite3_close(w->db);
	for (int k = 0; k < WEIR_WORD_KINDS; k++)
		free(w->map[k]);
	weir_codec_free(&w->codec);
	weir_partition_unref(&w->p);
	free(w->bytes.data);
	free(w->rows);
	free(w->added);
	free(w->removed);
	free(w);
}

/* --- transactions ------------------------------------------------------------------ */

int weir_writer_begin(struct weir_writer *w, struct weir_error *err)
{
	return weir_sql_run(w->db, "BEGIN IMMEDIATE", err);
}

/* What was numbered and listed since begin is not there. */
void weir_writer_rollback(struct weir_writer *w)
{
	uint64_t n;

	sqlite3_exec(w->db, "ROLLBACK", NULL, NULL, NULL);
	w->n_added = w->n_removed = 0;
	w->dictionary = 0;
	for (int k = 0; k < WEIR_WORD_KINDS; k++)
		if (scalar(w, "SELECT ifnull(max(number), 0) FROM words WHERE kind = ?", k, &n,
			   NULL) == 0)
			w->n_words[k] = (uint32_t)n;
}

static bool is_removed(const struct weir_writer *w, uint64_t id)
{
	for (size_t i = 0; i < w->n_removed; i++)
		if (w->removed[i] == id)
			return true;
	return false;
}

static void publish(struct weir_writer *w, struct weir_block *room)
{
	struct weir_partition *p = w->p;
	size_t n = 0;

	pthread_mutex_lock(&p->lock);
	p->rows = 0;
	for (size_t i = 0; i < p->n_blocks; i++)
		if (!is_removed(w, p->blocks[i].id))
			room[n++] = p->blocks[i];
	for (size_t i = 0; i < w->n_added; i++)
		room[n++] = w->added[i];
	for (size_t i = 0; i < n; i++)
		p->rows += room[i].rows;
	free(p->blocks);
	p->blocks = room;
	p->n_blocks = n;
	weir_partition_measure(p);
	pthread_mutex_unlock(&p->lock);
	w->n_added = w->n_removed = 0;
}

int weir_writer_commit(struct weir_writer *w, struct weir_error *err)
{
	struct weir_block *room =
		malloc((w->p->n_blocks + w->n_added + 1) * sizeof(*room)); /* no failure later */
	int r;

	if (!room)
		return weir_error_errno(err, ENOMEM, "commit");
	r = weir_sql_run(w->db, "COMMIT", err);
	if (r < 0)
		free(room);
	else
		publish(w, room);
	return r;
}

/* --- words ------------------------------------------------------------------------- */

int weir_writer_word(struct weir_writer *w, enum weir_word_kind kind, const uint8_t *bytes,
		     size_t len, uint32_t *ret, struct weir_error *err)
{
	sqlite3_stmt *s = w->statements[PUT_WORD];
	int r;

	if (w->n_words[kind] + 1 >= WEIR_DICTIONARY_MAX)
		return weir_error_set(err, E2BIG, "more names than a file holds");
	sqlite3_bind_int(s, 1, kind);
	sqlite3_bind_int64(s, 2, w->n_words[kind] + 1);
	sqlite3_bind_blob64(s, 3, bytes, len, SQLITE_STATIC);
	r = done(w, s, err, "word");
	if (r == 0)
		*ret = ++w->n_words[kind];
	return r;
}

/* The file's number for a dictionary's. */
static int translate(struct weir_writer *w, const struct weir_dictionary *d,
		     enum weir_word_kind kind, uint32_t number, uint32_t *ret,
		     struct weir_error *err)
{
	const struct weir_word *word;

	*ret = 0;
	if (!number)
		return 0;
	if (number >= w->n_map[kind]) {
		uint32_t n = number * 2 + 1024;
		uint32_t *map = realloc(w->map[kind], n * sizeof(*map));

		if (!map)
			return weir_error_errno(err, ENOMEM, "words");
		memset(map + w->n_map[kind], 0, (n - w->n_map[kind]) * sizeof(*map));
		w->map[kind] = map;
		w->n_map[kind] = n;
	}
	if (!w->map[kind][number]) {
		word = weir_dictionary_get(d, kind, number);
		if (!word)
			return weir_error_set(err, EINVAL, "row with an unknown word");
		if (weir_writer_word(w, kind, word->bytes, word->len, &w->map[kind][number], err) <
		    0)
			return -ENOMEM;
	}
	*ret = w->map[kind][number];
	return 0;
}

static int translate_row(struct weir_writer *w, const struct weir_dictionary *d,
			 struct weir_row *row, struct weir_error *err)
{
	int r = 0;

	for (int i = 0; r == 0 && i < 2; i++) {
		r = translate(w, d, WEIR_WORD_END, row->end[i], &row->end[i], err);
		if (r == 0)
			r = translate(w, d, WEIR_WORD_SIDE, row->side[i], &row->side[i], err);
		if (r == 0)
			r = translate(w, d, WEIR_WORD_SIDE, row->staged_side[i],
				      &row->staged_side[i], err);
		if (r == 0)
			r = translate(w, d, WEIR_WORD_ORIGIN, row->origin[i], &row->origin[i], err);
	}
	return r;
}

/* --- blocks ------------------------------------------------------------------------ */

static int put_column(struct weir_writer *w, uint64_t block, int column,
		      const struct weir_row *rows, uint32_t n, uint32_t *bytes,
		      struct weir_error *err)
{
	sqlite3_stmt *s = w->statements[PUT_COLUMN];
	int r = weir_column_encode(w->codec, (enum weir_column)column, rows, n, &w->bytes);

	if (r < 0)
		return weir_error_errno(err, -r, "column");
	if (!w->bytes.len)
		return 0;
	sqlite3_bind_int64(s, 1, (sqlite3_int64)(block * 64 + (unsigned)column));
	sqlite3_bind_blob64(s, 2, w->bytes.data, w->bytes.len, SQLITE_STATIC);
	*bytes += (uint32_t)w->bytes.len;
	return done(w, s, err, "column");
}

int weir_writer_block(struct weir_writer *w, const struct weir_row *rows, uint32_t n,
		      struct weir_error *err)
{
	struct weir_block b = { .id = w->next_block, .from = UINT64_MAX, .rows = n };
	struct weir_block *added = realloc(w->added, (w->n_added + 1) * sizeof(*added));
	sqlite3_stmt *s = w->statements[PUT_BLOCK];
	int r = 0;

	if (!added)
		return weir_error_errno(err, ENOMEM, "block");
	w->added = added;
	for (uint32_t i = 0; i < n; i++) {
		b.from = rows[i].time < b.from ? rows[i].time : b.from;
		b.to = rows[i].time > b.to ? rows[i].time : b.to;
	}
	for (int c = 0; r == 0 && c < WEIR_COL_MAX; c++)
		r = put_column(w, b.id, c, rows, n, &b.bytes, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, (sqlite3_int64)b.id);
	sqlite3_bind_int64(s, 2, (sqlite3_int64)b.from);
	sqlite3_bind_int64(s, 3, (sqlite3_int64)b.to);
	sqlite3_bind_int64(s, 4, b.rows);
	sqlite3_bind_int64(s, 5, b.bytes);
	r = done(w, s, err, "block");
	if (r < 0)
		return r;
	w->next_block++;
	w->added[w->n_added++] = b;
	return 0;
}

int weir_writer_rows(struct weir_writer *w, const struct weir_dictionary *words,
		     const struct weir_row *rows, size_t n, struct weir_error *err)
{
	int r = 0;

	if (w->dictionary != weir_dictionary_id(words))
		for (int k = 0; k < WEIR_WORD_KINDS; k++)
			if (w->n_map[k])
				memset(w->map[k], 0, w->n_map[k] * sizeof(*w->map[k]));
	w->dictionary = weir_dictionary_id(words);
	while (r == 0 && n) {
		uint32_t some = n < WEIR_BLOCK_ROWS ? (uint32_t)n : WEIR_BLOCK_ROWS;

		memcpy(w->rows, rows, some * sizeof(*rows));
		for (uint32_t i = 0; r == 0 && i < some; i++)
			r = translate_row(w, words, &w->rows[i], err);
		if (r == 0)
			r = weir_writer_block(w, w->rows, some, err);
		rows += some;
		n -= some;
	}
	return r;
}

int weir_writer_remove(struct weir_writer *w, uint64_t block, struct weir_error *err)
{
	uint64_t *removed = realloc(w->removed, (w->n_removed + 1) * sizeof(*removed));
	sqlite3_stmt *s = w->statements[DROP_COLUMNS];
	int r;

	if (!removed)
		return weir_error_errno(err, ENOMEM, "block");
	w->removed = removed;
	sqlite3_bind_int64(s, 1, (sqlite3_int64)(block * 64));
	sqlite3_bind_int64(s, 2, (sqlite3_int64)(block * 64 + 63));
	r = done(w, s, err, "block");
	if (r < 0)
		return r;
	sqlite3_bind_int64(w->statements[DROP_BLOCK], 1, (sqlite3_int64)block);
	r = done(w, w->statements[DROP_BLOCK], err, "block");
	if (r == 0)
		w->removed[w->n_removed++] = block;
	return r;
}

/* --- marks and notes --------------------------------------------------------------- */

int weir_writer_mark(struct weir_writer *w, const struct weir_mark *m, struct weir_error *err)
{
	sqlite3_stmt *s = w->statements[PUT_MARK];

	sqlite3_bind_text(s, 1, m->cluster, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 2, m->node, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 3, m->boot, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 4, (sqlite3_int64)m->next);
	sqlite3_bind_blob64(s, 5, m->ranges ?: (const void *)"", m->n_ranges * sizeof(*m->ranges),
			    SQLITE_STATIC);
	return done(w, s, err, "mark");
}

int weir_writer_note(struct weir_writer *w, const char *key, const char *value,
		     struct weir_error *err)
{
	sqlite3_stmt *s = w->statements[PUT_NOTE];

	sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 2, value, -1, SQLITE_STATIC);
	return done(w, s, err, "note");
}
