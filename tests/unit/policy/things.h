/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Objects of any kind as events for a compiler, for tests about what must not
 * matter. */
#include "tests/unit/policy/random.h"

enum kind { NAMESPACE, POD, NODE, DOMAIN, POLICY };

/* An object of the cluster. */
struct thing {
	enum kind kind;
	const void *object;
};

struct things {
	size_t n;
	struct thing list[256];
};

struct field {
	struct bag bag;
	struct random random;
};

void open_field(struct field *f, uint64_t seed);
void close_field(struct field *f);

void add(struct weir_compiler *c, const struct thing *t);
void take(struct weir_compiler *c, const struct thing *t);
void commit(struct weir_compiler *c);
/* One time in three. */
void maybe_commit(struct random *r, struct weir_compiler *c);

extern const unsigned how_many[POLICY + 1]; /* names of each kind */
/* Another object with the name i. */
struct thing another(struct random *r, enum kind kind, unsigned i);
/* Three quarters of everything that can have a name. */
void random_things(struct random *r, struct things *ret);
void put(struct things *to, enum kind kind, const void *object);
void shuffle(struct random *r, struct things *t);
struct weir_compiler *compile(const struct things *t);

/* check(seed) for as many seeds as are usual, or as WEIR_TEST_SEED, the first, and
 * WEIR_TEST_ROUNDS, their number, say. */
void each_seed(void (*check)(uint64_t seed), uint64_t usual);
