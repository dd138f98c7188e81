/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl names: what the names in policies stand for, for how long, and who asks. */
#include "cli/list.h"
#include "weir/cleanup.h"

static const struct weirctl_column columns[] = {
	{ "NAME", 0, false },
	{ "ADDRESS", 0, false },
	{ "LEFT", 0, true },
	{ "POLICIES", 16, false },
};

static void join_policies(const cJSON *item, char *buf, size_t size)
{
	const cJSON *policy;
	size_t len = 0;

	buf[0] = 0;
	cJSON_ArrayForEach (policy, weirctl_member(item, "policies")) {
		const char *ns = weirctl_text(policy, "namespace");
		bool namespaced = cJSON_IsString(weirctl_member(policy, "namespace"));

		if (len < size)
			len += (size_t)snprintf(buf + len, size - len, "%s%s%s%s", len ? "," : "",
						namespaced ? ns : "", namespaced ? "/" : "",
						weirctl_text(policy, "name"));
	}
}

static void row(struct weirctl_table *table, const cJSON *item)
{
	const char *cells[WEIR_ARRAY_SIZE(columns)];
	char left[32], policies[1024];
	const cJSON *address;

	join_policies(item, policies, sizeof(policies));
	cells[0] = weirctl_text(item, "name");
	cells[2] = left;
	cells[3] = policies;
	cJSON_ArrayForEach (address, weirctl_member(item, "addresses")) {
		cells[1] = weirctl_text(address, "address");
		snprintf(left, sizeof(left), "%.0fs", weirctl_number(address, "seconds"));
		weirctl_table_row(table, WEIRCTL_PLAIN, cells);
	}
}

static void after(const struct weirctl *ctl, const cJSON *result)
{
	const cJSON *trouble = weirctl_member(result, "trouble");

	if (cJSON_IsString(trouble))
		printf("%snothing is learned: %s%s\n", weirctl_style(ctl, WEIRCTL_BAD),
		       trouble->valuestring, weirctl_style(ctl, WEIRCTL_PLAIN));
}

int weirctl_names(struct weirctl *ctl, struct weir_error *err)
{
	static const struct weirctl_list list = {
		.method = "names",
		.columns = columns,
		.n_columns = WEIR_ARRAY_SIZE(columns),
		.row = row,
		.after = after,
	};

	return weirctl_show_list(ctl, &list, err);
}
