/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What every store must do: answers to random questions against a brute force over the
 * same rows. */
#include "tests/unit/hub/flows.h"

#define SUITE_MINUTE (60 * 1000000000ull)

/* Rows from..from+n of t, and a mark behind them. */
void suite_append(struct weir_store *s, struct test_rows *t, size_t from, size_t n);
/* A full hour, so long ago that what suite_fill() makes is in the past. */
uint64_t suite_base(void);
/* n more rows within 12 minutes of base, appended in pieces. */
void suite_fill(struct weir_store *s, struct test_rows *t, uint64_t base, size_t n);

/* One random question each, of rows that begin at base. */
void suite_check_flows(struct weir_store *s, struct test_rows *t, uint64_t base);
void suite_check_sums(struct weir_store *s, struct test_rows *t, uint64_t base);
/* The largest groups, and what the others are together. */
void suite_check_top(struct weir_store *s, struct test_rows *t, uint64_t base);
void suite_check_values(struct weir_store *s, struct test_rows *t, uint64_t base);
