/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the compiler knows between two commits, and which file works on what.
 * docs/COMPILER.md tells the story in the order of a commit:
 *
 *   objects   compiler.c  names of what was lent; pending additions, removals
 *   space     space.c     a namespace, its policies in order of precedence
 *   profile   profile.c   local pods that are alike: same subjects, same rulesets
 *   subject   subject.c   policies with the same subject selector
 *   peerset   peerset.c   one peer of rules, shared, with its members
 *   named     prefix.c    a prefix that a rule in force names
 *   domain    domain.c    a name, its addresses, and the peer sets that name it
 *   address   address.c   an address of a pod, or of a node (node.c)
 *   identity  identity.c  addresses that are alike for every peer
 *   ruleset   ruleset.c, assign.c, rulelist.c, class.c, line.c, compile.c
 */
#include "policy/line.h"
#include "policy/table.h"
#include "policy/trie.h"
#include "policy/vec.h"
#include "weir/cleanup.h"
#include "weir/compiler.h"

struct domain;
struct identity;
struct peerset;
struct profile;
struct ruleset;
struct subject;

/* A namespace, or (name NULL) the place of cluster-wide policies, or that of all
 * nodes. It exists as soon as anything names it. */
struct space {
	const char *name;
	const struct weir_namespace *object; /* NULL: not (yet) there */
	struct weir_vec policies;	     /* struct policy, in order of precedence */
	struct weir_vec profiles;
	struct identity *identities;	/* list */
	uint32_t n_sorted;		/* so many of the policies are in order */
	const struct weir_labels *seen; /* labels as of the last commit */
	uint32_t n_peersets;		/* with this fixed namespace */
	uint32_t n_pods;		/* with an address */
	bool attached;			/* its policies are at their subjects */
	bool queued;
};

struct portset { /* named ports of a pod */
	uint32_t refs, hash;
	uint32_t n;
	struct weir_named_port ports[];
};

/* A namespace (fixed, or by selector) and a pod selector: the subject of
 * policies, or a peer of rules. Owns copies of the selectors. */
struct selection {
	struct space *space; /* fixed; NULL: by selector */
	struct weir_selector namespaces, pods;
	uint32_t hash;
};

/* An index over selections: which of them can match these labels? */
struct match_index {
	struct weir_table entries;
	uint32_t n_pairs; /* entries that want a label of the namespace */
};

struct rule { /* a rule in force */
	const struct weir_rule *rule;
	struct policy *policy;
	struct peerset **peers;
	uint32_t n_peers;
	uint16_t index; /* copies of what the hot paths read of the rule */
	uint8_t tier;
	bool any_peer;
	bool named; /* has named ports */
};

struct force { /* what a policy has while it selects a local pod */
	struct rule *rules[WEIR_DIRECTION_MAX];
	struct peerset **peers; /* of all rules */
	uint32_t n_peers;
	struct rule room[];
};

#define WEIR_ORDER_STEP (1ull << 20)
#define WEIR_ORDER_BITS 46

struct policy {
	const struct weir_policy *policy;
	struct space *space;
	struct subject *subject; /* NULL until its space is attached */
	struct force *force;
	uint64_t order : WEIR_ORDER_BITS; /* within its space */
	uint64_t committed : 1;
};

/* Lower comes first: tier, place of the policy, place of the rule. */
static inline uint64_t weir_rule_rank(const struct rule *r)
{
	return (uint64_t)r->tier << 62 | (uint64_t)r->policy->order << 16 | r->index;
}

struct subject {
	struct selection selection;
	uint32_t serial;
	struct weir_vec policies, profiles, rulesets;
	uint32_t n_speaking[WEIR_DIRECTION_MAX];
	uint32_t n_named; /* ingress rules with named ports */
	bool is_new, active, queued;
};

/* Local pods that are alike. */
struct profile {
	struct space *space;
	const struct weir_labels *labels;
	struct portset *ports;
	uint32_t hash;
	struct weir_vec pods;	  /* struct pod */
	struct weir_vec subjects; /* ascending serial */
	struct ruleset *rulesets[WEIR_DIRECTION_MAX];
	bool is_new, queued;
};

/* What a peer set of names of domains has beside. */
struct peer_names {
	struct weir_vec prefixes; /* struct named: the addresses; in the order of the pointers */
	bool stale;		  /* they may be others by now */
	uint32_t n;
	struct domain *at[];
};

struct peerset {
	struct selection selection; /* WEIR_PEER_PODS, _NODES */
	struct named *prefix;	    /* WEIR_PEER_PREFIX */
	struct named **except;
	struct peer_names *names; /* WEIR_PEER_DOMAINS */
	uint32_t n_except;
	uint32_t hash, refs, stamp;
	uint8_t kind;
	bool is_new, queued;
	struct weir_ids members; /* identities */
	struct weir_vec uses;
};

/* Rules of one ruleset, by rank, with what they can cover. */
struct rule_place {
	struct rule *rule;
	struct stretch reach;
};
struct rule_list {
	struct rule_place *at;
	uint32_t n, cap;
};

/* A peer set in a ruleset: the rules of the ruleset that name it. */
struct use {
	struct peerset *peerset;
	struct ruleset *ruleset;
	struct rule_list rules;
	struct stretch changed; /* reach of the rules that came and went */
	uint32_t n_named;
	uint32_t slot; /* in peerset->uses */
	bool queued;
	bool in_force, by_ports; /* as the classes know it */
};

/* A prefix that a rule in force names. */
struct named {
	struct weir_trie_node node; /* first */
	uint32_t refs;
	uint32_t committed; /* identity in the last commit */
	bool in_force, queued, dirty;
	struct identity *identity;   /* of what is in it and of no pod */
	struct identity *identities; /* list: it is the deepest prefix of these */
	struct weir_vec peersets;    /* with exactly this prefix */
};

struct identity {
	uint32_t id;
	uint32_t n_addresses;
	struct space *space; /* NULL: of a prefix */
	const struct weir_labels *labels;
	struct portset *ports;
	struct named *prefix;
	uint32_t hash;
	bool is_new, queued;
	struct weir_vec peersets; /* in the order of the pointers */
	struct identity *next_in_space, *next_in_prefix, **link_in_prefix;
};

struct address {
	struct weir_addr addr;
	bool queued;
	bool endpoint;	    /* in the last commit: then it is in the compiler's endpoints */
	uint32_t committed; /* identity in the last commit */
	struct pod *top;    /* whose it is; the others that claim it are below */
	struct identity *identity;
};

/* An address of a local pod, as the last commit told of it. */
struct endpoint {
	struct weir_addr addr;
	uint32_t rulesets[WEIR_DIRECTION_MAX];
};

/* A record for each pod that was lent: there are very many, so what can be
 * looked up is not in it. A local one has more, in front; so has a node, which
 * claims addresses as pods do. */
struct pod {
	const struct weir_pod *pod; /* NULL: a node */
	bool committed, local;
	uint16_t n_claims;   /* of its addresses; 0 when they are not its own */
	struct pod *below[]; /* for each: who claims it with less right */
};

struct local_pod {
	struct profile *profile; /* NULL until the commit */
	uint32_t slot;		 /* in profile->pods */
	struct pod pod;
};

struct node {
	const struct weir_node *node;
	struct pod pod;
};

static inline struct local_pod *weir_local_pod(const struct pod *p)
{
	return (struct local_pod *)(void *)((char *)(uintptr_t)p - offsetof(struct local_pod, pod));
}

static inline const struct weir_node *weir_node_of(const struct pod *p)
{
	return ((const struct node *)(const void *)((const char *)p - offsetof(struct node, pod)))
		->node;
}

/* NULL: it is nobody's, or a node's */
static inline struct pod *weir_address_pod(const struct address *a)
{
	return a->top && a->top->pod ? a->top : NULL;
}

/* NULL: not an endpoint, nothing is enforced on it */
static inline struct profile *weir_pod_profile(const struct pod *p)
{
	return p->local ? weir_local_pod(p)->profile : NULL;
}

/* What a ruleset says to identities that are in the same peer sets. */
struct peer_class {
	struct weir_class *content;
	struct weir_class *before; /* of the last commit, when it was another one */
	struct portset *ports;	   /* egress: named ports of the identities */
	uint32_t hash, n_members, n_uses;
	bool is_new, changed;
	struct use *uses[]; /* in the order of their peer sets' pointers */
};

struct ruleset {
	struct weir_ruleset pub;  /* first */
	struct weir_vec subjects; /* ascending serial */
	struct portset *ports;	  /* ingress with named ports */
	uint32_t hash;
	uint32_t n_profiles, n_moving, n_isolating;
	struct weir_vec policies; /* struct weir_policy by precedence: pub.policies */
	struct rule_list any;	  /* rules with any peer */
	struct stretch changed;	  /* in all classes, as in struct use */
	struct weir_table uses;
	struct weir_vec touched; /* uses */
	struct weir_table classes;
	struct peer_class *fallback;
	struct weir_idmap members;	 /* identity -> peer_class */
	struct weir_ids dirty;		 /* identities whose class may be another one */
	uint64_t print, committed_print; /* which policies these are */
	bool listed;			 /* in the compiler's table */
	bool committed, queued, rekeyed;
};

struct scratch; /* class.c */

struct weir_compiler {
	struct weir_table namespaces, pods, policies; /* by name: what was lent */
	struct weir_table nodes_by_name;	      /* struct pod */
	struct weir_table domains;		      /* by text */
	struct weir_vec added_namespaces, removed_namespaces;
	struct weir_vec added_nodes, removed_nodes;	  /* struct pod */
	struct weir_vec added_pods, removed_pods;	  /* struct pod */
	struct weir_vec added_policies, removed_policies; /* struct policy */

	struct weir_table spaces, profiles, subjects, portsets, peersets, identities, addresses,
		endpoints, rulesets;
	struct space *cluster;
	struct space *nodes; /* its identities are nodes', its peer sets name nodes */
	bool nodes_named;    /* some peer set does: only then nodes have identities */
	struct match_index subject_index, peer_index;
	struct weir_trie prefixes;
	struct weir_vec by_id; /* identities; by_id.at[0] is NULL */
	struct weir_ids free_ids;
	uint32_t free_head;	   /* oldest of free_ids */
	const char *metadata_name; /* the interned key of that label, once somebody uses it */
	struct scratch *scratch;

	/* queues of the commit under way */
	struct weir_vec q_spaces, q_profiles, q_subjects, new_subjects;
	struct weir_vec new_peersets, q_peersets, dead_peersets, q_named, dirty_named;
	struct weir_vec q_domains, stale_peersets;
	struct weir_vec q_addresses, q_owners; /* each with its weir_pod of the last commit */
	struct weir_vec new_identities, q_identities, q_rulesets;

	uint32_t next_serial, next_ruleset, n_endpoints, n_classes, n_prefixes;
	uint64_t generation, commits, compiled_rulesets;
	bool enforce_staged; /* staged policies are as the others */
	bool broken;	     /* a commit ran out of memory: the next one starts anew */
};

/* Does the policy say anything in that direction? */
static inline bool weir_policy_speaks(const struct weir_compiler *c, const struct weir_policy *p,
				      int direction)
{
	if (p->staged && !c->enforce_staged)
		return false;
	return p->tier == WEIR_TIER_NETWORK_POLICY ? p->isolates[direction]
						   : p->n_rules[direction] > 0;
}

/* queue once per commit; the flag is cleared by whoever empties the queue */
#define WEIR_QUEUE(vec, item)                                                                      \
	({                                                                                         \
		int weir_r_ = 0;                                                                   \
		if (!(item)->queued) {                                                             \
			weir_r_ = weir_vec_push(vec, item);                                        \
			(item)->queued = weir_r_ == 0;                                             \
		}                                                                                  \
		weir_r_;                                                                           \
	})

/* compiler.c: records of what was lent, by name */
struct pod *weir_compiler_pod(const struct weir_compiler *c, const struct weir_pod *pod);
void weir_pod_record_free(struct pod *p);
struct policy *weir_compiler_policy(const struct weir_compiler *c,
				    const struct weir_policy *policy);

/* selection.c */
int weir_selection_init(struct selection *s, struct space *space,
			const struct weir_selector *namespaces, const struct weir_selector *pods);
void weir_selection_free(struct selection *s);
uint32_t weir_selection_hash(const struct space *space, const struct weir_selector *namespaces,
			     const struct weir_selector *pods);
bool weir_selection_is(const struct selection *s, const struct space *space,
		       const struct weir_selector *namespaces, const struct weir_selector *pods);
bool weir_selection_matches(const struct weir_compiler *c, const struct selection *s,
			    const struct space *space, const struct weir_labels *labels);

/* index.c: items begin with a struct selection */
int weir_index_add(struct match_index *ix, struct selection *s);
void weir_index_remove(struct match_index *ix, struct selection *s);
/* Calls fn for each selection that matches. */
int weir_index_match(const struct weir_compiler *c, const struct match_index *ix,
		     const struct space *space, const struct weir_labels *labels,
		     int (*fn)(void *data, struct selection *s), void *data);
void weir_index_free(struct match_index *ix);

/* space.c */
struct space *weir_space_find(const struct weir_compiler *c, const char *name);
struct space *weir_space_get(struct weir_compiler *c, const char *name);
bool weir_space_matches(const struct weir_compiler *c, const struct space *s,
			const struct weir_selector *selector);
size_t weir_space_labels(const struct weir_compiler *c, const struct space *s,
			 const struct weir_label **ret, struct weir_label *implied);
int weir_space_add_policy(struct weir_compiler *c, struct policy *p);
void weir_space_remove_policy(struct weir_compiler *c, struct policy *p);
void weir_space_sort(struct space *s);
int weir_spaces_relabel(struct weir_compiler *c);
int weir_spaces_attach(struct weir_compiler *c);
int weir_spaces_sweep(struct weir_compiler *c);
void weir_space_free(struct space *s);

/* portset.c */
int weir_portset_get(struct weir_compiler *c, const struct weir_pod *pod, struct portset **ret);
struct portset *weir_portset_find(const struct weir_compiler *c, const struct weir_pod *pod);
struct portset *weir_portset_ref(struct portset *p);
void weir_portset_put(struct weir_compiler *c, struct portset *p);

/* subject.c */
int weir_subject_attach(struct weir_compiler *c, struct policy *p);
int weir_subject_detach(struct weir_compiler *c, struct policy *p);
int weir_subjects_match_new(struct weir_compiler *c);
int weir_subjects_activate(struct weir_compiler *c);
void weir_subjects_sweep(struct weir_compiler *c);
void weir_subject_free(struct subject *s);
bool weir_policy_subject_matches(const struct weir_compiler *c, const struct policy *p,
				 const struct space *space, const struct weir_labels *labels);

/* policy.c: rules in force */
int weir_policy_activate(struct weir_compiler *c, struct policy *p);
void weir_policy_deactivate(struct weir_compiler *c, struct policy *p);
void weir_policy_record_free(struct policy *p);

/* profile.c */
int weir_profile_join(struct weir_compiler *c, struct pod *pod);
int weir_profile_leave(struct weir_compiler *c, struct pod *pod);
int weir_profile_rematch(struct weir_compiler *c, struct profile *p);
int weir_profiles_match(struct weir_compiler *c);
int weir_profiles_sweep(struct weir_compiler *c); /* those without a pod go */
int weir_profile_touch(struct weir_compiler *c, struct profile *p);
void weir_profile_free(struct profile *p);

/* assign.c */
int weir_rulesets_assign(struct weir_compiler *c);

/* ruleset.c */
int weir_ruleset_new(struct weir_compiler *c, int direction, struct ruleset **ret);
int weir_ruleset_add_policy(struct weir_compiler *c, struct ruleset *rs, struct policy *p);
int weir_ruleset_remove_policy(struct weir_compiler *c, struct ruleset *rs, struct policy *p);
void weir_use_free(struct ruleset *rs, struct use *u);
void weir_ruleset_drop(struct weir_compiler *c, struct ruleset *rs); /* nobody has it */
void weir_ruleset_free(struct ruleset *rs);
void weir_class_slot_free(struct peer_class *k);

/* rulelist.c */
int weir_rules_add(struct rule_list *l, struct rule *rule);
void weir_rules_remove(struct rule_list *l, const struct rule *rule);
void weir_rules_free(struct rule_list *l);

/* compile.c */
int weir_ruleset_compile(struct weir_compiler *c, struct ruleset *rs,
			 struct weir_ruleset_change *ret, bool *ret_changed);
bool weir_policy_same(const struct weir_policy *a, const struct weir_policy *b);
bool weir_class_same(const struct weir_class *a, const struct weir_class *b);
int weir_compare_peers(const void *a, const void *b); /* struct weir_class_change, for qsort */

/* class.c */
struct scratch *weir_scratch_new(void);
void weir_scratch_free(struct scratch **s);
/* A class is painted in three steps: begin with the part of the line that is
 * to be painted, add the rules that reach it, build. Outside of that part it is
 * as in old (NULL when it is the whole line). */
void weir_scratch_begin(struct scratch *s, struct stretch part);
int weir_scratch_add(struct scratch *s, const struct weir_rule *rule, uint64_t rank);
int weir_class_build(struct scratch *s, bool isolated, const struct portset *ports,
		     const struct weir_class *old, struct weir_class **ret);

/* prefix.c */
int weir_named_get(struct weir_compiler *c, const struct weir_prefix *key, struct named **ret);
void weir_named_put(struct weir_compiler *c, struct named *n);
int weir_named_toggle(struct weir_compiler *c); /* those that come and go */
struct named *weir_named_of(const struct weir_compiler *c, const struct weir_prefix *key);
void weir_named_sweep(struct weir_compiler *c);
void weir_named_free(struct named *n);

/* node.c */
void weir_node_record_free(struct pod *p);
int weir_nodes_take(struct weir_compiler *c);
int weir_nodes_put(struct weir_compiler *c);
int weir_nodes_toggle(struct weir_compiler *c); /* once the peer sets are known */
bool weir_node_peer_has(const struct weir_compiler *c, const struct weir_peer *peer,
			const struct weir_addr *addr);

/* domain.c */
void weir_domain_record_free(struct domain *d);
int weir_domains_lend_again(const struct weir_compiler *from, struct weir_compiler *to);
bool weir_domain_peer_has(const struct weir_compiler *c, const struct weir_peer *peer,
			  const struct weir_addr *addr);
uint32_t weir_names_hash(const struct weir_peer *peer);
bool weir_names_are(const struct peer_names *names, const struct weir_peer *peer);
int weir_names_enter(struct weir_compiler *c, struct peerset *p, const struct weir_peer *peer);
int weir_names_leave(struct weir_compiler *c, struct peerset *p);
void weir_names_free(struct peer_names *names);
int weir_domains_fill(struct weir_compiler *c); /* once the peer sets are known */
void weir_domains_sweep(struct weir_compiler *c);

/* address.c */
int weir_address_claim(struct weir_compiler *c, struct pod *pod);
int weir_address_release(struct weir_compiler *c, struct pod *pod);
/* Before its owner changes. */
int weir_address_touch(struct weir_compiler *c, struct address *a);
uint32_t weir_address_hash(const struct weir_addr *addr);
int weir_addresses_retrace(struct weir_compiler *c); /* prefixes came or went */
/* The same, when the prefix was this one address. */
int weir_address_retrace(struct weir_compiler *c, const struct weir_addr *addr);
int weir_addresses_identify(struct weir_compiler *c);
struct address *weir_address_find(const struct weir_compiler *c, const struct weir_addr *addr);
void weir_addresses_sweep(struct weir_compiler *c);
static inline struct weir_prefix weir_prefix_of_one(const struct weir_addr *addr)
{
	return (struct weir_prefix){ .addr = *addr, .len = weir_addr_bits(addr) };
}

/* identity.c */
int weir_identity_get(struct weir_compiler *c, struct space *space,
		      const struct weir_labels *labels, struct portset *ports, struct named *prefix,
		      struct identity **ret);
int weir_identity_queue(struct weir_compiler *c, struct identity *i);
int weir_identities_match(struct weir_compiler *c);
void weir_identities_sweep(struct weir_compiler *c);
struct identity *weir_identity_by_id(const struct weir_compiler *c, uint32_t id);
void weir_identity_free(struct identity *i);
bool weir_identity_in_use(const struct identity *i);

/* peerset.c */
int weir_peerset_get(struct weir_compiler *c, const struct policy *policy,
		     const struct weir_peer *peer, struct peerset **ret);
int weir_peerset_universe(struct weir_compiler *c, struct peerset **ret);
void weir_peerset_put(struct weir_compiler *c, struct peerset *p);
bool weir_peerset_has(const struct weir_compiler *c, const struct peerset *p,
		      const struct identity *i);
int weir_peerset_join(struct weir_compiler *c, struct peerset *p, struct identity *i);
int weir_peerset_part(struct weir_compiler *c, struct peerset *p, struct identity *i);
/* The identities whose deepest prefix is this one. */
int weir_peerset_join_named(struct weir_compiler *c, struct peerset *p, struct named *n);
int weir_peerset_part_named(struct weir_compiler *c, struct peerset *p, struct named *n);
int weir_peersets_match_new(struct weir_compiler *c);
int weir_peersets_retire(struct weir_compiler *c);
void weir_peersets_sweep(struct weir_compiler *c);
void weir_peerset_free(struct peerset *p);

/* changes.c */
int weir_changes_collect(struct weir_compiler *c, struct weir_changes *changes);
int weir_changes_list(const struct weir_compiler *c, struct weir_changes *changes);
