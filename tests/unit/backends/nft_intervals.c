/* SPDX-License-Identifier: Apache-2.0 */
/* Prefixes made flat: at every edge the value is that of the longest prefix. */
#include "backends/nftables/intervals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "weir/cleanup.h"

static struct nft_prefix_value prefix(const char *text, uint32_t value)
{
	struct nft_prefix_value p = { .value = value };

	assert_int_equal(weir_prefix_parse(text, true, &p.prefix), 0);
	return p;
}

static struct weir_addr addr(const char *text)
{
	struct weir_addr a;

	assert_int_equal(weir_addr_parse(text, &a), 0);
	return a;
}

static void assert_interval(const struct nft_interval *i, const char *first, const char *last,
			    uint32_t value)
{
	struct weir_addr a = addr(first), b = addr(last);

	assert_memory_equal(i->first, a.bytes, weir_addr_size(&a));
	assert_memory_equal(i->last, b.bytes, weir_addr_size(&b));
	assert_int_equal(i->value, value);
}

static void an_exception_splits_its_block(void **state)
{
	const struct nft_prefix_value list[] = { prefix("10.0.0.0/8", 1),
						 prefix("10.1.0.0/16", NFT_HOLE) };
	WEIR_CLEANUP(nft_intervals_free) struct nft_intervals out = { 0 };

	assert_int_equal(nft_intervals_flatten(list, 2, &out), 0);
	assert_int_equal(out.n, 2);
	assert_interval(&out.items[0], "10.0.0.0", "10.0.255.255", 1);
	assert_interval(&out.items[1], "10.2.0.0", "10.255.255.255", 1);
}

static void the_last_address_ends_it(void **state)
{
	const struct nft_prefix_value four[] = { prefix("0.0.0.0/0", 1),
						 prefix("255.255.255.255/32", 2) };
	const struct nft_prefix_value six[] = { prefix("::/0", 1), prefix("ffff::/16", 2) };
	WEIR_CLEANUP(nft_intervals_free) struct nft_intervals a = { 0 }, b = { 0 };

	assert_int_equal(nft_intervals_flatten(four, 2, &a), 0);
	assert_int_equal(a.n, 2);
	assert_interval(&a.items[0], "0.0.0.0", "255.255.255.254", 1);
	assert_interval(&a.items[1], "255.255.255.255", "255.255.255.255", 2);
	assert_int_equal(nft_intervals_flatten(six, 2, &b), 0);
	assert_int_equal(b.n, 2);
	assert_interval(&b.items[1], "ffff::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 2);
}

static void neighbours_that_say_the_same_are_one(void **state)
{
	const struct nft_prefix_value list[] = { prefix("10.0.0.0/9", 1), prefix("10.64.0.0/16", 1),
						 prefix("10.128.0.0/9", 1) };
	WEIR_CLEANUP(nft_intervals_free) struct nft_intervals out = { 0 };

	assert_int_equal(nft_intervals_flatten(list, 3, &out), 0);
	assert_int_equal(out.n, 1);
	assert_interval(&out.items[0], "10.0.0.0", "10.255.255.255", 1);
}

static void nothing_makes_nothing(void **state)
{
	struct nft_intervals out = { 0 };
	struct weir_addr a = addr("10.0.0.1");

	assert_int_equal(nft_intervals_flatten(NULL, 0, &out), 0);
	assert_int_equal(out.n, 0);
	assert_int_equal(nft_intervals_find(&out, &a), NFT_HOLE);
}

/* --- at random, against a search through all prefixes ----------------------------- */

enum { MANY = 24 };

static int by_prefix(const void *a, const void *b)
{
	return weir_prefix_compare(&((const struct nft_prefix_value *)a)->prefix,
				   &((const struct nft_prefix_value *)b)->prefix);
}

static bool inside(const struct weir_prefix *p, const struct weir_addr *a)
{
	struct weir_prefix at = weir_prefix_of(a, p->len);

	return weir_prefix_compare(p, &at) == 0;
}

static uint32_t longest(const struct nft_prefix_value *list, size_t n, const struct weir_addr *a)
{
	uint32_t value = NFT_HOLE;
	int len = -1;

	for (size_t i = 0; i < n; i++) {
		if (list[i].prefix.len <= len || !inside(&list[i].prefix, a))
			continue;
		len = list[i].prefix.len;
		value = list[i].value;
	}
	return value;
}

/* Few bits differ, so that prefixes nest and touch. */
static struct weir_addr random_addr(bool v6)
{
	struct weir_addr a = { .family = v6 ? AF_INET6 : AF_INET };

	for (size_t i = 0; i < weir_addr_size(&a); i++)
		a.bytes[i] = rand() % 3 ? 0xFF * (uint8_t)(rand() % 2) : (uint8_t)rand();
	return a;
}

static size_t random_prefixes(struct nft_prefix_value *list, bool v6)
{
	size_t n = 0;

	for (int i = 0; i < MANY; i++) {
		struct weir_addr a = random_addr(v6);

		list[i].prefix = weir_prefix_of(&a, (uint8_t)(rand() % (weir_addr_bits(&a) + 1)));
		list[i].value = rand() % 4 ? (uint32_t)(rand() % 3) : NFT_HOLE;
	}
	qsort(list, MANY, sizeof(*list), by_prefix);
	for (int i = 0; i < MANY; i++)
		if (!n || by_prefix(&list[n - 1], &list[i]) != 0)
			list[n++] = list[i];
	return n;
}

static void the_longest_prefix_counts(void **state)
{
	srand(3);
	for (int round = 0; round < 2000; round++) {
		WEIR_CLEANUP(nft_intervals_free) struct nft_intervals out = { 0 };
		struct nft_prefix_value list[MANY];
		bool v6 = round % 2;
		size_t n = random_prefixes(list, v6);

		assert_int_equal(nft_intervals_flatten(list, n, &out), 0);
		for (size_t i = 1; i < out.n; i++)
			assert_true(memcmp(out.items[i - 1].last, out.items[i].first, v6 ? 16 : 4) <
				    0);
		for (int i = 0; i < 100; i++) {
			struct weir_addr a = random_addr(v6);

			assert_int_equal(nft_intervals_find(&out, &a), longest(list, n, &a));
		}
		for (size_t i = 0; i < n; i++)
			assert_int_equal(nft_intervals_find(&out, &list[i].prefix.addr),
					 longest(list, n, &list[i].prefix.addr));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exception_splits_its_block),
		cmocka_unit_test(the_last_address_ends_it),
		cmocka_unit_test(neighbours_that_say_the_same_are_one),
		cmocka_unit_test(nothing_makes_nothing),
		cmocka_unit_test(the_longest_prefix_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
