/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which backend for which cluster and primary CNI, and why. The first row that
 * fits counts. docs/BACKEND-CHOICE.md has the same rows, and where the facts
 * come from; tests/unit/cli/doctor/choice.c compares the two.
 */
#include <string.h>

#include "cli/doctor/doctor.h"
#include "weir/cleanup.h"

#define E(name) DOCTOR_ENGINE(DOCTOR_##name)

/* clang-format off */
const struct doctor_choice doctor_choices[] = {
	/* who carries packets past the hooks of nf_tables */
	{ "aks-cilium", "Azure CNI powered by Cilium (cilium-cni, azure-ipam)",
	  DOCTOR_AKS, "cilium-cni", "azure-ipam", NULL, 0,
	  DOCTOR_BY_BPF, DOCTOR_NOT_SUPPORTED, NULL,
	  "Cilium enforces here itself, and its BPF programs may carry packets past the node's netfilter",
	  "use another network data plane (--network-dataplane azure), or Cilium's own policies" },
	{ "cilium-stack", "Cilium, host routing by the kernel",
	  DOCTOR_ANY_CLUSTER, "cilium-cni", NULL, NULL, E(CILIUM_STACK),
	  DOCTOR_ROUTED, DOCTOR_BOTH, "nftables",
	  "with bpf.hostLegacyRouting packets pass the node's netfilter; Cilium judges them too",
	  "set policyEnforcementMode: never and cni.exclusive: false, or Cilium moves weir's file away" },
	{ "cilium", "Cilium",
	  DOCTOR_ANY_CLUSTER, "cilium-cni", NULL, NULL, 0,
	  DOCTOR_BY_BPF, DOCTOR_NOT_SUPPORTED, NULL,
	  "BPF host routing (the default where kube-proxy is replaced) carries packets past the node's netfilter",
	  "set bpf.hostLegacyRouting: true, policyEnforcementMode: never and cni.exclusive: false, or use Cilium's own policies" },
	{ "calico-bpf", "any, with Calico's eBPF data plane",
	  DOCTOR_ANY_CLUSTER, NULL, NULL, NULL, E(CALICO_BPF),
	  DOCTOR_BY_BPF, DOCTOR_NOT_SUPPORTED, NULL,
	  "Calico's BPF programs carry packets from interface to interface, past the node's netfilter",
	  "use Calico's iptables or nftables data plane (linuxDataplane), or Calico's own policies" },
	{ "direct", "ipvlan, macvlan, vlan, host-device, SR-IOV",
	  DOCTOR_ANY_CLUSTER, "ipvlan|macvlan|vlan|host-device|sriov", NULL, NULL, 0,
	  DOCTOR_DIRECT, DOCTOR_NOT_SUPPORTED, NULL,
	  "packets of pods leave by a device of their own and never pass the node's netfilter",
	  "use a primary CNI that attaches pods by veth" },
	{ "ovs", "Antrea, OVN-Kubernetes, Kube-OVN",
	  DOCTOR_ANY_CLUSTER, "antrea|ovn-k8s-cni-overlay|kube-ovn", NULL, NULL, 0,
	  DOCTOR_BY_SWITCH, DOCTOR_NOT_SUPPORTED, NULL,
	  "Open vSwitch carries packets between pods, past the node's netfilter, and enforces itself",
	  "use the policies of that CNI" },

	/* AKS */
	{ "aks-npm", "Azure CNI, network policy azure",
	  DOCTOR_AKS, "azure-vnet", NULL, NULL, E(AZURE_NPM),
	  DOCTOR_ROUTED, DOCTOR_BOTH, "nftables",
	  "azure-vnet routes each pod's veth through the node; Azure NPM judges the same packets",
	  "set the cluster's network policy to none: az aks update --network-policy none" },
	{ "aks-calico", "Azure CNI, network policy calico",
	  DOCTOR_AKS, "azure-vnet", NULL, NULL, E(CALICO),
	  DOCTOR_ROUTED, DOCTOR_BOTH, "nftables",
	  "azure-vnet routes each pod's veth through the node; Calico judges the same packets",
	  "set the cluster's network policy to none: az aks update --network-policy none" },
	{ "aks-overlay", "Azure CNI overlay, or with pod subnet (azure-vnet, azure-cns)",
	  DOCTOR_AKS, "azure-vnet", "azure-cns", NULL, 0,
	  DOCTOR_ROUTED, DOCTOR_SUPPORTED, "nftables",
	  "azure-vnet routes each pod's veth through the node, and every packet passes its netfilter", NULL },
	{ "aks-bridge", "Azure CNI in bridge mode (older node images)",
	  DOCTOR_AKS, "azure-vnet", NULL, "bridge", 0,
	  DOCTOR_BRIDGED, DOCTOR_SUPPORTED, "nftables",
	  "pods hang on the bridge azure0; with br_netfilter their packets pass the node's netfilter", NULL },
	{ "aks", "Azure CNI (azure-vnet, azure-vnet-ipam)",
	  DOCTOR_AKS, "azure-vnet", NULL, NULL, 0,
	  DOCTOR_ROUTED, DOCTOR_SUPPORTED, "nftables",
	  "azure-vnet routes each pod's veth through the node, and every packet passes its netfilter", NULL },
	{ "aks-kubenet-calico", "kubenet with network policy calico (calico, host-local)",
	  DOCTOR_AKS, "calico", "host-local", NULL, 0,
	  DOCTOR_ROUTED, DOCTOR_BOTH, "nftables",
	  "Calico routes each pod's veth through the node, and judges NetworkPolicies itself",
	  "create the cluster with --network-policy none" },
	{ "aks-kubenet", "kubenet (bridge cbr0)",
	  DOCTOR_AKS, "bridge", NULL, NULL, 0,
	  DOCTOR_BRIDGED, DOCTOR_SUPPORTED, "nftables",
	  "pods hang on the bridge cbr0; with br_netfilter their packets pass the node's netfilter", NULL },

	/* EKS */
	{ "eks-calico", "VPC CNI, Calico for policy",
	  DOCTOR_EKS, "aws-cni", NULL, NULL, E(CALICO),
	  DOCTOR_ROUTED, DOCTOR_BOTH, "nftables",
	  "the VPC CNI routes each pod's veth through the node; Calico judges the same packets",
	  "uninstall Calico, which does nothing else here" },
	{ "eks-agent", "VPC CNI, with its network policy agent",
	  DOCTOR_EKS, "aws-cni", NULL, NULL, E(AWS_AGENT),
	  DOCTOR_ROUTED, DOCTOR_BOTH, "nftables",
	  "the VPC CNI routes each pod's veth through the node; its agent judges the same packets at the veth",
	  "set enableNetworkPolicy: false in the add-on vpc-cni" },
	{ "eks", "VPC CNI (aws-cni)",
	  DOCTOR_EKS, "aws-cni", NULL, NULL, 0,
	  DOCTOR_ROUTED, DOCTOR_SUPPORTED, "nftables",
	  "the VPC CNI routes each pod's veth through the node, and every packet passes its netfilter", NULL },
	{ "eks-calico-network", "Calico for network and policy",
	  DOCTOR_EKS, "calico", NULL, NULL, 0,
	  DOCTOR_ROUTED, DOCTOR_BOTH, "nftables",
	  "Calico routes each pod's veth through the node, and judges NetworkPolicies itself",
	  "nothing switches NetworkPolicies off in Calico: give both the same, or use the VPC CNI" },

	/* machines */
	{ "canal", "canal: flannel's network, Calico's policy (calico, host-local)",
	  DOCTOR_MACHINES, "calico", "host-local", NULL, 0,
	  DOCTOR_ROUTED, DOCTOR_BOTH, "nftables",
	  "Calico routes each pod's veth through the node, and judges NetworkPolicies itself",
	  "use flannel alone: weir takes the part of Calico" },
	{ "calico", "Calico",
	  DOCTOR_MACHINES, "calico", NULL, NULL, 0,
	  DOCTOR_ROUTED, DOCTOR_BOTH, "nftables",
	  "Calico routes each pod's veth through the node, and judges NetworkPolicies itself",
	  "nothing switches NetworkPolicies off in Calico: a connection passes when both let it" },
	{ "kube-router", "kube-router",
	  DOCTOR_ANY_CLUSTER, "bridge", NULL, NULL, E(KUBE_ROUTER),
	  DOCTOR_BRIDGED, DOCTOR_BOTH, "nftables",
	  "pods hang on a bridge; kube-router's firewall judges the same packets",
	  "start kube-router with --run-firewall=false" },
	{ "weave", "Weave Net",
	  DOCTOR_ANY_CLUSTER, "weave-net", NULL, NULL, 0,
	  DOCTOR_BRIDGED, DOCTOR_BOTH, "nftables",
	  "pods hang on the bridge weave; Weave NPC judges the same packets",
	  "start Weave Net with EXPECT_NPC=0 and without weave-npc" },
	{ "flannel", "flannel",
	  DOCTOR_ANY_CLUSTER, "flannel", NULL, NULL, 0,
	  DOCTOR_BRIDGED, DOCTOR_SUPPORTED, "nftables",
	  "flannel has pods hang on the bridge cni0; with br_netfilter their packets pass the node's netfilter", NULL },
	{ "bridge", "bridge (also kubenet)",
	  DOCTOR_ANY_CLUSTER, "bridge", NULL, NULL, 0,
	  DOCTOR_BRIDGED, DOCTOR_SUPPORTED, "nftables",
	  "pods hang on a bridge; with br_netfilter their packets pass the node's netfilter", NULL },
	{ "ptp", "ptp (also kindnet)",
	  DOCTOR_ANY_CLUSTER, "ptp", NULL, NULL, 0,
	  DOCTOR_ROUTED, DOCTOR_SUPPORTED, "nftables",
	  "ptp routes each pod's veth through the node, and every packet passes its netfilter", NULL },
	{ "multus", "Multus",
	  DOCTOR_ANY_CLUSTER, "multus|multus-shim", NULL, NULL, 0,
	  DOCTOR_ATTACH_UNKNOWN, DOCTOR_UNKNOWN, "nftables",
	  "Multus calls other plugins: which of these attaches eth0 decides",
	  "put weir into the chain of Multus's default network, and look that network up here" },
	{ "other", "any other",
	  DOCTOR_ANY_CLUSTER, NULL, NULL, NULL, 0,
	  DOCTOR_ATTACH_UNKNOWN, DOCTOR_UNKNOWN, "nftables",
	  "this primary CNI is not known here; nftables can judge what passes the node's netfilter",
	  "try it: deny a pod everything, and see with weirctl flows whether that is so" },
};
/* clang-format on */

/* word is one of "a|b|c" */
static bool is_one_of(const char *word, const char *list)
{
	size_t len = strlen(word);

	for (const char *at = list; at; at = strchr(at, '|')) {
		at += *at == '|';
		if (!strncmp(at, word, len) && (at[len] == 0 || at[len] == '|'))
			return true;
	}
	return false;
}

static bool fits(const struct doctor_choice *c, enum doctor_cluster cluster,
		 const struct doctor_network *network, unsigned engines)
{
	return (c->clusters & cluster) && (!c->plugin || is_one_of(network->primary, c->plugin)) &&
	       (!c->ipam || !strcmp(c->ipam, network->ipam)) &&
	       (!c->mode || !strcmp(c->mode, network->mode)) &&
	       (engines & c->engines) == c->engines;
}

const struct doctor_choice *doctor_choose(enum doctor_cluster cluster,
					  const struct doctor_network *network, unsigned engines)
{
	const struct doctor_choice *c = doctor_choices;

	while (!fits(c, cluster, network, engines))
		c++;
	return c;
}

const char *doctor_support_name(enum doctor_support support)
{
	static const char *const names[] = {
		[DOCTOR_SUPPORTED] = "yes",
		[DOCTOR_BOTH] = "yes, two engines",
		[DOCTOR_UNKNOWN] = "not known",
		[DOCTOR_NOT_SUPPORTED] = "no",
	};
	_Static_assert(WEIR_ARRAY_SIZE(names) == DOCTOR_SUPPORT_MAX, "a name for each");

	return names[support];
}

void doctor_check_backend(const struct doctor *d, struct doctor_finding *f)
{
	static const enum doctor_result results[] = {
		[DOCTOR_SUPPORTED] = DOCTOR_OK,
		[DOCTOR_BOTH] = DOCTOR_WARN,
		[DOCTOR_UNKNOWN] = DOCTOR_WARN,
		[DOCTOR_NOT_SUPPORTED] = DOCTOR_FAIL,
	};
	const struct doctor_choice *c = d->choice;
	const char *in_use = weirctl_text(weirctl_member(d->status, "backend"), "name");

	doctor_say(f, results[c->support], "%s: %s (%s)", c->backend ?: "not supported", c->why,
		   c->id);
	if (c->advice)
		doctor_advise(f, "%s", c->advice);
	if (c->backend && *in_use && strcmp(in_use, c->backend)) {
		doctor_say(f, DOCTOR_WARN, "%s would be right: %s (%s); in use is %s", c->backend,
			   c->why, c->id, in_use);
		doctor_advise(f, "set backend: %s in weird.yaml", c->backend);
	}
}
