/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What would happen with other policies? A child of the daemon, which has a
 * copy of the world for nothing, compiles the cluster as it is and as it would
 * be, with every pod of the cluster as an endpoint, and compares the two. The
 * daemon goes on meanwhile; what a question costs is bounded, and ends with the child.
 *
 *	child.c    the process, its limits, its answer
 *	question.c what is asked, and the order of the steps below
 *	overlay.c  the policies of the question, put into the child's cluster
 *	compile.c  a cluster, compiled with all pods as endpoints
 *	groups.c   who is alike in both compiles
 *	pairs.c    which pairs of groups, and which ports, get another verdict
 *	flows.c    which recorded connections do
 *	report.c   the answer's JSON
 *
 * docs/RPC.md, method "simulate", is the specification.
 */
#include <cjson/cJSON.h>
#include <uthash.h>

#include "daemon/cluster/cluster.h"
#include "daemon/rpc/server.h"
#include "daemon/weird.h"
#include "daemon/world.h"
#include "weir/compiler.h"

/* --- child.c -------------------------------------------------------------------- */

#define WEIR_SIMULATE_MS     60000	  /* then the child is killed */
#define WEIR_SIMULATE_MEMORY (2ull << 30) /* bytes beyond those the daemon has */

struct weir_simulation;

/* Answers later; one question at a time, for another one the answer is an error. */
void weir_simulation_start(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply);
/* Ends what runs, with an error for who asked. */
void weir_simulation_stop(struct weird *d);

/* --- question.c ----------------------------------------------------------------- */

#define WEIR_SIMULATE_ROWS_MAX 10000

/* The answer to params, which were taken apart by nobody yet. Changes the world's
 * cluster, which nobody may use for anything else afterwards. */
int weir_simulate(struct weir_world *world, const cJSON *params, cJSON **ret,
		  struct weir_error *err);

/* --- overlay.c ------------------------------------------------------------------ */

/* Params "files": [{"name","text"}] and "without": ["kind/namespace/name"]. What
 * it did is added to result: "policies" and "ignored". */
int weir_simulate_overlay(struct weir_world *world, const cJSON *params, cJSON *result,
			  struct weir_error *err);

/* --- compile.c ------------------------------------------------------------------ */

enum weir_simulate_when { WEIR_BEFORE, WEIR_AFTER, WEIR_WHEN_MAX };

/* The cluster's pods, each an endpoint if it has addresses of its own. */
struct weir_simulate_pods {
	struct weir_pod *pods;
	size_t n, size;
};

struct weir_simulate_worlds {
	const struct weir_cluster *cluster;
	struct weir_simulate_pods pods;
	struct weir_compiler *compilers[WEIR_WHEN_MAX];
};

int weir_simulate_compile(struct weir_simulate_worlds *w, enum weir_simulate_when when,
			  struct weir_error *err);
void weir_simulate_worlds_clear(struct weir_simulate_worlds *w);

/* --- groups.c ------------------------------------------------------------------- */

/* Ends of connections that nothing tells apart, before or after. */
struct weir_simulate_group_key {
	const char *namespace_;		      /* of pods */
	const struct weir_workload *workload; /* of pods */
	const struct weir_ruleset *rulesets[WEIR_WHEN_MAX][WEIR_DIRECTION_MAX];
	uint32_t identities[WEIR_WHEN_MAX];
	uint8_t family;
	uint8_t kind; /* weir_simulate_end_kind */
};

enum weir_simulate_end_kind { WEIR_END_PODS, WEIR_END_NODES, WEIR_END_OUTSIDE };

struct weir_simulate_group {
	UT_hash_handle hh;
	struct weir_simulate_group_key key;
	const struct weir_pod *pod;	  /* PODS: one of them */
	const struct weir_node *node;	  /* NODES: one of them */
	struct weir_prefix prefix;	  /* OUTSIDE: what longer prefixes leave of it */
	struct weir_addr addrs[2];	  /* of one, and of another if there is one */
	uint32_t n;			  /* pods or nodes */
	bool changed[WEIR_DIRECTION_MAX]; /* other policies select them in this direction */
};

int weir_simulate_groups(const struct weir_simulate_worlds *w, struct weir_simulate_group **ret,
			 struct weir_error *err);
void weir_simulate_groups_free(struct weir_simulate_group **groups);

/* --- pairs.c -------------------------------------------------------------------- */

struct weir_simulate_ports {
	uint16_t first, last;
	uint8_t protocol; /* WEIR_PROTO_ANY: every one that has no ports */
};

/* Some ports between two groups get another verdict, for one reason. */
struct weir_simulate_change {
	const struct weir_simulate_group *src, *dst;
	struct weir_judgement judgements[WEIR_WHEN_MAX];
	const struct weir_simulate_ports *ports; /* valid during the call */
	size_t n_ports;
	double pairs; /* of pods, nodes and prefixes */
};

/* fn for each change. deadline_ms (CLOCK_MONOTONIC): then it ends, with false in *ret_complete. */
int weir_simulate_pairs(const struct weir_simulate_worlds *w,
			const struct weir_simulate_group *groups, uint64_t deadline_ms,
			int (*fn)(void *data, const struct weir_simulate_change *change),
			void *data, bool *ret_complete);

/* --- flows.c -------------------------------------------------------------------- */

/* Params "flows": flow records (docs/WIRE.md), one a line; the answer's "flows". */
int weir_simulate_flows(const struct weir_simulate_worlds *w, const struct weir_pool *pool,
			const char *records, size_t rows_max, cJSON **ret, struct weir_error *err);

/* --- report.c ------------------------------------------------------------------- */

struct weir_simulate_report;

int weir_simulate_report_new(size_t rows_max, struct weir_simulate_report **ret);
void weir_simulate_report_free(struct weir_simulate_report **report);
/* For weir_simulate_pairs(): data is the report. Changes that read the same become one row. */
int weir_simulate_report_add(void *data, const struct weir_simulate_change *change);
/* Adds "changes", "more" and "pairs" to the result. */
void weir_simulate_report_write(const struct weir_simulate_report *report, cJSON *result);
/* {"verdict","egress","ingress"} */
cJSON *weir_simulate_judgement_json(const struct weir_judgement *j);
