/* SPDX-License-Identifier: Apache-2.0 */
/* What weird itself says, and the clock on which its certificates depend. */
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include "cli/doctor/doctor.h"
#include "weir/cleanup.h"

void doctor_check_weird(const struct doctor *d, struct doctor_finding *f)
{
	const cJSON *state = weirctl_member(d->status, "state");
	const cJSON *endpoints = weirctl_member(d->status, "endpoints");
	double total = weirctl_number(endpoints, "total");
	double enforced = weirctl_number(endpoints, "enforced");
	double unmanaged = weirctl_number(endpoints, "unmanaged");

	if (!d->status) {
		doctor_say(f, DOCTOR_FAIL, "%s", d->no_status.text);
		doctor_advise(f, "start it: what was in force stays so, but no pod can start");
		return;
	}
	doctor_say(f, DOCTOR_OK, "%s on node %s: in sync, %.0f of %.0f pods enforced",
		   weirctl_text(d->status, "version"), weirctl_text(d->status, "node"), enforced,
		   total);
	if (!weirctl_true(state, "inSync")) {
		doctor_say(f, DOCTOR_FAIL, "not in sync: %s", weirctl_text(state, "error"));
		doctor_advise(f, "its log says more: journalctl -u weird, or kubectl logs");
	} else if (enforced < total || unmanaged > 0) {
		doctor_say(f, DOCTOR_FAIL, "%.0f of %.0f pods enforced, %.0f unmanaged", enforced,
			   total, unmanaged);
		doctor_advise(f, "weirctl endpoints says why for each");
	}
}

/* "pods, nodes" of collections that are not current */
static bool list_stale(const cJSON *source, char *buf, size_t size, const char **ret_error)
{
	const cJSON *item;
	size_t len = 0;

	buf[0] = 0;
	cJSON_ArrayForEach (item, weirctl_member(source, "collections")) {
		if (weirctl_true(item, "current") || weirctl_true(item, "absent") || len >= size)
			continue;
		if (!len)
			*ret_error = weirctl_text(item, "error");
		len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? ", " : "",
					weirctl_text(item, "kind"));
	}
	return len > 0;
}

void doctor_check_source(const struct doctor *d, struct doctor_finding *f)
{
	const cJSON *source = weirctl_member(d->status, "source");
	int broken = cJSON_GetArraySize(weirctl_member(source, "broken"));
	const char *error = "";
	char stale[256];

	if (!d->status) {
		doctor_say(f, DOCTOR_WARN, "weird does not answer, and it is weird that asks");
	} else if (strcmp(weirctl_text(source, "kind"), "kubernetes")) {
		doctor_say(f, DOCTOR_OK, "a folder of manifests, %s", weirctl_text(source, "path"));
	} else if (list_stale(source, stale, sizeof(stale), &error)) {
		doctor_say(f, DOCTOR_FAIL, "%s does not tell of %s%s%s",
			   weirctl_text(source, "server"), stale, *error ? ": " : "", error);
		doctor_advise(f,
			      "enforcement stays as it was; look at the way to the API server and "
			      "at the rights of weird (conf/kubernetes/rbac.yaml)");
	} else {
		doctor_say(f, DOCTOR_OK, "%s is heard", weirctl_text(source, "server"));
	}
	if (broken > 0 && f->result == DOCTOR_OK) {
		doctor_say(f, DOCTOR_WARN, "%d objects can't be read", broken);
		doctor_advise(f, "weirctl policies names them; each keeps its last good state");
	}
}

/* TLS to the API server needs a clock that is about right, and so do records. */
void doctor_check_clock(const struct doctor *d, struct doctor_finding *f)
{
	struct timex timex = { .modes = 0 };
	time_t now = time(NULL);
	struct tm tm;
	char text[64];
	int state;

	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	if (tm.tm_year + 1900 < 2024) {
		doctor_say(f, DOCTOR_FAIL, "it shows %s", text);
		doctor_advise(f, "set the clock: certificates are not valid yet");
		return;
	}
	state = adjtimex(&timex);
	if (state >= 0 && !(timex.status & STA_UNSYNC)) {
		doctor_say(f, DOCTOR_OK, "%s, synchronised", text);
		return;
	}
	doctor_say(f, DOCTOR_WARN, "%s, and nobody keeps it right", text);
	doctor_advise(f, "run an NTP client: certificates and the times in flow records need it");
}
