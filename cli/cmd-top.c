/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl top: sums of the hub, the largest first, by any dimensions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/hub/hub.h"
#include "cli/table.h"
#include "weir/cleanup.h"

#define BY_DEFAULT    "from.workload,to.workload"
#define SINCE_DEFAULT "1h"
#define LAST_DEFAULT  "20"
#define DIMS_MAX      4
#define CELLS_MAX     (DIMS_MAX + 4)

const char *weirctl_bytes(double n, char *buf, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	size_t unit = 0;

	for (; n >= 1024 && unit + 1 < WEIR_ARRAY_SIZE(units); unit++)
		n /= 1024;
	snprintf(buf, size, unit && n < 100 ? "%.1f %s" : "%.0f %s", n, units[unit]);
	return buf;
}

static int add_row(struct weirctl_table *table, const cJSON *by, const cJSON *sum,
		   const char *other)
{
	char numbers[4][32];
	const char *cells[CELLS_MAX];
	const cJSON *dim, *value;
	char texts[DIMS_MAX][32];
	int n = 0;

	cJSON_ArrayForEach (dim, by) {
		value = weirctl_member(sum, dim->valuestring);
		cells[n] = cJSON_GetStringValue(value) ?: other;
		if (cJSON_IsNumber(value)) {
			snprintf(texts[n], sizeof(texts[n]), "%.0f", value->valuedouble);
			cells[n] = texts[n];
		}
		if (++n == DIMS_MAX)
			break;
	}
	snprintf(numbers[0], sizeof(numbers[0]), "%.0f", weirctl_number(sum, "connections"));
	snprintf(numbers[1], sizeof(numbers[1]), "%.0f", weirctl_number(sum, "denied"));
	snprintf(numbers[2], sizeof(numbers[2]), "%.0f", weirctl_number(sum, "packets"));
	weirctl_bytes(weirctl_number(sum, "bytes"), numbers[3], sizeof(numbers[3]));
	for (int i = 0; i < 4; i++)
		cells[n++] = numbers[i];
	return weirctl_table_row(
		table, weirctl_number(sum, "denied") > 0 ? WEIRCTL_BAD : WEIRCTL_PLAIN, cells);
}

static void print_sums(const struct weirctl *ctl, const cJSON *result)
{
	struct weirctl_column columns[CELLS_MAX] = { 0 };
	const cJSON *by = weirctl_member(result, "by"), *dim, *sum;
	struct weirctl_table *table = NULL;
	size_t n = 0;

	cJSON_ArrayForEach (dim, by)
		if (n < DIMS_MAX)
			columns[n++] = (struct weirctl_column){ dim->valuestring, 12, false };
	columns[n++] = (struct weirctl_column){ "CONNECTIONS", 0, true };
	columns[n++] = (struct weirctl_column){ "DENIED", 0, true };
	columns[n++] = (struct weirctl_column){ "PACKETS", 0, true };
	columns[n++] = (struct weirctl_column){ "BYTES", 0, true };
	if (weirctl_table_new(columns, n, &table) < 0)
		return;
	cJSON_ArrayForEach (sum, weirctl_member(result, "sums"))
		add_row(table, by, sum, "-");
	if (weirctl_member(result, "other"))
		add_row(table, by, weirctl_member(result, "other"), "(others)");
	weirctl_table_print(table, ctl, stdout);
	weirctl_table_free(&table);
	weirctl_hub_note_end(result);
}

static int ask(struct weirctl *ctl, struct weirctl_hub *hub, cJSON **ret, struct weir_error *err)
{
	struct weirctl_query q = { NULL };
	int r = weirctl_query_filters(&q, ctl, err);

	if (r == 0)
		r = weirctl_query_add(&q, "by", ctl->values[WEIRCTL_BY] ?: BY_DEFAULT);
	if (r == 0)
		r = weirctl_query_since(&q, ctl, SINCE_DEFAULT, err);
	if (r == 0)
		r = weirctl_query_add(&q, "limit", ctl->values[WEIRCTL_LAST] ?: LAST_DEFAULT);
	if (r == 0)
		r = weirctl_query_add(&q, "measure", ctl->values[WEIRCTL_MEASURE]);
	if (r == 0)
		r = weirctl_hub_call(hub, NULL, "/v1/sums", &q, NULL, ret, err);
	weirctl_query_clear(&q);
	return r;
}

int weirctl_top(struct weirctl *ctl, struct weir_error *err)
{
	struct weirctl_hub *hub = NULL;
	cJSON *result = NULL;
	int r = weirctl_hub_open(ctl, &hub, err);

	if (r == 0)
		r = ask(ctl, hub, &result, err);
	if (r == 0)
		r = weirctl_print(ctl, result, print_sums, err);
	cJSON_Delete(result);
	weirctl_hub_close(&hub);
	return r;
}
