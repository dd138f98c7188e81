/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl explain: would this connection be allowed, and which rule says so. */
#include "cli/weirctl.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

enum { TIMEOUT_MS = 60000, OBJECT_MAX = 600 };

/* "80", "53/udp", "icmp", "tcp" */
static int add_port(cJSON *params, const char *text, struct weir_error *err)
{
	unsigned long port = 0;
	const char *protocol = text;
	char *end;

	if (isdigit((unsigned char)*text)) {
		port = strtoul(text, &end, 10);
		protocol = *end == '/' ? end + 1 : *end ? "" : "tcp";
	}
	if (port > UINT16_MAX || !*protocol)
		return weir_error_set(err, EINVAL, "--port \"%s\": want e.g. 80, 53/udp or icmp",
				      text);
	cJSON_AddNumberToObject(params, "port", (double)port);
	cJSON_AddStringToObject(params, "protocol", protocol);
	return 0;
}

static void print_policies(const cJSON *side, const char *prefix)
{
	const cJSON *policy;
	char buf[OBJECT_MAX];

	cJSON_ArrayForEach (policy, weirctl_member(side, "policies"))
		printf("             %s%s %s\n", prefix, weirctl_text(policy, "kind"),
		       weirctl_name(policy, "name", buf, sizeof(buf)));
}

static const struct {
	const char *reason, *words;
} plain_reasons[] = {
	{ "not-endpoint", "not a pod here: nothing is enforced on this side" },
	{ "no-policy", "no policy selects the pod: everything passes" },
	{ "self", "a pod may talk to its own address" },
	{ "own-node", "traffic from the pod's own node is always let in" },
	{ "pending", "no pod has this address of the node's range (yet): nothing passes" },
};

static void print_rule(const cJSON *side)
{
	const char *name = weirctl_text(side, "ruleName");

	printf("rule %.0f%s%s%s of tier %s: %s %s\n", weirctl_number(side, "rule"),
	       *name ? " (" : "", name, *name ? ")" : "", weirctl_text(side, "tier"),
	       weirctl_text(side, "action"), weirctl_text(side, "ruleText"));
	print_policies(side, "in ");
}

static void print_side(const struct weirctl *ctl, const char *key, const cJSON *side)
{
	const char *reason = weirctl_text(side, "reason"), *verdict = weirctl_text(side, "verdict");
	bool denied = weirctl_denied(side);

	printf("  %-8s %s%s%s  ", key, weirctl_style(ctl, denied ? WEIRCTL_BAD : WEIRCTL_GOOD),
	       verdict, weirctl_style(ctl, WEIRCTL_PLAIN));
	if (strcmp(reason, "rule") == 0) {
		print_rule(side);
		return;
	}
	if (strcmp(reason, "isolated") == 0) {
		printf("isolated for %s, and no rule matches\n", key);
		print_policies(side, "by ");
		return;
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(plain_reasons); i++)
		if (strcmp(reason, plain_reasons[i].reason) == 0)
			reason = plain_reasons[i].words;
	printf("%s\n", reason);
}

static void print(const struct weirctl *ctl, const cJSON *result)
{
	const char *note = weirctl_text(result, "note");
	const cJSON *answer;

	cJSON_ArrayForEach (answer, weirctl_member(result, "answers")) {
		const char *verdict = weirctl_text(answer, "verdict");
		bool denied = weirctl_denied(answer);

		printf("%s%s%s  %s -> %s", weirctl_style(ctl, denied ? WEIRCTL_BAD : WEIRCTL_GOOD),
		       verdict, weirctl_style(ctl, WEIRCTL_PLAIN), weirctl_text(answer, "source"),
		       weirctl_text(answer, "destination"));
		if (weirctl_number(result, "port") > 0)
			printf(" %.0f/%s\n", weirctl_number(result, "port"),
			       weirctl_text(result, "protocol"));
		else
			printf(" %s\n", weirctl_text(result, "protocol"));
		print_side(ctl, "egress", weirctl_member(answer, "egress"));
		print_side(ctl, "ingress", weirctl_member(answer, "ingress"));
	}
	if (*note)
		printf("note: %s\n", note);
}

int weirctl_explain(struct weirctl *ctl, struct weir_error *err)
{
	const char *from = ctl->values[WEIRCTL_FROM], *to = ctl->values[WEIRCTL_TO];
	const char *port = ctl->values[WEIRCTL_PORT];
	cJSON *params, *result = NULL;
	int r;

	if (!from || !to || !port)
		return weir_error_set(err, EINVAL,
				      "explain needs --from, --to and --port, e.g. "
				      "--from shop/web --to shop/db --port 5432/tcp");
	params = cJSON_CreateObject();
	cJSON_AddStringToObject(params, "from", from);
	cJSON_AddStringToObject(params, "to", to);
	r = add_port(params, port, err);
	if (r < 0) {
		cJSON_Delete(params);
		return r;
	}
	r = weirctl_call(ctl, "explain", params, TIMEOUT_MS, &result, NULL, err);
	if (r == 0)
		r = weirctl_print(ctl, result, print, err);
	if (r == 0 && weirctl_denied(result))
		r = WEIRCTL_NO;
	cJSON_Delete(result);
	return r;
}
