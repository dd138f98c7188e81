/* SPDX-License-Identifier: Apache-2.0 */
/* Prefixes in a trie: which ones are around a key, which ones are in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/trie.h"
#include "weir/cleanup.h"

static struct weir_trie_node nodes[] = {
	{ .key.len = 0 }, { .key.len = 0 }, { .key.len = 0 }, { .key.len = 0 }, { .key.len = 0 },
};
static const char *const keys[] = { "0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16",
				    "2001:db8::/32" };

static void fill(struct weir_trie *t)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(keys); i++) {
		assert_int_equal(weir_prefix_parse(keys[i], true, &nodes[i].key), 0);
		assert_int_equal(weir_trie_insert(t, &nodes[i]), 0);
	}
}

static void nothing(struct weir_trie_node *node)
{
}

/* The prefixes around text, widest first, as in "/0 /8 /16". */
static const char *around(const struct weir_trie *t, const char *text, char *buf)
{
	struct weir_prefix key;
	struct weir_trie_node *n;
	char one[WEIR_PREFIX_STRLEN];

	weir_prefix_parse(text, true, &key);
	*buf = 0;
	for (n = weir_trie_widest(t, &key); n; n = weir_trie_narrower(n, &key)) {
		if (!n->glue)
			strcat(buf, strchr(weir_prefix_format(&n->key, one), '/'));
	}
	return buf;
}

static void test_around(void **state)
{
	struct weir_trie t = { 0 };
	char buf[64];

	fill(&t);
	assert_string_equal(around(&t, "10.1.2.3/32", buf), "/0/8/16");
	assert_string_equal(around(&t, "10.9.2.3/32", buf), "/0/8");
	assert_string_equal(around(&t, "192.0.2.1/32", buf), "/0");
	assert_string_equal(around(&t, "10.1.0.0/16", buf), "/0/8/16");
	assert_string_equal(around(&t, "2001:db8::1/128", buf), "/32");
	assert_string_equal(around(&t, "::1/128", buf), "");
	weir_trie_clear(&t, nothing);
}

static int count(void *data, struct weir_trie_node *node)
{
	++*(unsigned *)data;
	return 0;
}

static void test_within(void **state)
{
	static const struct {
		const char *key;
		unsigned n;
	} cases[] = { { "0.0.0.0/0", 4 },   { "10.0.0.0/8", 3 }, { "10.0.0.0/9", 2 },
		      { "10.1.0.0/16", 1 }, { "11.0.0.0/8", 0 }, { "::/0", 1 } };
	struct weir_trie t = { 0 };

	fill(&t);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_prefix key;
		unsigned n = 0;

		weir_prefix_parse(cases[i].key, true, &key);
		weir_trie_walk(&t, &key, count, &n);
		assert_int_equal(n, cases[i].n);
	}
	weir_trie_clear(&t, nothing);
}

/* One with others in it goes: they stay. */
static void test_remove(void **state)
{
	struct weir_trie t = { 0 };
	char buf[64];

	fill(&t);
	assert_int_equal(weir_trie_remove(&t, &nodes[1]), 0);
	assert_null(weir_trie_find(&t, &nodes[1].key));
	assert_string_equal(around(&t, "10.1.2.3/32", buf), "/0/16");
	assert_int_equal(weir_trie_insert(&t, &nodes[1]), 0);
	assert_ptr_equal(weir_trie_find(&t, &nodes[1].key), &nodes[1]);
	assert_string_equal(around(&t, "10.2.2.3/32", buf), "/0/8/16");
	weir_trie_clear(&t, nothing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_around),
		cmocka_unit_test(test_within),
		cmocka_unit_test(test_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
