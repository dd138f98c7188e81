/* SPDX-License-Identifier: Apache-2.0 */
/* The answer as sentences: what comes in, what changes, what became of recorded flows. */
#include <string.h>

#include "cli/simulate/simulate.h"

enum { END_MAX = 600 };

/* --- pieces ------------------------------------------------------------------------- */

static const char *name_end(const cJSON *end, char *buf)
{
	const char *kind = weirctl_text(end, "workloadKind");

	if (*weirctl_text(end, "workload"))
		snprintf(buf, END_MAX, "%s/%s%s%s%s", weirctl_text(end, "namespace"),
			 weirctl_text(end, "workload"), *kind ? " (" : "", kind, *kind ? ")" : "");
	else if (*weirctl_text(end, "pod"))
		snprintf(buf, END_MAX, "%s/%s", weirctl_text(end, "namespace"),
			 weirctl_text(end, "pod"));
	else if (*weirctl_text(end, "node"))
		snprintf(buf, END_MAX, "node %s", weirctl_text(end, "node"));
	else
		snprintf(buf, END_MAX, "%s%s", weirctl_text(end, "prefix"),
			 weirctl_text(end, "addr"));
	return buf;
}

/* "TCP 80, 443-500, UDP, others" */
static void print_ports(const cJSON *ports)
{
	const char *before = "", *protocol;
	const cJSON *item;

	cJSON_ArrayForEach (item, ports) {
		double first = weirctl_number(item, "first"), last = weirctl_number(item, "last");

		protocol = weirctl_text(item, "protocol");
		printf("%s", *before ? ", " : "");
		if (!*protocol)
			printf("protocols without ports");
		else if (strcmp(protocol, before) != 0)
			printf("%s", protocol);
		if (*protocol && (first > 0 || last < 65535)) {
			printf("%s%.0f", strcmp(protocol, before) ? " " : "", first);
			if (last > first)
				printf("-%.0f", last);
		}
		before = *protocol ? protocol : " ";
	}
}

static void print_side(const char *direction, const cJSON *side)
{
	const char *reason = weirctl_text(side, "reason"), *name = weirctl_text(side, "ruleName");
	const cJSON *policy;
	const char *between = "";
	char buf[END_MAX];

	printf("      %s: ", direction);
	if (strcmp(reason, "rule") == 0) {
		policy = cJSON_GetArrayItem(weirctl_member(side, "policies"), 0);
		printf("%s %s, rule %.0f%s%s%s: %s %s\n", weirctl_text(policy, "kind"),
		       weirctl_name(policy, "name", buf, sizeof(buf)), weirctl_number(side, "rule"),
		       *name ? " (" : "", name, *name ? ")" : "", weirctl_text(side, "action"),
		       weirctl_text(side, "ruleText"));
		return;
	}
	cJSON_ArrayForEach (policy, weirctl_member(side, "policies")) {
		printf("%s%s %s", *between ? between : "a pod isolated by ",
		       weirctl_text(policy, "kind"),
		       weirctl_name(policy, "name", buf, sizeof(buf)));
		between = ", ";
	}
	printf("%s\n", *between ? "; no rule matches" : reason);
}

/* Which side denies, and by what. */
static void print_denial(const cJSON *judgement)
{
	static const char *const sides[] = { "egress", "ingress" };

	for (size_t i = 0; i < 2; i++) {
		const cJSON *side = weirctl_member(judgement, sides[i]);

		if (weirctl_denied(side))
			print_side(sides[i], side);
	}
}

static void print_verdict(const struct weirctl *ctl, bool denied)
{
	printf("  %s%s%s  ", weirctl_style(ctl, denied ? WEIRCTL_BAD : WEIRCTL_GOOD),
	       denied ? "would be denied " : "would be allowed", weirctl_style(ctl, WEIRCTL_PLAIN));
}

/* --- parts of the answer ---------------------------------------------------------------- */

static void print_policies(const cJSON *result)
{
	char buf[END_MAX];
	const cJSON *item;

	cJSON_ArrayForEach (item, weirctl_member(result, "policies"))
		printf("%-9s  %s %s\n", weirctl_text(item, "change"), weirctl_text(item, "kind"),
		       weirctl_name(item, "name", buf, sizeof(buf)));
	cJSON_ArrayForEach (item, weirctl_member(result, "removed"))
		printf("%-9s  %s %s\n", "removed", weirctl_text(item, "kind"),
		       weirctl_name(item, "name", buf, sizeof(buf)));
	cJSON_ArrayForEach (item, weirctl_member(result, "ignored"))
		printf("%-9s  objects of kind %s\n", "ignored", item->valuestring);
}

static void print_changes(const struct weirctl *ctl, const cJSON *result)
{
	const cJSON *change, *pairs = weirctl_member(result, "pairs");
	char a[END_MAX], b[END_MAX];

	printf("\nof all pairs: %.0f would be newly denied, %.0f newly allowed\n",
	       weirctl_number(pairs, "denied"), weirctl_number(pairs, "allowed"));
	cJSON_ArrayForEach (change, weirctl_member(result, "changes")) {
		const cJSON *after = weirctl_member(change, "after");

		print_verdict(ctl, weirctl_denied(after));
		printf("%s -> %s: ", name_end(weirctl_member(change, "source"), a),
		       name_end(weirctl_member(change, "destination"), b));
		print_ports(weirctl_member(change, "ports"));
		printf(" (%.0f pair%s)\n", weirctl_number(change, "pairs"),
		       weirctl_number(change, "pairs") == 1 ? "" : "s");
		print_denial(weirctl_denied(after) ? after : weirctl_member(change, "before"));
	}
	if (weirctl_number(result, "more") > 0)
		printf("  and %.0f more changes that are not listed\n",
		       weirctl_number(result, "more"));
	if (!weirctl_true(result, "complete"))
		printf("  the time was not enough to compare all pairs\n");
}

static void print_flows(const struct weirctl *ctl, const cJSON *flows)
{
	char a[END_MAX], b[END_MAX];
	const cJSON *item;

	printf("\nof %.0f recorded connections: %.0f would be denied, %.0f newly allowed\n",
	       weirctl_number(flows, "connections"), weirctl_number(flows, "denied"),
	       weirctl_number(flows, "allowed"));
	cJSON_ArrayForEach (item, weirctl_member(flows, "changes")) {
		const cJSON *after = weirctl_member(item, "after");

		print_verdict(ctl, weirctl_denied(after));
		printf("%s -> %s: %s %.0f (%.0f connection%s)\n",
		       name_end(weirctl_member(item, "source"), a),
		       name_end(weirctl_member(item, "destination"), b),
		       weirctl_text(item, "protocol"), weirctl_number(item, "port"),
		       weirctl_number(item, "connections"),
		       weirctl_number(item, "connections") == 1 ? "" : "s");
		print_denial(after);
	}
	if (weirctl_number(flows, "more") > 0)
		printf("  and %.0f more that are not listed\n", weirctl_number(flows, "more"));
	cJSON_ArrayForEach (item, weirctl_member(flows, "unjudged"))
		printf("  %.0f not judged: %s\n", weirctl_number(item, "connections"),
		       weirctl_text(item, "why"));
}

void simulate_print(const struct weirctl *ctl, const cJSON *result)
{
	print_policies(result);
	print_changes(ctl, result);
	if (weirctl_member(result, "flows"))
		print_flows(ctl, weirctl_member(result, "flows"));
}
