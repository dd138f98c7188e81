/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One file of the store: blocks of rows that came in within a span of time,
 * the words that they use, and how far their nodes' records were stored then. The newest is
 * written to; the others only change by being packed, and go as a whole.
 */
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "hub/store/sqlite/columns.h"
#include "hub/store/store.h"

enum weir_level { WEIR_LEVEL_RAW, WEIR_LEVEL_MINUTE, WEIR_LEVEL_HOUR, WEIR_LEVEL_MAX };
const char *weir_level_name(enum weir_level level); /* in file names */

struct weir_block {
	uint64_t id;
	uint64_t from, to; /* ns: times of its rows, inclusive */
	uint32_t rows;
	uint32_t bytes;
};

struct weir_partition {
	enum weir_level level;
	uint64_t start; /* ns since the epoch: the span begins; also its name */
	char *path;
	atomic_uint refs;
	sqlite3 *db;	       /* of readers; guarded by lock */
	sqlite3_stmt *get;     /* a column */
	pthread_mutex_t lock;  /* of all below */
	pthread_rwlock_t pack; /* written: blocks are being replaced */
	struct weir_block *blocks;
	size_t n_blocks;
	uint64_t rows, bytes;	     /* bytes: of the files */
	bool sealed;		     /* packed, summed up, nothing comes any more */
	bool summed[WEIR_LEVEL_MAX]; /* flows: its sums are in the files of that level; guarded by
					weir_sqlite.summing */
	struct weir_words words;     /* unpacked so far */
	struct weir_chunk *texts;    /* what they were unpacked from */
};

/* Opens the file or makes it. -EBADMSG, -EIO: it is torn, err says how; the caller sets it aside.
 */
int weir_partition_open(const char *folder, enum weir_level level, uint64_t start, bool create,
			struct weir_partition **ret, struct weir_error *err);
struct weir_partition *weir_partition_ref(struct weir_partition *p);
void weir_partition_unref(struct weir_partition **p);

/* level and start of a file name; false: none of ours. */
bool weir_partition_parse(const char *name, enum weir_level *ret_level, uint64_t *ret_start);
void weir_partition_path(const char *folder, enum weir_level level, uint64_t start, char *ret,
			 size_t size);

/* A copy of the list of blocks, free(); those of a time: from <= block.to && block.from < to. */
int weir_partition_blocks(struct weir_partition *p, uint64_t from, uint64_t to,
			  struct weir_block **ret, size_t *ret_n);
/* A column of a block as it is on disk, into b; len 0: zero throughout. */
int weir_partition_column(struct weir_partition *p, uint64_t block, enum weir_column column,
			  struct weir_bytes *b, struct weir_error *err);
/* The size of its files, anew. */
void weir_partition_measure(struct weir_partition *p);
/* Unpacks the words that have come since. After the list of blocks was taken, it has all theirs. */
int weir_partition_load_words(struct weir_partition *p, struct weir_error *err);

/* --- writing: one thread; its own connection ------------------------------------- */

struct weir_writer {
	struct weir_partition *p;
	sqlite3 *db;
	sqlite3_stmt *statements[8];
	struct weir_codec *codec;
	struct weir_bytes bytes;
	uint64_t next_block;
	uint32_t n_words[WEIR_WORD_KINDS];
	uint64_t dictionary; /* whose numbers map[] translates */
	uint32_t *map[WEIR_WORD_KINDS], n_map[WEIR_WORD_KINDS];
	struct weir_row *rows; /* with this file's words */
	struct weir_block *added;
	size_t n_added;
	uint64_t *removed;
	size_t n_removed;
};

int weir_writer_open(struct weir_partition *p, struct weir_writer **ret, struct weir_error *err);
void weir_writer_close(struct weir_writer **w);

/* begin ... commit: all of it or nothing; after an error: rollback. */
int weir_writer_begin(struct weir_writer *w, struct weir_error *err);
int weir_writer_commit(struct weir_writer *w, struct weir_error *err);
void weir_writer_rollback(struct weir_writer *w);

/* Rows whose words are those of a dictionary, as blocks. */
int weir_writer_rows(struct weir_writer *w, const struct weir_dictionary *words,
		     const struct weir_row *rows, size_t n, struct weir_error *err);
/* At most WEIR_BLOCK_ROWS rows whose words are the file's own, as one block. */
int weir_writer_block(struct weir_writer *w, const struct weir_row *rows, uint32_t n,
		      struct weir_error *err);
/* The number of a word in this file; it is written when it is new. */
int weir_writer_word(struct weir_writer *w, enum weir_word_kind kind, const uint8_t *bytes,
		     size_t len, uint32_t *ret, struct weir_error *err);
int weir_writer_remove(struct weir_writer *w, uint64_t block, struct weir_error *err);
int weir_writer_mark(struct weir_writer *w, const struct weir_mark *mark, struct weir_error *err);
/* A fact about the file: "sealed", or a file whose sums are in it. */
int weir_writer_note(struct weir_writer *w, const char *key, const char *value,
		     struct weir_error *err);

/* --- sql.c ------------------------------------------------------------------------ */

int weir_sql_error(sqlite3 *db, struct weir_error *err, const char *what);
int weir_sql_run(sqlite3 *db, const char *sql, struct weir_error *err);
/* errno of an SQLite result: -ENOSPC, -EBADMSG (torn), -EIO, -ENOMEM, ... */
int weir_sql_errno(int code);
