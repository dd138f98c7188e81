/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What conntrack must be told before its events are worth recording. Called
 * by the daemon when its configuration allows; changes only this namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backends/flow/kernel.h"
#include "weir/cleanup.h"

/* events: 2 (the default) gives none for connections older than the first listener. */
static const char *const settings[] = { "acct", "timestamp", "events" };

static int read_setting(const char *path)
{
	WEIR_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	char c;

	if (fd < 0)
		return -errno;
	return read(fd, &c, 1) == 1 ? c - '0' : -EIO;
}

static int write_setting(const char *sysctl_dir, const char *name)
{
	WEIR_AUTO_CLOSE int fd = -1;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/net/netfilter/nf_conntrack_%s", sysctl_dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, "1", 1) == 1 ? 0 : -errno;
}

int weir_conntrack_check(struct weir_error *err)
{
	char off[80] = "";
	size_t used = 0;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(settings); i++) {
		char path[80];

		snprintf(path, sizeof(path), "/proc/sys/net/netfilter/nf_conntrack_%s",
			 settings[i]);
		if (read_setting(path) == 1)
			continue;
		used += (size_t)snprintf(off + used, sizeof(off) - used, "%snf_conntrack_%s",
					 used ? ", " : "", settings[i]);
	}
	return used ? weir_error_set(err, ENODATA,
				     "flow records lack counters, times or ends: set "
				     "net.netfilter.%s to 1, or conntrackSettings: set",
				     off)
		    : 0;
}

int weir_conntrack_setup(const char *sysctl_dir, char *report, size_t size, struct weir_error *err)
{
	size_t used = 0;
	int ret = 0;

	report[0] = 0;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(settings); i++) {
		char path[80];
		int was, r;

		snprintf(path, sizeof(path), "/proc/sys/net/netfilter/nf_conntrack_%s",
			 settings[i]);
		was = read_setting(path);
		r = was == 1 ? 0 : was < 0 ? was : write_setting(sysctl_dir, settings[i]);
		if (r < 0 && ret == 0)
			ret = weir_error_errno(err, -r,
					       "set net.netfilter.nf_conntrack_%s to 1 (flow "
					       "records lack what it gives)",
					       settings[i]);
		if (used < size)
			used += (size_t)snprintf(report + used, size - used,
						 "%snf_conntrack_%s %d%s", i ? ", " : "",
						 settings[i], was,
						 was == 1 ? ""
						 : r == 0 ? " -> 1"
							  : " (not changed)");
	}
	return ret;
}
