/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A stream of bytes, taken apart into lines: what a watch sends. */
#include <stddef.h>

struct weir_lines {
	char *buf; /* of a line that is not complete yet */
	size_t len, size;
	size_t max; /* bytes of one line */
};

/* Calls line for each complete, non-empty line, without its end and with a NUL
 * behind it. Ends with what line returned when that is below 0; -E2BIG: a line
 * is longer than max; -ENOMEM. */
int weir_lines_feed(struct weir_lines *l, const char *bytes, size_t len,
		    int (*line)(void *data, char *text, size_t len), void *data);
/* Forgets half a line, keeps max. */
void weir_lines_clear(struct weir_lines *l);
