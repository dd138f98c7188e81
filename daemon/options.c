/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command line: a few words of its own, and one flag for each configuration
 * key. Called by main.c; starts nothing.
 */
#include "daemon/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weir/cleanup.h"

#define CONFIG_DEFAULT WEIR_SYSCONFDIR "/weird.yaml"
#define KEYS_MAX       64
#define KEY_FIRST      1000 /* value of the option of the first key */

enum { OPT_CONFIG = 'c', OPT_HELP = 'h', OPT_VERSION = 'V', OPT_CHECK = 256, OPT_DRY, OPT_PURGE };

static const struct {
	struct option option;
	const char *help;
} words[] = {
	{ { "config", required_argument, NULL, OPT_CONFIG },
	  "=FILE\n        weird.yaml(5) to read [" CONFIG_DEFAULT "]" },
	{ { "check-config", no_argument, NULL, OPT_CHECK },
	  "\n        read the configuration, say what is wrong, end" },
	{ { "dry-run", no_argument, NULL, OPT_DRY },
	  "\n        enforce nothing (backend fake), change no kernel setting" },
	{ { "purge", no_argument, NULL, OPT_PURGE },
	  "\n        remove every trace of weir from kernel and disk, end" },
	{ { "help", no_argument, NULL, OPT_HELP }, "\n        this text" },
	{ { "version", no_argument, NULL, OPT_VERSION }, "\n        version and features" },
};

void weir_options_usage(FILE *out)
{
	fputs("usage: weird [OPTION]...\n\n"
	      "The node daemon of weir: enforces network policy on the pods of this node and\n"
	      "publishes their flows. See weird(8).\n\n",
	      out);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(words); i++)
		fprintf(out, "  --%s%s\n", words[i].option.name, words[i].help);
	fputs("\nEach key of weird.yaml(5) has a flag, which goes before the file. Lists are\n"
	      "separated by commas.\n\n",
	      out);
	weir_config_usage(out);
}

struct table {
	struct option options[WEIR_ARRAY_SIZE(words) + KEYS_MAX + 1];
	char flags[KEYS_MAX][WEIR_CONFIG_FLAG_MAX];
};

static void fill(struct table *t)
{
	size_t n = 0;

	memset(t, 0, sizeof(*t));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(words); i++)
		t->options[n++] = words[i].option;
	for (int i = 0; weir_config_keys[i].name && i < KEYS_MAX; i++) {
		weir_config_flag(&weir_config_keys[i], t->flags[i]);
		t->options[n++] =
			(struct option){ t->flags[i], required_argument, NULL, KEY_FIRST + i };
	}
}

/* word: where getopt is; of letters in a row only it knows which one. */
static int unknown(const char *word, struct weir_error *err)
{
	const char letter[] = { '-', (char)optopt, 0 };

	return weir_error_set(err, EINVAL, "unknown option %s (see weird --help)",
			      optopt ? letter : word);
}

/* What the words ask for, and the file; flags of keys wait for the next pass. */
static int first_pass(int argc, char **argv, const struct table *t, struct weir_options *o,
		      const char **ret_file, struct weir_error *err)
{
	int c;

	opterr = 0;
	optind = 0; /* getopt begins anew */
	while ((c = getopt_long(argc, argv, ":c:hV", t->options, NULL)) != -1) {
		switch (c) {
		case OPT_CONFIG:
			*ret_file = optarg;
			break;
		case OPT_HELP:
			o->asked = WEIR_HELP;
			break;
		case OPT_VERSION:
			o->asked = WEIR_VERSION;
			break;
		case OPT_CHECK:
			o->asked = WEIR_CHECK_CONFIG;
			break;
		case OPT_PURGE:
			o->asked = WEIR_PURGE;
			break;
		case OPT_DRY:
			o->dry_run = true;
			break;
		case ':':
			return weir_error_set(err, EINVAL, "%s: want a value", argv[optind - 1]);
		case '?':
			return unknown(argv[optind - 1], err);
		}
	}
	if (optind < argc)
		return weir_error_set(err, EINVAL, "unexpected \"%s\" (see weird --help)",
				      argv[optind]);
	return 0;
}

static int second_pass(int argc, char **argv, const struct table *t, struct weir_config *config,
		       struct weir_error *err)
{
	int c, r = 0;

	optind = 0; /* getopt begins anew */
	while (r == 0 && (c = getopt_long(argc, argv, ":c:hV", t->options, NULL)) != -1) {
		if (c >= KEY_FIRST)
			r = weir_config_set(config, &weir_config_keys[c - KEY_FIRST], optarg, err);
	}
	return r;
}

static int dry(struct weir_config *config, struct weir_error *err)
{
	config->bridge_netfilter = config->flows.conntrack = WEIR_SETTING_CHECK;
	return weir_config_set(config, weir_config_key("backend"), "fake", err);
}

int weir_options_parse(int argc, char **argv, struct weir_options *ret, struct weir_error *err)
{
	WEIR_CLEANUP(weir_config_free) struct weir_config *config = NULL;
	struct weir_options options = { .asked = WEIR_RUN };
	const char *file = NULL;
	struct table t;
	int r;

	fill(&t);
	r = first_pass(argc, argv, &t, &options, &file, err);
	if (r < 0)
		return r;
	if (options.asked != WEIR_HELP && options.asked != WEIR_VERSION) {
		r = weir_config_new(&config, err);
		if (r == 0 && (file || access(CONFIG_DEFAULT, F_OK) == 0))
			r = weir_config_read(config, file ? file : CONFIG_DEFAULT, err);
		if (r == 0)
			r = second_pass(argc, argv, &t, config, err);
		if (r == 0 && options.dry_run)
			r = dry(config, err);
		if (r == 0)
			r = weir_config_complete(config, err);
		if (r < 0)
			return r;
	}
	options.config = weir_take(config);
	*ret = options;
	return 0;
}
