/* SPDX-License-Identifier: Apache-2.0 */
/* The items of a list, found while it arrives, wherever the network has cut it. */
#include "daemon/kube/items.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct heard {
	char text[1024];
	int stop_at; /* the item that ends it; 0: none */
	int n;
};

static void note(struct heard *h, char kind, const char *text, size_t len)
{
	size_t used = strlen(h->text);

	assert_int_equal(strlen(text), len);
	snprintf(h->text + used, sizeof(h->text) - used, "%c%s", kind, text);
}

static int on_item(void *data, const char *text, size_t len)
{
	struct heard *h = data;

	note(h, '#', text, len);
	return ++h->n == h->stop_at ? -ECANCELED : 0;
}

static int on_meta(void *data, const char *text, size_t len)
{
	note(data, '@', text, len);
	return 0;
}

static int feed(struct weir_items *s, const char *text, size_t piece, struct heard *h)
{
	size_t len = strlen(text);
	int r = 0;

	for (size_t at = 0; r == 0 && at < len; at += piece)
		r = weir_items_feed(s, text + at, piece < len - at ? piece : len - at, on_item,
				    on_meta, h);
	return r;
}

/* In pieces of all lengths the same: the items and metadata, and whether it ended. */
static void expect(const char *text, const char *want, bool has_items, bool ended)
{
	for (size_t piece = 1; piece <= strlen(text); piece++) {
		struct weir_items s = { .max = 200 };
		struct heard h = { .n = 0 };

		assert_int_equal(feed(&s, text, piece, &h), 0);
		assert_string_equal(h.text, want);
		assert_int_equal(s.has_items, has_items);
		assert_int_equal(s.ended, ended);
		weir_items_clear(&s);
	}
}

static void expect_error(const char *text, int error)
{
	for (size_t piece = 1; piece <= strlen(text); piece++) {
		struct weir_items s = { .max = 20 };
		struct heard h = { .n = 0 };

		assert_int_equal(feed(&s, text, piece, &h), -error);
		weir_items_clear(&s);
	}
}

static void items_and_metadata(void **state)
{
	expect(" {\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[{\"a\":"
	       "{\"b\":[{}]}} , {}]}\n",
	       "@{\"resourceVersion\":\"7\"}#{\"a\":{\"b\":[{}]}}#{}", true, true);
	expect("{\"items\":[{\"n\":1}],\"metadata\":{}}", "#{\"n\":1}@{}", true, true);
}

static void lists_of_nothing(void **state)
{
	expect("{\"items\":[],\"metadata\":{}}", "@{}", true, true);
	expect("{\"items\": null,\"metadata\":{}}", "@{}", true, true);
}

/* Not "nothing is there", but "this is no list". */
static void what_is_no_list_has_no_items(void **state)
{
	expect("{\"metadata\":{}}", "@{}", false, true);
	expect("{\"items\":{},\"metadata\":{}}", "@{}", false, true);
	expect("{\"items\":7}", "", false, true);
	expect("{\"kind\":\"items\",\"other\":[{}]}", "", false, true);
	expect("{\"spec\":{\"items\":[{}],\"metadata\":{\"x\":1}}}", "", false, true);
	expect("{\"itemsitemsitemsitems\":[{}]}", "", false, true);
}

static void strings_hide_what_is_in_them(void **state)
{
	expect("{\"items\":[{\"a\":\"]}\\\"{[\\\\\"},{\"}\":\"\\u007d\"}]}",
	       "#{\"a\":\"]}\\\"{[\\\\\"}#{\"}\":\"\\u007d\"}", true, true);
	expect("{\"x\":\"\\\",\\\"items\\\":[{}],\"}", "", false, true);
}

static void half_a_list_has_not_ended(void **state)
{
	expect("{\"items\":[{\"n\":1},{\"n\"", "#{\"n\":1}", true, false);
	expect("{\"items\":[{\"n\":1}]", "#{\"n\":1}", true, false);
	expect("  ", "", false, false);
}

static void only_objects_are_items(void **state)
{
	expect_error("{\"items\":[\"a\"]}", EBADMSG);
	expect_error("{\"items\":[{},7]}", EBADMSG);
	expect_error("{\"items\":[[{}]]}", EBADMSG);
	expect_error("{\"items\":[null]}", EBADMSG);
}

static void only_one_object_is_a_list(void **state)
{
	expect_error("[]", EBADMSG);
	expect_error("404 page not found", EBADMSG);
	expect_error("{}{}", EBADMSG);
	expect_error("{}]", EBADMSG);
}

static void an_item_is_bounded(void **state)
{
	expect_error("{\"items\":[{\"a\":\"1234567890123\"}]}", E2BIG);
	expect_error("{\"metadata\":{\"a\":\"1234567890123\"}}", E2BIG);
}

static void whoever_hears_may_end_it(void **state)
{
	struct weir_items s = { .max = 200 };
	struct heard h = { .stop_at = 2 };

	assert_int_equal(feed(&s, "{\"items\":[{},{},{}]}", 100, &h), -ECANCELED);
	assert_string_equal(h.text, "#{}#{}");
	weir_items_clear(&s);
	h = (struct heard){ .n = 0 };
	assert_int_equal(feed(&s, "{\"items\":[{}]}", 100, &h), 0);
	assert_string_equal(h.text, "#{}");
	weir_items_clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_and_metadata),
		cmocka_unit_test(lists_of_nothing),
		cmocka_unit_test(what_is_no_list_has_no_items),
		cmocka_unit_test(strings_hide_what_is_in_them),
		cmocka_unit_test(half_a_list_has_not_ended),
		cmocka_unit_test(only_objects_are_items),
		cmocka_unit_test(only_one_object_is_a_list),
		cmocka_unit_test(an_item_is_bounded),
		cmocka_unit_test(whoever_hears_may_end_it),
	};

	return cmocka_run_group_tests_name("items", tests, NULL, NULL);
}
