/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel settings that enforcement and flow records depend on. */
#include <string.h>

#include "cli/doctor/doctor.h"
#include "weir/cleanup.h"

#define NETFILTER "/proc/sys/net/netfilter/"
#define BRIDGE	  "/proc/sys/net/bridge/"

/* Lists those that are not 1: "nf_conntrack_acct 0, ..."; how many. */
static unsigned list_off(const struct doctor *d, const char *folder, const char *const *settings,
			 size_t n, char *buf, size_t size)
{
	unsigned off = 0;
	size_t len = 0;

	buf[0] = 0;
	for (size_t i = 0; i < n && len < size; i++) {
		char path[128];
		long value;

		snprintf(path, sizeof(path), "%s%s", folder, settings[i]);
		if (!doctor_number(d, path, &value))
			len += (size_t)snprintf(buf + len, size - len, "%s%s is missing",
						off ? ", " : "", settings[i]);
		else if (value != 1)
			len += (size_t)snprintf(buf + len, size - len, "%s%s %ld", off ? ", " : "",
						settings[i], value);
		else
			continue;
		off++;
	}
	return off;
}

void doctor_check_records(const struct doctor *d, struct doctor_finding *f)
{
	static const char *const settings[] = { "nf_conntrack_acct", "nf_conntrack_timestamp",
						"nf_conntrack_events" };
	char off[256];

	if (list_off(d, NETFILTER, settings, WEIR_ARRAY_SIZE(settings), off, sizeof(off)) == 0) {
		doctor_say(f, DOCTOR_OK, "counters, times and events of connections are on");
		return;
	}
	doctor_say(f, DOCTOR_WARN, "%s: flow records lack counters, times or ends", off);
	doctor_advise(f, "weird sets them at its start (flows.conntrackSettings: set), or set them "
			 "to 1 with sysctl");
}

void doctor_check_conntrack_size(const struct doctor *d, struct doctor_finding *f)
{
	long max, count;

	if (!doctor_number(d, NETFILTER "nf_conntrack_max", &max) ||
	    !doctor_number(d, NETFILTER "nf_conntrack_count", &count)) {
		doctor_say(f, DOCTOR_OK, "conntrack is not at work yet");
		return;
	}
	doctor_say(f, count > max / 4 * 3 ? DOCTOR_WARN : DOCTOR_OK, "%ld of %ld connections",
		   count, max);
	if (f->result != DOCTOR_OK)
		doctor_advise(f, "raise net.netfilter.nf_conntrack_max: beyond it new connections "
				 "are dropped");
}

void doctor_check_bridge_settings(const struct doctor *d, struct doctor_finding *f)
{
	static const char *const settings[] = { "bridge-nf-call-iptables",
						"bridge-nf-call-ip6tables" };
	bool bridged = d->choice->attach == DOCTOR_BRIDGED || d->links.bridged > 0;
	char off[160];

	if (!bridged) {
		doctor_say(f, DOCTOR_OK, "no pod hangs on a bridge");
		return;
	}
	if (list_off(d, BRIDGE, settings, WEIR_ARRAY_SIZE(settings), off, sizeof(off)) == 0) {
		doctor_say(f, DOCTOR_OK, "bridged packets pass the node's netfilter");
		return;
	}
	doctor_say(f, DOCTOR_FAIL, "%s: pods on one bridge reach each other past every policy",
		   off);
	doctor_advise(f, "modprobe br_netfilter; weird sets both then (bridgeNetfilter: set)");
}

void doctor_check_forwarding(const struct doctor *d, struct doctor_finding *f)
{
	long v4 = 0, v6 = 0;

	doctor_number(d, "/proc/sys/net/ipv4/ip_forward", &v4);
	doctor_number(d, "/proc/sys/net/ipv6/conf/all/forwarding", &v6);
	doctor_say(f, v4 || v6 ? DOCTOR_OK : DOCTOR_FAIL, "IPv4 %s, IPv6 %s", v4 ? "on" : "off",
		   v6 ? "on" : "off");
	if (!v4 && !v6)
		doctor_advise(f,
			      "sysctl net.ipv4.ip_forward=1: the node carries no packet of a pod "
			      "to another");
}

/* Strict filtering drops what comes in by another interface than it would leave by. */
void doctor_check_rp_filter(const struct doctor *d, struct doctor_finding *f)
{
	enum { STRICT = 1 };
	long all = 0;

	doctor_number(d, "/proc/sys/net/ipv4/conf/all/rp_filter", &all);
	if (all == STRICT && d->cluster == DOCTOR_EKS) {
		doctor_say(f, DOCTOR_WARN,
			   "strict (1): packets of pods on secondary interfaces are "
			   "dropped before policy sees them");
		doctor_advise(f, "sysctl net.ipv4.conf.all.rp_filter=2");
		return;
	}
	doctor_say(f, DOCTOR_OK, "%s (%ld)",
		   all == 0	   ? "off"
		   : all == STRICT ? "strict"
				   : "loose",
		   all);
}
