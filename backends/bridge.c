/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Do bridged pods of this network namespace pass the inet hooks at all? Only
 * with br_netfilter and its two sysctls on. For doctor, status and the daemon,
 * whatever the backend: all of them hook the same place.
 */
#include "weir/backend.h"

#include <errno.h>
#include <fcntl.h>

#include "weir/cleanup.h"

static const char *const sysctls[] = {
	"/proc/sys/net/bridge/bridge-nf-call-iptables",
	"/proc/sys/net/bridge/bridge-nf-call-ip6tables",
};

int weir_backend_bridge_check(struct weir_error *err)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(sysctls); i++) {
		WEIR_AUTO_CLOSE int fd = open(sysctls[i], O_RDONLY | O_CLOEXEC);
		char value = 0;

		if (fd < 0 && errno == ENOENT)
			return weir_error_set(err, ENOENT,
					      "%s is missing: pods on one bridge reach each other "
					      "past every policy (modprobe br_netfilter)",
					      sysctls[i]);
		if (fd < 0 || read(fd, &value, 1) != 1)
			return weir_error_errno(err, errno ? errno : EIO, "%s", sysctls[i]);
		if (value != '1')
			return weir_error_set(err, ENOTCONN,
					      "%s is %c: pods on one bridge reach each other past "
					      "every policy (set it to 1)",
					      sysctls[i], value);
	}
	return 0;
}
