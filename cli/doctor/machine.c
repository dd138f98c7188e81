/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose node is this? By what the two clouds' images and firmware leave on it;
 * no metadata service is asked. And what this process may do.
 */
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor/doctor.h"
#include "weir/cleanup.h"

static const struct {
	enum doctor_cluster cluster;
	const char *path;
} marks[] = {
	{ DOCTOR_AKS, "/etc/kubernetes/azure.json" },
	{ DOCTOR_EKS, "/etc/eks" },
};

/* For nodes that only their CNI gives away. */
static const struct {
	enum doctor_cluster cluster;
	const char *vendor, *plugin;
} vendors[] = {
	{ DOCTOR_AKS, "Microsoft Corporation", "azure-vnet" },
	{ DOCTOR_EKS, "Amazon EC2", "aws-cni" },
};

enum doctor_cluster doctor_find_cluster(const struct doctor *d)
{
	WEIR_AUTO_FREE char *vendor = doctor_read(d, "/sys/class/dmi/id/sys_vendor");

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(marks); i++)
		if (doctor_exists(d, "%s", marks[i].path))
			return marks[i].cluster;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(vendors); i++)
		if (vendor && !strncmp(vendor, vendors[i].vendor, strlen(vendors[i].vendor)) &&
		    !strcmp(d->network.primary, vendors[i].plugin))
			return vendors[i].cluster;
	return DOCTOR_MACHINES;
}

const char *doctor_cluster_name(enum doctor_cluster cluster)
{
	switch (cluster) {
	case DOCTOR_AKS:
		return "AKS";
	case DOCTOR_EKS:
		return "EKS";
	case DOCTOR_MACHINES:
		return "machines";
	}
	return "any";
}

void doctor_check_rights(const struct doctor *d, struct doctor_finding *f)
{
	WEIR_AUTO_FREE char *status = doctor_read(d, "/proc/self/status");
	const char *line = status ? strstr(status, "\nCapEff:") : NULL;
	unsigned long long caps = line ? strtoull(line + strlen("\nCapEff:"), NULL, 16) : 0;

	if (caps & (1ull << CAP_NET_ADMIN)) {
		doctor_say(f, DOCTOR_OK, "CAP_NET_ADMIN is there");
		return;
	}
	doctor_say(f, DOCTOR_WARN,
		   "weirctl runs without CAP_NET_ADMIN: it sees less than there is");
	doctor_advise(f, "run weirctl doctor as root");
}
