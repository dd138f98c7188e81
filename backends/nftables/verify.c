/* SPDX-License-Identifier: Apache-2.0 */
/* Does the kernel hold what was applied? Every rule and every element, or those
 * that one endpoint's packets meet. Changes nothing. */
#include <errno.h>
#include <string.h>

#include "backends/nftables/nft.h"
#include "weir/cleanup.h"

struct check {
	struct nft *n;
	const struct weir_addr *addr; /* NULL: everything */
	int differences;
	struct weir_error *err; /* of the first one */
};

static void differs(struct check *c, const char *what, const char *name, const char *how)
{
	if (c->differences++ == 0)
		weir_error_set(c->err, 0, "%s %s: %s", what, name, how);
}

static void check_rules(struct check *c, const struct nft_objects *o, const struct nft_rules *want,
			const struct nft_objects *have, const struct nft_rule_texts *texts)
{
	for (size_t i = 0; i < o->n_chains; i++) {
		const char *name = o->chains[i].name;

		if (!nft_has_chain(have, name))
			differs(c, "chain", name, "missing");
		else if (!nft_same_rules(texts, want, name))
			differs(c, "chain", name, "its rules are not those that were applied");
	}
}

static int check_set(struct check *c, const struct nft_objects *have, const char *name,
		     struct nft_elems *want)
{
	WEIR_CLEANUP(nft_elems_free) struct nft_elems found = { 0 }, gone = { 0 }, come = { 0 };
	char addr[WEIR_ADDR_STRLEN];
	struct weir_addr a = { 0 };
	size_t n;
	int r;

	if (!nft_has_set(have, name)) {
		differs(c, "set", name, "missing");
		return 0;
	}
	r = nft_read_elements(&c->n->socket, name, &found, c->err);
	if (r < 0)
		return r;
	nft_elems_sort(want);
	n = nft_elems_diff(&found, want, &gone, &come);
	if (want->failed || gone.failed || come.failed)
		return weir_error_errno(c->err, ENOMEM, "set %s", name);
	if (!n)
		return 0;
	if (come.n || gone.n) {
		const struct nft_elem *e = come.n ? come.items : gone.items;

		a.family = e->key_len == 16 || e->key_len == 32 ? AF_INET6 : AF_INET;
		memcpy(a.bytes, e->key, weir_addr_size(&a));
		weir_addr_format(&a, addr);
	}
	if (c->differences == 0)
		weir_error_set(c->err, 0, "set %s: element %s %s", name, addr,
			       come.n && gone.n ? "differs"
			       : come.n		? "is missing"
						: "should not be there");
	c->differences += (int)n;
	return 0;
}

static int check_ports(struct check *c, const struct nft_ruleset *r, const struct nft_objects *o,
		       const struct nft_objects *have)
{
	int ret = 0;

	for (size_t i = 0; i < o->n_sets && ret == 0; i++) {
		WEIR_CLEANUP(nft_elems_free) struct nft_elems want = { 0 };

		if (o->sets[i].kind != NFT_SET_PORTS)
			continue;
		nft_render_port_set(r, o->sets[i].name, &want);
		ret = check_set(c, have, o->sets[i].name, &want);
	}
	return ret;
}

static int check_ruleset(struct check *c, const struct nft_ruleset *r,
			 const struct nft_objects *have, const struct nft_rule_texts *texts)
{
	WEIR_CLEANUP(nft_objects_free) struct nft_objects o = { 0 };
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };
	char name[NFT_NAME_LEN];
	int ret;

	nft_render_ruleset(r, c->n->nflog_group, &o, &rules);
	check_rules(c, &o, &rules, have, texts);
	ret = check_ports(c, r, &o, have);
	for (int f = 0; f < NFT_FAMILIES && ret == 0; f++) {
		WEIR_CLEANUP(nft_elems_free) struct nft_elems peers = { 0 }, nets = { 0 };

		nft_render_peers(&c->n->model.addresses, r, f, &peers);
		nft_peer_map(r, f, name);
		ret = check_set(c, have, name, &peers);
		nft_render_nets(r, f, &nets);
		nft_net_map(r, f, name);
		if (ret == 0 && nets.n)
			ret = check_set(c, have, name, &nets);
	}
	return ret;
}

static int check_dispatch(struct check *c, const struct nft_objects *have)
{
	const struct nft_model *m = &c->n->model;
	char name[NFT_NAME_LEN];
	int r = 0;

	for (int f = 0; f < NFT_FAMILIES && r == 0; f++) {
		WEIR_CLEANUP(nft_elems_free) struct nft_elems self = { 0 }, guards = { 0 };

		for (int d = 0; d < WEIR_DIRECTION_MAX && r == 0; d++) {
			WEIR_CLEANUP(nft_elems_free) struct nft_elems want = { 0 };

			nft_render_endpoints(m, d, f, &want);
			nft_endpoint_map(d, f, name);
			r = check_set(c, have, name, &want);
		}
		nft_render_self(m, f, &self);
		nft_self_set(f, name);
		if (r == 0)
			r = check_set(c, have, name, &self);
		nft_render_guards(&m->guards[f], f, &guards);
		nft_guard_set(f, name);
		if (r == 0)
			r = check_set(c, have, name, &guards);
	}
	return r;
}

static bool concerns(const struct check *c, const struct nft_ruleset *r)
{
	const struct nft_endpoint *e;

	if (!c->addr)
		return true;
	e = nft_model_endpoint(&c->n->model, c->addr);
	return e && e->rulesets[r->direction] == r->id;
}

int nft_verify(struct nft *n, const struct weir_addr *addr, struct weir_error *err)
{
	WEIR_CLEANUP(nft_objects_free) struct nft_objects have = { 0 }, o = { 0 };
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };
	WEIR_CLEANUP(nft_rule_texts_free) struct nft_rule_texts texts = { 0 };
	struct check c = { .n = n, .addr = addr, .err = err };
	int r = nft_read_objects(&n->socket, &have, err);

	if (r == 0)
		r = nft_read_rules(&n->socket, &texts, err);
	if (r < 0)
		return r;
	if (addr && !nft_model_endpoint(&n->model, addr))
		differs(&c, "endpoint", "of this address", "was never applied");
	nft_render_skeleton(n->nflog_group, &o, &rules);
	check_rules(&c, &o, &rules, &have, &texts);
	r = check_dispatch(&c, &have);
	for (size_t i = 0; i < n->model.n_rulesets && r == 0; i++)
		if (concerns(&c, n->model.rulesets[i]))
			r = check_ruleset(&c, n->model.rulesets[i], &have, &texts);
	return r < 0 ? r : c.differences;
}
