/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl identities: which number stands for which labels or prefix. */
#include "cli/list.h"
#include "weir/cleanup.h"

static const struct weirctl_column columns[] = {
	{ "ID", 0, true },	{ "NAMESPACE", 6, false }, { "LABELS", 16, false },
	{ "PREFIX", 0, false }, { "ADDRESSES", 0, true },
};

static void join_labels(const cJSON *item, char *buf, size_t size)
{
	const cJSON *label;
	size_t len = 0;

	buf[0] = 0;
	cJSON_ArrayForEach (label, weirctl_member(item, "labels")) {
		if (cJSON_IsString(label) && len < size)
			len += (size_t)snprintf(buf + len, size - len, "%s%s=%s", len ? "," : "",
						label->string, label->valuestring);
	}
}

static void row(struct weirctl_table *table, const cJSON *item)
{
	const char *cells[WEIR_ARRAY_SIZE(columns)];
	char id[16], labels[2048], addresses[16];

	snprintf(id, sizeof(id), "%.0f", weirctl_number(item, "id"));
	join_labels(item, labels, sizeof(labels));
	snprintf(addresses, sizeof(addresses), "%.0f", weirctl_number(item, "addresses"));
	cells[0] = id;
	cells[1] = weirctl_text(item, "namespace");
	cells[2] = labels;
	cells[3] = weirctl_text(item, "prefix");
	cells[4] = addresses;
	weirctl_table_row(table, WEIRCTL_PLAIN, cells);
}

int weirctl_identities(struct weirctl *ctl, struct weir_error *err)
{
	static const struct weirctl_list list = {
		.method = "identities",
		.columns = columns,
		.n_columns = WEIR_ARRAY_SIZE(columns),
		.row = row,
	};

	return weirctl_show_list(ctl, &list, err);
}
