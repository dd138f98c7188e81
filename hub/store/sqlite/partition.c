/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of the store, as readers see it: its list of blocks, its words, its
 * columns. Shared by all questions; what is slow (reading a column) holds the lock
 * only as long as SQLite needs for it.
 */
#include "hub/store/sqlite/partition.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "weir/cleanup.h"

#define VERSION	  1
#define PAGE	  16384
#define CHUNK	  (256 * 1024)
#define NAME_FORM "%04d%02d%02dT%02d%02d%02dZ"

struct weir_chunk { /* bytes that words point into */
	struct weir_chunk *next;
	size_t len, size;
	uint8_t bytes[];
};

static const char *const levels[] = {
	[WEIR_LEVEL_RAW] = "flows",
	[WEIR_LEVEL_MINUTE] = "minutes",
	[WEIR_LEVEL_HOUR] = "hours",
};
_Static_assert(WEIR_ARRAY_SIZE(levels) == WEIR_LEVEL_MAX, "a name for each level");

const char *weir_level_name(enum weir_level level)
{
	return levels[level];
}

/* --- names ------------------------------------------------------------------------ */

void weir_partition_path(const char *folder, enum weir_level level, uint64_t start, char *ret,
			 size_t size)
{
	time_t seconds = (time_t)(start / 1000000000u);
	struct tm t;

	gmtime_r(&seconds, &t);
	snprintf(ret, size, "%s/%s-" NAME_FORM ".db", folder, levels[level], t.tm_year + 1900,
		 t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
}

bool weir_partition_parse(const char *name, enum weir_level *ret_level, uint64_t *ret_start)
{
	struct tm t = { 0 };
	char rest[8];

	for (int level = 0; level < WEIR_LEVEL_MAX; level++) {
		size_t len = strlen(levels[level]);

		if (strncmp(name, levels[level], len) || name[len] != '-')
			continue;
		if (sscanf(name + len + 1, "%4d%2d%2dT%2d%2d%2dZ.%7s", &t.tm_year, &t.tm_mon,
			   &t.tm_mday, &t.tm_hour, &t.tm_min, &t.tm_sec, rest) != 7 ||
		    strcmp(rest, "db"))
			return false;
		t.tm_year -= 1900;
		t.tm_mon--;
		*ret_level = (enum weir_level)level;
		*ret_start = (uint64_t)timegm(&t) * 1000000000u;
		return true;
	}
	return false;
}

/* --- open -------------------------------------------------------------------------- */

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS notes (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS words (kind INTEGER, number INTEGER, bytes BLOB,"
	" PRIMARY KEY (kind, number)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS blocks (id INTEGER PRIMARY KEY, first INTEGER, last INTEGER,"
	" n INTEGER, bytes INTEGER);"
	"CREATE TABLE IF NOT EXISTS columns (id INTEGER PRIMARY KEY, bytes BLOB);"
	"CREATE TABLE IF NOT EXISTS marks (cluster TEXT, node TEXT, boot TEXT, next INTEGER,"
	" ranges BLOB, PRIMARY KEY (cluster, node, boot)) WITHOUT ROWID;";

static int prepare_file(struct weir_partition *p, bool create, struct weir_error *err)
{
	char set_up[160];
	int r = 0;

	snprintf(set_up, sizeof(set_up),
		 "PRAGMA page_size=%d;PRAGMA journal_mode=WAL;PRAGMA busy_timeout=5000;"
		 "PRAGMA user_version=%d;",
		 PAGE, VERSION);
	sqlite3_busy_timeout(p->db, 5000);
	if (create) {
		r = weir_sql_run(p->db, set_up, err);
		if (r == 0)
			r = weir_sql_run(p->db, schema, err);
	}
	if (r == 0 && sqlite3_prepare_v2(p->db, "SELECT bytes FROM columns WHERE id = ?", -1,
					 &p->get, NULL) != SQLITE_OK)
		r = weir_sql_error(p->db, err, "open");
	return r;
}

static int load_blocks(struct weir_partition *p, struct weir_error *err)
{
	sqlite3_stmt *s = NULL;
	int code;

	if (sqlite3_prepare_v2(p->db, "SELECT id, first, last, n, bytes FROM blocks ORDER BY id",
			       -1, &s, NULL) != SQLITE_OK)
		return weir_sql_error(p->db, err, "blocks");
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		struct weir_block *more =
			realloc(p->blocks, (p->n_blocks + 1) * sizeof(*p->blocks));

		if (!more) {
			code = SQLITE_NOMEM;
			break;
		}
		p->blocks = more;
		more[p->n_blocks] = (struct weir_block){
			.id = (uint64_t)sqlite3_column_int64(s, 0),
			.from = (uint64_t)sqlite3_column_int64(s, 1),
			.to = (uint64_t)sqlite3_column_int64(s, 2),
			.rows = (uint32_t)sqlite3_column_int(s, 3),
			.bytes = (uint32_t)sqlite3_column_int(s, 4),
		};
		if (more[p->n_blocks].rows > WEIR_BLOCK_ROWS) {
			code = SQLITE_CORRUPT;
			break;
		}
		p->rows += more[p->n_blocks++].rows;
	}
	sqlite3_finalize(s);
	if (code == SQLITE_DONE)
		return 0;
	return code == SQLITE_CORRUPT ? weir_error_set(err, EBADMSG, "list of blocks is torn")
				      : weir_sql_error(p->db, err, "blocks");
}

static int load_notes(struct weir_partition *p, struct weir_error *err)
{
	sqlite3_stmt *s = NULL;
	int code;

	if (sqlite3_prepare_v2(p->db, "SELECT 1 FROM notes WHERE key = 'sealed'", -1, &s, NULL) !=
	    SQLITE_OK)
		return weir_sql_error(p->db, err, "notes");
	code = sqlite3_step(s);
	p->sealed = code == SQLITE_ROW;
	sqlite3_finalize(s);
	return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : weir_sql_error(p->db, err, "notes");
}

static uint64_t size_of_files(const char *path)
{
	static const char *const ends[] = { "", "-wal" };
	uint64_t n = 0;
	char name[4096];
	struct stat st;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(ends); i++) {
		snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		if (stat(name, &st) == 0)
			n += (uint64_t)st.st_size;
	}
	return n;
}

void weir_partition_measure(struct weir_partition *p)
{
	p->bytes = size_of_files(p->path);
}

int weir_partition_open(const char *folder, enum weir_level level, uint64_t start, bool create,
			struct weir_partition **ret, struct weir_error *err)
{
	struct weir_partition *p = calloc(1, sizeof(*p));
	int flags =
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX | (create ? SQLITE_OPEN_CREATE : 0);
	char path[4096];
	int r;

	if (!p)
		return weir_error_errno(err, ENOMEM, "partition");
	weir_partition_path(folder, level, start, path, sizeof(path));
	p->level = level;
	p->start = start;
	p->refs = 1;
	pthread_mutex_init(&p->lock, NULL);
	pthread_rwlock_init(&p->pack, NULL);
	p->path = strdup(path);
	if (!p->path)
		r = weir_error_errno(err, ENOMEM, "partition");
	else if (sqlite3_open_v2(path, &p->db, flags, NULL) != SQLITE_OK)
		r = weir_sql_error(p->db, err, "open");
	else
		r = prepare_file(p, create, err);
	if (r == 0)
		r = load_blocks(p, err);
	if (r == 0)
		r = load_notes(p, err);
	if (r < 0) {
		weir_partition_unref(&p);
		return weir_error_prefix(err, r, "%s", path);
	}
	weir_partition_measure(p);
	*ret = p;
	return 0;
}

struct weir_partition *weir_partition_ref(struct weir_partition *p)
{
	atomic_fetch_add(&p->refs, 1);
	return p;
}

void weir_partition_unref(struct weir_partition **partition)
{
	struct weir_partition *p = weir_take(*partition);
	struct weir_chunk *chunk;

	if (!p || atomic_fetch_sub(&p->refs, 1) > 1)
		return;
	sqlite3_finalize(p->get);
	sqlite3_close(p->db);
	weir_words_clear(&p->words);
	while ((chunk = p->texts)) {
		p->texts = chunk->next;
		free(chunk);
	}
	free(p->blocks);
	free(p->path);
	pthread_mutex_destroy(&p->lock);
	pthread_rwlock_destroy(&p->pack);
	free(p);
}

/* --- what readers ask -------------------------------------------------------------- */

int weir_partition_blocks(struct weir_partition *p, uint64_t from, uint64_t to,
			  struct weir_block **ret, size_t *ret_n)
{
	struct weir_block *copy;
	size_t n = 0;

	pthread_mutex_lock(&p->lock);
	copy = malloc((p->n_blocks + 1) * sizeof(*copy));
	for (size_t i = 0; copy && i < p->n_blocks; i++)
		if (p->blocks[i].to >= from && p->blocks[i].from < to)
			copy[n++] = p->blocks[i];
	pthread_mutex_unlock(&p->lock);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	*ret_n = n;
	return 0;
}

static int copy_column(sqlite3_stmt *s, struct weir_bytes *b)
{
	size_t len = (size_t)sqlite3_column_bytes(s, 0);
	const void *from = sqlite3_column_blob(s, 0);
	uint8_t *data;

	if (len > b->size) {
		data = realloc(b->data, len);
		if (!data)
			return -ENOMEM;
		b->data = data;
		b->size = len;
	}
	if (len)
		memcpy(b->data, from, len);
	b->len = len;
	return 0;
}

int weir_partition_column(struct weir_partition *p, uint64_t block, enum weir_column column,
			  struct weir_bytes *b, struct weir_error *err)
{
	int code, r = 0;

	b->len = 0;
	pthread_mutex_lock(&p->lock);
	sqlite3_bind_int64(p->get, 1, (sqlite3_int64)(block * 64 + column));
	code = sqlite3_step(p->get);
	if (code == SQLITE_ROW)
		r = copy_column(p->get, b);
	else if (code != SQLITE_DONE)
		r = weir_sql_error(p->db, err, "column");
	sqlite3_reset(p->get);
	pthread_mutex_unlock(&p->lock);
	return r;
}

static const uint8_t *keep(struct weir_partition *p, const void *bytes, size_t len)
{
	struct weir_chunk *c = p->texts;
	size_t size = len > CHUNK ? len : CHUNK;

	if (!c || c->size - c->len < len) {
		c = malloc(sizeof(*c) + size);
		if (!c)
			return NULL;
		*c = (struct weir_chunk){ .next = p->texts, .size = size };
		p->texts = c;
	}
	memcpy(c->bytes + c->len, bytes, len);
	c->len += len;
	return c->bytes + c->len - len;
}

static int load_kind(struct weir_partition *p, enum weir_word_kind kind, struct weir_error *err)
{
	sqlite3_stmt *s = NULL;
	int code, r = 0;

	if (sqlite3_prepare_v2(p->db,
			       "SELECT number, bytes FROM words WHERE kind = ? AND number > ? "
			       "ORDER BY number",
			       -1, &s, NULL) != SQLITE_OK)
		return weir_sql_error(p->db, err, "words");
	sqlite3_bind_int(s, 1, kind);
	sqlite3_bind_int64(s, 2, p->words.n[kind]);
	while (r == 0 && (code = sqlite3_step(s)) == SQLITE_ROW) {
		size_t len = (size_t)sqlite3_column_bytes(s, 1);
		const uint8_t *kept = keep(p, sqlite3_column_blob(s, 1) ?: "", len);

		r = kept ? weir_words_set(&p->words, kind, (uint32_t)sqlite3_column_int64(s, 0),
					  kept, len)
			 : -ENOMEM;
	}
	if (r == 0 && code != SQLITE_DONE)
		r = weir_sql_error(p->db, err, "words");
	else if (r < 0)
		weir_error_errno(err, -r, "words");
	sqlite3_finalize(s);
	return r;
}

int weir_partition_load_words(struct weir_partition *p, struct weir_error *err)
{
	int r = 0;

	pthread_mutex_lock(&p->lock);
	for (int kind = 0; r == 0 && kind < WEIR_WORD_KINDS; kind++)
		r = load_kind(p, (enum weir_word_kind)kind, err);
	pthread_mutex_unlock(&p->lock);
	return r;
}
