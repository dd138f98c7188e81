/* SPDX-License-Identifier: Apache-2.0 */
/* Does the kernel hold what was applied? Every rule and every element, or those
 * that one endpoint's packets meet. Changes nothing. */
#include <errno.h>
#include <string.h>

#include "backends/nftables/nft.h"
#include "weir/cleanup.h"

struct check {
	struct nft *n;
	struct nft_socket *socket;    /* of the table */
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
			const struct nft_contents *have)
{
	for (size_t i = 0; i < o->n_chains; i++) {
		const char *name = o->chains[i].name;

		if (!nft_find_chain(&have->objects, name))
			differs(c, "chain", name, "missing");
		else if (!nft_same_rules(&have->rules, want, name))
			differs(c, "chain", name, "its rules are not those that were applied");
	}
}

static int check_set(struct check *c, const struct nft_contents *have, const char *name,
		     struct nft_elems *want)
{
	WEIR_CLEANUP(nft_elems_free) struct nft_elems found = { 0 }, gone = { 0 }, come = { 0 };
	char addr[WEIR_ADDR_STRLEN];
	struct weir_addr a = { 0 };
	size_t n;
	int r;

	if (!nft_find_set(&have->objects, name)) {
		differs(c, "set", name, "missing");
		return 0;
	}
	r = nft_read_elements(c->socket, name, &found, c->err);
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

		/* the last field of each key */
		a.family = e->key_len >= 16 ? AF_INET6 : AF_INET;
		memcpy(a.bytes, e->key + e->key_len - weir_addr_size(&a), weir_addr_size(&a));
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

static int check_sets(struct check *c, const struct nft_ruleset *r, const struct nft_objects *o,
		      const struct nft_contents *have)
{
	int ret = 0;

	for (size_t i = 0; i < o->n_sets && ret == 0; i++) {
		const struct nft_set *set = &o->sets[i];
		WEIR_CLEANUP(nft_elems_free) struct nft_elems want = { 0 };

		if (set->kind == NFT_SET_ADDR_VMAP)
			nft_render_peers(&c->n->model.addresses, r,
					 set->family == AF_INET ? NFT_V4 : NFT_V6, &want);
		else
			nft_render_constant_set(r, set, &want);
		ret = check_set(c, have, set->name, &want);
	}
	return ret;
}

static int check_ruleset(struct check *c, const struct nft_ruleset *r,
			 const struct nft_contents *have)
{
	WEIR_CLEANUP(nft_objects_free) struct nft_objects o = { 0 };
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };

	nft_render_ruleset(r, c->n->nflog_group, &o, &rules);
	check_rules(c, &o, &rules, have);
	return check_sets(c, r, &o, have);
}

static int check_dispatch(struct check *c, const struct nft_contents *have)
{
	char name[NFT_NAME_LEN];
	int r = 0;

	for (int kind = 0; kind < NFT_DISPATCH_KINDS; kind++) {
		for (int f = 0; f < NFT_FAMILIES && r == 0; f++) {
			WEIR_CLEANUP(nft_elems_free) struct nft_elems want = { 0 };

			nft_render_dispatch(&c->n->model, kind, f, &want);
			nft_dispatch_set(kind, f, name);
			r = check_set(c, have, name, &want);
		}
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

/* An interface out of which this address may come. */
static bool concerns_interface(const struct check *c, const struct weir_interface *i)
{
	bool found = !c->addr;

	for (unsigned a = 0; a < i->n_addrs && !found; a++)
		found = weir_addr_compare(&i->addrs[a], c->addr) == 0;
	return found;
}

/* Chains reached by other packets than they should be. o: sorted, when it is all
 * there shall be. */
static void check_hooks(struct check *c, const struct nft_objects *o,
			const struct nft_contents *have)
{
	for (size_t i = 0; i < have->objects.n_chains && !c->addr; i++) {
		const struct nft_chain *chain = &have->objects.chains[i];

		if (chain->hook >= 0 && !nft_find_chain(o, chain->name))
			differs(c, "chain", chain->name, "should not be there");
	}
	for (size_t i = 0; i < o->n_chains; i++) {
		const struct nft_chain *chain = nft_find_chain(&have->objects, o->chains[i].name);

		if (chain && !nft_same_hook(chain, &o->chains[i]))
			differs(c, "chain", chain->name, "is not where it was put");
	}
}

static int check_spoof(struct check *c)
{
	WEIR_CLEANUP(nft_contents_free) struct nft_contents have = { 0 };
	WEIR_CLEANUP(nft_objects_free) struct nft_objects o = { 0 };
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };
	const struct nft_spoof *now = &c->n->spoof.now;
	int r = nft_read_contents(&c->n->spoof.socket, &have, c->err);

	if (r < 0)
		return r;
	c->socket = &c->n->spoof.socket;
	nft_spoof_render_shared(now, c->n->nflog_group, &o, &rules);
	for (size_t i = 0; i < now->n_interfaces; i++)
		if (concerns_interface(c, &now->interfaces[i]))
			nft_spoof_render_interface(&now->interfaces[i], &o, &rules);
	nft_objects_sort(&o);
	check_rules(c, &o, &rules, &have);
	check_hooks(c, &o, &have);
	for (int set = 0; set < NFT_SPOOF_SETS && r == 0; set++) {
		WEIR_CLEANUP(nft_elems_free) struct nft_elems want = { 0 };

		nft_spoof_render_set(now, set, &want);
		r = check_set(c, &have, nft_spoof_sets[set], &want);
	}
	return r;
}

int nft_verify(struct nft *n, const struct weir_addr *addr, struct weir_error *err)
{
	WEIR_CLEANUP(nft_contents_free) struct nft_contents have = { 0 };
	WEIR_CLEANUP(nft_objects_free) struct nft_objects o = { 0 };
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };
	struct check c = { .n = n, .socket = &n->socket, .addr = addr, .err = err };
	int r = nft_read_contents(&n->socket, &have, err);

	if (r < 0)
		return r;
	if (addr && !nft_model_endpoint(&n->model, addr))
		differs(&c, "endpoint", "of this address", "was never applied");
	nft_render_stable(n, &o, &rules);
	check_rules(&c, &o, &rules, &have);
	r = check_dispatch(&c, &have);
	for (size_t i = 0; i < n->model.n_rulesets && r == 0; i++)
		if (concerns(&c, n->model.rulesets[i]))
			r = check_ruleset(&c, n->model.rulesets[i], &have);
	if (r == 0 && n->spoof.now.n_interfaces)
		r = check_spoof(&c);
	return r < 0 ? r : c.differences;
}
