/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Incremental changes, against the mirror. What shall be is computed beside
 * what is, and taken over only when the kernel has committed it. Two
 * transactions: first new chains and maps, which nothing refers to; then, as
 * the commit point, elements of live maps. What is out of force is deleted
 * later (settle.c): a packet on its way may still be in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/nftables/nft.h"
#include "weir/cleanup.h"

/* What a ruleset was and shall be. */
struct step {
	struct nft_ruleset *old;  /* in the model; NULL: new */
	struct nft_ruleset *next; /* owned; NULL: gone, or (untouched) as it was */
	const struct weir_ruleset_change *change;
	bool untouched;
	bool rebuilt; /* next has a new key */
};

struct plan {
	struct step *steps; /* by ascending id */
	size_t n;
	struct nft_model next; /* borrows rulesets from steps and model, owns the rest */
};

static void plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		nft_ruleset_free(&p->steps[i].next);
	free(p->steps);
	free(p->next.prefixes);
	free(p->next.rulesets);
	free(p->next.endpoints);
	nft_ranges_free(&p->next);
}

static int make_next(struct nft *n, struct plan *p, struct step *s, bool prefixes_changed)
{
	const struct nft_ruleset *from = s->change && s->change->is_new ? NULL : s->old;
	int r = 0;

	s->untouched = !s->change && !prefixes_changed;
	if (s->untouched || (s->change && !s->change->ruleset))
		return 0;
	if (s->change)
		r = nft_ruleset_make(from, s->change, p->next.prefixes, p->next.n_prefixes,
				     &s->next);
	else
		r = nft_ruleset_over(s->old, p->next.prefixes, p->next.n_prefixes, &s->next);
	if (r < 0)
		return r;
	s->rebuilt = !from || !nft_ruleset_same_structure(s->old, s->next);
	s->next->key = s->rebuilt ? n->next_key++ : s->old->key;
	return 0;
}

/* Merge the rulesets there are and the changes, both by ascending id. */
static int plan_rulesets(struct nft *n, const struct weir_changes *changes, struct plan *p,
			 bool prefixes_changed)
{
	const struct nft_model *m = &n->model;
	size_t i = 0, j = 0;

	p->steps = calloc(m->n_rulesets + changes->n_rulesets + 1, sizeof(*p->steps));
	p->next.rulesets =
		calloc(m->n_rulesets + changes->n_rulesets + 1, sizeof(*p->next.rulesets));
	if (!p->steps || !p->next.rulesets)
		return -ENOMEM;
	while (i < m->n_rulesets || j < changes->n_rulesets) {
		struct nft_ruleset *old = i < m->n_rulesets ? m->rulesets[i] : NULL;
		const struct weir_ruleset_change *c =
			j < changes->n_rulesets ? &changes->rulesets[j] : NULL;
		bool take_old = old && (!c || old->id <= c->id);
		bool take_change = c && (!old || c->id <= old->id);
		struct step *s = &p->steps[p->n++];
		int r;

		*s = (struct step){ take_old ? old : NULL, .change = take_change ? c : NULL };
		i += take_old;
		j += take_change;
		r = make_next(n, p, s, prefixes_changed);
		if (r < 0)
			return r;
		if (s->untouched || s->next)
			p->next.rulesets[p->next.n_rulesets++] = s->untouched ? s->old : s->next;
	}
	return 0;
}

int nft_check_endpoints(const struct nft_model *next, struct weir_error *err)
{
	char addr[WEIR_ADDR_STRLEN];

	for (size_t i = 0; i < next->n_endpoints; i++) {
		const struct nft_endpoint *e = &next->endpoints[i];

		for (int d = 0; d < WEIR_DIRECTION_MAX; d++)
			if (e->rulesets[d] && !nft_model_ruleset(next, e->rulesets[d]))
				return weir_error_set(
					err, EINVAL, "endpoint %s: there is no ruleset %u",
					weir_addr_format(&e->addr, addr), e->rulesets[d]);
	}
	return 0;
}

static int plan_changes(struct nft *n, const struct weir_changes *changes, struct plan *p,
			struct weir_error *err)
{
	bool prefixes_changed = false;
	int r = 0;

	for (size_t i = 0; i < changes->n_addresses && r == 0; i++) {
		const struct weir_address_change *a = &changes->addresses[i];

		if (nft_is_address(&a->prefix))
			r = nft_addresses_stage(&n->model.addresses, &a->prefix.addr, a->identity);
		else
			prefixes_changed = true;
	}
	if (r == 0)
		r = nft_prefixes_merge(&n->model, changes, &p->next.prefixes, &p->next.n_prefixes);
	if (r == 0)
		r = plan_rulesets(n, changes, p, prefixes_changed);
	if (r == 0)
		r = nft_endpoints_merge(&n->model, changes, &p->next.endpoints,
					&p->next.n_endpoints);
	if (r == 0)
		r = nft_ranges_make(changes, &p->next);
	return r < 0 ? weir_error_errno(err, -r, "plan") : nft_check_endpoints(&p->next, err);
}

/* --- transaction 1: what nothing refers to yet -------------------------------- */

static bool has_class(const struct nft_ruleset *r, const struct nft_class *c)
{
	for (uint32_t i = 0; i < r->classes.n; i++)
		if (r->classes.items[i]->number == c->number)
			return true;
	return false;
}

/* Chains of classes that a live ruleset did not have so far. */
static int prepare_classes(struct nft *n, const struct step *s, struct nft_batch *b)
{
	int r = 0;

	for (uint32_t i = 0; i < s->next->classes.n && r == 0; i++) {
		WEIR_CLEANUP(nft_objects_free) struct nft_objects o = { 0 };
		WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };

		if (has_class(s->old, s->next->classes.items[i]))
			continue;
		nft_render_class(s->next, s->next->classes.items[i], &o, &rules);
		if (!nft_garbage_take_back(n, &o))
			r = nft_write_objects(n, s->next, &o, &rules, b);
	}
	return r;
}

static int prepare(struct nft *n, const struct plan *p, struct weir_error *err)
{
	WEIR_CLEANUP(nft_batch_free) struct nft_batch b = nft_batch_for(&n->socket);
	int r = 0;

	for (size_t i = 0; i < p->n && r == 0; i++) {
		const struct step *s = &p->steps[i];

		if (s->rebuilt)
			r = nft_prepare_ruleset(n, s->next, &b, err);
		else if (s->next)
			r = prepare_classes(n, s, &b);
	}
	return r < 0 ? r : nft_send(n, &b, err);
}

/* --- transaction 2: the commit point ------------------------------------------ */

static void diff_address(const struct step *s, const struct nft_address *a, int f,
			 struct nft_elems *gone, struct nft_elems *come)
{
	const struct nft_ruleset *next = s->untouched ? s->old : s->next;
	const struct nft_class *was, *shall;
	struct nft_target t;

	if (a->addr.family != nft_family(f))
		return;
	was = nft_ruleset_class_of(s->old, &a->addr, a->identity);
	shall = nft_ruleset_class_of(next, &a->addr, a->next);
	if (was == shall || (was && shall && was->number == shall->number))
		return;
	if (was)
		nft_elems_add(gone, a->addr.bytes, weir_addr_size(&a->addr), NULL);
	if (!shall)
		return;
	t = nft_class_target(next, shall);
	nft_elems_add(come, a->addr.bytes, weir_addr_size(&a->addr), &t);
}

static void write_peers(struct nft *n, const struct step *s, int f, struct nft_batch *b)
{
	WEIR_CLEANUP(nft_elems_free) struct nft_elems gone = { 0 };
	WEIR_CLEANUP(nft_elems_free) struct nft_elems come = { 0 };
	const struct nft_addresses *t = &n->model.addresses;
	char name[NFT_NAME_LEN];

	for (uint32_t i = 0; i < t->n_dirty; i++)
		diff_address(s, &t->items[t->dirty[i]], f, &gone, &come);
	for (size_t i = 0; s->change && i < s->change->n_peers; i++) {
		uint32_t at = nft_addresses_first(t, s->change->peers[i].identity);

		for (; at != NFT_NO_ADDRESS; at = t->items[at].same_next)
			if (!t->items[at].dirty)
				diff_address(s, &t->items[at], f, &gone, &come);
	}
	nft_peer_map(s->old, f, name);
	nft_elems_write(b, name, &gone, &come, &n->elements);
}

static void write_all_peers(struct nft *n, const struct plan *p, struct nft_batch *b)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct step *s = &p->steps[i];

		for (int f = 0; f < NFT_FAMILIES && (s->untouched || s->next) && !s->rebuilt; f++)
			write_peers(n, s, f, b);
	}
}

/* More than one transaction can carry: rulesets are built anew beside those in
 * force, so that repointing the endpoints is all there is to commit. */
static int rebuild_all(struct nft *n, struct plan *p)
{
	size_t at = 0;

	for (size_t i = 0; i < p->n; i++) {
		struct step *s = &p->steps[i];

		if (s->untouched &&
		    nft_ruleset_over(s->old, p->next.prefixes, p->next.n_prefixes, &s->next) < 0)
			return -ENOMEM;
		s->untouched = false;
		if (!s->next)
			continue;
		if (!s->rebuilt)
			s->next->key = n->next_key++;
		s->rebuilt = true;
		p->next.rulesets[at++] = s->next;
	}
	return 0;
}

/* Both transactions. */
static int send_plan(struct nft *n, struct plan *p, struct weir_error *err)
{
	WEIR_CLEANUP(nft_batch_free) struct nft_batch commit = nft_batch_for(&n->socket);
	int r;

	write_all_peers(n, p, &commit);
	if (commit.len > NFT_COMMIT_MAX) {
		nft_batch_free(&commit);
		if (rebuild_all(n, p) < 0)
			return weir_error_errno(err, ENOMEM, "plan");
	}
	r = prepare(n, p, err);
	nft_write_answers(n, &p->next, &commit);
	if (r == 0)
		r = nft_write_dispatch_changes(n, &n->model, &p->next, &commit, err);
	return r < 0 ? r : nft_send(n, &commit, err);
}

/* --- afterwards ------------------------------------------------------------- */

static void discard(struct nft *n, const struct step *s)
{
	if (s->old && (s->rebuilt || !s->next)) {
		nft_garbage_add_ruleset(n, s->old);
		return;
	}
	for (uint32_t i = 0; s->old && i < s->old->classes.n; i++)
		if (!has_class(s->next, s->old->classes.items[i]))
			nft_garbage_add_class(n, s->old, s->old->classes.items[i]);
}

static int take_over(struct nft *n, struct plan *p)
{
	struct nft_model *m = &n->model;

	for (size_t i = 0; i < p->n; i++) {
		struct step *s = &p->steps[i];

		if (s->untouched)
			continue;
		discard(n, s);
		nft_ruleset_free(&s->old);
		s->next = NULL; /* is in p->next.rulesets */
	}
	free(m->prefixes);
	free(m->rulesets);
	free(m->endpoints);
	nft_ranges_free(m);
	p->next.addresses = m->addresses;
	*m = p->next;
	p->next = (struct nft_model){ 0 };
	return nft_addresses_commit(&m->addresses);
}

int nft_apply_changes(struct nft *n, const struct weir_changes *changes, struct weir_error *err)
{
	struct plan p = { 0 };
	int r = plan_changes(n, changes, &p, err);

	if (r == 0) {
		r = send_plan(n, &p, err);
		/* Whatever was prepared is in the kernel: the full apply sweeps it. */
		if (r < 0)
			n->needs_full = true;
	}
	if (r < 0) {
		nft_addresses_abort(&n->model.addresses);
	} else if (take_over(n, &p) < 0) {
		n->needs_full = true;
		r = weir_error_errno(err, ENOMEM, "mirror");
	}
	plan_free(&p);
	return r;
}
