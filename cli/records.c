/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded flows, of the node or of a file. Called by simulate and propose. */
#include "cli/records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "cli/flow.h"
#include "weir/cleanup.h"

enum { TIMEOUT_MS = 60000 };

/* A flow that has been told of. */
struct flow {
	UT_hash_handle hh;
	char key[64]; /* node and its number of the flow */
};

struct reading {
	struct flow_filter filter;
	int (*fn)(void *data, const cJSON *record, double connections);
	void *data;
	struct flow *flows;
	struct weirctl_records *seen;
};

bool weirctl_records_wanted(const struct weirctl *ctl)
{
	return ctl->values[WEIRCTL_FLOWS] || ctl->values[WEIRCTL_SINCE];
}

/* One connection has several records: 0 for all but the first. Each record of
 * denials counts others. */
static double connections_of(struct reading *r, const cJSON *record)
{
	double n = weirctl_number(record, "connections"), number = weirctl_number(record, "flow");
	struct flow *known, *flow;

	if (weirctl_denied(record) || number <= 0)
		return n;
	flow = calloc(1, sizeof(*flow));
	if (!flow)
		return n;
	snprintf(flow->key, sizeof(flow->key), "%.40s %.0f", weirctl_text(record, "node"), number);
	HASH_FIND_STR(r->flows, flow->key, known);
	if (known) {
		free(flow);
		return 0;
	}
	HASH_ADD_STR(r->flows, key, flow);
	return n > 0 ? n : 1;
}

static void forget_flows(struct reading *r)
{
	struct flow *flow, *next;

	HASH_ITER (hh, r->flows, flow, next) {
		HASH_DEL(r->flows, flow);
		free(flow);
	}
}

static int take(struct reading *r, const cJSON *record)
{
	double n;

	if (!strcmp(weirctl_text(record, "type"), "gap")) {
		r->seen->lost += weirctl_number(record, "lost");
		return 0;
	}
	if (!flow_matches(&r->filter, record))
		return 0;
	n = connections_of(r, record);
	if (n <= 0)
		return 0;
	r->seen->n++;
	return r->fn(r->data, record, n);
}

static bool is_record(const cJSON *json)
{
	return *weirctl_text(json, "type") &&
	       (weirctl_member(json, "src") || !strcmp(weirctl_text(json, "type"), "gap"));
}

static int read_line(struct reading *r, const char *name, size_t number, const char *line,
		     size_t len, struct weir_error *err)
{
	cJSON *json;
	int ret;

	if (strspn(line, " \t\r\n") == len)
		return 0;
	json = cJSON_ParseWithLength(line, len);
	if (is_record(json))
		ret = take(r, json);
	else
		ret = weir_error_set(err, EINVAL,
				     "%s:%zu: no flow record; want the lines that \"weirctl flows "
				     "-o json\" writes",
				     name, number);
	cJSON_Delete(json);
	return ret;
}

static int read_file(struct reading *r, const char *name, struct weir_error *err)
{
	bool is_stdin = strcmp(name, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(name, "re");
	WEIR_AUTO_FREE char *line = NULL;
	size_t size = 0, number = 0;
	ssize_t len;
	int ret = 0;

	if (!file)
		return weir_error_errno(err, errno, "%s", name);
	while (ret == 0 && (len = getline(&line, &size, file)) >= 0)
		ret = read_line(r, name, ++number, line, (size_t)len, err);
	if (ret == 0 && ferror(file))
		ret = weir_error_errno(err, EIO, "%s", name);
	if (!is_stdin)
		fclose(file);
	return ret;
}

static int ask_node(struct weirctl *ctl, struct reading *r, struct weir_error *err)
{
	const char *since = ctl->values[WEIRCTL_SINCE];
	cJSON *params, *result = NULL;
	const cJSON *record;
	double since_ms = 0;
	int ret;

	if (since && (weirctl_duration(since, &since_ms) < 0 || since_ms <= 0))
		return weir_error_set(err, EINVAL, "--since \"%s\": want a duration like 5m, 2h",
				      since);
	params = cJSON_CreateObject();
	if (r->filter.namespace_)
		cJSON_AddStringToObject(params, "namespace", r->filter.namespace_);
	cJSON_AddNumberToObject(params, "sinceMs", since_ms);
	ret = weirctl_call(ctl, "flows", params, TIMEOUT_MS, &result, NULL, err);
	cJSON_ArrayForEach (record, weirctl_member(result, "records"))
		ret = ret ? ret : take(r, record);
	cJSON_Delete(result);
	return ret;
}

int weirctl_records_each(struct weirctl *ctl, const char *namespace_,
			 int (*fn)(void *data, const cJSON *record, double connections), void *data,
			 struct weirctl_records *ret, struct weir_error *err)
{
	struct reading r = { .filter.namespace_ = namespace_, .fn = fn, .data = data, .seen = ret };
	const char *file = ctl->values[WEIRCTL_FLOWS];
	int result;

	*ret = (struct weirctl_records){ 0 };
	if (file && ctl->values[WEIRCTL_SINCE])
		return weir_error_set(err, EINVAL,
				      "--since asks the node, --flows names a file: give one");
	result = file ? read_file(&r, file, err) : ask_node(ctl, &r, err);
	forget_flows(&r);
	return result;
}
