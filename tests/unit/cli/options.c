/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: what is understood, and that errors name what is wrong. */
#include "cli/weirctl.h"

#include <errno.h>

#include "tests/unit/cli/support.h"

enum { WORDS_MAX = 12 };

static int parse(const char *line, struct weirctl *ctl, const struct weirctl_command **command,
		 struct weir_error *err)
{
	static char words[256]; /* ctl points into it */
	static char program[] = "weirctl";
	char *argv[WORDS_MAX + 1] = { program };
	int argc = 1;

	snprintf(words, sizeof(words), "%s", line);
	for (char *w = strtok(words, " "); w && argc < WORDS_MAX; w = strtok(NULL, " "))
		argv[argc++] = w;
	*ctl = (struct weirctl){ 0 };
	*command = NULL;
	return weirctl_parse(argc, argv, ctl, command, err);
}

static void test_understood(void **state)
{
	const struct weirctl_command *command;
	struct weir_error err = { "" };
	struct weirctl ctl;

	assert_int_equal(parse("status", &ctl, &command, &err), 0);
	assert_string_equal(command->name, "status");
	assert_string_equal(ctl.socket, "/run/weir/weird.sock");
	assert_int_equal(
		parse("--socket /x flows -f -n shop -o json --last=3", &ctl, &command, &err), 0);
	assert_string_equal(command->name, "flows");
	assert_string_equal(ctl.socket, "/x");
	assert_string_equal(ctl.values[WEIRCTL_NAMESPACE], "shop");
	assert_string_equal(ctl.values[WEIRCTL_LAST], "3");
	assert_non_null(ctl.values[WEIRCTL_FOLLOW]);
	assert_int_equal(ctl.format, WEIRCTL_JSON);
}

static void test_refused(void **state)
{
	static const struct {
		const char *line, *said;
	} cases[] = {
		{ "", "a command is needed" },
		{ "stattus", "there is no command \"stattus\"" },
		{ "status --bogus", "--bogus" },
		{ "status --from a/b", "status has no option --from" },
		{ "flows --last", "--last wants a value" },
		{ "status -o xml", "want table, wide, json or yaml" },
		{ "status now", "what is \"now\"?" },
	};
	const struct weirctl_command *command;
	struct weirctl ctl;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_error err = { "" };

		assert_int_equal(parse(cases[i].line, &ctl, &command, &err), -EINVAL);
		if (!strstr(err.text, cases[i].said))
			fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].line, err.text,
				 cases[i].said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_understood),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
