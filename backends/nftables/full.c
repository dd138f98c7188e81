/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All there shall be, whatever the kernel holds: after a start, after an answer
 * that was lost, and when somebody else has meddled. Rulesets are built anew
 * beside those in force; repointing the endpoints is the commit point; what
 * nothing refers to any more is deleted later.
 */
#include <errno.h>
#include <stdio.h>
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
	for (int f = 0; f < NFT_FAMILIES && r == 0; f++)
		r = nft_guards_make(changes, nft_family(f), &m->guards[f]);
	return r;
}

/* Keys behind all that the kernel has. */
static void choose_keys(struct nft *n, const struct nft_objects *have)
{
	for (size_t i = 0; i < have->n_chains; i++) {
		unsigned key;

		if (sscanf(have->chains[i].name, "rs_%u", &key) == 1 && key >= n->next_key)
			n->next_key = key + 1;
	}
	for (size_t i = 0; i < n->model.n_rulesets; i++)
		n->model.rulesets[i]->key = n->next_key++;
}

/* Add what is missing of the stable part; refill a chain whose rules differ. */
static int repair_skeleton(struct nft *n, const struct nft_objects *have, struct weir_error *err)
{
	WEIR_CLEANUP(nft_objects_free) struct nft_objects o = { 0 };
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };
	WEIR_CLEANUP(nft_rule_texts_free) struct nft_rule_texts texts = { 0 };
	WEIR_CLEANUP(nft_batch_free) struct nft_batch b = { 0 };
	int r = nft_read_rules(&n->socket, &texts, err);

	if (r < 0)
		return r;
	nft_render_skeleton(n->nflog_group, &o, &rules);
	if (o.failed || rules.failed)
		return weir_error_errno(err, ENOMEM, "skeleton");
	if (!have->n_chains)
		nft_add_table(&b, NFT_TABLE_COMMENT);
	for (size_t i = 0; i < o.n_sets; i++)
		if (!nft_has_set(have, o.sets[i].name))
			nft_add_set(&b, &o.sets[i]);
	for (size_t i = 0; i < o.n_chains; i++)
		if (!nft_has_chain(have, o.chains[i].name))
			nft_add_chain(&b, o.chains[i].name, o.chains[i].hook,
				      o.chains[i].comment[0] ? o.chains[i].comment : NULL);
	for (size_t i = 0; i < o.n_chains; i++) {
		if (nft_same_rules(&texts, &rules, o.chains[i].name))
			continue;
		n->repairs += have->n_chains != 0;
		if (nft_has_chain(have, o.chains[i].name))
			nft_flush_chain(&b, o.chains[i].name);
		for (size_t j = 0; j < rules.n; j++) {
			const struct nft_rules one = { .items = &rules.items[j], .n = 1 };

			if (strcmp(rules.items[j].chain, o.chains[i].name) == 0)
				nft_add_rules(&b, &one);
		}
	}
	return nft_send(n, &b, err);
}

/* Whatever the kernel had before that is not of the stable part. */
static int mark_old(struct nft *n, const struct nft_objects *have)
{
	WEIR_CLEANUP(nft_objects_free) struct nft_objects stable = { 0 };
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };

	nft_render_skeleton(n->nflog_group, &stable, &rules);
	nft_objects_free(&n->garbage);
	for (size_t i = 0; i < have->n_sets; i++)
		if (!nft_has_set(&stable, have->sets[i].name))
			nft_objects_add_set(&n->garbage, 0, 0, have->sets[i].name);
	for (size_t i = 0; i < have->n_chains; i++)
		if (!nft_has_chain(&stable, have->chains[i].name))
			nft_objects_add_chain(&n->garbage, have->chains[i].name, -1, NULL);
	nft_garbage_since(n);
	return stable.failed || rules.failed || n->garbage.failed ? -ENOMEM : 0;
}

static int build(struct nft *n, const struct nft_objects *have, struct weir_error *err)
{
	WEIR_CLEANUP(nft_batch_free) struct nft_batch b = { 0 };
	int r = repair_skeleton(n, have, err);

	for (size_t i = 0; i < n->model.n_rulesets && r == 0; i++)
		r = nft_prepare_ruleset(n, n->model.rulesets[i], &b, err);
	if (r == 0)
		r = nft_send(n, &b, err);
	if (r == 0)
		r = nft_write_dispatch(n, NULL, &n->model, &b, err);
	return r < 0 ? r : nft_send(n, &b, err);
}

int nft_apply_full(struct nft *n, const struct weir_changes *changes, struct weir_error *err)
{
	WEIR_CLEANUP(nft_objects_free) struct nft_objects have = { 0 };
	int r;

	n->needs_full = true; /* until all of it has been seen to work */
	nft_model_free(&n->model);
	r = make_model(changes, &n->model);
	if (r < 0)
		return weir_error_errno(err, -r, "plan");
	r = nft_check_endpoints(&n->model, err);
	if (r == 0)
		r = nft_read_objects(&n->socket, &have, err);
	if (r < 0)
		return r;
	choose_keys(n, &have);
	r = build(n, &have, err);
	if (r < 0)
		return r;
	r = mark_old(n, &have);
	n->needs_full = r < 0;
	return r < 0 ? weir_error_errno(err, -r, "sweep") : 0;
}
