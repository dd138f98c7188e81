/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who else judges packets of pods here: by files and pins that these programs
 * leave, and by their chains in nf_tables (which iptables-nft makes, too).
 */
#include <string.h>

#include "cli/doctor/doctor.h"
#include "weir/cleanup.h"

static const char *const names[] = {
	[DOCTOR_CALICO] = "Calico",
	[DOCTOR_CALICO_BPF] = "Calico's eBPF data plane",
	[DOCTOR_AZURE_NPM] = "Azure NPM",
	[DOCTOR_AWS_AGENT] = "the network policy agent of the VPC CNI",
	[DOCTOR_CILIUM] = "Cilium",
	[DOCTOR_CILIUM_STACK] = "Cilium with host routing by the kernel",
	[DOCTOR_KUBE_ROUTER] = "kube-router",
	[DOCTOR_WEAVE] = "Weave NPC",
};
_Static_assert(WEIR_ARRAY_SIZE(names) == DOCTOR_ENGINE_MAX, "a name for each engine");

static const struct {
	enum doctor_engine engine;
	const char *path;
} paths[] = {
	{ DOCTOR_CALICO, "/var/lib/calico/nodename" },
	{ DOCTOR_CALICO_BPF, "/sys/class/net/bpfin.cali" },
	{ DOCTOR_CALICO_BPF, "/sys/fs/bpf/tc/globals/cali_v4_routes" },
	{ DOCTOR_AWS_AGENT, "/sys/fs/bpf/globals/aws/programs" },
	{ DOCTOR_CILIUM, "/run/cilium/cilium.sock" },
	{ DOCTOR_CILIUM, "/var/run/cilium/cilium.sock" },
	{ DOCTOR_CILIUM, "/sys/class/net/cilium_host" },
};

static const struct {
	enum doctor_engine engine;
	const char *prefix;
} chains[] = {
	{ DOCTOR_CALICO, "cali-FORWARD" },
	{ DOCTOR_AZURE_NPM, "AZURE-NPM" },
	{ DOCTOR_KUBE_ROUTER, "KUBE-ROUTER-FORWARD" },
	{ DOCTOR_WEAVE, "WEAVE-NPC" },
};

static void on_chain(void *data, const char *name)
{
	unsigned *engines = data;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(chains); i++)
		if (!strncmp(name, chains[i].prefix, strlen(chains[i].prefix)))
			*engines |= DOCTOR_ENGINE(chains[i].engine);
}

/* Cilium writes what its programs are compiled with; newer ones may not. */
static bool cilium_leaves_it_to_the_stack(const struct doctor *d)
{
	WEIR_AUTO_FREE char *config = doctor_read(d, "/run/cilium/state/globals/node_config.h");

	return config && strstr(config, "#define ") && !strstr(config, "ENABLE_HOST_ROUTING");
}

unsigned doctor_find_engines(const struct doctor *d)
{
	unsigned engines = 0;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(paths); i++)
		if (doctor_exists(d, "%s", paths[i].path))
			engines |= DOCTOR_ENGINE(paths[i].engine);
	if (!*d->root)
		doctor_probe_chains(on_chain, &engines);
	if ((engines & DOCTOR_ENGINE(DOCTOR_CILIUM)) && cilium_leaves_it_to_the_stack(d))
		engines |= DOCTOR_ENGINE(DOCTOR_CILIUM_STACK);
	return engines;
}

const char *doctor_engine_names(unsigned engines, char *buf, size_t size)
{
	size_t len = 0;

	snprintf(buf, size, "none");
	for (unsigned e = 0; e < DOCTOR_ENGINE_MAX; e++)
		if ((engines & DOCTOR_ENGINE(e)) && len < size)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? ", " : "",
						names[e]);
	return buf;
}

void doctor_check_engines(const struct doctor *d, struct doctor_finding *f)
{
	char buf[256];

	if (!d->engines) {
		doctor_say(f, DOCTOR_OK, "nobody else judges packets of pods here");
		return;
	}
	doctor_say(f, DOCTOR_WARN, "also at work: %s",
		   doctor_engine_names(d->engines, buf, sizeof(buf)));
	doctor_advise(f, "switch its policy off where that is possible: a connection passes only "
			 "when both let it");
}
