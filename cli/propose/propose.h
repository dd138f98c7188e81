/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Policies from flows: gather.c learns who talked to whom, policy.c writes what
 * allows that and nothing else. Pure, but for what is printed.
 */
#include <stdint.h>
#include <uthash.h>

#include "cli/weirctl.h"
#include "weir/addr.h"

/* A pod with the labels that it had last. */
struct propose_pod {
	UT_hash_handle hh;
	cJSON *labels;
	char name[];
};

/* Pods that are alike: of one workload, or one pod that is of none. */
struct propose_workload {
	UT_hash_handle hh;
	char *key;			      /* "namespace/kind/name" */
	const char *namespace_, *kind, *name; /* inside key_parts */
	char *key_parts;
	struct propose_pod *pods;
	/* Set by propose_settle(): the labels that all its pods have, and that the next ones
	 * will have; the same as text. */
	cJSON *labels;
	char *selector;
	bool self; /* is in the namespace that is asked about */
};

/* What was seen between a workload and a peer at one port. */
struct propose_edge {
	UT_hash_handle hh;
	char *key;
	struct propose_workload *own;
	struct propose_workload *peer; /* NULL: an address outside of all pods */
	char addr[WEIR_ADDR_STRLEN];
	const char *direction; /* "ingress", "egress": of own */
	char protocol[16];
	unsigned port;
	bool denied;
	bool own_node;			 /* always let in */
	double connections, first, last; /* ns since the epoch */
};

struct propose {
	const char *namespace_;
	struct propose_workload *workloads;
	struct propose_edge *edges;
};

/* One record that tells of so many connections; -ENOMEM. */
int propose_take(struct propose *p, const cJSON *record, double connections);
/* Everything was taken; both tables are in the order of their keys from here on. */
int propose_settle(struct propose *p);
void propose_clear(struct propose *p);

/* The policies as YAML with their evidence in comments; *ret_n: how many. */
int propose_write(const struct propose *p, FILE *out, unsigned *ret_n, struct weir_error *err);
