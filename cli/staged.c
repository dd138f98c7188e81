/* SPDX-License-Identifier: Apache-2.0 */
/* What staged policies would have changed, as connections that were seen. */
#include <string.h>

#include "cli/list.h"
#include "weir/cleanup.h"

enum { END_MAX = 600 };

static const struct weirctl_column columns[] = {
	{ "KIND", 0, false },	   { "NAMESPACE", 6, false },  { "NAME", 12, false },
	{ "WOULD DENY", 0, true }, { "WOULD ALLOW", 0, true },
};

static void row(struct weirctl_table *table, const cJSON *item)
{
	char denied[24], allowed[24];
	bool other = !*weirctl_text(item, "name");

	snprintf(denied, sizeof(denied), "%.0f", weirctl_number(item, "denied"));
	snprintf(allowed, sizeof(allowed), "%.0f", weirctl_number(item, "allowed"));
	weirctl_table_row(
		table, WEIRCTL_PLAIN,
		(const char * [WEIR_ARRAY_SIZE(columns)]){
			weirctl_text(item, "kind"), weirctl_text(item, "namespace"),
			other ? "(enforced ones, behind them)" : weirctl_text(item, "name"), denied,
			allowed });
}

static const char *name_end(const cJSON *end, char *buf)
{
	const char *who = weirctl_text(end, "workload");

	if (!*who)
		who = weirctl_text(end, "pod");
	if (*who)
		snprintf(buf, END_MAX, "%s/%s", weirctl_text(end, "namespace"), who);
	else
		snprintf(buf, END_MAX, "%s", weirctl_text(end, "addr"));
	return buf;
}

static void print_change(const struct weirctl *ctl, const cJSON *change)
{
	bool denied = weirctl_denied(change);
	char src[END_MAX], dst[END_MAX];
	double port = weirctl_number(change, "port");

	printf("  %s%s%s  %s -> %s %s", weirctl_style(ctl, denied ? WEIRCTL_BAD : WEIRCTL_GOOD),
	       denied ? "would be denied " : "would be allowed", weirctl_style(ctl, WEIRCTL_PLAIN),
	       name_end(weirctl_member(change, "source"), src),
	       name_end(weirctl_member(change, "destination"), dst),
	       weirctl_text(change, "protocol"));
	if (port > 0)
		printf(" %.0f", port);
	printf(", %s: %.0f times\n", weirctl_text(change, "direction"),
	       weirctl_number(change, "connections"));
}

static void print_changes(const struct weirctl *ctl, const cJSON *result)
{
	const cJSON *policy, *change;
	char name[END_MAX];

	cJSON_ArrayForEach (policy, weirctl_member(result, "staged")) {
		if (!cJSON_GetArraySize(weirctl_member(policy, "changes")))
			continue;
		printf("\n%s %s\n", weirctl_text(policy, "kind"),
		       *weirctl_text(policy, "name")
			       ? weirctl_name(policy, "name", name, sizeof(name))
			       : "enforced policies, because of what is staged before them");
		cJSON_ArrayForEach (change, weirctl_member(policy, "changes"))
			print_change(ctl, change);
		if (weirctl_number(policy, "more") > 0)
			printf("  and %.0f more kinds of connections\n",
			       weirctl_number(policy, "more"));
	}
	if (weirctl_number(result, "uncounted") > 0)
		printf("%.0f connections were not counted: there are too many kinds\n",
		       weirctl_number(result, "uncounted"));
}

const struct weirctl_list weirctl_staged_list = {
	.method = "policies",
	.flag = "staged",
	.columns = columns,
	.n_columns = WEIR_ARRAY_SIZE(columns),
	.row = row,
	.after = print_changes,
};
