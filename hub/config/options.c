/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of weir-hub(8). Called by main.c; starts nothing. */
#include <unistd.h>

#include "hub/config/config.h"
#include "weir/cleanup.h"

#define CONFIG_DEFAULT WEIR_SYSCONFDIR "/hub.yaml"

enum { OPT_CONFIG = 'c', OPT_HELP = 'h', OPT_VERSION = 'V', OPT_CHECK = 256, OPT_AUDIT, OPT_TOKEN };

static const struct weir_config_word words[] = {
	{ "config", "FILE", "hub.yaml(5) to read [" CONFIG_DEFAULT "]", OPT_CONFIG },
	{ "check-config", NULL, "read the configuration, say what is wrong, end", OPT_CHECK },
	{ "check-audit", "FILE", "say whether an audit log is as it was written, end", OPT_AUDIT },
	{ "make-token", NULL, "print a new static token, and its hash for access.yaml, end",
	  OPT_TOKEN },
	{ "help", NULL, "this text", OPT_HELP },
	{ "version", NULL, "version and features", OPT_VERSION },
	{ .name = NULL },
};

static const struct weir_config_line line = { "weir-hub", &weir_hub_config_table, words };

void weir_hub_options_usage(FILE *out)
{
	fputs("usage: weir-hub [OPTION]...\n\n"
	      "The hub of weir: keeps the flows of all nodes, and answers who talked to whom, to\n"
	      "each person for the namespaces that are theirs. See weir-hub(8).\n\n",
	      out);
	weir_config_usage_words(&line, out);
	fputs("\nEach key of hub.yaml(5) has a flag, which goes before the file. Lists are\n"
	      "separated by commas.\n\n",
	      out);
	weir_config_usage(&weir_hub_config_table, out);
}

struct asked {
	enum weir_hub_asked what;
	const char *file, *audit;
};

static void on_word(void *data, int id, const char *value)
{
	struct asked *a = data;

	switch (id) {
	case OPT_CONFIG:
		a->file = value;
		break;
	case OPT_HELP:
		a->what = WEIR_HUB_HELP;
		break;
	case OPT_VERSION:
		a->what = WEIR_HUB_VERSION;
		break;
	case OPT_CHECK:
		a->what = WEIR_HUB_CHECK;
		break;
	case OPT_AUDIT:
		a->what = WEIR_HUB_CHECK_AUDIT;
		a->audit = value;
		break;
	case OPT_TOKEN:
		a->what = WEIR_HUB_MAKE_TOKEN;
		break;
	}
}

static int configure(int argc, char **argv, const char *file, struct weir_hub_config **ret,
		     struct weir_error *err)
{
	WEIR_CLEANUP(weir_hub_config_free) struct weir_hub_config *config = NULL;
	void *fresh;
	int r = weir_config_defaults(&weir_hub_config_table, &fresh, err);

	if (r < 0)
		return r;
	config = fresh;
	if (file || access(CONFIG_DEFAULT, F_OK) == 0)
		r = weir_config_read(&weir_hub_config_table, config, file ?: CONFIG_DEFAULT, err);
	if (r == 0)
		r = weir_config_flags(&line, argc, argv, config, err);
	if (r == 0)
		r = weir_hub_config_check(config, err);
	if (r == 0)
		*ret = weir_take(config);
	return r;
}

int weir_hub_options_parse(int argc, char **argv, struct weir_hub_options *ret,
			   struct weir_error *err)
{
	struct asked a = { .what = WEIR_HUB_RUN };
	struct weir_hub_options options = { .config = NULL };
	int r = weir_config_words(&line, argc, argv, on_word, &a, err);

	if (r == 0 && (a.what == WEIR_HUB_RUN || a.what == WEIR_HUB_CHECK))
		r = configure(argc, argv, a.file, &options.config, err);
	if (r < 0)
		return r;
	options.asked = a.what;
	options.audit = a.audit;
	*ret = options;
	return 0;
}
