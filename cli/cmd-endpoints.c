/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl endpoints: the pods of this node and what is enforced on them. */
#include "cli/list.h"
#include "weir/cleanup.h"

static const struct weirctl_column columns[] = {
	{ "NAMESPACE", 6, false }, { "POD", 10, false },      { "ADDRESSES", 10, false },
	{ "ORIGIN", 0, false },	   { "HOST IF", 0, false },   { "INGRESS", 0, false },
	{ "EGRESS", 0, false },	   { "GENERATION", 0, true }, { "ENFORCED", 12, false },
};

static const struct weirctl_column unmanaged_columns[] = {
	{ "NAMESPACE", 6, false },
	{ "POD", 10, false },
	{ "ADDRESSES", 10, false },
	{ "REASON", 12, false },
};

static void join_addresses(const cJSON *item, char *buf, size_t size)
{
	const cJSON *addr;
	size_t len = 0;

	buf[0] = 0;
	cJSON_ArrayForEach (addr, weirctl_member(item, "addresses")) {
		if (cJSON_IsString(addr) && len < size)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? "," : "",
						addr->valuestring);
	}
}

static const char *direction(const cJSON *item, const char *key, char *buf, size_t size)
{
	const cJSON *side = weirctl_member(item, key);
	int n = cJSON_GetArraySize(weirctl_member(side, "policies"));

	if (!side)
		return "-";
	if (!weirctl_true(side, "isolated"))
		return "open";
	snprintf(buf, size, "%d %s", n, n == 1 ? "policy" : "policies");
	return buf;
}

/* "yes", or why not; a pod that nobody knows is kept apart, which is no fault. */
static const char *enforced(const cJSON *item, char *buf, size_t size)
{
	const char *unguarded = weirctl_text(item, "antiSpoofingReason");

	if (!weirctl_true(item, "enforced"))
		snprintf(buf, size, "no: %s", weirctl_text(item, "reason"));
	else
		snprintf(buf, size, "yes%s%s%s",
			 weirctl_true(item, "known") ? "" : ", not known to the source yet",
			 *unguarded ? ", without anti-spoofing: " : "", unguarded);
	return buf;
}

static void row(struct weirctl_table *table, const cJSON *item)
{
	char addresses[512], in[32], out[32], generation[24], why[256];
	const char *cells[WEIR_ARRAY_SIZE(columns)];

	join_addresses(item, addresses, sizeof(addresses));
	snprintf(generation, sizeof(generation), "%.0f", weirctl_number(item, "realised"));
	cells[0] = weirctl_text(item, "namespace");
	cells[1] = weirctl_text(item, "pod");
	cells[2] = addresses;
	cells[3] = weirctl_text(item, "origin");
	cells[4] = weirctl_text(item, "hostInterface");
	cells[5] = direction(item, "ingress", in, sizeof(in));
	cells[6] = direction(item, "egress", out, sizeof(out));
	cells[7] = generation;
	cells[8] = enforced(item, why, sizeof(why));
	weirctl_table_row(table, weirctl_true(item, "enforced") ? WEIRCTL_PLAIN : WEIRCTL_BAD,
			  cells);
}

static void unmanaged_row(struct weirctl_table *table, const cJSON *item)
{
	const char *cells[WEIR_ARRAY_SIZE(unmanaged_columns)];
	char addresses[512];

	join_addresses(item, addresses, sizeof(addresses));
	cells[0] = weirctl_text(item, "namespace");
	cells[1] = weirctl_text(item, "pod");
	cells[2] = addresses;
	cells[3] = weirctl_text(item, "reason");
	weirctl_table_row(table, WEIRCTL_PLAIN, cells);
}

int weirctl_endpoints(struct weirctl *ctl, struct weir_error *err)
{
	static const struct weirctl_list all = {
		.method = "endpoints",
		.columns = columns,
		.n_columns = WEIR_ARRAY_SIZE(columns),
		.row = row,
	};
	static const struct weirctl_list unmanaged = {
		.method = "endpoints",
		.flag = "unmanaged",
		.columns = unmanaged_columns,
		.n_columns = WEIR_ARRAY_SIZE(unmanaged_columns),
		.row = unmanaged_row,
	};

	return weirctl_show_list(ctl, ctl->values[WEIRCTL_UNMANAGED] ? &unmanaged : &all, err);
}
