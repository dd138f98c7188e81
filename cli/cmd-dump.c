/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl dump: what the kernel holds. */
#include "cli/weirctl.h"

enum { TIMEOUT_MS = 60000 };

static void print(const struct weirctl *ctl, const cJSON *result)
{
	fputs(weirctl_text(result, "text"), stdout);
}

int weirctl_dump(struct weirctl *ctl, struct weir_error *err)
{
	cJSON *result = NULL;
	int r = weirctl_call(ctl, "dump", NULL, TIMEOUT_MS, &result, NULL, err);

	if (r == 0)
		r = weirctl_print(ctl, result, print, err);
	cJSON_Delete(result);
	return r;
}
