/* SPDX-License-Identifier: Apache-2.0 */
/* The two indexes of the cluster, against a plain list, through many random
 * additions and removals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/cluster/addresses.h"
#include "daemon/cluster/registry.h"

#define ITEMS 500
#define STEPS 20000

struct item {
	char name;
	struct weir_addr addr;
	uint64_t since; /* 0: not there */
};

static struct item items[ITEMS];

static struct weir_name key_of(const void *item)
{
	return (struct weir_name){ &((const struct item *)item)->name, NULL, NULL };
}

static void table_finds_what_is_there(void **state)
{
	struct weir_registry t = { .key = key_of };
	bool there[ITEMS] = { false };
	size_t n = 0, seen = 0;
	void *old;

	srand(1);
	for (int step = 0; step < STEPS; step++) {
		size_t k = (size_t)rand() % ITEMS, probe = (size_t)rand() % ITEMS;

		if (there[k]) {
			assert_ptr_equal(weir_registry_take(&t, key_of(&items[k])), &items[k]);
		} else {
			assert_int_equal(weir_registry_put(&t, &items[k], &old), 0);
			assert_null(old);
		}
		there[k] = !there[k];
		n += there[k] ? 1 : (size_t)-1;
		assert_int_equal(t.n, n);
		assert_ptr_equal(weir_registry_find(&t, key_of(&items[probe])),
				 there[probe] ? &items[probe] : NULL);
	}
	for (size_t i = 0; weir_registry_next(&t, &i);)
		seen++;
	assert_int_equal(seen, n);
	weir_registry_clear(&t);
}

static void table_replaces(void **state)
{
	struct weir_registry t = { .key = key_of };
	void *old;

	assert_null(weir_registry_take(&t, key_of(&items[0])));
	assert_int_equal(weir_registry_put(&t, &items[0], &old), 0);
	assert_int_equal(weir_registry_put(&t, &items[0], &old), 0);
	assert_ptr_equal(old, &items[0]);
	assert_int_equal(t.n, 1);
	weir_registry_clear(&t);
}

static const struct item *newest(const struct weir_addr *addr)
{
	const struct item *best = NULL;

	for (size_t i = 0; i < ITEMS; i++) {
		if (items[i].since && !weir_addr_compare(&items[i].addr, addr) &&
		    (!best || items[i].since > best->since))
			best = &items[i];
	}
	return best;
}

static void newest_claim_counts(void **state)
{
	struct weir_addresses a = { .slots = NULL };
	uint64_t clock = 0;

	srand(2);
	for (size_t i = 0; i < ITEMS; i++) {
		items[i].since = 0;
		items[i].addr =
			(struct weir_addr){ .family = 2, .bytes = { 10, 0, 0, (uint8_t)(i % 97) } };
	}
	for (int step = 0; step < STEPS; step++) {
		struct item *item = &items[(size_t)rand() % ITEMS];
		const struct weir_addr *probe = &items[(size_t)rand() % ITEMS].addr;

		if (item->since) {
			weir_addresses_drop(&a, item, &item->addr, 1);
			item->since = 0;
		} else {
			assert_int_equal(weir_addresses_claim(&a, item, &item->addr, 1), 0);
			item->since = ++clock;
		}
		assert_ptr_equal(weir_addresses_find(&a, probe, NULL, NULL), newest(probe));
	}
	weir_addresses_clear(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_finds_what_is_there),
		cmocka_unit_test(table_replaces),
		cmocka_unit_test(newest_claim_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
