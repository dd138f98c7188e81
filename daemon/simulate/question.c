/* SPDX-License-Identifier: Apache-2.0 */
/* From the question to the answer, step by step. Runs in the child; pure but for the clock. */
#include <errno.h>
#include <time.h>

#include "daemon/simulate/simulate.h"

/* The pairs get half of the child's time: there are recorded flows, too. */
enum { PAIRS_MS = WEIR_SIMULATE_MS / 2, ROWS_DEFAULT = 500 };

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static size_t rows_max(const cJSON *params)
{
	const cJSON *rows = cJSON_GetObjectItemCaseSensitive(params, "rows");
	double n = cJSON_IsNumber(rows) ? rows->valuedouble : ROWS_DEFAULT;

	return n < 0 ? 0 : n > WEIR_SIMULATE_ROWS_MAX ? WEIR_SIMULATE_ROWS_MAX : (size_t)n;
}

static int answer_pairs(const struct weir_simulate_worlds *w, const cJSON *params, cJSON *result,
			struct weir_error *err)
{
	struct weir_simulate_report *report = NULL;
	struct weir_simulate_group *groups = NULL;
	bool complete = false;
	int r = weir_simulate_groups(w, &groups, err);

	if (r == 0)
		r = weir_simulate_report_new(rows_max(params), &report);
	if (r == 0)
		r = weir_simulate_pairs(w, groups, now_ms() + PAIRS_MS, weir_simulate_report_add,
					report, &complete);
	if (r == 0) {
		weir_simulate_report_write(report, result);
		cJSON_AddBoolToObject(result, "complete", complete);
	}
	weir_simulate_report_free(&report);
	weir_simulate_groups_free(&groups);
	return r;
}

static int answer_flows(const struct weir_simulate_worlds *w, const struct weir_pool *pool,
			const cJSON *params, cJSON *result, struct weir_error *err)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(params, "flows"));
	cJSON *flows = NULL;
	int r = text ? weir_simulate_flows(w, pool, text, rows_max(params), &flows, err) : 0;

	if (flows)
		cJSON_AddItemToObject(result, "flows", flows);
	return r;
}

int weir_simulate(struct weir_world *world, const cJSON *params, cJSON **ret,
		  struct weir_error *err)
{
	struct weir_simulate_worlds w = { .cluster = world->cluster };
	cJSON *result = cJSON_CreateObject();
	int r = weir_simulate_compile(&w, WEIR_BEFORE, err);

	if (r == 0)
		r = weir_simulate_overlay(world, params, result, err);
	if (r == 0)
		r = weir_simulate_compile(&w, WEIR_AFTER, err);
	if (r == 0)
		r = answer_pairs(&w, params, result, err);
	if (r == 0)
		r = answer_flows(&w, world->pool, params, result, err);
	weir_simulate_worlds_clear(&w);
	if (r < 0)
		cJSON_Delete(result);
	else
		*ret = result;
	return r;
}
