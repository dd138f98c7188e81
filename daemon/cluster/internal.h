/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The inside of struct weir_cluster, for the files of this folder. */
#include "daemon/cluster/addresses.h"
#include "daemon/cluster/cluster.h"
#include "daemon/cluster/registry.h"

struct weir_grave {
	enum weir_object_kind kind;
	void *object;
};

/* A pod of this node: what CNI told, and the pod made of that and the
 * manifest, which stands in the manifest's place everywhere. */
struct weir_local {
	const char *namespace_, *name; /* interned */
	struct weir_uid uid;
	struct weir_local *next; /* of the same name, came before */
	struct weir_pod *pod;
	bool known; /* there is, or was, a manifest for it */
	bool isolate;
	size_t n_addrs;
	struct weir_addr addrs[];
};

struct weir_cluster {
	struct weir_pool *pool;
	struct weir_compiler *compiler;
	struct weir_compiler *staged;		      /* lend.c; NULL: there is none now */
	uint32_t n_staged;			      /* policies */
	const char *node;			      /* interned; NULL: not told */
	struct weir_registry tables[WEIR_OBJECT_MAX]; /* as the source has them */
	struct weir_registry locals;		      /* the first of each name */
	struct weir_addresses nodes_by_addr, services_by_addr;
	uint64_t clock;	  /* of claims to addresses */
	uint64_t forms;	  /* of policies */
	uint64_t listing; /* the time of all that a list tells; 0: no list is coming in */
	struct weir_policy *isolation; /* of pods that the source does not know; made when needed */
	const struct weir_labels *isolated; /* what it selects */
	struct weir_grave *graves;
	size_t n_graves, size_graves;
	uint64_t changes, changes_of[WEIR_OBJECT_MAX];
};

/* The key of these plain strings; false when one is not interned, that is:
 * when no object can have it. NULL stays NULL. */
bool weir_cluster_name(const struct weir_cluster *c, const char *kind, const char *ns,
		       const char *name, struct weir_name *ret);
/* The two forms of an object are one to everybody who asks the cluster. */
bool weir_cluster_same(enum weir_object_kind kind, const void *a, const void *b);
/* Frees the object after the next commit. */
void weir_cluster_bury(struct weir_cluster *c, enum weir_object_kind kind, void *object);

/* lend.c: what the compilers are told of; NULL is nothing to take back */

int weir_cluster_lend(struct weir_cluster *c, enum weir_object_kind kind, const void *object);
void weir_cluster_take_back(struct weir_cluster *c, enum weir_object_kind kind, const void *object);

/* local.c: pods of this node */

struct weir_local *weir_cluster_local(const struct weir_cluster *c, struct weir_name key);
/* The endpoint that stands in its place; NULL: it stands for itself. */
struct weir_local *weir_cluster_stand_in(const struct weir_cluster *c,
					 const struct weir_pod *manifest);
/* A manifest came, in place of old (may be NULL), which has left. */
int weir_cluster_enter_manifest(struct weir_cluster *c, struct weir_pod *pod,
				const struct weir_pod *old);
void weir_cluster_leave_manifest(struct weir_cluster *c, struct weir_pod *pod);

/* unknown.c */

/* Labels of pods that are to be isolated; their policy is in force from then on. */
int weir_cluster_isolation(struct weir_cluster *c, const struct weir_labels **ret);
void weir_cluster_free_isolation(struct weir_cluster *c);
