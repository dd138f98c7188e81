/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Rows and marks as one block of the server's Native format: a column after the other,
 * made as it is sent. A block is taken whole or not at all.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "hub/rows/pack.h"
#include "hub/store/store.h"

/* What all rows of an append share, and the place of a row among those of its time. */
struct weir_ch_stamp {
	uint64_t attempt, place;
	uint16_t day;
};

struct weir_insert {
	struct weir_ch_stamp stamp;
	const struct weir_words *words;
	const struct weir_row *rows;
	size_t n;
	const struct weir_mark *marks;
	size_t n_marks;
	/* where we are */
	size_t column, item;
	uint64_t offset; /* of arrays: items so far */
	bool items;	 /* of an array: its items, after its offsets */
	bool begun;
	struct weir_bytes out;
	size_t sent;
};

void weir_insert_close(struct weir_insert *in);
/* See weir_request.feed; data: the insert. */
size_t weir_insert_feed(void *data, char *buf, size_t size);

/* The names of all columns: "`day`, `attempt`, ...". */
void weir_insert_names(FILE *f);
