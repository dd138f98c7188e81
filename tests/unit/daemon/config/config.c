/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: what is accepted, and that each error says where, what
 * and what would be right. The table, weird.yaml(5) and conf/weird.yaml agree. */
#include "daemon/config/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "weir/cleanup.h"

static int parse(const char *text, struct weir_config **config, struct weir_error *err)
{
	assert_int_equal(weir_config_new(config, err), 0);
	return weir_config_parse(&weir_config_table, *config, text, strlen(text), "weird.yaml",
				 err);
}

static void assert_refused(const char *text, const char *message)
{
	WEIR_CLEANUP(weir_config_free) struct weir_config *config = NULL;
	struct weir_error err = { "" };

	assert_true(parse(text, &config, &err) < 0);
	assert_string_equal(err.text, message);
}

static void defaults(void **state)
{
	WEIR_CLEANUP(weir_config_free) struct weir_config *config = NULL;
	struct weir_error err;

	assert_int_equal(parse("", &config, &err), 0);
	assert_int_equal(weir_config_complete(config, &err), 0);
	assert_string_equal(config->backend, "auto");
	assert_true(strlen(config->node) > 0);
	assert_int_equal(config->flows.interval_ms, 10000);
	assert_int_equal(config->flows.history, 4 << 20);
	assert_int_equal(config->flows.publish.n, 1);
	assert_int_equal(config->pod_cidrs.n, 0);
}

static void every_type(void **state)
{
	WEIR_CLEANUP(weir_config_free) struct weir_config *config = NULL;
	struct weir_error err = { "" };

	assert_int_equal(parse("node: n1\n"
			       "bridgeNetfilter: check\n"
			       "podCIDRs: [10.244.1.0/24, \"fd00::/64\"]\n"
			       "nflogGroup: 7\n"
			       "source:\n  files: {path: /m}\n"
			       "flows:\n"
			       "  interval: 90s\n"
			       "  history: 512KiB\n"
			       "  publish: [\"ipc:///a\", \"ipc:///b\"]\n",
			       &config, &err),
			 0);
	assert_string_equal(config->node, "n1");
	assert_int_equal(config->bridge_netfilter, WEIR_SETTING_CHECK);
	assert_int_equal(config->pod_cidrs.n, 2);
	assert_int_equal(config->pod_cidrs.items[1].len, 64);
	assert_int_equal(config->nflog_group, 7);
	assert_string_equal(config->files.path, "/m");
	assert_int_equal(config->flows.interval_ms, 90000);
	assert_int_equal(config->flows.history, 512 << 10);
	assert_string_equal(config->flows.publish.items[1], "ipc:///b");
}

static void unknown_keys(void **state)
{
	assert_refused("node: a\nflow: 1\n",
		       "weird.yaml:2: unknown key \"flow\": did you mean \"flows\"? valid here: "
		       "node, backend, source, cni, chain, report, rpc, metrics, stateDir, runDir, "
		       "sysctlDir, log, podCIDRs, "
		       "nflogGroup, bridgeNetfilter, antiSpoofing, dns, connections, flows, hub");
	assert_refused("log:\n  colour: red\n",
		       "weird.yaml:2: unknown key \"log.colour\": valid here: level, format");
	assert_refused("source: {kubernetes: {path: \"\"}}\n",
		       "weird.yaml:1: unknown key \"source.kubernetes.path\": valid here: "
		       "kubeconfig");
	assert_refused(
		"log.level: info\n",
		"weird.yaml:1: unknown key \"log.level\": valid here: node, backend, source, "
		"cni, chain, report, rpc, metrics, stateDir, runDir, sysctlDir, log, podCIDRs, "
		"nflogGroup, "
		"bridgeNetfilter, antiSpoofing, dns, connections, flows, hub");
}

static void true_and_false(void **state)
{
	struct weir_config *config;
	struct weir_error err = { "" };
	static const char text[] = "report: {events: false}\nchain: {manage: true}\n";

	assert_int_equal(weir_config_new(&config, &err), 0);
	if (weir_config_parse(&weir_config_table, config, text, sizeof(text) - 1, "weird.yaml",
			      &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(config->report.events, 0);
	assert_int_equal(config->chain.manage, 1);
	weir_config_free(&config);
}

static void wrong_values(void **state)
{
	assert_refused("flows:\n  interval: 10\n",
		       "weird.yaml:2: flows.interval: \"10\" is not a duration (want e.g. 500ms, "
		       "10s, 5m, 1h)");
	assert_refused("flows: {interval: 1ms}\n",
		       "weird.yaml:1: flows.interval: 1ms is not within 100ms and 24h");
	assert_refused("flows: {history: 99999999999GiB}\n",
		       "weird.yaml:1: flows.history: 99999999999GiB is not within 0 and 4GiB");
	assert_refused("log: {level: loud}\n", "weird.yaml:1: log.level: \"loud\" is none of: "
					       "error, warning, info, debug");
	assert_refused("podCIDRs: [10.0.0.1/8]\n", "weird.yaml:1: podCIDRs: \"10.0.0.1/8\" is not "
						   "a CIDR (want e.g. 10.244.1.0/24)");
	assert_refused("podCIDRs: 10.0.0.0/8\n", "weird.yaml:1: podCIDRs: want a list: [a, b]");
	assert_refused("rpc: run/weird.sock\n",
		       "weird.yaml:1: rpc: \"run/weird.sock\" is not an absolute path");
	assert_refused("rpc: [a]\n", "weird.yaml:1: rpc: want one value: PATH");
	assert_refused("flows: 3\n", "weird.yaml:1: flows: want keys below it");
	assert_refused("nflogGroup: 1.5\n", "weird.yaml:1: nflogGroup: want one value: NUMBER");
	assert_refused("- a\n", "weird.yaml: want \"key: value\" lines");
	assert_refused("node: a\n---\nnode: b\n", "weird.yaml: want one document, found 2");
}

static void what_depends_on_one_another(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "flows: {publish: [\"tcp://0.0.0.0:1\"]}",
		  "flows.publish: tcp://0.0.0.0:1 needs flows.curve.secret: records do not leave "
		  "the "
		  "node unencrypted" },
		{ "flows: {connect: [\"udp://h:1\"]}", "flows.connect: \"udp://h:1\" is no address "
						       "(want ipc:///path or tcp://address:port)" },
		{ "flows: {curve: {clients: /c}}",
		  "flows.curve.clients: means nothing without flows.curve.secret" },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		WEIR_CLEANUP(weir_config_free) struct weir_config *config = NULL;
		struct weir_error err;

		assert_int_equal(parse(cases[i].text, &config, &err), 0);
		assert_true(weir_config_complete(config, &err) < 0);
		assert_string_equal(err.text, cases[i].message);
	}
}

static void flags(void **state)
{
	WEIR_CLEANUP(weir_config_free) struct weir_config *config = NULL;
	const struct weir_config_key *key =
		weir_config_find(&weir_config_table, "flows.maxConnections");
	char flag[WEIR_CONFIG_FLAG_MAX];
	struct weir_error err;

	assert_string_equal(weir_config_flag(key, flag), "flows-max-connections");
	assert_string_equal(
		weir_config_flag(weir_config_find(&weir_config_table, "podCIDRs"), flag),
		"pod-cidrs");
	assert_int_equal(weir_config_new(&config, &err), 0);
	assert_int_equal(weir_config_set(config, key, "100", &err), 0);
	assert_int_equal(config->flows.max_connections, 100);
	assert_true(weir_config_set(config, key, "1", &err) < 0);
	assert_string_equal(err.text, "flows.maxConnections: 1 is not within 16 and 67108864");
	key = weir_config_find(&weir_config_table, "flows.publish");
	assert_int_equal(weir_config_set(config, key, "ipc:///a,ipc:///b", &err), 0);
	assert_int_equal(config->flows.publish.n, 2);
}

/* --- documentation ------------------------------------------------------------------ */

static char *read_source(const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[4096], *text;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", top ? top : ".", name);
	f = fopen(path, "r");
	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	text = calloc(1, 1 << 20);
	n = fread(text, 1, (1 << 20) - 1, f);
	fclose(f);
	assert_true(n > 0);
	return text;
}

/* In the man page each key is ".It Ic key Ns : type" with ".Dv default" below. */
static void man_page_has_every_key(void **state)
{
	WEIR_AUTO_FREE char *text = read_source("docs/man/weird.yaml.5");
	const char mark[] = "\n.It Ic ";
	char name[128], item[256];

	for (const struct weir_config_key *k = weir_config_table.keys; k->name; k++) {
		snprintf(item, sizeof(item), "%s%s : Ar %s\n", mark, k->name,
			 weir_config_type_name(k->type));
		if (!strstr(text, item))
			fail_msg("weird.yaml.5 lacks: %s", item);
		if (!*k->value)
			continue;
		snprintf(item, sizeof(item), "Default:\n.Ql %s", k->value);
		if (!strstr(strstr(text, k->name), item))
			fail_msg("weird.yaml.5 has not the default of %s: %s", k->name, k->value);
	}
	for (const char *at = text; (at = strstr(at, mark)); at++) {
		assert_int_equal(sscanf(at + sizeof(mark) - 1, "%127s", name), 1);
		if (!weir_config_find(&weir_config_table, name))
			fail_msg("weird.yaml.5 has a key that there is not: %s", name);
	}
}

/* It is read as any file; each key stands there (in its section) with its
 * default, so that reading it changes nothing. */
static void example_is_the_defaults(void **state)
{
	WEIR_CLEANUP(weir_config_free) struct weir_config *config = NULL, *plain = NULL;
	WEIR_AUTO_FREE char *text = read_source("conf/weird.yaml");
	struct weir_error err = { "" };
	char word[128];

	if (parse(text, &config, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(weir_config_new(&plain, &err), 0);
	for (const struct weir_config_key *k = weir_config_table.keys; k->name; k++) {
		const char *last = strrchr(k->name, '.');
		const char *a = (const char *)config + k->offset,
			   *b = (const char *)plain + k->offset;

		snprintf(word, sizeof(word), "%s:", last ? last + 1 : k->name);
		if (!strstr(text, word))
			fail_msg("conf/weird.yaml lacks %s", k->name);
		if (k->type == WEIR_KEY_TEXT || k->type == WEIR_KEY_PATH)
			assert_string_equal(*(char *const *)a, *(char *const *)b);
		else if (k->type == WEIR_KEY_SIZE)
			assert_int_equal(*(const uint64_t *)a, *(const uint64_t *)b);
		else if (k->type == WEIR_KEY_STRINGS || k->type == WEIR_KEY_PREFIXES)
			assert_int_equal(*(const size_t *)a, *(const size_t *)b);
		else
			assert_int_equal(*(const unsigned *)a, *(const unsigned *)b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(every_type),
		cmocka_unit_test(unknown_keys),
		cmocka_unit_test(true_and_false),
		cmocka_unit_test(wrong_values),
		cmocka_unit_test(what_depends_on_one_another),
		cmocka_unit_test(flags),
		cmocka_unit_test(man_page_has_every_key),
		cmocka_unit_test(example_is_the_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
