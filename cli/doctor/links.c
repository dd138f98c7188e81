/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How pods hang on this node, by what /sys/class/net shows: the host end of a
 * veth pair has another iflink than ifindex, and a port of a bridge has "brport".
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"
#include "weir/cleanup.h"

#define NET "/sys/class/net"

/* Pairs with both ends on the node are nobody's pod. */
static bool is_of_the_node(const char *name)
{
	static const char *const prefixes[] = { "cilium_", "bpfin.", "bpfout.", "vethwe-" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

/* A VLAN or macvlan also has another iflink, and a lower device on this node. */
static bool is_stacked(const struct doctor *d, const char *name)
{
	char **entries = NULL, path[PATH_MAX];
	bool stacked = false;
	size_t n;

	snprintf(path, sizeof(path), NET "/%s", name);
	n = doctor_names(d, path, &entries);
	for (size_t i = 0; i < n && !stacked; i++)
		stacked = !strncmp(entries[i], "lower_", strlen("lower_"));
	doctor_free_names(entries, n);
	return stacked;
}

static bool is_veth(const struct doctor *d, const char *name)
{
	char path[PATH_MAX];
	long index, peer;

	snprintf(path, sizeof(path), NET "/%s/ifindex", name);
	if (*name == '.' || !doctor_number(d, path, &index))
		return false;
	snprintf(path, sizeof(path), NET "/%s/iflink", name);
	return doctor_number(d, path, &peer) && peer != index && peer != 0 &&
	       !is_of_the_node(name) && !is_stacked(d, name);
}

static void name_bridge(const struct doctor *d, const char *name, struct doctor_links *ret)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *slash;
	ssize_t len;

	snprintf(path, sizeof(path), "%s" NET "/%s/master", d->root, name);
	len = readlink(path, target, sizeof(target) - 1);
	if (len <= 0)
		return;
	target[len] = 0;
	slash = strrchr(target, '/');
	snprintf(ret->bridge, sizeof(ret->bridge), "%.*s", DOCTOR_NAME_MAX - 1,
		 slash ? slash + 1 : target);
}

void doctor_find_links(const struct doctor *d, struct doctor_links *ret)
{
	char **names = NULL;
	size_t n = doctor_names(d, NET, &names);

	*ret = (struct doctor_links){ 0 };
	for (size_t i = 0; i < n; i++) {
		if (!is_veth(d, names[i]))
			continue;
		if (doctor_exists(d, NET "/%s/brport", names[i])) {
			ret->bridged++;
			name_bridge(d, names[i], ret);
		} else {
			ret->routed++;
		}
	}
	doctor_free_names(names, n);
}

const char *doctor_attach_name(enum doctor_attach attach)
{
	static const char *const names[] = {
		[DOCTOR_ROUTED] = "routed veth",
		[DOCTOR_BRIDGED] = "bridged veth",
		[DOCTOR_BY_BPF] = "veth, forwarded by BPF",
		[DOCTOR_BY_SWITCH] = "Open vSwitch",
		[DOCTOR_DIRECT] = "no veth",
		[DOCTOR_ATTACH_UNKNOWN] = "not known",
	};
	_Static_assert(WEIR_ARRAY_SIZE(names) == DOCTOR_ATTACH_MAX, "a name for each");

	return names[attach];
}

/* What the table says for this primary, and what the node shows, may differ. */
static bool contradicts(const struct doctor *d)
{
	switch (d->choice->attach) {
	case DOCTOR_ROUTED:
	case DOCTOR_BY_BPF:
		return d->links.bridged > 0;
	case DOCTOR_BRIDGED:
		return d->links.routed > 0 && d->links.bridged == 0;
	case DOCTOR_BY_SWITCH:
	case DOCTOR_DIRECT:
	case DOCTOR_ATTACH_UNKNOWN:
	case DOCTOR_ATTACH_MAX:
		break;
	}
	return false;
}

void doctor_check_attach(const struct doctor *d, struct doctor_finding *f)
{
	const struct doctor_links *l = &d->links;
	const char *said = doctor_attach_name(d->choice->attach);

	if (l->bridged + l->routed == 0) {
		doctor_say(f, DOCTOR_OK, "no pod interfaces yet; by its configuration: %s", said);
		return;
	}
	doctor_say(f, contradicts(d) ? DOCTOR_WARN : DOCTOR_OK,
		   "%u on a bridge%s%s, %u routed; by its configuration: %s", l->bridged,
		   *l->bridge ? " " : "", l->bridge, l->routed, said);
	if (f->result == DOCTOR_WARN)
		doctor_advise(f, "not all of these are of pods, or the primary CNI was changed: "
				 "restart the pods that were attached before");
}
