/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl status: one page about the node. Exit 1 when it is not in sync or a pod is not enforced.
 */
#include "cli/weirctl.h"

#include <string.h>

#include "weir/cleanup.h"

enum { TIMEOUT_MS = 30000, LABEL_WIDTH = 11 };

static void line(const struct weirctl *ctl, const char *label)
{
	printf("%s%-*s%s", weirctl_style(ctl, WEIRCTL_DIM), LABEL_WIDTH, label,
	       weirctl_style(ctl, WEIRCTL_PLAIN));
}

static void bad(const struct weirctl *ctl, const char *text)
{
	printf("%s%s%s\n", weirctl_style(ctl, WEIRCTL_BAD), text,
	       weirctl_style(ctl, WEIRCTL_PLAIN));
}

static void print_head(const struct weirctl *ctl, const cJSON *result)
{
	const cJSON *backend = weirctl_member(result, "backend");
	const char *note = weirctl_text(backend, "note");
	char buf[32];

	line(ctl, "node");
	printf("%s, weird %s, up %s\n", weirctl_text(result, "node"),
	       weirctl_text(result, "version"),
	       weirctl_ago(weirctl_number(result, "uptimeSeconds"), buf, sizeof(buf)));
	line(ctl, "backend");
	printf("%s", weirctl_text(backend, "name"));
	if (strcmp(weirctl_text(backend, "configured"), weirctl_text(backend, "name")) != 0)
		printf(" (configured: %s)", weirctl_text(backend, "configured"));
	printf("%s%s\n", *note ? ": " : "", note);
}

static void print_state(const struct weirctl *ctl, const cJSON *result)
{
	const cJSON *state = weirctl_member(result, "state");
	const char *error = weirctl_text(state, "error");

	line(ctl, "state");
	if (weirctl_true(state, "inSync")) {
		printf("%sin sync%s at generation %.0f", weirctl_style(ctl, WEIRCTL_GOOD),
		       weirctl_style(ctl, WEIRCTL_PLAIN), weirctl_number(state, "realised"));
		printf(", last change took %.1f ms\n", weirctl_number(state, "lastUs") / 1000);
		return;
	}
	printf("%snot in sync%s: desired generation %.0f, in force %.0f\n",
	       weirctl_style(ctl, WEIRCTL_BAD), weirctl_style(ctl, WEIRCTL_PLAIN),
	       weirctl_number(state, "desired"), weirctl_number(state, "realised"));
	if (*error) {
		line(ctl, "");
		bad(ctl, error);
	}
}

static void print_files(const struct weirctl *ctl, const cJSON *source)
{
	printf("%s %s: %.0f files, %.0f objects\n", weirctl_text(source, "kind"),
	       weirctl_text(source, "path"), weirctl_number(source, "files"),
	       weirctl_number(source, "objects"));
}

/* Kinds of which the API server tells nothing now: how long, and why. */
static void print_kubernetes(const struct weirctl *ctl, const cJSON *source)
{
	const cJSON *item;
	char text[512];

	printf("%s %s%s\n", weirctl_text(source, "kind"), weirctl_text(source, "server"),
	       weirctl_true(source, "ready") ? "" : ": not all has been listed yet");
	cJSON_ArrayForEach (item, weirctl_member(source, "collections")) {
		if (weirctl_true(item, "current"))
			continue;
		snprintf(text, sizeof(text), "%s: no news for %.0f s: %s",
			 weirctl_text(item, "kind"), weirctl_number(item, "silentMs") / 1000,
			 weirctl_text(item, "error"));
		line(ctl, "");
		bad(ctl, text);
	}
}

static void print_source(const struct weirctl *ctl, const cJSON *result)
{
	const cJSON *source = weirctl_member(result, "source"), *item;
	const cJSON *cluster = weirctl_member(result, "cluster");

	line(ctl, "source");
	if (weirctl_member(source, "collections"))
		print_kubernetes(ctl, source);
	else
		print_files(ctl, source);
	cJSON_ArrayForEach (item, weirctl_member(source, "broken")) {
		line(ctl, "");
		printf("%sbroken%s %s\n", weirctl_style(ctl, WEIRCTL_BAD),
		       weirctl_style(ctl, WEIRCTL_PLAIN), weirctl_text(item, "error"));
	}
	line(ctl, "cluster");
	printf("%.0f namespaces, %.0f pods, %.0f nodes, %.0f services, %.0f policies\n",
	       weirctl_number(cluster, "namespaces"), weirctl_number(cluster, "pods"),
	       weirctl_number(cluster, "nodes"), weirctl_number(cluster, "services"),
	       weirctl_number(cluster, "policies"));
}

static void print_chain(const struct weirctl *ctl, const cJSON *result)
{
	const cJSON *chain = weirctl_member(result, "chain");

	if (!weirctl_true(chain, "manage"))
		return;
	line(ctl, "CNI chain");
	printf("%s%s%s, primary %s\n",
	       weirctl_style(ctl, weirctl_true(chain, "inSync") ? WEIRCTL_GOOD : WEIRCTL_BAD),
	       weirctl_text(chain, "state"), weirctl_style(ctl, WEIRCTL_PLAIN),
	       weirctl_text(chain, "primary"));
	if (*weirctl_text(chain, "reason")) {
		line(ctl, "");
		bad(ctl, weirctl_text(chain, "reason"));
	}
}

static double not_enforced(const cJSON *result)
{
	const cJSON *endpoints = weirctl_member(result, "endpoints");

	return weirctl_number(endpoints, "total") - weirctl_number(endpoints, "enforced");
}

static void print_endpoints(const struct weirctl *ctl, const cJSON *result)
{
	const cJSON *endpoints = weirctl_member(result, "endpoints");
	const cJSON *compiler = weirctl_member(result, "compiler");
	double unmanaged = weirctl_number(endpoints, "unmanaged");

	line(ctl, "endpoints");
	printf("%.0f, %.0f enforced", weirctl_number(endpoints, "total"),
	       weirctl_number(endpoints, "enforced"));
	if (weirctl_number(endpoints, "adopted") > 0)
		printf(", %.0f adopted (they ran before weir)",
		       weirctl_number(endpoints, "adopted"));
	if (not_enforced(result) > 0 || unmanaged > 0)
		printf(", %s%.0f not enforced, %.0f unmanaged%s: see weirctl endpoints",
		       weirctl_style(ctl, WEIRCTL_BAD), not_enforced(result), unmanaged,
		       weirctl_style(ctl, WEIRCTL_PLAIN));
	putchar('\n');
	line(ctl, "compiled");
	printf("%.0f rulesets, %.0f classes, %.0f identities, %.0f prefixes\n",
	       weirctl_number(compiler, "rulesets"), weirctl_number(compiler, "classes"),
	       weirctl_number(compiler, "identities"), weirctl_number(compiler, "prefixes"));
}

static void print_guards(const struct weirctl *ctl, const cJSON *result)
{
	const cJSON *bridge = weirctl_member(result, "bridgeNetfilter"), *item;
	bool first = true;

	line(ctl, "guards");
	cJSON_ArrayForEach (item, weirctl_member(result, "guards")) {
		printf("%s%s", first ? "" : ", ", cJSON_GetStringValue(item) ?: "");
		first = false;
	}
	puts(first ? "none: set podCIDRs (or a Node object) to close the window at pod start" : "");
	line(ctl, "bridges");
	if (cJSON_IsNull(weirctl_member(bridge, "ipv4")))
		puts("br_netfilter is not loaded (right for a node without bridged pods)");
	else if (weirctl_true(bridge, "ipv4") && weirctl_true(bridge, "ipv6"))
		puts("br_netfilter is on");
	else
		bad(ctl, "net.bridge.bridge-nf-call-iptables or -ip6tables is 0: "
			 "pods on one bridge bypass enforcement");
}

/* "conntrack 3, queue 1" of what is not 0; "none" */
static void print_losses(const struct weirctl *ctl, const cJSON *lost)
{
	const cJSON *item;
	bool any = false;

	line(ctl, "lost");
	cJSON_ArrayForEach (item, lost) {
		if (!cJSON_IsNumber(item) || item->valuedouble <= 0)
			continue;
		printf("%s%s%s %.0f%s", any ? ", " : "", weirctl_style(ctl, WEIRCTL_BAD),
		       item->string, item->valuedouble, weirctl_style(ctl, WEIRCTL_PLAIN));
		any = true;
	}
	puts(any ? "" : "none");
}

static void print_flows(const struct weirctl *ctl, const cJSON *result)
{
	const cJSON *flows = weirctl_member(result, "flows"),
		    *records = weirctl_member(flows, "records");
	const cJSON *publisher = weirctl_member(result, "publisher"), *item;

	line(ctl, "flows");
	if (!weirctl_true(flows, "running")) {
		bad(ctl, "not running: see the log of weird");
		return;
	}
	printf("%.0f connections followed, %.0f opened, %.0f denied in %.0f packets\n",
	       weirctl_number(flows, "connections"), weirctl_number(records, "open"),
	       weirctl_number(flows, "deniedConnections"), weirctl_number(flows, "deniedPackets"));
	print_losses(ctl, weirctl_member(flows, "lost"));
	line(ctl, "published");
	printf("%.0f records in %.0f batches, %.0f subscribers, %.0f dropped",
	       weirctl_number(publisher, "records"), weirctl_number(publisher, "batches"),
	       weirctl_number(publisher, "subscribers"), weirctl_number(publisher, "dropped"));
	cJSON_ArrayForEach (item, weirctl_member(publisher, "addresses"))
		printf("  %s", cJSON_GetStringValue(item) ?: "");
	putchar('\n');
}

static void print_hub(const struct weirctl *ctl, const cJSON *result)
{
	const cJSON *hub = weirctl_member(result, "hub");
	bool connected = !strcmp(weirctl_text(hub, "state"), "connected");

	if (!weirctl_true(hub, "configured"))
		return;
	line(ctl, "hub");
	printf("%s%s%s %s, %.0f records wait",
	       weirctl_style(ctl, connected ? WEIRCTL_GOOD : WEIRCTL_BAD),
	       weirctl_text(hub, "state"), weirctl_style(ctl, WEIRCTL_PLAIN),
	       weirctl_text(hub, "address"), weirctl_number(hub, "waiting"));
	if (weirctl_number(hub, "lost") > 0)
		printf(", %s%.0f lost%s", weirctl_style(ctl, WEIRCTL_BAD),
		       weirctl_number(hub, "lost"), weirctl_style(ctl, WEIRCTL_PLAIN));
	putchar('\n');
	if (*weirctl_text(hub, "error")) {
		line(ctl, "");
		bad(ctl, weirctl_text(hub, "error"));
	}
}

static void print(const struct weirctl *ctl, const cJSON *result)
{
	print_head(ctl, result);
	print_state(ctl, result);
	print_source(ctl, result);
	print_chain(ctl, result);
	print_endpoints(ctl, result);
	print_guards(ctl, result);
	print_flows(ctl, result);
	print_hub(ctl, result);
}

int weirctl_status(struct weirctl *ctl, struct weir_error *err)
{
	cJSON *result = NULL;
	int r = weirctl_call(ctl, "status", NULL, TIMEOUT_MS, &result, NULL, err);

	if (r == 0)
		r = weirctl_print(ctl, result, print, err);
	if (r == 0 &&
	    (!weirctl_true(weirctl_member(result, "state"), "inSync") || not_enforced(result) > 0))
		r = WEIRCTL_NO;
	cJSON_Delete(result);
	return r;
}
