/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl hub: its nodes; a token that enrols one; taking a node's right to report back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/hub/hub.h"
#include "cli/table.h"
#include "weir/cleanup.h"

#define TTL_DEFAULT "10m"

/* --- enrol ------------------------------------------------------------------------------ */

static void print_token(const struct weirctl *ctl, const cJSON *result)
{
	puts(weirctl_text(result, "token"));
	fprintf(stderr,
		"weirctl: put this line into the file of hub.tokenFile on the node; it works for "
		"%s\n",
		ctl->values[WEIRCTL_FOR] ?: TTL_DEFAULT);
}

static int enrol(struct weirctl *ctl, struct weirctl_hub *hub, struct weir_error *err)
{
	cJSON *body = cJSON_CreateObject(), *result = NULL;
	char *end;
	long uses = strtol(ctl->values[WEIRCTL_USES] ?: "1", &end, 10);
	int r;

	if (!ctl->values[WEIRCTL_CLUSTER]) {
		r = weir_error_set(err, EINVAL, "hub enrol: of which cluster? give --cluster NAME");
	} else if (*end || uses < 1) {
		r = weir_error_set(err, EINVAL, "--uses \"%s\": want a number from 1",
				   ctl->values[WEIRCTL_USES]);
	} else {
		cJSON_AddStringToObject(body, "cluster", ctl->values[WEIRCTL_CLUSTER]);
		if (ctl->values[WEIRCTL_NODE])
			cJSON_AddStringToObject(body, "node", ctl->values[WEIRCTL_NODE]);
		cJSON_AddStringToObject(body, "ttl", ctl->values[WEIRCTL_FOR] ?: TTL_DEFAULT);
		cJSON_AddNumberToObject(body, "uses", (double)uses);
		r = weirctl_hub_call(hub, "POST", "/v1/enrolments", NULL, body, &result, err);
	}
	if (r == 0)
		r = weirctl_print(ctl, result, print_token, err);
	cJSON_Delete(body);
	cJSON_Delete(result);
	return r;
}

/* --- nodes ------------------------------------------------------------------------------- */

static void print_nodes(const struct weirctl *ctl, const cJSON *result)
{
	static const struct weirctl_column columns[] = {
		{ "CLUSTER", 8, false }, { "NODE", 12, false }, { "STATE", 0, false },
		{ "RECORDS", 0, true },	 { "LOST", 0, true },	{ "LAST SEEN", 0, true },
		{ "VERSION", 8, false },
	};
	struct weirctl_table *table = NULL;
	const cJSON *node;

	if (weirctl_table_new(columns, WEIR_ARRAY_SIZE(columns), &table) < 0)
		return;
	cJSON_ArrayForEach (node, weirctl_member(result, "nodes")) {
		char records[32], lost[32], ago[64] = "-";
		double seen = weirctl_number(node, "lastSeen") / 1e9;
		const char *state = weirctl_text(node, "state");
		const char *cells[] = { weirctl_text(node, "cluster"),
					weirctl_text(node, "node"),
					state,
					records,
					lost,
					ago,
					weirctl_text(node, "version") };

		snprintf(records, sizeof(records), "%.0f", weirctl_number(node, "records"));
		snprintf(lost, sizeof(lost), "%.0f", weirctl_number(node, "lost"));
		if (seen > 0)
			weirctl_ago((double)time(NULL) - seen, ago, sizeof(ago));
		weirctl_table_row(table, strcmp(state, "connected") ? WEIRCTL_BAD : WEIRCTL_PLAIN,
				  cells);
	}
	weirctl_table_print(table, ctl, stdout);
	weirctl_table_free(&table);
}

static int nodes(struct weirctl *ctl, struct weirctl_hub *hub, struct weir_error *err)
{
	cJSON *result = NULL;
	int r = weirctl_hub_call(hub, NULL, "/v1/nodes", NULL, NULL, &result, err);

	if (r == 0)
		r = weirctl_print(ctl, result, print_nodes, err);
	cJSON_Delete(result);
	return r;
}

/* --- revoke ------------------------------------------------------------------------------- */

static void print_revoked(const struct weirctl *ctl, const cJSON *result)
{
	printf("%s/%s may not report any more; to let it in again, enrol it with a new key\n",
	       weirctl_text(result, "cluster"), weirctl_text(result, "node"));
}

static bool is_name(const char *text)
{
	return text && *text &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "0123456789-._") == strlen(text);
}

static int revoke_node(struct weirctl *ctl, struct weirctl_hub *hub, struct weir_error *err)
{
	const char *cluster = ctl->values[WEIRCTL_CLUSTER], *node = ctl->values[WEIRCTL_NODE];
	cJSON *result = NULL;
	char path[640];
	int r;

	if (!is_name(cluster) || !is_name(node))
		return weir_error_set(
			err, EINVAL, "hub revoke: which node? give --cluster NAME and --node NAME");
	snprintf(path, sizeof(path), "/v1/nodes/%s/%s", cluster, node);
	r = weirctl_hub_call(hub, "DELETE", path, NULL, NULL, &result, err);
	if (r == 0)
		r = weirctl_print(ctl, result, print_revoked, err);
	cJSON_Delete(result);
	return r;
}

static const struct {
	const char *name;
	int (*run)(struct weirctl *ctl, struct weirctl_hub *hub, struct weir_error *err);
} verbs[] = { { "enrol", enrol }, { "nodes", nodes }, { "revoke", revoke_node } };

int weirctl_hub(struct weirctl *ctl, struct weir_error *err)
{
	struct weirctl_hub *hub = NULL;
	int r = weirctl_hub_open(ctl, &hub, err);

	for (size_t i = 0; r == 0 && i < WEIR_ARRAY_SIZE(verbs); i++)
		if (strcmp(ctl->verb, verbs[i].name) == 0)
			r = verbs[i].run(ctl, hub, err);
	weirctl_hub_close(&hub);
	return r;
}
