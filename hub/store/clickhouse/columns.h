/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The columns of the table of flows: how each is called, what it is made of when a row
 * goes in, and where it belongs when a flow comes back. The schema, the INSERT and the
 * SELECT are made of this one list.
 */
#include <stddef.h>
#include <stdint.h>

enum weir_ch_kind {
	WEIR_CH_U8,
	WEIR_CH_U16,
	WEIR_CH_I32,
	WEIR_CH_U64,
	WEIR_CH_DATE,	 /* days since the epoch */
	WEIR_CH_TEXT,	 /* not known: empty */
	WEIR_CH_ADDR,	 /* 0, 4 or 16 bytes */
	WEIR_CH_TEXTS,	 /* of each item of an array */
	WEIR_CH_NUMBERS, /* the same of uint64_t */
	WEIR_CH_KINDS
};
extern const char *const weir_ch_types[WEIR_CH_KINDS]; /* as the server calls them */

enum weir_ch_of { /* what a column is made of */
		  WEIR_CH_OF_APPEND,
		  WEIR_CH_OF_ROW,
		  WEIR_CH_OF_CLUSTER, /* of either reporter */
		  WEIR_CH_OF_ORIGIN,  /* weir_reporter i */
		  WEIR_CH_OF_END,     /* weir_record_peer i */
		  WEIR_CH_OF_SIDE,    /* weir_record_side i: weir_direction, + 2: staged */
		  WEIR_CH_OF_MARK
};

#define WEIR_CH_NOWHERE UINT16_MAX

struct weir_ch_column {
	const char *name;
	uint8_t kind, of, i;
	uint16_t from;	/* offset in what it is made of */
	uint16_t to;	/* offset in weir_hub_flow, NOWHERE: not read back */
	uint16_t count; /* of an array: offsets of the number of items (uint16_t), from and */
	uint16_t to_count;
	uint16_t size, member; /* to; size of an item, offset in the item */
	uint8_t array;	       /* which of a flow's: 0, 1 labels, 2.. policies */
	uint8_t plain;	       /* an empty text is one */
	uint8_t second;	       /* only where the one before it was 0 */
};

extern const struct weir_ch_column weir_ch_columns[];
extern const size_t weir_ch_n_columns;

/* Rows of this type are marks: how far a boot of a node is stored. They have time 0, next
 * as seq, their rank as flow. Of two marks of a boot the higher rank is the newer. */
#define WEIR_CH_MARK 255

#define WEIR_CH_ARRAYS 6
