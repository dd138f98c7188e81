/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl wait: until every change made before is in force in the kernel. */
#include "cli/weirctl.h"

#include <errno.h>

#include "weir/rpc.h"

enum { TIMEOUT_DEFAULT_MS = 30000, GRACE_MS = 2000, TIMEOUT_MAX_MS = 3600 * 1000 };

static void print(const struct weirctl *ctl, const cJSON *result)
{
	printf("in sync at generation %.0f\n", weirctl_number(result, "generation"));
}

int weirctl_wait(struct weirctl *ctl, struct weir_error *err)
{
	const char *given = ctl->values[WEIRCTL_TIMEOUT];
	cJSON *params, *result = NULL;
	double ms = TIMEOUT_DEFAULT_MS;
	int r, code;

	if (given && (weirctl_duration(given, &ms) < 0 || ms > TIMEOUT_MAX_MS))
		return weir_error_set(err, EINVAL,
				      "--timeout \"%s\": want a duration of at most 1h, like 30s",
				      given);
	params = cJSON_CreateObject();
	cJSON_AddNumberToObject(params, "timeoutMs", ms);
	r = weirctl_call(ctl, "wait", params, (int)ms + GRACE_MS, &result, &code, err);
	if (r < 0 && code == WEIR_RPC_TIMEOUT) {
		fprintf(stderr, "weirctl: %s\n", err->text);
		return WEIRCTL_NO;
	}
	if (r == 0)
		r = weirctl_print(ctl, result, print, err);
	cJSON_Delete(result);
	return r;
}
