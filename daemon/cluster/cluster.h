/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What exists in the cluster, as the source tells it, joined with what CNI
 * tells of this node's pods. Owns the objects; lends them to the compiler.
 * Called with the world's lock held. set_ functions own the object from the call on,
 * also when they fail.
 *
 * A pod is a namespace, a name and a uid: one that is replaced under its name is
 * another pod. The source has one pod of each name; endpoints of this node may
 * be several, while the sandbox of the pod before has not been removed yet.
 *
 * A local endpoint (weir_cluster_set_local) makes its pod "local": labels and
 * ports from the manifest with its uid, addresses from CNI. Where one of the
 * two knows no uid the name is all there is to go by, and enough. Once it had
 * labels it keeps them until CNI takes it away, also when its manifest goes:
 * no policy lets go of a pod that may still run.
 */
#include "weir/compiler.h"
#include "weir/object.h"
#include "weir/policy.h"

struct weir_cluster;

enum weir_object_kind {
	WEIR_OBJECT_NAMESPACE,
	WEIR_OBJECT_POD,
	WEIR_OBJECT_NODE,
	WEIR_OBJECT_SERVICE,
	WEIR_OBJECT_POLICY,
	WEIR_OBJECT_DOMAIN, /* not of the source: learned on this node */
	WEIR_OBJECT_MAX
};

int weir_cluster_new(struct weir_pool *pool, struct weir_compiler *compiler,
		     struct weir_cluster **ret);
void weir_cluster_free(struct weir_cluster **cluster);

/* Which node is ours. A pod that its manifest puts on this node is enforced from
 * what the manifest says, also when no CNI ADD told of it: it ran before weir
 * came. NULL or never called: no pod is. */
int weir_cluster_set_node_name(struct weir_cluster *c, const char *node);

/* Take over an object, in place of one with the same name. One that says nothing
 * new is no change. */
int weir_cluster_set_namespace(struct weir_cluster *c, struct weir_namespace *ns);
int weir_cluster_set_pod(struct weir_cluster *c, struct weir_pod *pod);
int weir_cluster_set_node(struct weir_cluster *c, struct weir_node *node);
int weir_cluster_set_service(struct weir_cluster *c, struct weir_service *service);
int weir_cluster_set_policy(struct weir_cluster *c, struct weir_policy *policy);
int weir_cluster_set_domain(struct weir_cluster *c, struct weir_domain *domain);
/* Pods set between the two are from a list, whose order tells nothing of which
 * came first (weir_pod_compare_claims). A sweep of pods ends it, too. */
void weir_cluster_begin_list(struct weir_cluster *c);
void weir_cluster_end_list(struct weir_cluster *c);
/* Removing what does not exist is no error. Plain C strings. */
void weir_cluster_remove_namespace(struct weir_cluster *c, const char *name);
void weir_cluster_remove_pod(struct weir_cluster *c, const char *ns, const char *name);
/* Only if it is this one: news of the end of a pod may come after its successor. */
void weir_cluster_remove_pod_uid(struct weir_cluster *c, const char *ns, const char *name,
				 const struct weir_uid *uid);
void weir_cluster_remove_node(struct weir_cluster *c, const char *name);
void weir_cluster_remove_service(struct weir_cluster *c, const char *ns, const char *name);
void weir_cluster_remove_policy(struct weir_cluster *c, const char *kind, const char *ns,
				const char *name);
void weir_cluster_remove_domain(struct weir_cluster *c, const char *name);

/* Removes the objects of a kind (of policies: of this kind of policy) for which
 * stays is false: what a complete list did not name. Interned strings. */
int weir_cluster_sweep(struct weir_cluster *c, enum weir_object_kind kind, const char *policy_kind,
		       bool (*stays)(void *data, const char *ns, const char *name), void *data);
/* How many times an object came, changed or went, since the start. */
uint64_t weir_cluster_changes(const struct weir_cluster *c);
/* The same, of one kind. */
uint64_t weir_cluster_changes_of(const struct weir_cluster *c, enum weir_object_kind kind);

/* This node has a pod of that name and uid (all zero: CNI told none) with these
 * addresses / has it no longer. isolate: until the source knows it, nothing
 * passes in or out, by a policy of the kind "weir"; else it is a pod without labels. */
int weir_cluster_set_local(struct weir_cluster *c, const char *ns, const char *pod,
			   const struct weir_uid *uid, const struct weir_addr *addrs, size_t n,
			   bool isolate);
void weir_cluster_remove_local(struct weir_cluster *c, const char *ns, const char *pod,
			       const struct weir_uid *uid);

/* While policies are staged: what would be, if they were not. A compiler that
 * follows the cluster as the enforced one does, one commit of its own behind it;
 * NULL: nothing is staged, or memory is short. */
const struct weir_compiler *weir_cluster_staged(const struct weir_cluster *c);
/* Its commit; before weir_cluster_reap. */
int weir_cluster_stage(struct weir_cluster *c, struct weir_error *err);

/* Objects replaced or removed stay alive until this, called after each commit. */
void weir_cluster_reap(struct weir_cluster *c);

/* Look-ups for flow records, explain and the CLI; NULL when there is none. By
 * name: the pod that the source has, else the endpoint that came last. By
 * address: as of the last commit. */
const struct weir_pod *weir_cluster_pod(const struct weir_cluster *c, const char *ns,
					const char *name);
const struct weir_pod *weir_cluster_pod_by_addr(const struct weir_cluster *c,
						const struct weir_addr *addr);
/* The pod of an endpoint, as it was set with weir_cluster_set_local. */
const struct weir_pod *weir_cluster_local_pod(const struct weir_cluster *c, const char *ns,
					      const char *name, const struct weir_uid *uid);
/* Has the source told of that very pod (of any of that name when uid is unknown)? */
bool weir_cluster_knows(const struct weir_cluster *c, const char *ns, const char *name,
			const struct weir_uid *uid);
/* Has the source ever told of this endpoint's pod? Without, it may be isolated. */
bool weir_cluster_was_known(const struct weir_cluster *c, const struct weir_pod *endpoint);
const struct weir_node *weir_cluster_node(const struct weir_cluster *c, const char *name);
const struct weir_node *weir_cluster_node_by_addr(const struct weir_cluster *c,
						  const struct weir_addr *addr);
const struct weir_service *weir_cluster_service(const struct weir_cluster *c, const char *ns,
						const char *name);
const struct weir_service *weir_cluster_service_by_addr(const struct weir_cluster *c,
							const struct weir_addr *addr,
							uint8_t protocol, uint16_t port);
const struct weir_namespace *weir_cluster_namespace(const struct weir_cluster *c, const char *name);

/* namespace_ NULL: cluster-wide. */
const struct weir_policy *weir_cluster_policy(const struct weir_cluster *c, const char *kind,
					      const char *ns, const char *name);

/* fn for each, in no particular order; ends early when fn returns non-zero. */
int weir_cluster_each_namespace(const struct weir_cluster *c,
				int (*fn)(void *data, const struct weir_namespace *ns), void *data);
int weir_cluster_each_node(const struct weir_cluster *c,
			   int (*fn)(void *data, const struct weir_node *node), void *data);
int weir_cluster_each_domain(const struct weir_cluster *c,
			     int (*fn)(void *data, const struct weir_domain *domain), void *data);
int weir_cluster_each_policy(const struct weir_cluster *c,
			     int (*fn)(void *data, const struct weir_policy *p), void *data);
int weir_cluster_each_pod(const struct weir_cluster *c,
			  int (*fn)(void *data, const struct weir_pod *p), void *data);

struct weir_cluster_counts {
	uint32_t namespaces, pods, nodes, services, policies;
};
void weir_cluster_counts(const struct weir_cluster *c, struct weir_cluster_counts *ret);
