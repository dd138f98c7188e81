/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A commit, step by step. What came and went is put into the model, each step
 * hands the next one a queue of what it has touched, and only that is looked
 * at. docs/COMPILER.md explains the order.
 */
#include <errno.h>
#include <stdlib.h>

#include "policy/state.h"

static int put_namespaces(struct weir_compiler *c)
{
	struct space *s;

	for (uint32_t i = 0; i < c->removed_namespaces.n; i++) {
		const struct weir_namespace *ns = c->removed_namespaces.at[i];

		s = weir_space_get(c, ns->name);
		if (!s || WEIR_QUEUE(&c->q_spaces, s) < 0)
			return -ENOMEM;
		s->object = NULL;
	}
	for (uint32_t i = 0; i < c->added_namespaces.n; i++) {
		const struct weir_namespace *ns = c->added_namespaces.at[i];

		s = weir_space_get(c, ns->name);
		if (!s || WEIR_QUEUE(&c->q_spaces, s) < 0)
			return -ENOMEM;
		s->object = ns;
	}
	c->removed_namespaces.n = c->added_namespaces.n = 0;
	return weir_spaces_relabel(c);
}

static int take_pods(struct weir_compiler *c)
{
	struct space *s;

	for (uint32_t i = 0; i < c->removed_pods.n; i++) {
		struct pod *p = c->removed_pods.at[i];

		if (!p->n_claims)
			continue;
		s = weir_space_find(c, p->pod->namespace_);
		if (weir_profile_leave(c, p) < 0 || weir_address_release(c, p) < 0 ||
		    WEIR_QUEUE(&c->q_spaces, s) < 0)
			return -ENOMEM;
		s->n_pods--;
	}
	for (uint32_t i = 0; i < c->removed_pods.n; i++)
		weir_pod_record_free(c->removed_pods.at[i]);
	c->removed_pods.n = 0;
	return 0;
}

static int take_policies(struct weir_compiler *c)
{
	while (c->removed_policies.n) {
		struct policy *p = c->removed_policies.at[c->removed_policies.n - 1];

		if (weir_subject_detach(c, p) < 0 || WEIR_QUEUE(&c->q_spaces, p->space) < 0)
			return -ENOMEM;
		weir_space_remove_policy(c, p);
		weir_policy_record_free(p);
		c->removed_policies.n--;
	}
	return 0;
}

static int put_policies(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->added_policies.n; i++) {
		struct policy *p = c->added_policies.at[i];

		p->committed = true;
		p->space = weir_space_get(c, p->policy->namespace_);
		if (!p->space || weir_space_add_policy(c, p) < 0)
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < c->q_spaces.n; i++)
		weir_space_sort(c->q_spaces.at[i]);
	return 0;
}

static int put_pods(struct weir_compiler *c)
{
	struct space *s;

	for (uint32_t i = 0; i < c->added_pods.n; i++) {
		struct pod *p = c->added_pods.at[i];

		p->committed = true;
		if (!p->n_claims)
			continue;
		s = weir_space_get(c, p->pod->namespace_);
		if (!s || weir_address_claim(c, p) < 0)
			return -ENOMEM;
		s->n_pods++;
		if (p->local && weir_profile_join(c, p) < 0)
			return -ENOMEM;
	}
	c->added_pods.n = 0;
	return 0;
}

static int attach_policies(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->added_policies.n; i++) {
		struct policy *p = c->added_policies.at[i];

		if (p->space->attached && weir_subject_attach(c, p) < 0)
			return -ENOMEM;
	}
	c->added_policies.n = 0;
	return weir_spaces_attach(c);
}

/* Who selects whom, and which rulesets follow. */
static int select_pods(struct weir_compiler *c)
{
	if (weir_profiles_match(c) < 0 || weir_subjects_match_new(c) < 0 ||
	    weir_subjects_activate(c) < 0 || weir_rulesets_assign(c) < 0)
		return -ENOMEM;
	weir_subjects_sweep(c);
	return weir_peersets_retire(c);
}

/* Which addresses are alike, and which peers they are in. */
static int identify(struct weir_compiler *c)
{
	if (weir_domains_fill(c) < 0 || weir_named_toggle(c) < 0 || weir_nodes_toggle(c) < 0 ||
	    weir_addresses_identify(c) < 0 || weir_identities_match(c) < 0)
		return -ENOMEM;
	return weir_peersets_match_new(c);
}

/* After a large commit the queues are large. */
static void shrink_queues(struct weir_compiler *c)
{
	enum { KEEP = 256 };
	struct weir_vec *all[] = {
		&c->added_namespaces, &c->added_pods,  &c->added_policies, &c->q_spaces,
		&c->q_profiles,	      &c->q_subjects,  &c->new_subjects,   &c->new_peersets,
		&c->q_peersets,	      &c->q_addresses, &c->dirty_named,	   &c->new_identities,
		&c->q_identities,     &c->q_rulesets,  &c->removed_pods,   &c->removed_policies,
		&c->q_owners,	      &c->added_nodes, &c->removed_nodes,  &c->q_domains,
		&c->stale_peersets,
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(all); i++) {
		if (!all[i]->n && all[i]->cap > KEEP)
			weir_vec_free(all[i]);
	}
}

static int sweep(struct weir_compiler *c)
{
	weir_addresses_sweep(c);
	weir_peersets_sweep(c);
	weir_identities_sweep(c);
	weir_named_sweep(c);
	weir_domains_sweep(c);
	if (weir_profiles_sweep(c) < 0)
		return -ENOMEM;
	if (weir_spaces_sweep(c) < 0)
		return -ENOMEM;
	shrink_queues(c);
	return 0;
}

static int run(struct weir_compiler *c, struct weir_changes *changes)
{
	static int (*const steps[])(struct weir_compiler * c) = {
		put_namespaces, take_pods,	weir_nodes_take, take_policies, put_policies,
		put_pods,	weir_nodes_put, attach_policies, select_pods,	identify,
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(steps); i++) {
		if (steps[i](c) < 0)
			return -ENOMEM;
	}
	if (weir_changes_collect(c, changes) < 0)
		return -ENOMEM;
	return sweep(c);
}

static int lend_again(const struct weir_compiler *from, struct weir_compiler *to)
{
	struct weir_namespace *ns;
	struct policy *policy;
	struct pod *pod;

	for (uint32_t i = 0; (ns = weir_table_next(&from->namespaces, &i));) {
		if (weir_compiler_add_namespace(to, ns) < 0)
			return -ENOMEM;
	}
	for (uint32_t i = 0; (policy = weir_table_next(&from->policies, &i));) {
		if (weir_compiler_add_policy(to, policy->policy) < 0)
			return -ENOMEM;
	}
	for (uint32_t i = 0; (pod = weir_table_next(&from->pods, &i));) {
		if (weir_compiler_add_pod(to, pod->pod) < 0)
			return -ENOMEM;
	}
	for (uint32_t i = 0; (pod = weir_table_next(&from->nodes_by_name, &i));) {
		if (weir_compiler_add_node(to, weir_node_of(pod)) < 0)
			return -ENOMEM;
	}
	return weir_domains_lend_again(from, to);
}

/* A commit that ran out of memory has left the model in the middle of
 * something. It is made anew from the objects; numbers of rulesets go on. */
static int start_anew(struct weir_compiler *c)
{
	WEIR_CLEANUP(weir_compiler_free) struct weir_compiler *fresh = NULL;
	struct weir_compiler old;

	if (weir_compiler_new(&fresh) < 0)
		return -ENOMEM;
	fresh->enforce_staged = c->enforce_staged;
	if (lend_again(c, fresh) < 0)
		return -ENOMEM;
	fresh->next_ruleset = c->next_ruleset;
	fresh->generation = c->generation;
	fresh->commits = c->commits;
	fresh->compiled_rulesets = c->compiled_rulesets;
	old = *c;
	*c = *fresh;
	*fresh = old;
	return 0;
}

static int no_memory(struct weir_error *err)
{
	return weir_error_set(err, ENOMEM, "compile: out of memory");
}

int weir_compiler_commit(struct weir_compiler *c, struct weir_changes **ret, struct weir_error *err)
{
	struct weir_changes *changes = calloc(1, sizeof(*changes));
	bool anew = c->broken;

	if (!changes || (anew && start_anew(c) < 0)) {
		weir_changes_free(&changes);
		return no_memory(err);
	}
	c->broken = run(c, changes) < 0;
	if (c->broken) {
		weir_changes_free(&changes);
		return no_memory(err);
	}
	changes->full = anew;
	c->commits++;
	if (anew || !weir_changes_empty(changes))
		c->generation++;
	changes->generation = c->generation;
	*ret = changes;
	return 0;
}

int weir_compiler_snapshot(struct weir_compiler *c, struct weir_changes **ret,
			   struct weir_error *err)
{
	struct weir_changes *changes = calloc(1, sizeof(*changes));

	if (!changes || c->broken || weir_changes_list(c, changes) < 0) {
		weir_changes_free(&changes);
		return no_memory(err);
	}
	changes->full = true;
	changes->generation = c->generation;
	*ret = changes;
	return 0;
}
