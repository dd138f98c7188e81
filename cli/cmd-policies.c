/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl policies: what is in force here, and what the source refused. */
#include "cli/list.h"
#include "weir/cleanup.h"

static const struct weirctl_column columns[] = {
	{ "TIER", 0, false },	    { "NAMESPACE", 6, false }, { "NAME", 12, false },
	{ "DIRECTIONS", 0, false }, { "RULES", 0, true },      { "LOCAL PODS", 0, true },
	{ "IN FORCE", 0, true },    { "MODE", 0, false },      { "GEN", 0, true },
};

static void join_directions(const cJSON *item, char *buf, size_t size)
{
	const cJSON *name;
	size_t len = 0;

	buf[0] = 0;
	cJSON_ArrayForEach (name, weirctl_member(item, "directions")) {
		if (cJSON_IsString(name) && len < size)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? "," : "",
						name->valuestring);
	}
}

static void row(struct weirctl_table *table, const cJSON *item)
{
	const cJSON *rules = weirctl_member(item, "rules");
	const cJSON *realised = weirctl_member(item, "realised");
	char directions[32], n_rules[16], selected[16], in_force[16] = "?", generation[24];
	const char *cells[WEIR_ARRAY_SIZE(columns)];

	join_directions(item, directions, sizeof(directions));
	snprintf(n_rules, sizeof(n_rules), "%.0f",
		 weirctl_number(rules, "ingress") + weirctl_number(rules, "egress"));
	snprintf(selected, sizeof(selected), "%.0f", weirctl_number(item, "selected"));
	if (cJSON_IsNumber(realised))
		snprintf(in_force, sizeof(in_force), "%.0f", realised->valuedouble);
	snprintf(generation, sizeof(generation), "%.0f", weirctl_number(item, "generation"));
	cells[0] = weirctl_text(item, "tier");
	cells[1] = weirctl_text(item, "namespace");
	cells[2] = weirctl_text(item, "name");
	cells[3] = directions;
	cells[4] = n_rules;
	cells[5] = selected;
	cells[6] = in_force;
	cells[7] = weirctl_true(item, "staged") ? "staged" : "enforced";
	cells[8] = generation;
	weirctl_table_row(table, WEIRCTL_PLAIN, cells);
}

static void print_warnings(const struct weirctl *ctl, const cJSON *policy)
{
	const cJSON *text;

	cJSON_ArrayForEach (text, weirctl_member(policy, "warnings"))
		printf("%swarning%s  %s %s: %s\n", weirctl_style(ctl, WEIRCTL_BAD),
		       weirctl_style(ctl, WEIRCTL_PLAIN), weirctl_text(policy, "kind"),
		       weirctl_text(policy, "name"), cJSON_IsString(text) ? text->valuestring : "");
}

/* What of the policies is not in force, below them. */
static void print_troubles(const struct weirctl *ctl, const cJSON *result)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, weirctl_member(result, "policies"))
		print_warnings(ctl, item);
	cJSON_ArrayForEach (item, weirctl_member(result, "errors"))
		printf("%srefused%s  %s\n", weirctl_style(ctl, WEIRCTL_BAD),
		       weirctl_style(ctl, WEIRCTL_PLAIN), weirctl_text(item, "error"));
}

int weirctl_policies(struct weirctl *ctl, struct weir_error *err)
{
	static const struct weirctl_list list = {
		.method = "policies",
		.columns = columns,
		.n_columns = WEIR_ARRAY_SIZE(columns),
		.row = row,
		.after = print_troubles,
	};

	return weirctl_show_list(ctl, &list, err);
}
