/* SPDX-License-Identifier: Apache-2.0 */
/* Layout of tables for a terminal. Knows nothing of what the cells mean. */
#include "cli/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

#define GAP 2 /* blanks between columns */

struct row {
	enum weirctl_style style;
	char **cells;
};

struct weirctl_table {
	const struct weirctl_column *columns;
	size_t n_columns, n_rows, size;
	struct row *rows;
};

static bool begins_character(char c)
{
	return ((unsigned char)c & 0xC0) != 0x80;
}

unsigned weirctl_columns(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += begins_character(*text);
	return n;
}

/* The first n characters, with control characters made harmless. */
static void put_characters(FILE *out, const char *text, unsigned n)
{
	for (; *text && (n || !begins_character(*text)); text++) {
		if (begins_character(*text))
			n--;
		fputc((unsigned char)*text < 0x20 || *text == 0x7F ? '?' : *text, out);
	}
}

void weirctl_put(FILE *out, const char *text, unsigned width, bool right, bool last)
{
	unsigned n = weirctl_columns(text);
	int blanks = n < width ? (int)(width - n) : 0;

	if (right)
		fprintf(out, "%*s", blanks, "");
	if (n > width && width > 0) {
		put_characters(out, text, width - 1);
		fputs(weirctl_ellipsis(), out);
	} else {
		put_characters(out, text, n);
	}
	if (!right && !last)
		fprintf(out, "%*s", blanks, "");
}

int weirctl_table_new(const struct weirctl_column *columns, size_t n, struct weirctl_table **ret)
{
	struct weirctl_table *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->columns = columns;
	t->n_columns = n;
	*ret = t;
	return 0;
}

static void free_row(struct row *row, size_t n)
{
	for (size_t i = 0; row->cells && i < n; i++)
		free(row->cells[i]);
	free(row->cells);
}

void weirctl_table_free(struct weirctl_table **table)
{
	if (!*table)
		return;
	for (size_t i = 0; i < (*table)->n_rows; i++)
		free_row(&(*table)->rows[i], (*table)->n_columns);
	free((*table)->rows);
	free(*table);
	*table = NULL;
}

static int grow(struct weirctl_table *t)
{
	size_t size = t->size ? 2 * t->size : 16;
	struct row *rows;

	if (t->n_rows < t->size)
		return 0;
	rows = reallocarray(t->rows, size, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	t->rows = rows;
	t->size = size;
	return 0;
}

int weirctl_table_row(struct weirctl_table *t, enum weirctl_style style, const char *const *cells)
{
	struct row row = { style, calloc(t->n_columns, sizeof(char *)) };

	if (!row.cells || grow(t) < 0)
		goto fail;
	for (size_t i = 0; i < t->n_columns; i++) {
		row.cells[i] = strdup(cells[i] && *cells[i] ? cells[i] : "-");
		if (!row.cells[i])
			goto fail;
	}
	t->rows[t->n_rows++] = row;
	return 0;
fail:
	free_row(&row, t->n_columns);
	return -ENOMEM;
}

static void natural_widths(const struct weirctl_table *t, unsigned *widths)
{
	for (size_t c = 0; c < t->n_columns; c++) {
		widths[c] = weirctl_columns(t->columns[c].title);
		for (size_t r = 0; r < t->n_rows; r++) {
			unsigned n = weirctl_columns(t->rows[r].cells[c]);

			if (n > widths[c])
				widths[c] = n;
		}
	}
}

static unsigned total(const struct weirctl_table *t, const unsigned *widths)
{
	unsigned sum = 0;

	for (size_t c = 0; c < t->n_columns; c++)
		sum += widths[c] + (c ? GAP : 0);
	return sum;
}

/* Take from the widest column that may give, one by one, until it fits. */
static void shrink(const struct weirctl_table *t, unsigned *widths, unsigned room)
{
	while (total(t, widths) > room) {
		size_t widest = t->n_columns;

		for (size_t c = 0; c < t->n_columns; c++) {
			if (!t->columns[c].min || widths[c] <= t->columns[c].min)
				continue;
			if (widest == t->n_columns || widths[c] > widths[widest])
				widest = c;
		}
		if (widest == t->n_columns)
			return;
		widths[widest]--;
	}
}

static void print_cells(const struct weirctl_table *t, const unsigned *widths,
			const char *(*cell)(const struct weirctl_table *t, size_t row,
					    size_t column),
			size_t row, FILE *out)
{
	for (size_t c = 0; c < t->n_columns; c++) {
		if (c)
			fprintf(out, "%*s", GAP, "");
		weirctl_put(out, cell(t, row, c), widths[c], t->columns[c].right,
			    c + 1 == t->n_columns);
	}
}

static const char *title_cell(const struct weirctl_table *t, size_t row, size_t column)
{
	return t->columns[column].title;
}

static const char *row_cell(const struct weirctl_table *t, size_t row, size_t column)
{
	return t->rows[row].cells[column];
}

void weirctl_table_print(const struct weirctl_table *t, const struct weirctl *ctl, FILE *out)
{
	WEIR_AUTO_FREE unsigned *widths = calloc(t->n_columns, sizeof(*widths));

	if (!widths)
		return;
	natural_widths(t, widths);
	if (ctl->width)
		shrink(t, widths, ctl->width);
	fputs(weirctl_style(ctl, WEIRCTL_DIM), out);
	print_cells(t, widths, title_cell, 0, out);
	fprintf(out, "%s\n", weirctl_style(ctl, WEIRCTL_PLAIN));
	for (size_t r = 0; r < t->n_rows; r++) {
		bool styled = t->rows[r].style != WEIRCTL_PLAIN;

		fputs(styled ? weirctl_style(ctl, t->rows[r].style) : "", out);
		print_cells(t, widths, row_cell, r, out);
		fprintf(out, "%s\n", styled ? weirctl_style(ctl, WEIRCTL_PLAIN) : "");
	}
}
