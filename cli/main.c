/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl: parse, run the command, say what went wrong. */
#include "cli/weirctl.h"
#include "weir/version.h"

#include <errno.h>
#include <locale.h>

static int finish(int r, const struct weir_error *err)
{
	if (r < 0) {
		fprintf(stderr, "weirctl: %s\n", err->text);
		return WEIRCTL_FAILED;
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		if (errno != EPIPE)
			perror("weirctl: standard output");
		return WEIRCTL_FAILED;
	}
	return r;
}

int main(int argc, char **argv)
{
	const struct weirctl_command *command;
	struct weir_error err = { "" };
	struct weirctl ctl = { 0 };
	int r;

	setlocale(LC_CTYPE, "");
	r = weirctl_parse(argc, argv, &ctl, &command, &err);
	if (r < 0)
		return finish(r, &err);
	if (ctl.values[WEIRCTL_HELP]) {
		weirctl_usage(stdout, command);
		return finish(0, &err);
	}
	if (ctl.values[WEIRCTL_VERSION])
		return weir_print_version("weirctl");
	weirctl_terminal(&ctl);
	return finish(command->run(&ctl, &err), &err);
}
