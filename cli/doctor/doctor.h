/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * weirctl doctor: is this node fit for weir, and which backend is right for it?
 * First everything is looked at once (struct doctor), then each check of the
 * table in checks.c judges what was seen. Nothing is ever changed: files are
 * read, and where a file can't tell, a system call that only asks is made.
 *
 * All files are looked for below a root, so that tests (and the image of another
 * node) can be looked at; what only system calls know is then left out.
 */
#include <stdbool.h>
#include <stddef.h>

#include "cli/weirctl.h"

enum doctor_result { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL, DOCTOR_RESULT_MAX };
const char *doctor_result_name(enum doctor_result result);

/* --- what the node is (machine.c, network.c, links.c, engines.c) ------------------ */

enum doctor_cluster {
	DOCTOR_AKS = 1,
	DOCTOR_EKS = 2,
	DOCTOR_MACHINES = 4, /* neither, as far as the node shows */
};
#define DOCTOR_ANY_CLUSTER (DOCTOR_AKS | DOCTOR_EKS | DOCTOR_MACHINES)

/* How a pod's packets get to the node. */
enum doctor_attach {
	DOCTOR_ROUTED,	  /* veth, the node routes */
	DOCTOR_BRIDGED,	  /* veth on a Linux bridge */
	DOCTOR_BY_BPF,	  /* veth, but BPF programs carry packets past the node's stack */
	DOCTOR_BY_SWITCH, /* Open vSwitch */
	DOCTOR_DIRECT,	  /* ipvlan, macvlan or a device of its own: the node sees nothing */
	DOCTOR_ATTACH_UNKNOWN,
	DOCTOR_ATTACH_MAX
};
const char *doctor_attach_name(enum doctor_attach attach);

/* Somebody else who judges packets of pods, as a set of bits. */
enum doctor_engine {
	DOCTOR_CALICO,
	DOCTOR_CALICO_BPF,
	DOCTOR_AZURE_NPM,
	DOCTOR_AWS_AGENT,
	DOCTOR_CILIUM,
	DOCTOR_CILIUM_STACK, /* Cilium that leaves forwarding to the node's stack */
	DOCTOR_KUBE_ROUTER,
	DOCTOR_WEAVE,
	DOCTOR_ENGINE_MAX
};
#define DOCTOR_ENGINE(e) (1u << (e))
/* "Calico, Azure NPM" into buf; "none" */
const char *doctor_engine_names(unsigned engines, char *buf, size_t size);

#define DOCTOR_NAME_MAX	   64
#define DOCTOR_PLUGINS_MAX 16

/* The network that a container runtime takes from the folder: its first valid file. */
struct doctor_network {
	const char *conf_dir; /* where it was found; NULL: no configuration at all */
	const char *bin_dir;  /* where its first plugin is; NULL: nowhere */
	char file[256], name[DOCTOR_NAME_MAX];
	char plugins[DOCTOR_PLUGINS_MAX][DOCTOR_NAME_MAX]; /* their types, in order */
	size_t n_plugins;
	char primary[DOCTOR_NAME_MAX], ipam[DOCTOR_NAME_MAX], mode[DOCTOR_NAME_MAX];
	int weir;      /* index of weir in plugins; -1: not there */
	bool binary;   /* the plugin weir is in bin_dir */
	char bad[512]; /* files that a runtime skips, and why; "" */
};

struct doctor_links {
	unsigned bridged, routed; /* host ends of veth pairs that look like pods' */
	char bridge[DOCTOR_NAME_MAX];
};

struct doctor_choice;

struct doctor {
	const struct weirctl *ctl;
	const char *root; /* "" : this machine */
	enum doctor_cluster cluster;
	struct doctor_network network;
	struct doctor_links links;
	unsigned engines; /* DOCTOR_ENGINE() bits */
	const struct doctor_choice *choice;
	cJSON *status;		     /* of weird; NULL: it does not answer */
	struct weir_error no_status; /* why */
};

enum doctor_cluster doctor_find_cluster(const struct doctor *d);
const char *doctor_cluster_name(enum doctor_cluster cluster);
void doctor_find_network(const struct doctor *d, struct doctor_network *ret);
void doctor_find_links(const struct doctor *d, struct doctor_links *ret);
unsigned doctor_find_engines(const struct doctor *d);

/* --- which backend (choice.c): the table of docs/BACKEND-CHOICE.md ------------------ */

enum doctor_support {
	DOCTOR_SUPPORTED,
	DOCTOR_BOTH,	/* works, but another engine judges the same packets */
	DOCTOR_UNKNOWN, /* nobody has looked at this combination */
	DOCTOR_NOT_SUPPORTED,
	DOCTOR_SUPPORT_MAX
};
const char *doctor_support_name(enum doctor_support support);

struct doctor_choice {
	const char *id;
	const char *words; /* the primary CNI, for people */
	/* it is this row when all of these hold; NULL and 0: whatever it is */
	unsigned clusters;
	const char *plugin; /* types of the first plugin: "ipvlan|macvlan" */
	const char *ipam;   /* type of its ipam */
	const char *mode;   /* its "mode" */
	unsigned engines;   /* all of these are at work */
	/* what follows */
	enum doctor_attach attach;
	enum doctor_support support;
	const char *backend; /* NULL: none can */
	const char *why, *advice;
};
extern const struct doctor_choice doctor_choices[]; /* the last one fits everything */
const struct doctor_choice *doctor_choose(enum doctor_cluster cluster,
					  const struct doctor_network *network, unsigned engines);

/* --- checks ----------------------------------------------------------------------------- */

struct doctor_finding {
	enum doctor_result result;
	char found[640];
	char advice[512]; /* "": nothing to do */
};

struct doctor_check {
	const char *area, *name;
	void (*run)(const struct doctor *d, struct doctor_finding *ret);
	bool here; /* only for this machine */
};
extern const struct doctor_check doctor_checks[]; /* ended by a NULL name */

void doctor_say(struct doctor_finding *f, enum doctor_result result, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void doctor_advise(struct doctor_finding *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

void doctor_check_kernel(const struct doctor *d, struct doctor_finding *f);
void doctor_check_nf_tables(const struct doctor *d, struct doctor_finding *f);
void doctor_check_conntrack(const struct doctor *d, struct doctor_finding *f);
void doctor_check_br_netfilter(const struct doctor *d, struct doctor_finding *f);
void doctor_check_nflog(const struct doctor *d, struct doctor_finding *f);
void doctor_check_btf(const struct doctor *d, struct doctor_finding *f);
void doctor_check_bpf_fs(const struct doctor *d, struct doctor_finding *f);
void doctor_check_bpf_netfilter(const struct doctor *d, struct doctor_finding *f);

void doctor_check_records(const struct doctor *d, struct doctor_finding *f);
void doctor_check_conntrack_size(const struct doctor *d, struct doctor_finding *f);
void doctor_check_bridge_settings(const struct doctor *d, struct doctor_finding *f);
void doctor_check_forwarding(const struct doctor *d, struct doctor_finding *f);
void doctor_check_rp_filter(const struct doctor *d, struct doctor_finding *f);

void doctor_check_primary(const struct doctor *d, struct doctor_finding *f);
void doctor_check_attach(const struct doctor *d, struct doctor_finding *f);
void doctor_check_engines(const struct doctor *d, struct doctor_finding *f);
void doctor_check_backend(const struct doctor *d, struct doctor_finding *f);
void doctor_check_plugin(const struct doctor *d, struct doctor_finding *f);
void doctor_check_chain(const struct doctor *d, struct doctor_finding *f);

void doctor_check_rights(const struct doctor *d, struct doctor_finding *f);
void doctor_check_weird(const struct doctor *d, struct doctor_finding *f);
void doctor_check_source(const struct doctor *d, struct doctor_finding *f);
void doctor_check_clock(const struct doctor *d, struct doctor_finding *f);

/* --- files below the root (files.c) -------------------------------------------------------- */

bool doctor_exists(const struct doctor *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The whole file, NUL-terminated, malloc'd; NULL when it can't be read. */
char *doctor_read(const struct doctor *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The number that a file begins with; false when there is none. */
bool doctor_number(const struct doctor *d, const char *path, long *ret);
/* Names in a folder, sorted by byte; 0 when it is not there. Free with
 * doctor_free_names(). */
size_t doctor_names(const struct doctor *d, const char *path, char ***ret);
void doctor_free_names(char **names, size_t n);

/* --- questions to the kernel (probe.c): they change nothing, and load no module -------------- */

/* 0: nf_tables answers; -errno */
int doctor_probe_nf_tables(void);
/* 0: a BPF netfilter program is accepted (and dropped at once); -errno */
int doctor_probe_bpf_netfilter(void);
/* Calls back with the name of each nf_tables chain, all families; -errno */
int doctor_probe_chains(void (*chain)(void *data, const char *name), void *data);
