/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weirctl flows: what the daemon remembers, and with -f what happens from now
 * on. The subscription is opened before the history is asked for, so that
 * nothing falls between the two.
 */
#include "cli/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/hub/hub.h"
#include "weir/cleanup.h"

enum { TIMEOUT_MS = 30000, LAST_DEFAULT = 20, LAST_FOLLOW = 10, LAST_MAX = 1000000 };

struct follow {
	struct weirctl *ctl;
	struct flow_filter filter;
	struct flow_lines lines;
	double last_seq; /* of the history: what is not newer has been shown */
	bool connected, was_connected;
};

/* --pod POD or NAMESPACE/POD; the namespace part is what --namespace would be */
static int read_filter(struct weirctl *ctl, struct flow_filter *ret, char **ret_namespace,
		       struct weir_error *err)
{
	const char *pod = ctl->values[WEIRCTL_POD], *slash = pod ? strchr(pod, '/') : NULL;
	const char *verdict = ctl->values[WEIRCTL_VERDICT];

	if (verdict && strcmp(verdict, "allowed") != 0 && strcmp(verdict, "denied") != 0)
		return weir_error_set(err, EINVAL, "--verdict \"%s\": want allowed or denied",
				      verdict);
	*ret = (struct flow_filter){ ctl->values[WEIRCTL_NAMESPACE], pod, verdict };
	if (!slash)
		return 0;
	*ret_namespace = strndup(pod, (size_t)(slash - pod));
	if (!*ret_namespace)
		return weir_error_set(err, ENOMEM, "out of memory");
	if (ret->namespace_ && strcmp(ret->namespace_, *ret_namespace) != 0)
		return weir_error_set(err, EINVAL, "--pod %s is not in --namespace %s", pod,
				      ret->namespace_);
	ret->namespace_ = *ret_namespace;
	ret->pod = slash + 1;
	return 0;
}

static int read_bounds(struct weirctl *ctl, double *ret_since_ms, double *ret_last,
		       struct weir_error *err)
{
	const char *since = ctl->values[WEIRCTL_SINCE], *last = ctl->values[WEIRCTL_LAST];
	char *end;

	*ret_since_ms = 0;
	*ret_last = since ? 0 : ctl->values[WEIRCTL_FOLLOW] ? LAST_FOLLOW : LAST_DEFAULT;
	if (since && (weirctl_duration(since, ret_since_ms) < 0 || *ret_since_ms <= 0))
		return weir_error_set(err, EINVAL,
				      "--since \"%s\": want a duration like 30s, 5m, 2h", since);
	if (!last)
		return 0;
	*ret_last = (double)strtoul(last, &end, 10);
	if (end == last || *end || *last == '-' || *ret_last < 1 || *ret_last > LAST_MAX)
		return weir_error_set(err, EINVAL, "--last \"%s\": want a number from 1 to %d",
				      last, LAST_MAX);
	return 0;
}

static int ask_history(struct weirctl *ctl, const struct flow_filter *filter, double since_ms,
		       double last, char **ret_text, cJSON **ret, struct weir_error *err)
{
	cJSON *params = cJSON_CreateObject();

	if (filter->namespace_)
		cJSON_AddStringToObject(params, "namespace", filter->namespace_);
	if (filter->pod)
		cJSON_AddStringToObject(params, "pod", filter->pod);
	if (filter->verdict)
		cJSON_AddStringToObject(params, "verdict", filter->verdict);
	cJSON_AddNumberToObject(params, "sinceMs", since_ms);
	cJSON_AddNumberToObject(params, "last", last);
	return weirctl_call_text(ctl, "flows", params, TIMEOUT_MS, ret_text, ret, NULL, err);
}

static void show(struct follow *f, const cJSON *record, const char *text, size_t len)
{
	if (weirctl_for_people(f->ctl))
		flow_line(&f->lines, record);
	else
		printf("%.*s\n", (int)len, text);
}

/* The text beside the tree: JSON goes out as it came. */
static int show_history(struct follow *f, const char *text, const cJSON *result,
			struct weir_error *err)
{
	const cJSON *record;
	const char *object;

	if (f->ctl->format == WEIRCTL_YAML)
		return weirctl_print(f->ctl, result, NULL, err);
	cJSON_ArrayForEach (record, weirctl_member(result, "records")) {
		double seq = weirctl_number(record, "seq");
		size_t len = flow_next_object(&text, &object);

		if (seq > f->last_seq)
			f->last_seq = seq;
		show(f, record, object, len);
	}
	fflush(stdout);
	return 0;
}

static int on_record(void *data, const cJSON *record, const char *text, size_t len)
{
	struct follow *f = data;
	double seq = weirctl_number(record, "seq");

	if ((seq == 0 || seq > f->last_seq) && flow_matches(&f->filter, record))
		show(f, record, text, len);
	return 0;
}

static void on_resized(void *data)
{
	struct follow *f = data;

	weirctl_terminal(f->ctl);
	f->lines = (struct flow_lines){ .ctl = f->ctl, .headed = f->lines.headed };
}

static void on_connected(void *data, bool yes)
{
	struct follow *f = data;

	if (weirctl_for_people(f->ctl) && f->was_connected && yes != f->connected)
		flow_note(&f->lines, yes ? "weird is back" : "weird has gone; waiting for it");
	f->connected = yes;
	f->was_connected = true;
	fflush(stdout);
}

/* Where the node publishes: on a unix socket if it does, it is ours. */
static int find_address(struct weirctl *ctl, cJSON **ret_status, const char **ret,
			struct weir_error *err)
{
	const cJSON *address, *addresses;
	int r = weirctl_call(ctl, "status", NULL, TIMEOUT_MS, ret_status, NULL, err);

	if (r < 0)
		return r;
	addresses = weirctl_member(weirctl_member(*ret_status, "publisher"), "addresses");
	cJSON_ArrayForEach (address, addresses) {
		*ret = cJSON_GetStringValue(address);
		if (*ret && strncmp(*ret, "ipc://", 6) == 0)
			return 0;
	}
	return weir_error_set(
		err, ENOENT,
		"weird publishes on no ipc:// address: add one to flows.publish in its "
		"configuration");
}

static int follow(struct follow *f, double since_ms, double last, struct weir_error *err)
{
	const struct flow_live_calls calls = { on_record, on_resized, on_connected, f };
	cJSON *status = NULL, *result = NULL;
	WEIR_AUTO_FREE char *text = NULL;
	struct flow_live *live = NULL;
	const char *address = NULL;
	int r = find_address(f->ctl, &status, &address, err);

	if (r == 0)
		r = flow_live_open(address, f->filter.namespace_, &live, err);
	if (r == 0)
		r = ask_history(f->ctl, &f->filter, since_ms, last, &text, &result, err);
	if (r == 0)
		r = show_history(f, text, result, err);
	cJSON_Delete(result);
	if (r == 0)
		r = flow_live_run(live, &calls, err);
	flow_live_close(&live);
	cJSON_Delete(status);
	return r;
}

int weirctl_flows(struct weirctl *ctl, struct weir_error *err)
{
	struct follow f = { .ctl = ctl, .lines = { .ctl = ctl } };
	WEIR_AUTO_FREE char *namespace_ = NULL, *text = NULL;
	double since_ms = 0, last = 0;
	cJSON *result = NULL;
	int r;

	r = read_filter(ctl, &f.filter, &namespace_, err);
	if (r == 0)
		r = read_bounds(ctl, &since_ms, &last, err);
	if (r < 0)
		return r;
	if (weirctl_hub_is_meant(ctl))
		return weirctl_hub_flows(ctl, since_ms, last, err);
	if (ctl->values[WEIRCTL_CLUSTER] || ctl->values[WEIRCTL_WHERE])
		return weir_error_set(err, EINVAL,
				      "--cluster and --where are asked of a hub: give --hub");
	if (ctl->values[WEIRCTL_FOLLOW]) {
		if (ctl->format == WEIRCTL_YAML)
			return weir_error_set(err, EINVAL, "--follow prints table or json");
		return follow(&f, since_ms, last, err);
	}
	r = ask_history(ctl, &f.filter, since_ms, last, &text, &result, err);
	if (r == 0)
		r = show_history(&f, text, result, err);
	cJSON_Delete(result);
	return r;
}
