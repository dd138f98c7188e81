/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler as its users see it: objects are noted as they come and go,
 * and nothing else happens before the commit (commit.c). */
#include "weir/compiler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/state.h"

static int add_world(struct weir_compiler *c, uint8_t family)
{
	struct weir_prefix world = { .addr.family = family };
	struct named *n;

	return weir_named_get(c, &world, &n);
}

static void free_named(struct weir_trie_node *node)
{
	weir_named_free((struct named *)node);
}

#define FREE_TABLE(table, type, free_fn)                                                           \
	do {                                                                                       \
		type *item_;                                                                       \
		for (uint32_t i_ = 0; (item_ = weir_table_next(table, &i_));)                      \
			free_fn(item_);                                                            \
		weir_table_free(table);                                                            \
	} while (0)

static void free_queues(struct weir_compiler *c)
{
	struct weir_vec *all[] = {
		&c->added_namespaces,
		&c->removed_namespaces,
		&c->added_nodes,
		&c->removed_nodes,
		&c->added_pods,
		&c->removed_pods,
		&c->added_policies,
		&c->removed_policies,
		&c->q_spaces,
		&c->q_profiles,
		&c->q_subjects,
		&c->new_subjects,
		&c->new_peersets,
		&c->q_peersets,
		&c->dead_peersets,
		&c->q_named,
		&c->q_domains,
		&c->stale_peersets,
		&c->q_addresses,
		&c->q_owners,
		&c->dirty_named,
		&c->new_identities,
		&c->q_identities,
		&c->q_rulesets,
		&c->by_id,
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(all); i++)
		weir_vec_free(all[i]);
	weir_ids_free(&c->free_ids);
}

static void free_removed(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->removed_pods.n; i++)
		weir_pod_record_free(c->removed_pods.at[i]);
	for (uint32_t i = 0; i < c->removed_nodes.n; i++)
		weir_node_record_free(c->removed_nodes.at[i]);
	for (uint32_t i = 0; i < c->removed_policies.n; i++)
		weir_policy_record_free(c->removed_policies.at[i]);
	for (uint32_t i = 0; i < c->dead_peersets.n; i++)
		weir_peerset_free(c->dead_peersets.at[i]);
	/* rulesets of a broken commit that are in the queue only */
	for (uint32_t i = 0; i < c->q_rulesets.n; i++) {
		struct ruleset *rs = c->q_rulesets.at[i];

		if (rs && !rs->listed)
			weir_ruleset_free(rs);
	}
}

static void free_all(struct weir_compiler *c)
{
	free_removed(c);
	FREE_TABLE(&c->rulesets, struct ruleset, weir_ruleset_free);
	FREE_TABLE(&c->identities, struct identity, weir_identity_free);
	FREE_TABLE(&c->peersets, struct peerset, weir_peerset_free);
	FREE_TABLE(&c->portsets, struct portset, free);
	FREE_TABLE(&c->subjects, struct subject, weir_subject_free);
	FREE_TABLE(&c->profiles, struct profile, weir_profile_free);
	FREE_TABLE(&c->spaces, struct space, weir_space_free);
	FREE_TABLE(&c->policies, struct policy, weir_policy_record_free);
	FREE_TABLE(&c->pods, struct pod, weir_pod_record_free);
	FREE_TABLE(&c->nodes_by_name, struct pod, weir_node_record_free);
	FREE_TABLE(&c->domains, struct domain, weir_domain_record_free);
	FREE_TABLE(&c->addresses, struct address, free);
	FREE_TABLE(&c->endpoints, struct endpoint, free);
	weir_table_free(&c->namespaces);
	if (c->cluster)
		weir_space_free(c->cluster);
	if (c->nodes)
		weir_space_free(c->nodes);
	weir_index_free(&c->subject_index);
	weir_index_free(&c->peer_index);
	weir_trie_clear(&c->prefixes, free_named);
	free_queues(c);
	weir_scratch_free(&c->scratch);
	free(c);
}

void weir_compiler_free(struct weir_compiler **c)
{
	if (!*c)
		return;
	free_all(*c);
	*c = NULL;
}

int weir_compiler_new(struct weir_compiler **ret)
{
	WEIR_CLEANUP(weir_compiler_free) struct weir_compiler *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->scratch = weir_scratch_new();
	c->cluster = calloc(1, sizeof(*c->cluster));
	c->nodes = calloc(1, sizeof(*c->nodes));
	if (!c->scratch || !c->cluster || !c->nodes || add_world(c, AF_INET) < 0 ||
	    add_world(c, AF_INET6) < 0 || weir_named_toggle(c) < 0)
		return -ENOMEM;
	c->cluster->attached = true;
	*ret = weir_take(c);
	return 0;
}

void weir_compiler_enforce_staged(struct weir_compiler *c)
{
	c->enforce_staged = true;
}

/* --- namespaces ------------------------------------------------------------------ */

static bool namespace_is(const void *item, const void *name)
{
	return ((const struct weir_namespace *)item)->name == name;
}

int weir_compiler_add_namespace(struct weir_compiler *c, const struct weir_namespace *ns)
{
	uint32_t hash = weir_hash_pointer(0, ns->name);

	if (weir_table_find(&c->namespaces, hash, namespace_is, ns->name))
		return -EEXIST;
	if (weir_vec_push(&c->added_namespaces, (void *)ns) < 0)
		return -ENOMEM;
	if (weir_table_add(&c->namespaces, hash, (void *)ns) < 0) {
		c->added_namespaces.n--;
		return -ENOMEM;
	}
	return 0;
}

static bool take_back(struct weir_vec *added, const void *item)
{
	uint32_t n = added->n;

	weir_vec_remove(added, item);
	return added->n < n;
}

int weir_compiler_remove_namespace(struct weir_compiler *c, const struct weir_namespace *ns)
{
	uint32_t hash = weir_hash_pointer(0, ns->name);
	struct weir_namespace *known =
		weir_table_find(&c->namespaces, hash, namespace_is, ns->name);

	if (!known)
		return -ENOENT;
	if (!take_back(&c->added_namespaces, known) &&
	    weir_vec_push(&c->removed_namespaces, known) < 0)
		return -ENOMEM;
	weir_table_remove(&c->namespaces, hash, known);
	return 0;
}

/* --- pods ------------------------------------------------------------------------ */

static uint32_t hash_pod(const struct weir_pod *p)
{
	return weir_hash_pointer(weir_hash_pointer(23, p->namespace_), p->name);
}

static bool pod_is(const void *item, const void *key)
{
	const struct weir_pod *a = ((const struct pod *)item)->pod, *b = key;

	return a->name == b->name && a->namespace_ == b->namespace_ &&
	       weir_uid_equal(&a->uid, &b->uid);
}

struct pod *weir_compiler_pod(const struct weir_compiler *c, const struct weir_pod *pod)
{
	return weir_table_find(&c->pods, hash_pod(pod), pod_is, pod);
}

static struct pod *new_record(const struct weir_pod *pod)
{
	uint8_t n = weir_pod_has_addrs(pod) ? pod->n_addrs : 0;
	size_t front = pod->local ? offsetof(struct local_pod, pod) : 0;
	char *memory = calloc(1, front + sizeof(struct pod) + n * sizeof(struct pod *));
	struct pod *p;

	if (!memory)
		return NULL;
	p = (struct pod *)(void *)(memory + front);
	p->pod = pod;
	p->local = pod->local;
	p->n_claims = n;
	return p;
}

void weir_pod_record_free(struct pod *p)
{
	free(p->local ? (void *)weir_local_pod(p) : p);
}

int weir_compiler_add_pod(struct weir_compiler *c, const struct weir_pod *pod)
{
	struct pod *p;

	if (weir_compiler_pod(c, pod))
		return -EEXIST;
	p = new_record(pod);
	if (!p)
		return -ENOMEM;
	if (weir_vec_push(&c->added_pods, p) < 0) {
		weir_pod_record_free(p);
		return -ENOMEM;
	}
	if (weir_table_add(&c->pods, hash_pod(pod), p) < 0) {
		c->added_pods.n--;
		weir_pod_record_free(p);
		return -ENOMEM;
	}
	return 0;
}

int weir_compiler_remove_pod(struct weir_compiler *c, const struct weir_pod *pod)
{
	struct pod *p = weir_compiler_pod(c, pod);

	if (!p)
		return -ENOENT;
	if (p->committed && weir_vec_push(&c->removed_pods, p) < 0)
		return -ENOMEM;
	weir_table_remove(&c->pods, hash_pod(p->pod), p);
	if (!p->committed) {
		weir_vec_remove(&c->added_pods, p);
		weir_pod_record_free(p);
	}
	return 0;
}

/* --- policies ---------------------------------------------------------------------- */

static uint32_t hash_policy(const struct weir_policy *p)
{
	uint32_t h = weir_hash_pointer(29, p->namespace_);

	return weir_hash_pointer(weir_hash_pointer(h, p->name), p->kind);
}

static bool policy_is(const void *item, const void *key)
{
	const struct weir_policy *a = ((const struct policy *)item)->policy, *b = key;

	return a->name == b->name && a->namespace_ == b->namespace_ && a->kind == b->kind;
}

struct policy *weir_compiler_policy(const struct weir_compiler *c, const struct weir_policy *policy)
{
	return weir_table_find(&c->policies, hash_policy(policy), policy_is, policy);
}

/* Selectors compare pointers; this is where the pointer of the label that
 * namespaces without an object have is learnt. */
static void learn_key(struct weir_compiler *c, const struct weir_selector *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		const char *key = s->requirements[i].key;
		bool is = strcmp(key, "kubernetes.io/metadata.name") == 0;

		if (is || key == c->metadata_name)
			c->metadata_name = is ? key : NULL;
	}
}

static void learn_keys(struct weir_compiler *c, const struct weir_policy *p)
{
	learn_key(c, &p->namespaces);
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		for (uint32_t i = 0; i < p->n_rules[d]; i++) {
			const struct weir_rule *r = &p->rules[d][i];

			for (uint32_t j = 0; j < r->n_peers; j++) {
				if (r->peers[j].kind == WEIR_PEER_PODS)
					learn_key(c, &r->peers[j].namespaces);
			}
		}
	}
}

int weir_compiler_add_policy(struct weir_compiler *c, const struct weir_policy *policy)
{
	struct policy *p;

	if (weir_compiler_policy(c, policy))
		return -EEXIST;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->policy = policy;
	if (weir_vec_push(&c->added_policies, p) < 0) {
		free(p);
		return -ENOMEM;
	}
	if (weir_table_add(&c->policies, hash_policy(policy), p) < 0) {
		c->added_policies.n--;
		free(p);
		return -ENOMEM;
	}
	learn_keys(c, policy);
	return 0;
}

int weir_compiler_remove_policy(struct weir_compiler *c, const struct weir_policy *policy)
{
	struct policy *p = weir_compiler_policy(c, policy);

	if (!p)
		return -ENOENT;
	if (p->committed && weir_vec_push(&c->removed_policies, p) < 0)
		return -ENOMEM;
	weir_table_remove(&c->policies, hash_policy(p->policy), p);
	if (!p->committed) {
		weir_vec_remove(&c->added_policies, p);
		weir_policy_record_free(p);
	}
	return 0;
}
