/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of weird: words, a flag for each key, and who wins. */
#include "daemon/options.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "weir/cleanup.h"

static char file[64];

static int setup(void **state)
{
	static const char text[] = "node: of-the-file\n"
				   "backend: nftables\n"
				   "source: {files: {path: /m}}\n"
				   "flows: {interval: 90s}\n";
	int fd;

	strcpy(file, "/tmp/weir-options-XXXXXX");
	fd = mkstemp(file);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	unlink(file);
	return 0;
}

/* args: separated by one blank; they begin with --config FILE. */
static int parse(const char *args, struct weir_options *ret, struct weir_error *err)
{
	WEIR_AUTO_FREE char *copy = strdup(args);
	char name[] = "weird", config[] = "--config", *argv[32] = { name, config, file };
	int argc = 3;

	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	*ret = (struct weir_options){ 0 };
	*err = (struct weir_error){ "" };
	return weir_options_parse(argc, argv, ret, err);
}

static struct weir_options parsed(const char *args)
{
	struct weir_options o;
	struct weir_error err;

	if (parse(args, &o, &err) < 0)
		fail_msg("%s: %s", args, err.text);
	return o;
}

static void refused(const char *args, const char *message)
{
	struct weir_options o;
	struct weir_error err;

	assert_true(parse(args, &o, &err) < 0);
	if (!strstr(err.text, message))
		fail_msg("%s: %s", args, err.text);
	assert_null(o.config);
}

static void the_file_counts(void **state)
{
	struct weir_options o = parsed("");

	assert_int_equal(o.asked, WEIR_RUN);
	assert_false(o.dry_run);
	assert_string_equal(o.config->node, "of-the-file");
	assert_int_equal(o.config->flows.interval_ms, 90000);
	weir_config_free(&o.config);
}

static void flags_go_before_the_file(void **state)
{
	struct weir_options o = parsed("--node flag --flows-interval=5s --flows-publish "
				       "ipc:///a,ipc:///b --source-files-path /other");

	assert_string_equal(o.config->node, "flag");
	assert_int_equal(o.config->flows.interval_ms, 5000);
	assert_int_equal(o.config->flows.publish.n, 2);
	assert_string_equal(o.config->files.path, "/other");
	weir_config_free(&o.config);
}

static void every_key_has_a_flag(void **state)
{
	for (const struct weir_config_key *key = weir_config_table.keys; key->name; key++) {
		char flag[WEIR_CONFIG_FLAG_MAX], args[WEIR_CONFIG_FLAG_MAX + 8];
		struct weir_options o;
		struct weir_error err;

		/* an empty value is right for some; no flag is unknown */
		snprintf(args, sizeof(args), "--%s=", weir_config_flag(key, flag));
		if (parse(args, &o, &err) < 0)
			assert_null(strstr(err.text, "unknown option"));
		weir_config_free(&o.config);
	}
}

static void a_dry_run_touches_nothing(void **state)
{
	struct weir_options o = parsed("--dry-run --backend nftables");

	assert_true(o.dry_run);
	assert_string_equal(o.config->backend, "fake");
	assert_int_equal(o.config->bridge_netfilter, WEIR_SETTING_CHECK);
	assert_int_equal(o.config->flows.conntrack, WEIR_SETTING_CHECK);
	weir_config_free(&o.config);
}

static void words(void **state)
{
	static const struct {
		const char *args;
		enum weir_action_asked asked;
	} all[] = {
		{ "--help", WEIR_HELP },
		{ "-h", WEIR_HELP },
		{ "--version", WEIR_VERSION },
		{ "-V", WEIR_VERSION },
		{ "--check-config", WEIR_CHECK_CONFIG },
		{ "--purge", WEIR_PURGE },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(all); i++) {
		struct weir_options o = parsed(all[i].args);

		assert_int_equal(o.asked, all[i].asked);
		/* help must not fail because the configuration is wrong */
		assert_int_equal(o.config == NULL, o.asked == WEIR_HELP || o.asked == WEIR_VERSION);
		weir_config_free(&o.config);
	}
}

static void mistakes(void **state)
{
	refused("--nonsense", "unknown option --nonsense");
	refused("-x", "unknown option -x ");
	refused("-Vx", "unknown option -x ");
	refused("--node", "--node: want a value");
	refused("surplus", "unexpected \"surplus\"");
	refused("--flows-interval=fast", "flows.interval");
	refused("--pod-cidrs=10.0.0.0", "podCIDRs");
	refused("--config /nowhere/weird.yaml", "/nowhere/weird.yaml");
}

static void usage_names_all(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	weir_options_usage(out);
	fclose(out);
	for (const struct weir_config_key *key = weir_config_table.keys; key->name; key++) {
		char flag[WEIR_CONFIG_FLAG_MAX];

		assert_non_null(strstr(text, weir_config_flag(key, flag)));
	}
	assert_non_null(strstr(text, "--dry-run"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_counts),
		cmocka_unit_test(flags_go_before_the_file),
		cmocka_unit_test(every_key_has_a_flag),
		cmocka_unit_test(a_dry_run_touches_nothing),
		cmocka_unit_test(words),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(usage_names_all),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
