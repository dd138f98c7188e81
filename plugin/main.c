/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir, the CNI plugin: started by the container runtime for each pod, with a
 * network configuration on stdin and a command in the environment. Asks the
 * daemon and ends; keeps nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/commands.h"
#include "plugin/output.h"
#include "weir/cleanup.h"
#include "weir/rpc.h"
#include "weir/version.h"

/* Far below WEIR_RPC_REQUEST_MAX: the request has more around it. */
#define NETCONF_MAX (1024 * 1024)

static const char *env(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

/* All of stdin, NUL-terminated; *ret_len is NETCONF_MAX when it is too long. */
static char *read_stdin(size_t *ret_len)
{
	char *text = malloc(NETCONF_MAX + 1);
	size_t len = 0;
	ssize_t n = 1;

	if (!text)
		return NULL;
	for (; len < NETCONF_MAX && n > 0; len += (size_t)n) {
		do
			n = read(STDIN_FILENO, text + len, NETCONF_MAX - len);
		while (n < 0 && errno == EINTR);
		if (n < 0) {
			free(text);
			return NULL;
		}
	}
	text[len] = 0;
	*ret_len = len;
	return text;
}

static int usage(void)
{
	fputs("weir is a CNI plugin: a container runtime starts it, with CNI_COMMAND in the\n"
	      "environment and a network configuration on stdin. See weir(8); the tool for people\n"
	      "is weirctl(8).\n",
	      stderr);
	return 1;
}

static int run(const struct weir_cni_env *e)
{
	WEIR_AUTO_FREE char *text = NULL;
	struct weir_netconf conf;
	struct weir_error err;
	size_t len = 0;
	int code = 0;

	text = read_stdin(&len);
	if (!text || len == NETCONF_MAX)
		return weir_print_error("1.0.0", WEIR_RPC_IO_FAILURE,
					"the network configuration could not be read from stdin",
					NULL);
	if (weir_netconf_parse(text, len, &conf, &code, &err) < 0) {
		if (strcmp(e->command, "DEL") == 0)
			return 0;
		return weir_print_error(*conf.version_text ? conf.version_text : "1.0.0", code,
					"the network configuration cannot be used", err.text);
	}
	return weir_command_run(e, &conf);
}

/* VERSION answers in the version that was asked, if it is one, else in 1.0.0. */
static int version(void)
{
	WEIR_AUTO_FREE char *text = NULL;
	struct weir_netconf conf = { .version = NULL };
	size_t len = 0;
	int code;

	text = read_stdin(&len);
	if (text)
		weir_netconf_parse(text, len, &conf, &code, NULL);
	return weir_print_versions(conf.version ? conf.version->text : "1.0.0");
}

int main(int argc, char **argv)
{
	struct weir_cni_env e = {
		.command = env("CNI_COMMAND"),
		.container_id = env("CNI_CONTAINERID"),
		.netns = env("CNI_NETNS"),
		.ifname = env("CNI_IFNAME"),
		.args = env("CNI_ARGS"),
	};

	if (argc > 1 && strcmp(argv[1], "--version") == 0)
		return weir_print_version("weir");
	if (!*e.command)
		return usage();
	if (strcmp(e.command, "VERSION") == 0)
		return version();
	return run(&e);
}
