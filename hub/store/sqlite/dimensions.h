/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Values of dimensions as numbers that hold over all files of a question, and back to
 * text. Of what its asker may not see the number is 0.
 */
#include "hub/store/sqlite/scan.h"

#define WEIR_NAME_TEXT 48 /* room for a number as text */

struct weir_name_table; /* of one file: the number of each of its words */

struct weir_names {
	struct weir_name *by_text, **by_number;
	uint32_t n, size;
	struct weir_name_table *tables;
};

void weir_names_clear(struct weir_names *n);
/* Before rows of a lens are asked for. */
int weir_names_open(struct weir_names *n, const struct weir_lens *l);
int weir_names_value(struct weir_names *n, const struct weir_lens *l, const struct weir_row *row,
		     enum weir_dimension d, uint64_t step, uint64_t *ret);
/* NULL for 0; what is no text of the table is written into buf. */
const char *weir_names_text(const struct weir_names *n, enum weir_dimension d, uint64_t value,
			    char buf[WEIR_NAME_TEXT]);
/* The columns that a value is made of, beyond time and ends. */
uint64_t weir_dimension_columns(enum weir_dimension d);

/* What a row adds to sums; false: nothing (a gap). */
bool weir_row_sums(const struct weir_row *row, uint64_t ret[WEIR_SUM_MAX]);
