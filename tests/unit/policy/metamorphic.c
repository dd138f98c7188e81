/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must not matter for the tables: the order of events and where the
 * commits are between them; and what was there and went again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/policy/tables.h"
#include "tests/unit/policy/things.h"
#include "weir/cleanup.h"

enum { NAMES = 32 }; /* of a kind, at most */

/* --- order ----------------------------------------------------- */

/* All of them, in any order, commits anywhere; some come, go and come again. */
static struct weir_compiler *compile_anyhow(struct random *r, struct things *t)
{
	struct weir_compiler *c;

	shuffle(r, t);
	assert_int_equal(weir_compiler_new(&c), 0);
	for (size_t i = 0; i < t->n; i++) {
		add(c, &t->list[i]);
		maybe_commit(r, c);
		if (roll(r, 5))
			continue;
		take(c, &t->list[i]);
		maybe_commit(r, c);
		add(c, &t->list[i]);
	}
	commit(c);
	return c;
}

static void check_order(uint64_t seed)
{
	WEIR_AUTO_FREE char *want = NULL;
	struct weir_compiler *c;
	struct field f;
	struct things t;

	open_field(&f, seed);
	random_things(&f.random, &t);
	c = compile(&t);
	want = tables_text(c);
	weir_compiler_free(&c);
	for (unsigned n = 0; n < 8; n++) {
		WEIR_AUTO_FREE char *got = NULL;

		c = compile_anyhow(&f.random, &t);
		got = tables_text(c);
		assert_string_equal(got, want);
		weir_compiler_free(&c);
	}
	close_field(&f);
}

/* --- the past ---------------------------------------------------- */

static void assert_same_size(const struct weir_compiler *c, const struct weir_compiler_stats *want)
{
	struct weir_compiler_stats got;

	weir_compiler_stats(c, &got);
	got.commits = want->commits;
	got.compiled_rulesets = want->compiled_rulesets;
	assert_memory_equal(&got, want, sizeof(got));
}

/* Everything gets another content; what was not there appears. now[k][i] is what
 * is in the compiler. */
static void change_all(struct random *r, struct weir_compiler *c, struct thing now[][NAMES])
{
	for (unsigned n = 0; n < 80; n++) {
		enum kind k = (enum kind)roll(r, POLICY + 1);
		unsigned i = roll(r, how_many[k]);

		if (now[k][i].object)
			take(c, &now[k][i]);
		now[k][i] = roll(r, 4) ? another(r, k, i) : (struct thing){ k, NULL };
		if (now[k][i].object)
			add(c, &now[k][i]);
		maybe_commit(r, c);
	}
}

/* Back to what was, in any order. */
static void take_back(struct random *r, struct weir_compiler *c, struct thing now[][NAMES],
		      struct thing was[][NAMES])
{
	struct things all = { 0 };

	for (enum kind k = NAMESPACE; k <= POLICY; k++) {
		for (unsigned i = 0; i < how_many[k]; i++)
			put(&all, k, &now[k][i]);
	}
	shuffle(r, &all);
	for (size_t n = 0; n < all.n; n++) {
		const struct thing *is = all.list[n].object;
		enum kind k = all.list[n].kind;
		const struct thing *then = &was[k][is - now[k]];

		if (is->object == then->object)
			continue;
		if (is->object)
			take(c, is);
		if (then->object)
			add(c, then);
		maybe_commit(r, c);
	}
	commit(c);
}

static void check_past(uint64_t seed)
{
	struct thing was[POLICY + 1][NAMES] = { 0 }, now[POLICY + 1][NAMES];
	const struct thing nothing[POLICY + 1][NAMES] = { 0 };
	WEIR_AUTO_FREE char *before = NULL, *after = NULL, *end = NULL, *empty = NULL;
	struct weir_compiler_stats size, none;
	struct weir_compiler *c;
	struct field f;

	open_field(&f, seed);
	assert_int_equal(weir_compiler_new(&c), 0);
	weir_compiler_stats(c, &none);
	empty = tables_text(c);
	change_all(&f.random, c, was);
	commit(c);
	weir_compiler_stats(c, &size);
	before = tables_text(c);

	memcpy(now, was, sizeof(now));
	change_all(&f.random, c, now);
	take_back(&f.random, c, now, was);
	after = tables_text(c);
	assert_string_equal(after, before);
	assert_same_size(c, &size);

	memcpy(now, was, sizeof(now));
	memcpy(was, nothing, sizeof(was));
	take_back(&f.random, c, now, was);
	end = tables_text(c);
	assert_string_equal(end, empty);
	assert_same_size(c, &none);
	weir_compiler_free(&c);
	close_field(&f);
}

/* --- the tests ------------------------------------------------------------------------- */

static void test_any_order(void **state)
{
	each_seed(check_order, 200);
}

static void test_nothing_is_left_of_the_past(void **state)
{
	each_seed(check_past, 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_nothing_is_left_of_the_past),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
