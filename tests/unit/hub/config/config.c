/* SPDX-License-Identifier: Apache-2.0 */
/* hub.yaml: nothing leaves the machine unencrypted; the table, hub.yaml(5) and
 * conf/hub.yaml agree. */
#include "hub/config/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "weir/cleanup.h"

static int options(const char *flags, struct weir_hub_options *ret, struct weir_error *err)
{
	static char text[512];
	char *argv[16];
	int argc = 0;

	snprintf(text, sizeof(text), "weir-hub --check-config --config=/dev/null %s", flags);
	for (char *save = NULL, *f = strtok_r(text, " ", &save); f; f = strtok_r(NULL, " ", &save))
		argv[argc++] = f;
	return weir_hub_options_parse(argc, argv, ret, err);
}

static void refused(const char *flags, const char *message)
{
	struct weir_hub_options o = { .config = NULL };
	struct weir_error err = { "" };

	assert_true(options(flags, &o, &err) < 0);
	if (!strstr(err.text, message))
		fail_msg("%s: \"%s\", want \"%s\"", flags, err.text, message);
}

static void taken(const char *flags, struct weir_hub_config **ret)
{
	struct weir_hub_options o = { .config = NULL };
	struct weir_error err = { "" };

	if (options(flags, &o, &err) < 0)
		fail_msg("%s: %s", flags, err.text);
	assert_int_equal(o.asked, WEIR_HUB_CHECK);
	*ret = o.config;
}

static void defaults(void **state)
{
	WEIR_CLEANUP(weir_hub_config_free) struct weir_hub_config *c = NULL;

	taken("", &c);
	assert_int_equal(c->store.rollup_ms, 90ull * 24 * 3600 * 1000);
	assert_int_equal(c->listen.n, 1);
	assert_int_equal(c->live.max_clients, 2000);
}

static void without_tls(void **state)
{
	WEIR_CLEANUP(weir_hub_config_free)
	struct weir_hub_config *v4 = NULL, *v6 = NULL, *tls = NULL;

	refused("--http-address=0.0.0.0:9573", "http.address: 0.0.0.0:9573 without TLS");
	refused("--http-address=[::]:9573", "without TLS");
	refused("--http-address=[::ffff:0:1]:9573", "without TLS");
	refused("--http-address=192.0.2.1:9573 --http-key=/k", "one means nothing without");
	taken("--http-address=127.0.0.9:1", &v4);
	taken("--http-address=[::1]:9573", &v6);
	taken("--http-address=0.0.0.0:9573 --http-certificate=/c --http-key=/k", &tls);
}

static void mistakes(void **state)
{
	refused("--http-address=localhost:80", "http.address: \"localhost:80\" is no address");
	refused("--http-address=127.0.0.1", "is no address");
	refused("--http-address=127.0.0.1:0", "is no address");
	refused("--http-address=::1:80", "is no address");
	refused("--metrics-address=x", "metrics.address: \"x\" is no address");
	refused("--metrics-flow-labels=cluster,colour", "\"colour\" is no dimension");
	refused("--metrics-flow-labels=time", "\"time\" is no dimension");
	refused("--listen=ipc:///x", "listen: \"ipc:///x\" is no address");
	refused("--address=hub:9572", "address: \"hub:9572\" is no address");
	refused("--store-type=clickhouse", "store.url: store.type clickhouse needs it");
	refused("--store-type=mongo", "none of: sqlite, clickhouse");
	refused("--store-raw=48h --store-rollup=24h", "store.rollup: sums are kept");
	refused("--nonsense", "unknown option --nonsense (see weir-hub --help)");
}

static char *read_source(const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[4096], *text = calloc(1, 1 << 20);
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", top ? top : ".", name);
	f = fopen(path, "r");
	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	return text;
}

/* In the man page each key is ".It Ic key : Ar TYPE" with ".Ql default" below. */
static void man_page_has_every_key(void **state)
{
	WEIR_AUTO_FREE char *text = read_source("docs/man/hub.yaml.5");
	const char mark[] = "\n.It Ic ";
	char name[128], item[256], *at;

	for (const struct weir_config_key *k = weir_hub_config_table.keys; k->name; k++) {
		snprintf(item, sizeof(item), "%s%s : Ar %s\n", mark, k->name,
			 weir_config_type_name(k->type));
		at = strstr(text, item);
		if (!at)
			fail_msg("hub.yaml.5 lacks: %s", item);
		snprintf(item, sizeof(item), "Default:\n.Ql %s\n", k->value);
		if (*k->value && strstr(at, item) != strstr(at, "Default:\n.Ql "))
			fail_msg("hub.yaml.5 has not the default of %s: %s", k->name, k->value);
	}
	for (at = text; (at = strstr(at, mark)); at++) {
		assert_int_equal(sscanf(at + sizeof(mark) - 1, "%127s", name), 1);
		if (!weir_config_find(&weir_hub_config_table, name))
			fail_msg("hub.yaml.5 has a key that there is not: %s", name);
	}
}

static bool same(const struct weir_config_key *k, const void *a, const void *b)
{
	if (k->type == WEIR_KEY_TEXT || k->type == WEIR_KEY_PATH)
		return strcmp(*(char *const *)a, *(char *const *)b) == 0;
	if (k->type == WEIR_KEY_SIZE || k->type == WEIR_KEY_AGE || k->type == WEIR_KEY_STRINGS)
		return *(const uint64_t *)a == *(const uint64_t *)b;
	return *(const unsigned *)a == *(const unsigned *)b;
}

/* Each key stands there, in its section, with its default: reading it changes nothing. */
static void example_is_the_defaults(void **state)
{
	WEIR_CLEANUP(weir_hub_config_free) struct weir_hub_config *plain = NULL;
	WEIR_AUTO_FREE char *text = read_source("conf/hub.yaml");
	struct weir_error err = { "" };
	void *config;
	char word[128];

	taken("", &plain);
	assert_int_equal(weir_config_defaults(&weir_hub_config_table, &config, &err), 0);
	if (weir_config_parse(&weir_hub_config_table, config, text, strlen(text), "hub.yaml",
			      &err) < 0)
		fail_msg("%s", err.text);
	for (const struct weir_config_key *k = weir_hub_config_table.keys; k->name; k++) {
		const char *last = strrchr(k->name, '.');

		snprintf(word, sizeof(word), "%s%s: ", last ? "\n  " : "\n",
			 last ? last + 1 : k->name);
		if (!strstr(text, word))
			fail_msg("conf/hub.yaml lacks %s", k->name);
		if (!same(k, (const char *)config + k->offset, (const char *)plain + k->offset))
			fail_msg("conf/hub.yaml: %s is not the default", k->name);
	}
	weir_config_release(&weir_hub_config_table, config);
}

static void usage_names_all(void **state)
{
	char *text = NULL, flag[WEIR_CONFIG_FLAG_MAX];
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	weir_hub_options_usage(out);
	fclose(out);
	for (const struct weir_config_key *k = weir_hub_config_table.keys; k->name; k++)
		assert_non_null(strstr(text, weir_config_flag(k, flag)));
	assert_non_null(strstr(text, "--check-config"));
	assert_non_null(strstr(text, "--check-audit=FILE"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(without_tls),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(man_page_has_every_key),
		cmocka_unit_test(example_is_the_defaults),
		cmocka_unit_test(usage_names_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
