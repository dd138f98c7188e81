/* SPDX-License-Identifier: Apache-2.0 */
/* Options: their table, parsing, and the usage text made from the tables. */
#include "cli/weirctl.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "weir/chain.h"
#include "weir/cleanup.h"
#include "weir/rpc.h"

/* clang-format off */
const struct weirctl_option weirctl_options[WEIRCTL_OPTION_MAX] = {
	[WEIRCTL_OUTPUT] = { "output", 'o', "table|wide|json|yaml", "how to print (table)" },
	[WEIRCTL_SOCKET] = { "socket", 0, "PATH", "socket of weird (" WEIR_RPC_SOCKET_DEFAULT ")" },
	[WEIRCTL_HELP] = { "help", 'h', NULL, "this text; of a command, its options" },
	[WEIRCTL_VERSION] = { "version", 'V', NULL, "version and features" },
	[WEIRCTL_FOLLOW] = { "follow", 'f', NULL, "go on with what happens from now on" },
	[WEIRCTL_NAMESPACE] = { "namespace", 'n', "NAME", "only what belongs to this namespace" },
	[WEIRCTL_UNMANAGED] = { "unmanaged", 'u', NULL, "only pods that are not enforced, and why" },
	[WEIRCTL_POD] = { "pod", 'p', "POD", "only flows of this pod: POD or NAMESPACE/POD" },
	[WEIRCTL_VERDICT] = { "verdict", 0, "allowed|denied", "only flows with this verdict" },
	[WEIRCTL_SINCE] = { "since", 0, "DURATION", "only of the last 30s, 5m, 2h, ..." },
	[WEIRCTL_LAST] = { "last", 0, "N", "only the last N (20, with -f 10; with --since all)" },
	[WEIRCTL_FROM] = { "from", 0, "NAMESPACE/POD|IP", "who opens the connection" },
	[WEIRCTL_TO] = { "to", 0, "NAMESPACE/POD|IP", "to whom" },
	[WEIRCTL_PORT] = { "port", 0, "PORT/PROTOCOL", "80, 53/udp, icmp (80 means 80/tcp)" },
	[WEIRCTL_DIR] = { "dir", 0, "PATH", "folder of CNI configurations (" WEIR_CHAIN_DIR ")" },
	[WEIRCTL_PLUGIN] = { "plugin", 0, "FILE", "install this program as the plugin, too" },
	[WEIRCTL_BIN_DIR] = { "bin-dir", 0, "PATH", "folder of CNI plugins (" WEIR_CHAIN_BIN_DIR ")" },
	[WEIRCTL_ON_UNAVAILABLE] = { "on-unavailable", 0, "fail|allow", "what ADD does without weird (fail)" },
	[WEIRCTL_TIMEOUT] = { "timeout", 0, "DURATION", "give up after so long (30s)" },
	[WEIRCTL_FLOWS] = { "flows", 0, "FILE", "recorded flows: lines of flows -o json; - is stdin" },
	[WEIRCTL_WITHOUT] = { "without", 0, "POLICY", "as if KIND/[NAMESPACE/]NAME, ... were deleted" },
	[WEIRCTL_STAGED] = { "staged", 0, NULL, "what the staged ones would have changed" },
	[WEIRCTL_HUB] = { "hub", 0, "URL", "ask this hub, not the node (or WEIR_HUB)" },
	[WEIRCTL_TOKEN] = { "token", 0, "FILE", "your token for the hub (or WEIR_HUB_TOKEN_FILE)" },
	[WEIRCTL_CA] = { "ca", 0, "FILE", "certificates that the hub's is checked against" },
	[WEIRCTL_CLUSTER] = { "cluster", 0, "NAME", "only of this cluster" },
	[WEIRCTL_WHERE] = { "where", 0, "FIELD=VALUE,...", "more filters, as in the hub's API" },
	[WEIRCTL_BY] = { "by", 0, "DIMENSION,...", "what is summed up (from.workload,to.workload)" },
	[WEIRCTL_MEASURE] = { "measure", 0, "NAME", "the largest of: connections, denied, bytes, ..." },
	[WEIRCTL_NODE] = { "node", 0, "NAME", "this node" },
	[WEIRCTL_FOR] = { "for", 0, "DURATION", "how long the token works (10m)" },
	[WEIRCTL_USES] = { "uses", 0, "N", "how many nodes it enrols (1)" },
	[WEIRCTL_ROOT] = { "root", 0, "DIR", "look at the node whose root is there (/)" },
};
/* clang-format on */

static const uint64_t global_options = WEIRCTL_BIT(WEIRCTL_OUTPUT) | WEIRCTL_BIT(WEIRCTL_SOCKET) |
				       WEIRCTL_BIT(WEIRCTL_HELP) | WEIRCTL_BIT(WEIRCTL_VERSION);

static const char *const formats[] = {
	[WEIRCTL_TABLE] = "table",
	[WEIRCTL_WIDE] = "wide",
	[WEIRCTL_JSON] = "json",
	[WEIRCTL_YAML] = "yaml",
};
_Static_assert(WEIR_ARRAY_SIZE(formats) == WEIRCTL_FORMAT_MAX, "a name for each format");

static void print_options(FILE *out, uint64_t which)
{
	for (int id = 0; id < WEIRCTL_OPTION_MAX; id++) {
		const struct weirctl_option *o = &weirctl_options[id];
		char left[64], letter[8] = "   ";

		if (!(which & WEIRCTL_BIT(id)))
			continue;
		if (o->letter)
			snprintf(letter, sizeof(letter), "-%c,", o->letter);
		snprintf(left, sizeof(left), "%s --%s %s", letter, o->name, o->arg ?: "");
		fprintf(out, "  %-31s %s\n", left, o->help);
	}
}

void weirctl_usage(FILE *out, const struct weirctl_command *command)
{
	if (command) {
		fprintf(out, "usage: weirctl [options] %s%s%s%s%s%s\n%s\n", command->name,
			command->verbs ? " " : "", command->verbs ?: "",
			command->options ? " [command options]" : "", command->operands ? " " : "",
			command->operands ?: "", command->summary);
		if (command->options) {
			fputs("\ncommand options:\n", out);
			print_options(out, command->options);
		}
	} else {
		fputs("usage: weirctl [options] command [command options]\n\ncommands:\n", out);
		for (const struct weirctl_command *c = weirctl_commands; c->name; c++)
			fprintf(out, "  %-12s %s\n", c->name, c->summary);
	}
	fputs("\noptions:\n", out);
	print_options(out, global_options);
	fputs("\nexit status: 0 yes or done, 1 no (denied, not in sync), 2 usage or failure\n",
	      out);
}

static const struct weirctl_command *find_command(const char *name)
{
	for (const struct weirctl_command *c = weirctl_commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static int unknown_command(const char *name, struct weir_error *err)
{
	weir_error_set(err, EINVAL, "there is no command \"%s\"; the commands are", name);
	for (const struct weirctl_command *c = weirctl_commands; c->name; c++) {
		size_t len = strlen(err->text);

		snprintf(err->text + len, sizeof(err->text) - len, " %s", c->name);
	}
	return -EINVAL;
}

/* getopt's own tables, from ours; longs needs one entry more than there are options */
static void make_getopt_tables(char *letters, struct option *longs)
{
	*letters++ = ':';
	for (int id = 0; id < WEIRCTL_OPTION_MAX; id++) {
		const struct weirctl_option *o = &weirctl_options[id];

		longs[id] = (struct option){ o->name, o->arg ? required_argument : no_argument,
					     NULL, 256 + id };
		if (!o->letter)
			continue;
		*letters++ = o->letter;
		if (o->arg)
			*letters++ = ':';
	}
	*letters = 0;
	longs[WEIRCTL_OPTION_MAX] = (struct option){ 0 };
}

static int id_of(int c)
{
	if (c >= 256)
		return c - 256;
	for (int id = 0; id < WEIRCTL_OPTION_MAX; id++)
		if (weirctl_options[id].letter == c)
			return id;
	return -1;
}

static int read_options(int argc, char **argv, struct weirctl *ctl, struct weir_error *err)
{
	struct option longs[WEIRCTL_OPTION_MAX + 1];
	char letters[2 * WEIRCTL_OPTION_MAX + 2];
	int c;

	make_getopt_tables(letters, longs);
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if (c == ':')
			return weir_error_set(err, EINVAL, "option %s wants a value",
					      argv[optind - 1]);
		if (c == '?')
			return weir_error_set(err, EINVAL, "unknown option %s; see weirctl --help",
					      argv[optind - 1]);
		ctl->values[id_of(c)] = optarg ?: "";
	}
	return 0;
}

static int read_format(struct weirctl *ctl, struct weir_error *err)
{
	const char *name = ctl->values[WEIRCTL_OUTPUT];

	if (!name)
		return 0;
	for (int f = 0; f < WEIRCTL_FORMAT_MAX; f++) {
		if (strcmp(name, formats[f]) == 0) {
			ctl->format = f;
			return 0;
		}
	}
	return weir_error_set(err, EINVAL, "--output \"%s\": want table, wide, json or yaml", name);
}

static int check_allowed(const struct weirctl *ctl, const struct weirctl_command *command,
			 struct weir_error *err)
{
	for (int id = 0; id < WEIRCTL_OPTION_MAX; id++)
		if (ctl->values[id] && !((command->options | global_options) & WEIRCTL_BIT(id)))
			return weir_error_set(
				err, EINVAL, "%s has no option --%s; see weirctl %s --help",
				command->name, weirctl_options[id].name, command->name);
	return 0;
}

static bool is_verb(const char *verbs, const char *word)
{
	size_t len = strlen(word);

	for (; verbs && *verbs; verbs += strcspn(verbs, "|"), verbs += *verbs == '|') {
		if (len == strcspn(verbs, "|") && !strncmp(verbs, word, len))
			return true;
	}
	return false;
}

/* What follows the command: its verb, if it has some, and its operands. */
static int read_operands(struct weirctl *ctl, const struct weirctl_command *command, char **words,
			 struct weir_error *err)
{
	if (command->verbs) {
		if (!*words && ctl->values[WEIRCTL_HELP])
			return 0;
		if (!*words || !is_verb(command->verbs, *words))
			return weir_error_set(err, EINVAL, "%s: want one of: %s", command->name,
					      command->verbs);
		ctl->verb = *words++;
	}
	ctl->operands = words;
	if (*words && !command->operands)
		return weir_error_set(err, EINVAL, "%s: what is \"%s\"? see weirctl %s --help",
				      command->name, *words, command->name);
	return 0;
}

int weirctl_parse(int argc, char **argv, struct weirctl *ctl, const struct weirctl_command **ret,
		  struct weir_error *err)
{
	const struct weirctl_command *command = NULL;
	int r = read_options(argc, argv, ctl, err);

	if (r < 0)
		return r;
	if (optind < argc) {
		command = find_command(argv[optind]);
		if (!command)
			return unknown_command(argv[optind], err);
		r = read_operands(ctl, command, &argv[optind + 1], err);
		if (r == 0)
			r = check_allowed(ctl, command, err);
		if (r < 0)
			return r;
	} else if (!ctl->values[WEIRCTL_HELP] && !ctl->values[WEIRCTL_VERSION]) {
		return weir_error_set(err, EINVAL, "a command is needed; see weirctl --help");
	}
	ctl->socket = ctl->values[WEIRCTL_SOCKET] ?: WEIR_RPC_SOCKET_DEFAULT;
	*ret = command;
	return read_format(ctl, err);
}
