/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl simulate: what would change with these policies, before they are in force. */
#include <errno.h>
#include <string.h>

#include "cli/records.h"
#include "cli/simulate/simulate.h"
#include "weir/cleanup.h"

enum { TIMEOUT_MS = 90000, ROWS_FOR_PROGRAMS = 10000 };

/* "KIND/NAME,KIND/NAMESPACE/NAME" */
static void add_without(cJSON *params, const char *list)
{
	cJSON *array = cJSON_AddArrayToObject(params, "without");
	WEIR_AUTO_FREE char *copy = strdup(list ?: "");
	char *rest = copy;

	for (char *word; rest && (word = strsep(&rest, ","));) {
		if (*word)
			cJSON_AddItemToArray(array, cJSON_CreateString(word));
	}
}

static int add_flows(struct weirctl *ctl, cJSON *params, struct weir_error *err)
{
	WEIR_AUTO_FREE char *flows = NULL;
	int r = simulate_read_flows(ctl, &flows, err);

	if (r == 0)
		cJSON_AddStringToObject(params, "flows", flows);
	return r;
}

static int ask(struct weirctl *ctl, cJSON **ret, struct weir_error *err)
{
	cJSON *params = cJSON_CreateObject();
	int r = simulate_add_files(cJSON_AddArrayToObject(params, "files"), ctl->operands, err);

	if (!weirctl_for_people(ctl))
		cJSON_AddNumberToObject(params, "rows", ROWS_FOR_PROGRAMS);
	add_without(params, ctl->values[WEIRCTL_WITHOUT]);
	if (r == 0 && weirctl_records_wanted(ctl))
		r = add_flows(ctl, params, err);
	if (r < 0) {
		cJSON_Delete(params);
		return r;
	}
	return weirctl_call(ctl, "simulate", params, TIMEOUT_MS, ret, NULL, err);
}

int weirctl_simulate(struct weirctl *ctl, struct weir_error *err)
{
	cJSON *result = NULL;
	int r;

	if (!*ctl->operands && !ctl->values[WEIRCTL_WITHOUT])
		return weir_error_set(
			err, EINVAL, "simulate needs files or folders with policies, or --without");
	r = ask(ctl, &result, err);
	if (r == 0)
		r = weirctl_print(ctl, result, simulate_print, err);
	if (r == 0 && weirctl_number(weirctl_member(result, "flows"), "denied") > 0)
		r = WEIRCTL_NO;
	cJSON_Delete(result);
	return r;
}
