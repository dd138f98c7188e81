/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of backends: each row can be reached and is what its facts give, no row
 * promises what it can't hold, and docs/BACKEND-CHOICE.md says the same.
 */
#include "cli/doctor/doctor.h"

#include <string.h>

#include "tests/unit/cli/support.h"

static const struct {
	enum doctor_cluster cluster;
	const char *primary, *ipam, *mode;
	unsigned engines;
	const char *row;
} cases[] = {
	{ DOCTOR_AKS, "azure-vnet", "azure-vnet-ipam", "transparent", 0, "aks" },
	{ DOCTOR_AKS, "azure-vnet", "azure-vnet-ipam", "bridge", 0, "aks-bridge" },
	{ DOCTOR_AKS, "azure-vnet", "azure-cns", "transparent", 0, "aks-overlay" },
	{ DOCTOR_AKS, "azure-vnet", "azure-cns", "transparent", DOCTOR_ENGINE(DOCTOR_AZURE_NPM),
	  "aks-npm" },
	{ DOCTOR_AKS, "azure-vnet", "azure-cns", "transparent", DOCTOR_ENGINE(DOCTOR_CALICO),
	  "aks-calico" },
	{ DOCTOR_AKS, "cilium-cni", "azure-ipam", "", DOCTOR_ENGINE(DOCTOR_CILIUM), "aks-cilium" },
	{ DOCTOR_AKS, "bridge", "host-local", "", 0, "aks-kubenet" },
	{ DOCTOR_AKS, "calico", "host-local", "", DOCTOR_ENGINE(DOCTOR_CALICO),
	  "aks-kubenet-calico" },
	{ DOCTOR_EKS, "aws-cni", "", "", 0, "eks" },
	{ DOCTOR_EKS, "aws-cni", "", "", DOCTOR_ENGINE(DOCTOR_AWS_AGENT), "eks-agent" },
	{ DOCTOR_EKS, "aws-cni", "", "", DOCTOR_ENGINE(DOCTOR_CALICO), "eks-calico" },
	{ DOCTOR_EKS, "aws-cni", "", "",
	  DOCTOR_ENGINE(DOCTOR_CALICO) | DOCTOR_ENGINE(DOCTOR_CALICO_BPF), "calico-bpf" },
	{ DOCTOR_EKS, "calico", "calico-ipam", "", DOCTOR_ENGINE(DOCTOR_CALICO),
	  "eks-calico-network" },
	{ DOCTOR_EKS, "cilium-cni", "", "", DOCTOR_ENGINE(DOCTOR_CILIUM), "cilium" },
	{ DOCTOR_MACHINES, "calico", "calico-ipam", "", DOCTOR_ENGINE(DOCTOR_CALICO), "calico" },
	{ DOCTOR_MACHINES, "calico", "calico-ipam", "", 0, "calico" },
	{ DOCTOR_MACHINES, "calico", "host-local", "", 0, "canal" },
	{ DOCTOR_MACHINES, "cilium-cni", "", "", DOCTOR_ENGINE(DOCTOR_CILIUM), "cilium" },
	{ DOCTOR_MACHINES, "cilium-cni", "", "",
	  DOCTOR_ENGINE(DOCTOR_CILIUM) | DOCTOR_ENGINE(DOCTOR_CILIUM_STACK), "cilium-stack" },
	{ DOCTOR_MACHINES, "flannel", "", "", 0, "flannel" },
	{ DOCTOR_MACHINES, "bridge", "host-local", "", 0, "bridge" },
	{ DOCTOR_MACHINES, "bridge", "host-local", "", DOCTOR_ENGINE(DOCTOR_KUBE_ROUTER),
	  "kube-router" },
	{ DOCTOR_MACHINES, "ptp", "host-local", "", 0, "ptp" },
	{ DOCTOR_MACHINES, "weave-net", "", "", DOCTOR_ENGINE(DOCTOR_WEAVE), "weave" },
	{ DOCTOR_MACHINES, "macvlan", "dhcp", "bridge", 0, "direct" },
	{ DOCTOR_MACHINES, "sriov", "", "", 0, "direct" },
	{ DOCTOR_MACHINES, "antrea", "host-local", "", 0, "ovs" },
	{ DOCTOR_MACHINES, "multus", "", "", 0, "multus" },
	{ DOCTOR_MACHINES, "vlanx", "", "", 0, "other" },
	{ DOCTOR_MACHINES, "mac", "", "", 0, "other" },
	{ DOCTOR_MACHINES, "", "", "", 0, "other" },
};

static void test_every_case(void **state)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct doctor_network network = { .weir = -1 };
		const struct doctor_choice *c;

		snprintf(network.primary, sizeof(network.primary), "%s", cases[i].primary);
		snprintf(network.ipam, sizeof(network.ipam), "%s", cases[i].ipam);
		snprintf(network.mode, sizeof(network.mode), "%s", cases[i].mode);
		c = doctor_choose(cases[i].cluster, &network, cases[i].engines);
		if (strcmp(c->id, cases[i].row))
			fail_msg("case %zu: row %s, want %s", i, c->id, cases[i].row);
	}
}

static const struct doctor_choice *last_row(void)
{
	const struct doctor_choice *c = doctor_choices;

	while (strcmp(c->id, "other"))
		c++;
	return c;
}

static void test_every_row_has_a_case(void **state)
{
	for (const struct doctor_choice *c = doctor_choices; c <= last_row(); c++) {
		bool found = false;

		for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++)
			found |= strcmp(cases[i].row, c->id) == 0;
		if (!found)
			fail_msg("no case for row %s", c->id);
	}
}

/* What is not seen by netfilter is not promised; what isn't simply right has an advice. */
static void test_rows_are_honest(void **state)
{
	for (const struct doctor_choice *c = doctor_choices; c <= last_row(); c++) {
		bool blind = c->attach == DOCTOR_BY_BPF || c->attach == DOCTOR_BY_SWITCH ||
			     c->attach == DOCTOR_DIRECT;

		assert_int_equal(blind, c->support == DOCTOR_NOT_SUPPORTED);
		assert_int_equal(blind, c->backend == NULL);
		assert_int_equal(c->support == DOCTOR_SUPPORTED, c->advice == NULL);
	}
}

static void row_of_document(const struct doctor_choice *c, char *buf, size_t size)
{
	const char *cluster = c->clusters == DOCTOR_ANY_CLUSTER
				      ? "any"
				      : doctor_cluster_name((enum doctor_cluster)c->clusters);

	snprintf(buf, size, "| `%s` | %s | %s | %s | %s | %s%s%s |\n", c->id, cluster, c->words,
		 doctor_attach_name(c->attach), doctor_support_name(c->support), c->why,
		 c->advice ? ". **Do:** " : "", c->advice ?: "");
}

static void test_document_has_the_same_rows(void **state)
{
	const char *top = getenv("top_srcdir");
	char path[4096], text[65536], row[1024];
	const char *at = text;
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "%s/docs/BACKEND-CHOICE.md", top ?: ".");
	f = fopen(path, "r");
	assert_non_null(f);
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = 0;
	for (const struct doctor_choice *c = doctor_choices; c <= last_row(); c++) {
		const char *found;

		row_of_document(c, row, sizeof(row));
		found = strstr(at, row);
		if (!found)
			fail_msg("docs/BACKEND-CHOICE.md lacks, in this order: %s", row);
		at = found + strlen(row);
	}
	assert_null(strstr(at, "\n| `"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_case),
		cmocka_unit_test(test_every_row_has_a_case),
		cmocka_unit_test(test_rows_are_honest),
		cmocka_unit_test(test_document_has_the_same_rows),
	};
	char row[1024];

	/* for whoever writes the document */
	if (argc > 1 && !strcmp(argv[1], "--print")) {
		for (const struct doctor_choice *c = doctor_choices; c <= last_row(); c++) {
			row_of_document(c, row, sizeof(row));
			fputs(row, stdout);
		}
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
