/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A person's scope and filter as conditions in SQL. They say of stored flows what
 * weir_scope_redact() and weir_filter_matches() say of one: what is hidden neither is found nor
 * counts. Every text of a question goes through weir_sql_text().
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "hub/access/scope.h"
#include "hub/query/filter.h"

/* A literal of the server: quoted, and escaped but for what is harmless. */
void weir_sql_text(FILE *f, const char *text);

/* The address of an end ("from", "to") as text, as far as it may be seen. */
#define WEIR_SQL_ADDRESS(end)                                                                      \
	"multiIf(NOT (sees_" end " OR " end "_namespace = ''), '', length(" end "_addr) = 4, "     \
	"IPv4NumToString(reinterpretAsUInt32(reverse(" end "_addr))), length(" end "_addr) = 16, " \
	"IPv6NumToString(toFixedString(" end "_addr, 16)), '')"

enum weir_ch_rows {
	WEIR_CH_SECONDS, /* with what the second node said */
	WEIR_CH_FLOWS,	 /* without */
	WEIR_CH_COUNTED, /* without, and without gaps */
	WEIR_CH_SUMS,	 /* of the tables of sums */
};

/* "WITH ... AS sees_from, ... AS sees_to ": which ends are theirs. Goes before each SELECT whose
 * columns or conditions ask for it. */
void weir_where_with(FILE *f, const struct weir_scope *scope);
/* The condition, without WHERE. */
void weir_where(FILE *f, enum weir_ch_rows rows, uint64_t from, uint64_t to,
		const struct weir_scope *scope, const struct weir_filter *filter);
