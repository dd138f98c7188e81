/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of a program that has a configuration: a few words of its own,
 * and one flag for each key. Walked twice, as the words say which file to read
 * and flags go before the file.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"
#include "weir/config.h"

#define OPTIONS_MAX 128
#define KEY_FIRST   1000 /* value of the option of the first key */

struct options {
	struct option all[OPTIONS_MAX + 1];
	char flags[OPTIONS_MAX][WEIR_CONFIG_FLAG_MAX];
	char letters[2 * OPTIONS_MAX + 2];
};

static void add_word(struct options *o, size_t at, const struct weir_config_word *w)
{
	char *to = o->letters + strlen(o->letters);

	o->all[at] =
		(struct option){ w->name, w->value ? required_argument : no_argument, NULL, w->id };
	if (w->id > 127)
		return;
	*to++ = (char)w->id;
	if (w->value)
		*to++ = ':';
	*to = 0;
}

static void fill(struct options *o, const struct weir_config_line *line)
{
	size_t n = 0;

	memset(o, 0, sizeof(*o));
	o->letters[0] = ':'; /* a missing value is told from an unknown option */
	for (const struct weir_config_word *w = line->words; w->name; w++)
		add_word(o, n++, w);
	for (int i = 0; line->table->keys[i].name && n < OPTIONS_MAX; i++, n++) {
		weir_config_flag(&line->table->keys[i], o->flags[n]);
		o->all[n] = (struct option){ o->flags[n], required_argument, NULL, KEY_FIRST + i };
	}
	opterr = 0;
	optind = 0; /* getopt begins anew */
}

/* word: where getopt is; of letters in a row only it knows which one. */
static int unknown(const struct weir_config_line *line, const char *word, struct weir_error *err)
{
	const char letter[] = { '-', (char)optopt, 0 };

	return weir_error_set(err, EINVAL, "unknown option %s (see %s --help)",
			      optopt ? letter : word, line->program);
}

int weir_config_words(const struct weir_config_line *line, int argc, char **argv,
		      void (*fn)(void *data, int id, const char *value), void *data,
		      struct weir_error *err)
{
	struct options o;
	int c;

	fill(&o, line);
	while ((c = getopt_long(argc, argv, o.letters, o.all, NULL)) != -1) {
		if (c == ':')
			return weir_error_set(err, EINVAL, "%s: want a value", argv[optind - 1]);
		if (c == '?')
			return unknown(line, argv[optind - 1], err);
		if (c < KEY_FIRST)
			fn(data, c, optarg);
	}
	if (optind < argc)
		return weir_error_set(err, EINVAL, "unexpected \"%s\" (see %s --help)",
				      argv[optind], line->program);
	return 0;
}

int weir_config_flags(const struct weir_config_line *line, int argc, char **argv, void *config,
		      struct weir_error *err)
{
	struct options o;
	int c, r = 0;

	fill(&o, line);
	while (r == 0 && (c = getopt_long(argc, argv, o.letters, o.all, NULL)) != -1) {
		if (c >= KEY_FIRST)
			r = weir_config_set(config, &line->table->keys[c - KEY_FIRST], optarg, err);
	}
	return r;
}

void weir_config_usage_words(const struct weir_config_line *line, FILE *out)
{
	for (const struct weir_config_word *w = line->words; w->name; w++)
		fprintf(out, "  --%s%s%s\n        %s\n", w->name, w->value ? "=" : "",
			w->value ?: "", w->help);
}

static void print_choices(FILE *out, const struct weir_config_key *key)
{
	for (size_t i = 0; key->choices[i]; i++)
		fprintf(out, "%s%s", i ? "|" : "", key->choices[i]);
}

void weir_config_usage(const struct weir_config_table *table, FILE *out)
{
	char flag[WEIR_CONFIG_FLAG_MAX];

	for (const struct weir_config_key *k = table->keys; k->name; k++) {
		fprintf(out, "  --%s=", weir_config_flag(k, flag));
		if (k->choices)
			print_choices(out, k);
		else
			fputs(weir_config_type_name(k->type), out);
		fprintf(out, "\n        %s", k->help);
		if (*k->value)
			fprintf(out, " [%s]", k->value);
		fputc('\n', out);
	}
}
