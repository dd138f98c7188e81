/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All there shall be, whatever the kernel holds: after a start, after an answer
 * that was lost, and when somebody else has meddled. What the kernel has and is
 * as it should be stays (recognise.c); the rest is built beside it; elements of
 * live maps are the commit point; what nothing refers to any more is deleted later.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/nftables/nft.h"
#include "weir/cleanup.h"

static int make_rulesets(struct nft_model *m, const struct weir_changes *changes)
{
	m->rulesets = calloc(changes->n_rulesets + 1, sizeof(*m->rulesets));
	if (!m->rulesets)
		return -ENOMEM;
	for (size_t i = 0; i < changes->n_rulesets; i++) {
		if (!changes->rulesets[i].ruleset)
			continue;
		if (nft_ruleset_make(NULL, &changes->rulesets[i], m->prefixes, m->n_prefixes,
				     &m->rulesets[m->n_rulesets]) < 0)
			return -ENOMEM;
		m->n_rulesets++;
	}
	return 0;
}

static int make_model(const struct weir_changes *changes, struct nft_model *m)
{
	const struct nft_model nothing = { 0 };
	int r = nft_prefixes_merge(&nothing, changes, &m->prefixes, &m->n_prefixes);

	for (size_t i = 0; i < changes->n_addresses && r == 0; i++)
		if (nft_is_address(&changes->addresses[i].prefix))
			r = nft_addresses_stage(&m->addresses, &changes->addresses[i].prefix.addr,
						changes->addresses[i].identity);
	if (r == 0)
		r = nft_addresses_commit(&m->addresses);
	if (r == 0)
		r = make_rulesets(m, changes);
	if (r == 0)
		r = nft_endpoints_merge(&nothing, changes, &m->endpoints, &m->n_endpoints);
	return r < 0 ? r : nft_ranges_make(changes, m);
}

/* --- what nothing refers to yet ---------------------------------------------------- */

/* Add what is missing of the stable part; refill a chain whose rules differ. */
static int repair_skeleton(struct nft *n, const struct nft_contents *have, struct weir_error *err)
{
	WEIR_CLEANUP(nft_objects_free) struct nft_objects o = { 0 };
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };
	WEIR_CLEANUP(nft_batch_free) struct nft_batch b = nft_batch_for(&n->socket);

	nft_render_stable(n, &o, &rules);
	if (o.failed || rules.failed)
		return weir_error_errno(err, ENOMEM, "skeleton");
	if (!have->exists)
		nft_add_table(&b, NFT_TABLE_COMMENT);
	for (size_t i = 0; i < o.n_sets; i++)
		if (!nft_find_set(&have->objects, o.sets[i].name))
			nft_add_set(&b, &o.sets[i]);
	for (size_t i = 0; i < o.n_chains; i++)
		if (!nft_find_chain(&have->objects, o.chains[i].name))
			nft_add_chain(&b, &o.chains[i]);
	for (size_t i = 0; i < o.n_chains; i++) {
		if (nft_same_rules(&have->rules, &rules, o.chains[i].name))
			continue;
		n->repairs += have->objects.n_chains != 0;
		nft_refill_chain(&b, o.chains[i].name, &rules);
	}
	return nft_send(n, &b, err);
}

/* Classes that a ruleset in the kernel lacks. */
static int prepare_classes(struct nft *n, const struct nft_contents *have,
			   const struct nft_ruleset *r, struct nft_batch *b)
{
	int ret = 0;

	for (uint32_t i = 0; i < r->classes.n && ret == 0; i++) {
		WEIR_CLEANUP(nft_objects_free) struct nft_objects o = { 0 };
		WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };

		nft_render_class(r, r->classes.items[i], &o, &rules);
		if (o.n_chains && !nft_find_chain(&have->objects, o.chains[0].name))
			ret = nft_write_objects(n, r, &o, &rules, b);
	}
	return ret;
}

static int prepare(struct nft *n, const struct nft_contents *have, const bool *known,
		   struct weir_error *err)
{
	WEIR_CLEANUP(nft_batch_free) struct nft_batch b = nft_batch_for(&n->socket);
	int r = repair_skeleton(n, have, err);

	for (size_t i = 0; i < n->model.n_rulesets && r == 0; i++)
		r = known[i] ? prepare_classes(n, have, n->model.rulesets[i], &b)
			     : nft_prepare_ruleset(n, n->model.rulesets[i], &b, err);
	return r < 0 ? r : nft_send(n, &b, err);
}

/* --- the commit point ---------------------------------------------------------------- */

static int write_peers(struct nft *n, const struct nft_ruleset *r, struct nft_batch *b,
		       struct weir_error *err)
{
	char name[NFT_NAME_LEN];
	int ret = 0;

	for (int f = 0; f < NFT_FAMILIES && ret == 0; f++) {
		WEIR_CLEANUP(nft_elems_free) struct nft_elems want = { 0 };

		nft_render_peers(&n->model.addresses, r, f, &want);
		nft_elems_sort(&want);
		nft_peer_map(r, f, name);
		ret = nft_write_diff(n, name, NULL, &want, false, b, err);
	}
	return ret;
}

static int write_all_peers(struct nft *n, const bool *known, struct nft_batch *b,
			   struct weir_error *err)
{
	int r = 0;

	for (size_t i = 0; i < n->model.n_rulesets && r == 0; i++)
		if (known[i])
			r = write_peers(n, n->model.rulesets[i], b, err);
	return r;
}

/* More than one transaction can carry: all rulesets are built anew beside those
 * in force, so that repointing the endpoints is all there is to commit. */
static void forget_known(struct nft *n, bool *known, struct nft_batch *b)
{
	for (size_t i = 0; i < n->model.n_rulesets; i++) {
		if (known[i])
			n->model.rulesets[i]->key = n->next_key++;
		known[i] = false;
	}
	nft_batch_free(b);
}

static int build(struct nft *n, const struct nft_contents *have, struct weir_error *err)
{
	WEIR_AUTO_FREE bool *known = calloc(n->model.n_rulesets + 1, sizeof(*known));
	WEIR_CLEANUP(nft_batch_free) struct nft_batch commit = nft_batch_for(&n->socket);
	int r = known ? nft_recognise(n, have, known, err) : weir_error_errno(err, ENOMEM, "plan");

	if (r == 0)
		r = write_all_peers(n, known, &commit, err);
	if (r == 0 && commit.len > NFT_COMMIT_MAX)
		forget_known(n, known, &commit);
	if (r == 0)
		r = prepare(n, have, known, err);
	if (r == 0)
		r = nft_repair_dispatch(n, &n->model, &commit, err);
	n->repairs += have->exists && commit.messages;
	return r < 0 ? r : nft_send(n, &commit, err);
}

/* --- afterwards ---------------------------------------------------------------------- */

/* Whatever the kernel had before that the model does not name. */
static int mark_old(struct nft *n, const struct nft_contents *have)
{
	WEIR_CLEANUP(nft_objects_free) struct nft_objects want = { 0 }, old = { 0 };
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };

	nft_render_stable(n, &want, &rules);
	for (size_t i = 0; i < n->model.n_rulesets && !rules.failed; i++) {
		nft_rules_free(&rules);
		nft_render_ruleset(n->model.rulesets[i], n->nflog_group, &want, &rules);
	}
	nft_objects_sort(&want);
	nft_objects_missing(&have->objects, &want, &old);
	if (want.failed || rules.failed || old.failed)
		return -ENOMEM;
	nft_garbage_replace(n, &old);
	return 0;
}

int nft_put_in_force(struct nft *n, const struct nft_contents *have, struct weir_error *err)
{
	int r = build(n, have, err);

	if (r < 0)
		return r;
	r = mark_old(n, have);
	return r < 0 ? weir_error_errno(err, -r, "sweep") : 0;
}

int nft_apply_full(struct nft *n, const struct weir_changes *changes, struct weir_error *err)
{
	WEIR_CLEANUP(nft_contents_free) struct nft_contents have = { 0 };
	bool usable;
	int r;

	n->needs_full = true; /* until all of it has been seen to work */
	nft_model_free(&n->model);
	r = make_model(changes, &n->model);
	if (r < 0)
		return weir_error_errno(err, -r, "plan");
	r = nft_check_endpoints(&n->model, err);
	if (r == 0)
		r = nft_read_contents(&n->socket, &have, err);
	if (r < 0)
		return r;
	n->dialled |= nft_find_chain(&have.objects, "dialled") != NULL;
	usable = nft_is_usable(n, &have);
	r = usable ? nft_put_in_force(n, &have, err) : nft_replace_table(n, err);
	if (r == 0 && (have.next_exists || !usable))
		r = nft_drop_table(n, NFT_TABLE_NEXT, err);
	n->needs_full = r < 0;
	return r;
}
