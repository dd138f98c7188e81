/* SPDX-License-Identifier: Apache-2.0 */
/* YAML output: it reads well, and no string is taken for anything else. */
#include "cli/weirctl.h"

#include "tests/unit/cli/support.h"

static char *convert(const char *json)
{
	cJSON *tree = cJSON_Parse(json);
	struct weir_error err = { "" };
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(tree);
	assert_int_equal(weirctl_yaml(tree, out, &err), 0);
	fclose(out);
	cJSON_Delete(tree);
	return text;
}

static void test_structure(void **state)
{
	WEIR_AUTO_FREE char *text = convert(
		"{\"a\":1,\"b\":[\"x\",{\"c\":true,\"d\":null}],\"e\":{},\"f\":[],\"g\":2.5}");

	assert_string_equal(text, "a: 1\n"
				  "b:\n"
				  "- x\n"
				  "- c: true\n"
				  "  d: null\n"
				  "e: {}\n"
				  "f: []\n"
				  "g: 2.5\n");
}

static void test_strings_stay_strings(void **state)
{
	static const char *const tricky[] = { "",   "true",	"No",	"on",  "null",	    "~",
					      "1",  "1.5",	"0x1f", "1e3", "-1",	    ".5",
					      "+7", "12:30:45", "=",	"<<",  "2026-11-23" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(tricky); i++) {
		char json[64], want[64];
		WEIR_AUTO_FREE char *text = NULL;

		snprintf(json, sizeof(json), "{\"k\":\"%s\"}", tricky[i]);
		snprintf(want, sizeof(want), "k: \"%s\"\n", tricky[i]);
		text = convert(json);
		assert_string_equal(text, want);
	}
}

static void test_large_numbers(void **state)
{
	WEIR_AUTO_FREE char *text = convert("{\"t\":123456789012,\"m\":-5}");

	assert_string_equal(text, "t: 123456789012\nm: -5\n");
}

static void test_lines(void **state)
{
	WEIR_AUTO_FREE char *text = convert("{\"text\":\"table inet weir {\\n  x\\n}\\n\"}");

	assert_string_equal(text, "text: |\n  table inet weir {\n    x\n  }\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_structure),
		cmocka_unit_test(test_strings_stay_strings),
		cmocka_unit_test(test_large_numbers),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
