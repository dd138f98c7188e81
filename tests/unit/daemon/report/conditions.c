/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions in the status of an object that others write, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/report/report.h"

static const struct weir_condition good = {
	.type = "weir.dev/Accepted", .reason = "Accepted", .status = true, .message = "fine"
};

/* The new status as text, "" when nothing changes. */
static void assert_merge(const char *object_text, const struct weir_condition *c, const char *want)
{
	cJSON *object = cJSON_Parse(object_text);
	cJSON *status = weir_conditions_merge(object, c, 1, "NOW");
	char *text = status ? cJSON_PrintUnformatted(status) : strdup("");

	assert_non_null(object);
	assert_string_equal(text, want);
	free(text);
	cJSON_Delete(status);
	cJSON_Delete(object);
}

#define OBJECT(generation, conditions)                                                             \
	"{\"metadata\":{\"generation\":" generation                                                \
	"},\"status\":{\"x\":1,\"conditions\":[" conditions "]}}"
#define OTHERS "{\"type\":\"other\",\"status\":\"True\"}"
#define OURS(status, reason, message, generation, time)                                            \
	"{\"type\":\"weir.dev/Accepted\",\"status\":\"" status "\",\"reason\":\"" reason           \
	"\",\"message\":\"" message "\",\"observedGeneration\":" generation                        \
	",\"lastTransitionTime\":\"" time "\"}"

static void first(void **state)
{
	assert_merge("{\"metadata\":{\"generation\":3}}", &good,
		     "{\"conditions\":[" OURS("True", "Accepted", "fine", "3", "NOW") "]}");
	assert_merge(OBJECT("3", OTHERS), &good,
		     "{\"x\":1,\"conditions\":[" OTHERS
		     "," OURS("True", "Accepted", "fine", "3", "NOW") "]}");
}

static void same_again_is_not_written(void **state)
{
	assert_merge(OBJECT("3", OTHERS "," OURS("True", "Accepted", "fine", "3", "THEN")), &good,
		     "");
}

/* The time stays unless True becomes False. */
static void time_of_transition(void **state)
{
	cJSON *object =
		cJSON_Parse(OBJECT("4", OURS("True", "Accepted", "fine", "3", "THEN") "," OTHERS));
	cJSON *status = weir_conditions_merge(object, &good, 1, "NOW");
	const cJSON *ours = cJSON_GetArrayItem(cJSON_GetObjectItem(status, "conditions"), 0);

	assert_non_null(status);
	assert_int_equal(cJSON_GetObjectItem(ours, "observedGeneration")->valueint, 4);
	assert_string_equal(cJSON_GetObjectItem(ours, "lastTransitionTime")->valuestring, "THEN");
	cJSON_Delete(status);
	cJSON_Delete(object);
}

static void turned(void **state)
{
	struct weir_condition bad = good;
	cJSON *object = cJSON_Parse(OBJECT("3", OURS("True", "Accepted", "fine", "3", "THEN")));
	cJSON *status;
	const cJSON *ours;

	bad.status = false;
	status = weir_conditions_merge(object, &bad, 1, "NOW");
	ours = cJSON_GetArrayItem(cJSON_GetObjectItem(status, "conditions"), 0);
	assert_non_null(status);
	assert_string_equal(cJSON_GetObjectItem(ours, "status")->valuestring, "False");
	assert_string_equal(cJSON_GetObjectItem(ours, "lastTransitionTime")->valuestring, "NOW");
	cJSON_Delete(status);
	cJSON_Delete(object);
}

static void hostile_status(void **state)
{
	assert_merge("{\"metadata\":{\"generation\":1},\"status\":{\"conditions\":\"no list\"}}",
		     &good, "{\"conditions\":[" OURS("True", "Accepted", "fine", "1", "NOW") "]}");
	assert_merge("{\"status\":[]}", &good,
		     "{\"conditions\":[" OURS("True", "Accepted", "fine", "0", "NOW") "]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first),
		cmocka_unit_test(same_again_is_not_written),
		cmocka_unit_test(time_of_transition),
		cmocka_unit_test(turned),
		cmocka_unit_test(hostile_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
