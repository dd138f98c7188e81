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
	struct weir_pod *pod;
	size_t n_addrs;
	struct weir_addr addrs[];
};

struct weir_cluster {
	struct weir_pool *pool;
	struct weir_compiler *compiler;
	const char *node;			      /* interned; NULL: not told */
	struct weir_registry tables[WEIR_OBJECT_MAX]; /* as the source has them */
	struct weir_registry locals;
	struct weir_addresses pods_by_addr, nodes_by_addr, services_by_addr;
	struct weir_grave *graves;
	size_t n_graves, size_graves;
	uint64_t changes;
};

/* The key of these plain strings; false when one is not interned, that is:
 * when no object can have it. NULL stays NULL. */
bool weir_cluster_name(const struct weir_cluster *c, const char *kind, const char *ns,
		       const char *name, struct weir_name *ret);
/* The two forms of an object are one to everybody who asks the cluster. */
bool weir_cluster_same(enum weir_object_kind kind, const void *a, const void *b);
/* Frees the object after the next commit. */
void weir_cluster_bury(struct weir_cluster *c, enum weir_object_kind kind, void *object);
/* The pod of a manifest counts: becomes local when it runs on our node. */
int weir_cluster_enter_manifest(struct weir_cluster *c, struct weir_pod *pod);
/* The pod that counts: in the compiler and in the index. */
int weir_cluster_enter_pod(struct weir_cluster *c, struct weir_pod *pod);
void weir_cluster_leave_pod(struct weir_cluster *c, struct weir_pod *pod);
struct weir_local *weir_cluster_local(const struct weir_cluster *c, struct weir_name key);
/* Make the local pod again, with what the manifest (or NULL) says. */
int weir_cluster_local_update(struct weir_cluster *c, struct weir_local *local,
			      const struct weir_pod *manifest);
