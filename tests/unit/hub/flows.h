/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Random rows, scopes and filters for the tests of the hub, and the brute force that
 * says what a question must answer. */
#include "hub/access/scope.h"
#include "hub/query/filter.h"
#include "hub/rows/pack.h"
#include "hub/store/store.h"

struct test_rows {
	struct weir_dictionary *words;
	struct weir_words unpacked;
	struct weir_row *rows;
	size_t n, size;
	uint64_t seq;
};

uint64_t test_random(uint64_t below);
void test_rows_open(struct test_rows *t);
void test_rows_close(struct test_rows *t);
/* n more rows with times within [from, to), of small sets of names, so that they often match. */
void test_rows_add(struct test_rows *t, size_t n, uint64_t from, uint64_t to);

void test_scope(struct weir_scope *ret);
void test_filter(struct weir_filter *ret);

/* A line for what a person sees of a flow: equal flows, equal lines. */
#define TEST_LINE 4096
void test_line(const struct weir_hub_flow *flow, char buf[TEST_LINE]);
/* Whether the row is an answer, and its line. */
bool test_expects(struct test_rows *t, const struct weir_row *row, uint64_t from, uint64_t to,
		  bool seconds, const struct weir_scope *scope, const struct weir_filter *filter,
		  char buf[TEST_LINE]);
