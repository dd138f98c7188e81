/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The command line of weird(8). */
#include <stdbool.h>

#include "daemon/config/config.h"

enum weir_action_asked {
	WEIR_RUN,
	WEIR_HELP,
	WEIR_VERSION,
	WEIR_CHECK_CONFIG,
	WEIR_PURGE,
};

struct weir_options {
	struct weir_config *config; /* complete; NULL for HELP and VERSION */
	enum weir_action_asked asked;
	bool dry_run;
};

/* Defaults, then the file, then the flags. */
int weir_options_parse(int argc, char **argv, struct weir_options *ret, struct weir_error *err);
void weir_options_usage(FILE *out);
