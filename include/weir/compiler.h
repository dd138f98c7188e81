/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The policy compiler: objects in, rulesets out. Pure: no I/O, no clock, no
 * log, no globals. Incremental: what an event cannot affect is not touched;
 * after any sequence of events the tables equal those of a fresh compile.
 *
 * The caller owns the objects and lends them: each stays valid and unchanged
 * from _add until the commit that follows its _remove has been freed. To
 * change an object, remove the old one and add the new one before the next
 * commit; what comes out the same is no change.
 *
 * Not thread-safe; judge may run in several threads while nobody mutates.
 */
#include "weir/error.h"
#include "weir/object.h"
#include "weir/policy.h"
#include "weir/ruleset.h"

struct weir_compiler;

int weir_compiler_new(struct weir_compiler **ret);
void weir_compiler_free(struct weir_compiler **c);
/* Staged policies count as enforced. Before anything is added. */
void weir_compiler_enforce_staged(struct weir_compiler *c);

/* -EEXIST when the name (of a pod: with this uid) is taken, -ENOMEM. Pods
 * without addresses of their own (weir_pod_has_addrs) are accepted and have no
 * identity; whose an address is that several claim, weir_pod_compare_claims()
 * says, in whatever order they were added. A pod in a namespace that does not exist (yet) is
 * matched as if its namespace had only the label kubernetes.io/metadata.name. */
int weir_compiler_add_namespace(struct weir_compiler *c, const struct weir_namespace *ns);
int weir_compiler_remove_namespace(struct weir_compiler *c, const struct weir_namespace *ns);
int weir_compiler_add_pod(struct weir_compiler *c, const struct weir_pod *pod);
int weir_compiler_remove_pod(struct weir_compiler *c, const struct weir_pod *pod);
/* Peers of rules that name nodes: an address that a pod has, too, is the pod's. */
int weir_compiler_add_node(struct weir_compiler *c, const struct weir_node *node);
int weir_compiler_remove_node(struct weir_compiler *c, const struct weir_node *node);
/* The addresses of a name, for peers that name domains: one that none names costs
 * its record. To change them, remove and add. */
int weir_compiler_add_domain(struct weir_compiler *c, const struct weir_domain *domain);
int weir_compiler_remove_domain(struct weir_compiler *c, const struct weir_domain *domain);
int weir_compiler_add_policy(struct weir_compiler *c, const struct weir_policy *policy);
int weir_compiler_remove_policy(struct weir_compiler *c, const struct weir_policy *policy);

/* Compile what is pending. *ret is what has changed since the commit before;
 * free it with weir_changes_free() before the next call. After -ENOMEM the
 * next commit takes up what was left. */
int weir_compiler_commit(struct weir_compiler *c, struct weir_changes **ret,
			 struct weir_error *err);
/* All there is, as changes from nothing (full is set). */
int weir_compiler_snapshot(struct weir_compiler *c, struct weir_changes **ret,
			   struct weir_error *err);
void weir_changes_free(struct weir_changes **changes);
bool weir_changes_empty(const struct weir_changes *changes);

/* --- evaluation over the compiled tables ---------------------------------- */

struct weir_decision {
	uint8_t verdict;
	uint8_t reason;
	const struct weir_rule *rule; /* WEIR_REASON_RULE */
	const struct weir_ruleset
		*ruleset; /* NULL without policies; its policies isolate the pod */
};

/* A new connection as the forward hook sees it: after DNAT, before SNAT. */
struct weir_connection {
	struct weir_addr src, dst;
	uint8_t protocol;
	uint16_t dport; /* host byte order; 0 for protocols without ports */
};

struct weir_judgement {
	uint8_t verdict; /* denied when one side denies */
	struct weir_decision
		sides[WEIR_DIRECTION_MAX]; /* [WEIR_EGRESS]: of src; [WEIR_INGRESS]: of dst */
};

/* Only endpoints (local pods) have rulesets; other sides are NOT_ENDPOINT. */
void weir_compiler_judge(const struct weir_compiler *c, const struct weir_connection *conn,
			 struct weir_judgement *ret);

/* The same for any pod of the cluster: rulesets of pods elsewhere are compiled
 * for this call. Free with weir_explanation_free(). */
struct weir_explanation;
int weir_compiler_explain(const struct weir_compiler *c, const struct weir_connection *conn,
			  struct weir_explanation **ret, struct weir_error *err);
const struct weir_judgement *weir_explanation_judgement(const struct weir_explanation *e);
void weir_explanation_free(struct weir_explanation **e);

/* --- what is in there, for weirctl and metrics ------------------------------ */

struct weir_identity_info {
	uint32_t id;
	const char *namespace_;		  /* NULL: of a node, or a prefix identity */
	const struct weir_labels *labels; /* NULL: a prefix identity */
	struct weir_prefix prefix;	  /* the longest one named that contains it */
	uint32_t n_addresses;
};
/* Calls fn for each identity, ascending; ends early when fn returns non-zero. */
int weir_compiler_identities(const struct weir_compiler *c,
			     int (*fn)(void *data, const struct weir_identity_info *info),
			     void *data);
/* Whose the address is, as of the last commit; NULL: no pod's. */
const struct weir_pod *weir_compiler_pod_at(const struct weir_compiler *c,
					    const struct weir_addr *addr);
uint32_t weir_compiler_identity_of(const struct weir_compiler *c, const struct weir_addr *addr);
const struct weir_ruleset *weir_compiler_ruleset_of(const struct weir_compiler *c,
						    const struct weir_pod *pod,
						    enum weir_direction direction);
/* Class for an identity in a ruleset (the fallback when not named). */
const struct weir_class *weir_compiler_class_of(const struct weir_compiler *c,
						const struct weir_ruleset *ruleset,
						uint32_t identity);
/* How many local pods the policy selects (in either direction). */
uint32_t weir_compiler_selected(const struct weir_compiler *c, const struct weir_policy *policy);

struct weir_compiler_stats {
	uint32_t namespaces, pods, endpoints, policies, identities, prefixes, rulesets, classes;
	uint64_t commits, compiled_rulesets; /* since the start */
};
void weir_compiler_stats(const struct weir_compiler *c, struct weir_compiler_stats *ret);
