/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Rows as columns: a block of rows is a few numbers for each field, brought close
 * together (differences, or above the smallest), in as many bytes as the largest
 * needs, compressed. A column that is zero throughout takes nothing.
 */
#include <stddef.h>
#include <stdint.h>

#include "hub/rows/pack.h"
#include "hub/rows/row.h"
#include "weir/error.h"

/* The numbers are on disk: add at the end only. */
enum weir_column {
	WEIR_COL_TIME,
	WEIR_COL_AGE, /* time - start + 1; 0: start not known */
	WEIR_COL_FLOW,
	WEIR_COL_CONNECTIONS,
	WEIR_COL_LOST,
	WEIR_COL_COUNTERS, /* and the three behind it */
	WEIR_COL_COUNTED = WEIR_COL_COUNTERS + WEIR_ROW_COUNTERS,
	WEIR_COL_SEQ = WEIR_COL_COUNTED + WEIR_ROW_COUNTERS, /* pairs, as in the row */
	WEIR_COL_ORIGIN = WEIR_COL_SEQ + 2,
	WEIR_COL_END = WEIR_COL_ORIGIN + 2,
	WEIR_COL_SIDE = WEIR_COL_END + 2,
	WEIR_COL_STAGED_SIDE = WEIR_COL_SIDE + 2,
	WEIR_COL_PORT = WEIR_COL_STAGED_SIDE + 2,
	WEIR_COL_NAT_PORT = WEIR_COL_PORT + 2,
	WEIR_COL_KIND = WEIR_COL_NAT_PORT + 2, /* type, verdict, staged, finish, flags */
	WEIR_COL_PROTOCOL,
	WEIR_COL_ICMP,
	WEIR_COL_LOST_AT,
	WEIR_COL_ADDR, /* pairs; the block's addresses, then an index for each row */
	WEIR_COL_NAT = WEIR_COL_ADDR + 2,
	WEIR_COL_MAX = WEIR_COL_NAT + 2
};

#define WEIR_COL_BIT(c)	   (1ull << (c))
#define WEIR_COL_PAIR(c)   (WEIR_COL_BIT(c) | WEIR_COL_BIT((c) + 1))
#define WEIR_COLS_ALL	   (WEIR_COL_BIT(WEIR_COL_MAX) - 1)
#define WEIR_COLS_COUNTERS (0xffull << WEIR_COL_COUNTERS)
#define WEIR_BLOCK_ROWS	   (1u << 16) /* at most */

struct weir_codec; /* compression contexts and room; of one thread */
int weir_codec_new(struct weir_codec **ret);
void weir_codec_free(struct weir_codec **codec);

/* One column of n rows; ret->len 0: zero throughout, not to be kept. */
int weir_column_encode(struct weir_codec *codec, enum weir_column column,
		       const struct weir_row *rows, uint32_t n, struct weir_bytes *ret);
/* The numbers of a column that is none of addresses, of n rows; they stay until the codec is
 * used again. len 0: all are 0. -EBADMSG: torn. */
int weir_column_values(struct weir_codec *codec, enum weir_column column, const uint8_t *data,
		       size_t len, uint32_t n, const uint64_t **ret);
/* A column of n rows, of which row pick[k] goes to rows[k]; ages want the times to be there. Not
 * for a column that was not kept: rows are zeroed by the caller. */
int weir_column_decode(struct weir_codec *codec, enum weir_column column, const uint8_t *data,
		       size_t len, uint32_t n, struct weir_row *rows, const uint32_t *pick,
		       uint32_t picked);
