/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Reads the rows of blocks that a question wants, and no column more. A lens is
 * what the asker sees of one file: which ends are theirs, which ends and sides the
 * terms of the filter hold for. It is made once for a file, so that a row costs
 * two look-ups.
 */
#include "hub/store/sqlite/sqlite.h"

/* All rows of a block with all columns; rows has room for block->rows. */
int weir_block_rows(struct weir_partition *p, struct weir_codec *codec,
		    const struct weir_block *block, struct weir_bytes *bytes, struct weir_row *rows,
		    struct weir_error *err);

/* Budget of a question, and what it has used. */
struct weir_meter {
	struct weir_budget budget;
	uint64_t deadline; /* monotonic ns */
	uint64_t rows, bytes;
	const char *ended; /* what ended it: "time", "rows", "memory"; NULL: it goes on */
};
void weir_meter_start(struct weir_meter *m, const struct weir_budget *budget);
/* False: the budget is used up. */
bool weir_meter_rows(struct weir_meter *m, uint64_t rows);
bool weir_meter_bytes(struct weir_meter *m, uint64_t bytes);

struct weir_lens {
	struct weir_partition *p;
	const struct weir_scope *scope;
	const struct weir_filter *filter;
	uint32_t n_ends;
	uint8_t *visible;   /* by number of the end */
	uint32_t *holds;    /* bit t: term t of the filter holds of the end */
	uint32_t from, to;  /* terms that the source, the destination must hold */
	uint32_t either;    /* terms that one of them must hold */
	uint32_t numbers;   /* terms that the row's own numbers tell */
	uint32_t addresses; /* of from, to, either: those that the row's addresses tell */
	bool whole;	    /* other terms: a row is made a flow to be judged */
	bool all;	    /* the scope hides nothing */
};
int weir_lens_open(struct weir_partition *p, const struct weir_scope *scope,
		   const struct weir_filter *filter, struct weir_lens **ret,
		   struct weir_error *err);
void weir_lens_close(struct weir_lens **lens);
static inline bool weir_lens_sees(const struct weir_lens *l, uint32_t end)
{
	return l->all || (end < l->n_ends && l->visible[end]);
}

/* A row as its asker may see it; false: not at all. */
bool weir_lens_flow(const struct weir_lens *l, const struct weir_row *row,
		    struct weir_hub_flow *ret);

/* The files and blocks that a question may have to read. While it is open nothing in them is
 * packed; a lens is made when the first block of its file is read. */
struct weir_files {
	const struct weir_scope *scope;
	const struct weir_filter *filter;
	struct weir_partition **partitions;
	size_t n;
	struct weir_lens **lenses;
	struct weir_work {
		size_t file;
		struct weir_block block;
	} * work;
	size_t n_work;
	bool torn; /* a block could not be read: what is in it is missing */
};
/* Of a level; of the flows those only that are not summed up in files of the level summed (RAW:
 * all). */
int weir_files_open(struct weir_sqlite *s, enum weir_level level, enum weir_level summed,
		    uint64_t from, uint64_t to, const struct weir_scope *scope,
		    const struct weir_filter *filter, struct weir_files *ret,
		    struct weir_error *err);
void weir_files_close(struct weir_files *f);

struct weir_scan {
	struct weir_codec *codec;
	struct weir_bytes bytes;
	uint32_t *ends[2], *pick;
	uint64_t *times;
	struct weir_row *rows;
	uint64_t from, to;
	bool seconds; /* also what the second node said */
	/* After the picks are known by time and ends: may drop more of them (the order of
	 * picks stays). NULL: none. */
	uint32_t (*narrow)(void *data, const uint64_t *times, uint32_t *pick, uint32_t n);
	void *data;
};
int weir_scan_open(struct weir_scan *s);
void weir_scan_close(struct weir_scan *s);
/* The rows of a block that the lens lets through, with these columns and those that it needed
 * itself; they stay until the next call. */
int weir_scan_block(struct weir_scan *s, const struct weir_lens *l, const struct weir_block *block,
		    uint64_t columns, const struct weir_row **ret, uint32_t *ret_n,
		    struct weir_error *err);
/* The same for a piece of work; a torn block gives no rows, is said in the log and noted. */
int weir_scan_work(struct weir_scan *s, struct weir_files *f, const struct weir_work *w,
		   uint64_t columns, const struct weir_lens **ret_lens, const struct weir_row **ret,
		   uint32_t *ret_n, struct weir_error *err);
/* How an answer ended, but for the cursor. */
void weir_answer_ended(const struct weir_meter *m, const struct weir_files *f,
		       struct weir_answer_end *ret);
