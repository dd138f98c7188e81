/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Tables that fit the terminal: columns as wide as their cells; when that is
 * too wide, the widest of those that may shrink give way, and what does not
 * fit ends in an ellipsis. Without a terminal nothing is cut.
 */
#include "cli/weirctl.h"

struct weirctl_column {
	const char *title;
	unsigned min; /* may shrink to so many columns; 0: never shrinks */
	bool right;   /* numbers */
};

struct weirctl_table;

/* columns must outlive the table. */
int weirctl_table_new(const struct weirctl_column *columns, size_t n, struct weirctl_table **ret);
void weirctl_table_free(struct weirctl_table **table);
/* Copies the cells (n of them, NULL: "-"); style of the whole row. */
int weirctl_table_row(struct weirctl_table *table, enum weirctl_style style,
		      const char *const *cells);
void weirctl_table_print(const struct weirctl_table *table, const struct weirctl *ctl, FILE *out);

/* Columns that the text takes on a terminal (UTF-8 sequences count once). */
unsigned weirctl_columns(const char *text);
/* Writes text padded or cut to width; control characters become '?', so that
 * no name can play with the terminal. last: do not pad. */
void weirctl_put(FILE *out, const char *text, unsigned width, bool right, bool last);
