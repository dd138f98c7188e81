/* SPDX-License-Identifier: Apache-2.0 */
/* What --version prints, the same for every program. */
#include "weir/version.h"

#include <stdio.h>

#include "config.h"

int weir_print_version(const char *program)
{
	printf("%s %s\nfeatures:%s\n", program, PACKAGE_VERSION, WEIR_FEATURES);
	return 0;
}
