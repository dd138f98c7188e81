/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of any kind as events for a compiler. */
#include "tests/unit/policy/things.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "weir/cleanup.h"

void open_field(struct field *f, uint64_t seed)
{
	*f = (struct field){ .random = { &f->bag, seed * 0x9E3779B97F4A7C15ull + 1 } };
	bag_open(&f->bag);
}

void close_field(struct field *f)
{
	bag_empty(&f->bag);
}

void add(struct weir_compiler *c, const struct thing *t)
{
	int r = 0;

	switch (t->kind) {
	case NAMESPACE:
		r = weir_compiler_add_namespace(c, t->object);
		break;
	case POD:
		r = weir_compiler_add_pod(c, t->object);
		break;
	case NODE:
		r = weir_compiler_add_node(c, t->object);
		break;
	case DOMAIN:
		r = weir_compiler_add_domain(c, t->object);
		break;
	case POLICY:
		r = weir_compiler_add_policy(c, t->object);
		break;
	}
	assert_int_equal(r, 0);
}

void take(struct weir_compiler *c, const struct thing *t)
{
	int r = 0;

	switch (t->kind) {
	case NAMESPACE:
		r = weir_compiler_remove_namespace(c, t->object);
		break;
	case POD:
		r = weir_compiler_remove_pod(c, t->object);
		break;
	case NODE:
		r = weir_compiler_remove_node(c, t->object);
		break;
	case DOMAIN:
		r = weir_compiler_remove_domain(c, t->object);
		break;
	case POLICY:
		r = weir_compiler_remove_policy(c, t->object);
		break;
	}
	assert_int_equal(r, 0);
}

void commit(struct weir_compiler *c)
{
	struct weir_changes *changes;

	assert_int_equal(weir_compiler_commit(c, &changes, NULL), 0);
	weir_changes_free(&changes);
}

void maybe_commit(struct random *r, struct weir_compiler *c)
{
	if (!roll(r, 3))
		commit(c);
}

void put(struct things *to, enum kind kind, const void *object)
{
	assert_true(to->n < WEIR_ARRAY_SIZE(to->list));
	to->list[to->n++] = (struct thing){ kind, object };
}

struct thing another(struct random *r, enum kind kind, unsigned i)
{
	switch (kind) {
	case NAMESPACE:
		return (struct thing){ kind, random_namespace(r, i) };
	case POD:
		return (struct thing){ kind, random_pod(r, i) };
	case NODE:
		return (struct thing){ kind, random_node(r, i) };
	case DOMAIN:
		return (struct thing){ kind, random_domain(r, i) };
	case POLICY:
		return (struct thing){ kind, random_policy(r, i) };
	}
	return (struct thing){ 0 };
}

const unsigned how_many[POLICY + 1] = {
	[NAMESPACE] = RANDOM_NAMESPACES, [POD] = RANDOM_PODS,
	[NODE] = RANDOM_NODES,		 [DOMAIN] = RANDOM_DOMAINS,
	[POLICY] = RANDOM_ALL_POLICIES,
};

void random_things(struct random *r, struct things *ret)
{
	ret->n = 0;
	for (enum kind k = NAMESPACE; k <= POLICY; k++) {
		for (unsigned i = 0; i < how_many[k]; i++) {
			if (roll(r, 4))
				ret->list[ret->n++] = another(r, k, i);
		}
	}
}

void shuffle(struct random *r, struct things *t)
{
	for (size_t i = t->n; i > 1; i--) {
		size_t j = roll(r, (uint32_t)i);
		struct thing kept = t->list[i - 1];

		t->list[i - 1] = t->list[j];
		t->list[j] = kept;
	}
}

struct weir_compiler *compile(const struct things *t)
{
	struct weir_compiler *c;

	assert_int_equal(weir_compiler_new(&c), 0);
	for (size_t i = 0; i < t->n; i++)
		add(c, &t->list[i]);
	commit(c);
	return c;
}

void each_seed(void (*check)(uint64_t seed), uint64_t usual)
{
	const char *seed = getenv("WEIR_TEST_SEED"), *rounds = getenv("WEIR_TEST_ROUNDS");
	uint64_t first = seed ? strtoull(seed, NULL, 0) : 1;
	uint64_t n = rounds ? strtoull(rounds, NULL, 0) : usual;

	for (uint64_t i = first; i < first + n; i++) {
		if (seed)
			print_message("seed %llu\n", (unsigned long long)i);
		check(i);
	}
}
