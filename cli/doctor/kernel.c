/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel can. A feature is asked for by using it; but a question to a
 * part that is an unloaded module would load it, so such modules are only
 * looked up in the list of those that could be.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor/doctor.h"
#include "weir/cleanup.h"

/* What weir is tested with goes back to here; older ones may do. */
#define TESTED_MAJOR 5
#define TESTED_MINOR 10
/* BPF programs at netfilter's hooks came with 6.4. */
#define BPF_NETFILTER_MAJOR 6
#define BPF_NETFILTER_MINOR 4

/* Nothing but a backend that enforces by BPF would need these. */
#define NOT_NEEDED "the nftables backend does not need it"

static bool kernel_version(const struct doctor *d, char *text, size_t size, unsigned *ret_major,
			   unsigned *ret_minor)
{
	WEIR_AUTO_FREE char *release = doctor_read(d, "/proc/sys/kernel/osrelease");

	*text = 0;
	if (!release)
		return false;
	release[strcspn(release, "\n")] = 0;
	snprintf(text, size, "%s", release);
	return sscanf(release, "%u.%u", ret_major, ret_minor) == 2;
}

static bool at_least(const struct doctor *d, unsigned major, unsigned minor)
{
	unsigned is_major, is_minor;
	char text[128];

	return kernel_version(d, text, sizeof(text), &is_major, &is_minor) &&
	       (is_major > major || (is_major == major && is_minor >= minor));
}

void doctor_check_kernel(const struct doctor *d, struct doctor_finding *f)
{
	unsigned major, minor;
	char text[128];

	if (!kernel_version(d, text, sizeof(text), &major, &minor)) {
		doctor_say(f, DOCTOR_WARN, "/proc/sys/kernel/osrelease tells no version");
		return;
	}
	if (at_least(d, TESTED_MAJOR, TESTED_MINOR)) {
		doctor_say(f, DOCTOR_OK, "Linux %s", text);
		return;
	}
	doctor_say(f, DOCTOR_WARN, "Linux %s is older than %d.%d", text, TESTED_MAJOR,
		   TESTED_MINOR);
	doctor_advise(f, "weir is not tested with it: upgrade the kernel");
}

/* A module that is not loaded, and would be on demand. */
static bool can_be_loaded(const struct doctor *d, const char *module)
{
	WEIR_AUTO_FREE char *list = NULL;
	unsigned major, minor;
	char release[128], name[64];

	if (doctor_exists(d, "/sys/module/%s", module) ||
	    !kernel_version(d, release, sizeof(release), &major, &minor))
		return false;
	list = doctor_read(d, "/lib/modules/%s/modules.dep", release);
	snprintf(name, sizeof(name), "/%s.ko", module);
	return list && strstr(list, name);
}

void doctor_check_nf_tables(const struct doctor *d, struct doctor_finding *f)
{
	int r;

	if (can_be_loaded(d, "nf_tables")) {
		doctor_say(f, DOCTOR_OK, "a module that is loaded on demand");
		return;
	}
	if (*d->root) {
		r = doctor_exists(d, "/sys/module/nf_tables") ? 0 : -ENOENT;
	} else {
		r = doctor_probe_nf_tables();
	}
	if (r == 0) {
		doctor_say(f, DOCTOR_OK, *d->root ? "loaded" : "it answers");
		return;
	}
	doctor_say(f, r == -EPERM ? DOCTOR_WARN : DOCTOR_FAIL, "it does not answer: %s",
		   strerror(-r));
	doctor_advise(f, r == -EPERM ? "run weirctl doctor as root"
				     : "this kernel lacks nf_tables (CONFIG_NF_TABLES and "
				       "CONFIG_NF_TABLES_INET): use another");
}

/* A part of netfilter that shows itself by a file. */
static bool is_there(const struct doctor *d, const char *path, const char *module,
		     struct doctor_finding *f)
{
	if (doctor_exists(d, "%s", path)) {
		doctor_say(f, DOCTOR_OK, "there");
		return true;
	}
	if (can_be_loaded(d, module)) {
		doctor_say(f, DOCTOR_OK, "a module that is loaded on demand");
		return true;
	}
	return false;
}

void doctor_check_conntrack(const struct doctor *d, struct doctor_finding *f)
{
	if (is_there(d, "/proc/sys/net/netfilter/nf_conntrack_max", "nf_conntrack", f))
		return;
	doctor_say(f, DOCTOR_FAIL, "there is no /proc/sys/net/netfilter/nf_conntrack_max");
	doctor_advise(f, "modprobe nf_conntrack; without it this kernel can't tell replies from "
			 "new connections");
}

static bool needs_bridges(const struct doctor *d)
{
	return d->choice->attach == DOCTOR_BRIDGED || d->links.bridged > 0;
}

void doctor_check_br_netfilter(const struct doctor *d, struct doctor_finding *f)
{
	if (doctor_exists(d, "/proc/sys/net/bridge/bridge-nf-call-iptables")) {
		doctor_say(f, DOCTOR_OK, "loaded");
		return;
	}
	if (!needs_bridges(d)) {
		doctor_say(f, DOCTOR_OK, "not loaded, and no pod hangs on a bridge");
		return;
	}
	doctor_say(f, DOCTOR_FAIL,
		   "not loaded: pods on one bridge reach each other past every "
		   "policy");
	doctor_advise(f, "modprobe br_netfilter, and name it in /etc/modules-load.d/weir.conf");
}

void doctor_check_nflog(const struct doctor *d, struct doctor_finding *f)
{
	if (is_there(d, "/proc/net/netfilter/nfnetlink_log", "nfnetlink_log", f))
		return;
	doctor_say(f, DOCTOR_WARN,
		   "there is no nfnetlink_log: denied connections are not recorded");
	doctor_advise(f, "modprobe nfnetlink_log; what is enforced does not depend on it");
}

void doctor_check_btf(const struct doctor *d, struct doctor_finding *f)
{
	bool there = doctor_exists(d, "/sys/kernel/btf/vmlinux");

	doctor_say(f, DOCTOR_OK, there ? "there" : "not there; " NOT_NEEDED);
}

void doctor_check_bpf_fs(const struct doctor *d, struct doctor_finding *f)
{
	WEIR_AUTO_FREE char *mounts = doctor_read(d, "/proc/mounts");
	bool there = mounts && strstr(mounts, " /sys/fs/bpf bpf ");

	doctor_say(f, DOCTOR_OK, there ? "mounted" : "not mounted; " NOT_NEEDED);
}

void doctor_check_bpf_netfilter(const struct doctor *d, struct doctor_finding *f)
{
	int r = *d->root || !at_least(d, BPF_NETFILTER_MAJOR, BPF_NETFILTER_MINOR)
			? -ENOSYS
			: doctor_probe_bpf_netfilter();

	if (r == 0)
		doctor_say(f, DOCTOR_OK, "programs at netfilter's hooks are accepted");
	else if (r == -ENOSYS)
		doctor_say(f, DOCTOR_OK, "since Linux %d.%d; " NOT_NEEDED, BPF_NETFILTER_MAJOR,
			   BPF_NETFILTER_MINOR);
	else
		doctor_say(f, DOCTOR_OK, "refused (%s); " NOT_NEEDED, strerror(-r));
}
