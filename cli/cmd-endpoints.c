/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl endpoints: the pods of this node and what is enforced on them. */
#include "cli/list.h"
#include "weir/cleanup.h"

#define CONTAINER_SHORT 12 /* as container runtimes shorten ids */

static const struct weirctl_column columns[] = {
	{ "NAMESPACE", 6, false }, { "POD", 10, false },      { "ADDRESSES", 10, false },
	{ "CONTAINER", 0, false }, { "HOST IF", 0, false },   { "INGRESS", 0, false },
	{ "EGRESS", 0, false },	   { "ENFORCED", 12, false },
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

static void row(struct weirctl_table *table, const cJSON *item)
{
	bool enforced = weirctl_true(item, "enforced");
	char addresses[512], container[CONTAINER_SHORT + 1], in[32], out[32], why[256];
	const char *cells[WEIR_ARRAY_SIZE(columns)];

	join_addresses(item, addresses, sizeof(addresses));
	snprintf(container, sizeof(container), "%s", weirctl_text(item, "container"));
	snprintf(why, sizeof(why), "no: %s", weirctl_text(item, "reason"));
	cells[0] = weirctl_text(item, "namespace");
	cells[1] = weirctl_text(item, "pod");
	cells[2] = addresses;
	cells[3] = container;
	cells[4] = weirctl_text(item, "hostInterface");
	cells[5] = direction(item, "ingress", in, sizeof(in));
	cells[6] = direction(item, "egress", out, sizeof(out));
	cells[7] = enforced ? "yes" : why;
	weirctl_table_row(table, enforced ? WEIRCTL_PLAIN : WEIRCTL_BAD, cells);
}

int weirctl_endpoints(struct weirctl *ctl, struct weir_error *err)
{
	static const struct weirctl_list list = {
		.method = "endpoints",
		.columns = columns,
		.n_columns = WEIR_ARRAY_SIZE(columns),
		.row = row,
	};

	return weirctl_show_list(ctl, &list, err);
}
