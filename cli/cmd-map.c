/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl map: who talks to whom, as the hub has seen it; a line for each pair. */
#include <errno.h>
#include <string.h>

#include "cli/hub/hub.h"
#include "cli/table.h"
#include "weir/cleanup.h"

#define SINCE_DEFAULT "1h"

/* "namespace/Kind/name", "namespace", or the world. */
static const char *vertex_name(const cJSON *vertices, double id, char *buf, size_t size)
{
	const cJSON *v;

	snprintf(buf, size, "(outside)");
	cJSON_ArrayForEach (v, vertices) {
		if (weirctl_number(v, "id") != id)
			continue;
		if (*weirctl_text(v, "workload"))
			snprintf(buf, size, "%s", weirctl_text(v, "workload"));
		else if (*weirctl_text(v, "namespace"))
			snprintf(buf, size, "%s", weirctl_text(v, "namespace"));
		break;
	}
	return buf;
}

static void verdicts_of(const cJSON *edge, char *buf, size_t size)
{
	const cJSON *one;

	*buf = 0;
	cJSON_ArrayForEach (one, weirctl_member(edge, "verdicts"))
		snprintf(buf + strlen(buf), size - strlen(buf), "%s%s", *buf ? ", " : "",
			 cJSON_GetStringValue(one) ?: "");
}

static void add_edge(struct weirctl_table *table, const cJSON *vertices, const cJSON *edge)
{
	char from[512], to[512], verdicts[64], numbers[2][32], bytes[32];
	const char *cells[] = { from, to, verdicts, numbers[0], numbers[1], bytes };

	vertex_name(vertices, weirctl_number(edge, "from"), from, sizeof(from));
	vertex_name(vertices, weirctl_number(edge, "to"), to, sizeof(to));
	verdicts_of(edge, verdicts, sizeof(verdicts));
	snprintf(numbers[0], sizeof(numbers[0]), "%.0f", weirctl_number(edge, "connections"));
	snprintf(numbers[1], sizeof(numbers[1]), "%.0f", weirctl_number(edge, "denied"));
	weirctl_bytes(weirctl_number(edge, "bytes"), bytes, sizeof(bytes));
	weirctl_table_row(table, weirctl_number(edge, "denied") > 0 ? WEIRCTL_BAD : WEIRCTL_PLAIN,
			  cells);
}

static void print_map(const struct weirctl *ctl, const cJSON *result)
{
	static const struct weirctl_column columns[] = {
		{ "FROM", 16, false },	    { "TO", 16, false },   { "VERDICTS", 0, false },
		{ "CONNECTIONS", 0, true }, { "DENIED", 0, true }, { "BYTES", 0, true },
	};
	const cJSON *edge;
	struct weirctl_table *table = NULL;

	if (weirctl_table_new(columns, WEIR_ARRAY_SIZE(columns), &table) < 0)
		return;
	cJSON_ArrayForEach (edge, weirctl_member(result, "edges"))
		add_edge(table, weirctl_member(result, "vertices"), edge);
	weirctl_table_print(table, ctl, stdout);
	weirctl_table_free(&table);
	weirctl_hub_note_end(result);
}

int weirctl_map(struct weirctl *ctl, struct weir_error *err)
{
	struct weirctl_hub *hub = NULL;
	struct weirctl_query q = { NULL };
	cJSON *result = NULL;
	int r = weirctl_hub_open(ctl, &hub, err);

	if (r == 0)
		r = weirctl_query_filters(&q, ctl, err);
	if (r == 0)
		r = weirctl_query_since(&q, ctl, SINCE_DEFAULT, err);
	if (r == 0)
		r = weirctl_query_add(&q, "limit", ctl->values[WEIRCTL_LAST]);
	if (r == 0)
		r = weirctl_hub_call(hub, NULL, "/v1/map", &q, NULL, &result, err);
	if (r == 0)
		r = weirctl_print(ctl, result, print_map, err);
	cJSON_Delete(result);
	weirctl_query_clear(&q);
	weirctl_hub_close(&hub);
	return r;
}
