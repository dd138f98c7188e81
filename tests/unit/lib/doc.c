/* SPDX-License-Identifier: Apache-2.0 */
/* Documents: what YAML and JSON become, on which line, and what is refused. */
#include "weir/doc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "weir/cleanup.h"

/* The first document as JSON text; its line numbers are checked apart. */
static void expect(const char *text, const char *json)
{
	struct weir_doc **docs;
	struct weir_error err;
	size_t n;
	char *got;

	if (weir_docs_parse(text, strlen(text), "f", &docs, &n, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	assert_int_equal(n, 1);
	got = cJSON_PrintUnformatted(weir_doc_root(docs[0]));
	assert_string_equal(got, json);
	free(got);
	weir_docs_free(&docs, n);
}

static void refuse(const char *text, const char *message)
{
	struct weir_doc **docs;
	struct weir_error err;
	size_t n;

	if (weir_docs_parse(text, strlen(text), "f", &docs, &n, &err) == 0)
		fail_msg("taken: %s", text);
	if (!strstr(err.text, message))
		fail_msg("\"%s\" does not say \"%s\"", err.text, message);
}

static void test_scalars(void **state)
{
	expect("a: 1\nb: -2.5e3\nc: true\nd: null\ne:\nf: ~\n",
	       "{\"a\":1,\"b\":-2500,\"c\":true,\"d\":null,\"e\":null,\"f\":null}");
	expect("a: '1'\nb: \"true\"\nc: yes\nd: 1.2.3.4\ne: 0x1F\nf: 0o17\ng: 10s\n",
	       "{\"a\":\"1\",\"b\":\"true\",\"c\":\"yes\",\"d\":\"1.2.3.4\",\"e\":31,\"f\":15,"
	       "\"g\":\"10s\"}");
	expect("a: !!str 12\nb: .5\nc: .\nd: '-'\n",
	       "{\"a\":\"12\",\"b\":0.5,\"c\":\".\",\"d\":\"-\"}");
	expect("a: 4294967296\n", "{\"a\":4294967296}");
}

static void test_structure(void **state)
{
	expect("a: {b: [1, 2, {c: d}]}\ne:\n- f\n- g: h\n",
	       "{\"a\":{\"b\":[1,2,{\"c\":\"d\"}]},\"e\":[\"f\",{\"g\":\"h\"}]}");
	expect("a: {}\nb: []\n", "{\"a\":{},\"b\":[]}");
	/* YAML's flow style, alone in its text, is not JSON */
	expect("---\n{a: b, c: {d: 1}}\n", "{\"a\":\"b\",\"c\":{\"d\":1}}");
	expect("{a: b}\n", "{\"a\":\"b\"}");
	expect("{\"a\": {}, \"b\": [1, \"x\\\"y\", \"\\ud83d\\ude00\"]}\n",
	       "{\"a\":{},\"b\":[1,\"x\\\"y\",\"\xF0\x9F\x98\x80\"]}");
	expect("x: &one {a: 1}\ny: *one\n", "{\"x\":{\"a\":1},\"y\":{\"a\":1}}");
}

static void test_many_documents(void **state)
{
	const char *text = "---\n# nothing\n---\na: 1\n---\nb: 2\n...\n---\n";
	struct weir_doc **docs;
	size_t n;

	assert_int_equal(weir_docs_parse(text, strlen(text), "f", &docs, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_int_equal(weir_doc_line(docs[1], weir_doc_root(docs[1])), 6);
	weir_docs_free(&docs, n);
	text = "{\"a\": 1}\n---\n{\"b\": 2}\n";
	assert_int_equal(weir_docs_parse(text, strlen(text), "f", &docs, &n, NULL), 0);
	assert_int_equal(n, 2);
	weir_docs_free(&docs, n);
	assert_int_equal(weir_docs_parse("", 0, "f", &docs, &n, NULL), 0);
	assert_int_equal(n, 0);
	weir_docs_free(&docs, n);
}

static void check_lines(const char *text)
{
	struct weir_doc **docs;
	const cJSON *root, *list;
	size_t n;

	assert_int_equal(weir_docs_parse(text, strlen(text), "f", &docs, &n, NULL), 0);
	root = weir_doc_root(docs[0]);
	list = cJSON_GetObjectItemCaseSensitive(root, "list");
	assert_int_equal(weir_doc_line(docs[0], cJSON_GetObjectItemCaseSensitive(root, "a")), 2);
	assert_int_equal(weir_doc_line(docs[0], cJSON_GetArrayItem(list, 0)), 4);
	assert_int_equal(weir_doc_line(docs[0], cJSON_GetArrayItem(list, 1)), 5);
	assert_int_equal(weir_doc_line(docs[0], cJSON_GetObjectItemCaseSensitive(root, "end")), 7);
	weir_docs_free(&docs, n);
}

static void test_lines(void **state)
{
	check_lines("# first\na: 1\nlist:\n - x\n - y:\n    z\nend: {}\n");
	check_lines("{\n\"a\": \"},]\\\"\",\n\"list\": [\n-1.5,\n{\"y\": null,\n\"z\": "
		    "[]}],\n\"end\":true\n}");
}

static void test_refused(void **state)
{
	refuse("a: 1\nb: [1, 2\nc: 3\n", "f:3:");
	refuse("a: 1\na: 2\n", "f:2: the key \"a\" is there twice");
	refuse("{\"a\":1,\n\"a\":2}", "f:2: the key \"a\" is there twice");
	refuse("{\"a\":1,\n\"b\":}", "f:2: not valid JSON");
	refuse("{} {}", "follows the end");
	refuse("a: *b\n", "f:1: an alias to an anchor");
	refuse("? {a: b}\n: c\n", "cannot be a key");
	refuse("a: &x [*x]\n", "within what it names");
	refuse("a: \"\\0\"\n", "NUL");
}

static void test_bounds(void **state)
{
	char deep[3 * WEIR_DOC_DEPTH_MAX], bomb[4096];
	size_t len = 0;

	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = 0;
	refuse(deep, "f:1:");
	deep[0] = '-';
	deep[1] = ' ';
	refuse(deep, "nested too deep");
	len += (size_t)sprintf(bomb, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 12; i++)
		len += (size_t)sprintf(
			bomb + len, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n",
			i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	refuse(bomb, "too many nodes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalars),	       cmocka_unit_test(test_structure),
		cmocka_unit_test(test_many_documents), cmocka_unit_test(test_lines),
		cmocka_unit_test(test_refused),	       cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
