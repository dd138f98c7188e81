/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl policies: what is in force here, how often it decided, what the source
 * refused; --staged: what staged ones would have changed. */
#include <time.h>

#include "cli/list.h"
#include "weir/cleanup.h"

static const struct weirctl_column columns[] = {
	{ "TIER", 0, false },	    { "NAMESPACE", 6, false }, { "NAME", 12, false },
	{ "DIRECTIONS", 0, false }, { "RULES", 0, true },      { "LOCAL PODS", 0, true },
	{ "IN FORCE", 0, true },    { "MODE", 0, false },      { "GEN", 0, true },
	{ "DECIDED", 0, true },	    { "LAST", 0, true },       { "UNUSED RULES", 0, true },
};
enum { NARROW = 9, NAME_MAX_ROOM = 600 }; /* columns without -o wide */

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

/* How long ago, "" for never. */
static void format_last(const cJSON *hits, char *buf, size_t size)
{
	double last = weirctl_number(hits, "last") / 1e9;

	buf[0] = 0;
	if (last > 0)
		weirctl_ago((double)time(NULL) - last, buf, size);
}

static void row(struct weirctl_table *table, const cJSON *item)
{
	const cJSON *rules = weirctl_member(item, "rules"), *hits = weirctl_member(item, "hits");
	const cJSON *realised = weirctl_member(item, "realised");
	char directions[32], n_rules[16], selected[16], in_force[16] = "?", generation[24];
	char decided[24], last[32], unused[16];

	join_directions(item, directions, sizeof(directions));
	snprintf(n_rules, sizeof(n_rules), "%.0f",
		 weirctl_number(rules, "ingress") + weirctl_number(rules, "egress"));
	snprintf(selected, sizeof(selected), "%.0f", weirctl_number(item, "selected"));
	if (cJSON_IsNumber(realised))
		snprintf(in_force, sizeof(in_force), "%.0f", realised->valuedouble);
	snprintf(generation, sizeof(generation), "%.0f", weirctl_number(item, "generation"));
	snprintf(decided, sizeof(decided), "%.0f", weirctl_number(hits, "connections"));
	format_last(hits, last, sizeof(last));
	snprintf(unused, sizeof(unused), "%.0f", weirctl_number(hits, "unused"));
	weirctl_table_row(table, WEIRCTL_PLAIN,
			  (const char * [WEIR_ARRAY_SIZE(columns)]){
				  weirctl_text(item, "tier"), weirctl_text(item, "namespace"),
				  weirctl_text(item, "name"), directions, n_rules, selected,
				  in_force, weirctl_true(item, "staged") ? "staged" : "enforced",
				  generation, decided, last, unused });
}

/* Each rule: how often it decided; those that never did are told apart. */
static void print_rules(const cJSON *policy, const char *direction)
{
	const cJSON *rule, *hits = weirctl_member(policy, "hits");
	char name[NAME_MAX_ROOM];
	unsigned i = 0;

	cJSON_ArrayForEach (rule, weirctl_member(hits, direction)) {
		const char *label = weirctl_text(rule, "name");
		double n = weirctl_number(rule, "connections");

		printf("%-8s  %s %s: %s[%u]%s%s%s", n > 0 ? "decided" : "unused",
		       weirctl_text(policy, "kind"),
		       weirctl_name(policy, "name", name, sizeof(name)), direction, i++,
		       *label ? " (" : "", label, *label ? ")" : "");
		if (n > 0)
			printf(" %.0f connections", n);
		putchar('\n');
	}
}

static void print_hits(const cJSON *result)
{
	char since[32];
	const cJSON *policy;

	printf("\nsince weird began, %s ago:\n",
	       weirctl_ago((double)time(NULL) - weirctl_number(result, "since"), since,
			   sizeof(since)));
	cJSON_ArrayForEach (policy, weirctl_member(result, "policies")) {
		print_rules(policy, "ingress");
		print_rules(policy, "egress");
	}
	if (weirctl_number(result, "uncounted") > 0)
		printf("%.0f connections were not counted: there are too many rules\n",
		       weirctl_number(result, "uncounted"));
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
	if (ctl->format == WEIRCTL_WIDE)
		print_hits(result);
}

int weirctl_policies(struct weirctl *ctl, struct weir_error *err)
{
	const struct weirctl_list list = {
		.method = "policies",
		.columns = columns,
		.n_columns = ctl->format == WEIRCTL_WIDE ? WEIR_ARRAY_SIZE(columns) : NARROW,
		.row = row,
		.after = print_troubles,
	};

	return weirctl_show_list(ctl, ctl->values[WEIRCTL_STAGED] ? &weirctl_staged_list : &list,
				 err);
}
