/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command line: a few words of its own, and one flag for each configuration
 * key. Called by main.c; starts nothing.
 */
#include "daemon/options.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "weir/cleanup.h"

#define CONFIG_DEFAULT WEIR_SYSCONFDIR "/weird.yaml"

enum { OPT_CONFIG = 'c', OPT_HELP = 'h', OPT_VERSION = 'V', OPT_CHECK = 256, OPT_DRY, OPT_PURGE };

static const struct weir_config_word words[] = {
	{ "config", "FILE", "weird.yaml(5) to read [" CONFIG_DEFAULT "]", OPT_CONFIG },
	{ "check-config", NULL, "read the configuration, say what is wrong, end", OPT_CHECK },
	{ "dry-run", NULL, "enforce nothing (backend fake), change no kernel setting", OPT_DRY },
	{ "purge", NULL, "remove every trace of weir from kernel and disk, end", OPT_PURGE },
	{ "help", NULL, "this text", OPT_HELP },
	{ "version", NULL, "version and features", OPT_VERSION },
	{ .name = NULL },
};

static const struct weir_config_line line = { "weird", &weir_config_table, words };

void weir_options_usage(FILE *out)
{
	fputs("usage: weird [OPTION]...\n\n"
	      "The node daemon of weir: enforces network policy on the pods of this node and\n"
	      "publishes their flows. See weird(8).\n\n",
	      out);
	weir_config_usage_words(&line, out);
	fputs("\nEach key of weird.yaml(5) has a flag, which goes before the file. Lists are\n"
	      "separated by commas.\n\n",
	      out);
	weir_config_usage(&weir_config_table, out);
}

struct asked {
	struct weir_options options;
	const char *file;
};

static void on_word(void *data, int id, const char *value)
{
	struct asked *a = data;

	switch (id) {
	case OPT_CONFIG:
		a->file = value;
		break;
	case OPT_HELP:
		a->options.asked = WEIR_HELP;
		break;
	case OPT_VERSION:
		a->options.asked = WEIR_VERSION;
		break;
	case OPT_CHECK:
		a->options.asked = WEIR_CHECK_CONFIG;
		break;
	case OPT_PURGE:
		a->options.asked = WEIR_PURGE;
		break;
	case OPT_DRY:
		a->options.dry_run = true;
		break;
	}
}

static int dry(struct weir_config *config, struct weir_error *err)
{
	config->bridge_netfilter = config->flows.conntrack = WEIR_SETTING_CHECK;
	return weir_config_set(config, weir_config_find(&weir_config_table, "backend"), "fake",
			       err);
}

int weir_options_parse(int argc, char **argv, struct weir_options *ret, struct weir_error *err)
{
	WEIR_CLEANUP(weir_config_free) struct weir_config *config = NULL;
	struct asked a = { .options.asked = WEIR_RUN };
	int r = weir_config_words(&line, argc, argv, on_word, &a, err);

	if (r < 0)
		return r;
	if (a.options.asked != WEIR_HELP && a.options.asked != WEIR_VERSION) {
		r = weir_config_new(&config, err);
		if (r == 0 && (a.file || access(CONFIG_DEFAULT, F_OK) == 0))
			r = weir_config_read(&weir_config_table, config, a.file ?: CONFIG_DEFAULT,
					     err);
		if (r == 0)
			r = weir_config_flags(&line, argc, argv, config, err);
		if (r == 0 && a.options.dry_run)
			r = dry(config, err);
		if (r == 0)
			r = weir_config_complete(config, err);
		if (r < 0)
			return r;
	}
	a.options.config = weir_take(config);
	*ret = a.options;
	return 0;
}
