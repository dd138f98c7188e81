/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts anti-spoofing in force around a change of the policies: what new pods may
 * say they are comes before they have rights, what gone ones were is taken away
 * after. Against the mirror, or (full) against what the kernel holds. Called by
 * backend.c.
 */
#include "backends/nftables/spoof.h"

#include <netinet/in.h> /* before the kernel's own */

#include <errno.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "backends/nftables/nft.h"
#include "weir/cleanup.h"

int nft_spoof_open(struct nft *n, struct weir_error *err)
{
	n->spoof.unknown = true;
	return nft_socket_open(&n->spoof.socket, NFPROTO_NETDEV, err);
}

void nft_spoof_close(struct nft *n)
{
	nft_socket_close(&n->spoof.socket);
	nft_spoof_free(&n->spoof.now);
	nft_spoof_free(&n->spoof.next);
	nft_contents_free(&n->spoof.have);
}

static int send_batch(struct nft *n, struct nft_batch *b, struct weir_error *err)
{
	bool uncertain = false; /* or not: after a failure the kernel is asked */

	return nft_batch_send(&n->spoof.socket, b, &uncertain, err);
}

static void render(const struct nft *n, const struct nft_spoof *s, struct nft_objects *o,
		   struct nft_rules *rules)
{
	if (!s->n_interfaces)
		return;
	nft_spoof_render_shared(s, n->nflog_group, o, rules);
	for (size_t i = 0; i < s->n_interfaces; i++)
		nft_spoof_render_interface(&s->interfaces[i], o, rules);
}

/* --- the sets ------------------------------------------------------------------------ */

/* What a set holds now. */
static int elements_now(struct nft *n, enum nft_spoof_set set, struct nft_elems *ret,
			struct weir_error *err)
{
	if (!n->spoof.unknown)
		nft_spoof_render_set(&n->spoof.now, set, ret);
	else if (nft_find_set(&n->spoof.have.objects, nft_spoof_sets[set]))
		return nft_read_elements(&n->spoof.socket, nft_spoof_sets[set], ret, err);
	return 0;
}

/* One of the two halves of the difference. */
static int write_sets(struct nft *n, bool additions, struct nft_batch *b, struct weir_error *err)
{
	const struct nft_elems none = { 0 };
	int r = 0;

	for (int set = 0; set < NFT_SPOOF_SETS && r == 0; set++) {
		WEIR_CLEANUP(nft_elems_free) struct nft_elems now = { 0 }, shall = { 0 };
		WEIR_CLEANUP(nft_elems_free) struct nft_elems gone = { 0 }, come = { 0 };

		r = elements_now(n, set, &now, err);
		if (r < 0)
			return r;
		nft_spoof_render_set(&n->spoof.next, set, &shall);
		nft_elems_diff(&now, &shall, &gone, &come);
		if (now.failed || shall.failed || gone.failed || come.failed)
			return weir_error_errno(err, ENOMEM, "set %s", nft_spoof_sets[set]);
		nft_elems_write(b, nft_spoof_sets[set], additions ? &none : &gone,
				additions ? &come : &none, &n->elements);
	}
	return 0;
}

/* --- chains of interfaces, against the mirror -------------------------------------------- */

static void write_chain(const struct weir_interface *i, bool is_new, struct nft_batch *b)
{
	WEIR_CLEANUP(nft_objects_free) struct nft_objects o = { 0 };
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };

	nft_spoof_render_interface(i, &o, &rules);
	b->failed |= o.failed || rules.failed;
	if (is_new)
		for (size_t c = 0; c < o.n_chains; c++)
			nft_add_chain(b, &o.chains[c]);
	for (size_t c = 0; c < o.n_chains; c++)
		nft_refill_chain(b, o.chains[c].name, &rules);
}

static void delete_chain(const struct weir_interface *i, struct nft_batch *b)
{
	WEIR_CLEANUP(nft_objects_free) struct nft_objects o = { 0 };
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };

	nft_spoof_render_interface(i, &o, &rules);
	for (size_t c = 0; c < o.n_chains; c++) {
		nft_flush_chain(b, o.chains[c].name);
		nft_delete_chain(b, o.chains[c].name);
	}
}

/* The same interface, with another chain. */
static bool chain_differs(const struct weir_interface *a, const struct weir_interface *b)
{
	return a->has_mac != b->has_mac || memcmp(a->mac, b->mac, sizeof(a->mac)) != 0 ||
	       a->n_addrs != b->n_addrs || memcmp(a->addrs, b->addrs, sizeof(a->addrs)) != 0;
}

static void diff_chains(const struct nft_spoof *have, const struct nft_spoof *want, bool additions,
			struct nft_batch *b)
{
	size_t i = 0, j = 0;

	while (i < have->n_interfaces || j < want->n_interfaces) {
		const struct weir_interface *h =
			i < have->n_interfaces ? &have->interfaces[i] : NULL;
		const struct weir_interface *w =
			j < want->n_interfaces ? &want->interfaces[j] : NULL;
		bool gone = h && (!w || h->index < w->index);
		bool come = w && (!h || w->index < h->index);
		bool same = h && w && !gone && !come;

		i += !come;
		j += !gone;
		if (come && additions)
			write_chain(w, true, b);
		if (gone && !additions)
			delete_chain(h, b);
		if (same && additions && strcmp(h->name, w->name) != 0) {
			delete_chain(h, b);
			write_chain(w, true, b);
		} else if (same && additions && chain_differs(h, w)) {
			write_chain(w, false, b);
		}
	}
}

/* --- everything, against the kernel --------------------------------------------------------- */

/* A set of another type cannot be made right, nor can another layout. */
static bool is_usable(const struct nft_contents *have, const struct nft_objects *o)
{
	if (strcmp(have->comment, NFT_SPOOF_COMMENT) != 0)
		return false;
	for (size_t i = 0; i < o->n_sets; i++)
		if (nft_find_set(&have->objects, o->sets[i].name) &&
		    !nft_has_set(&have->objects, &o->sets[i]))
			return false;
	return true;
}

/* What can be repaired; the rest goes in the transaction that b is. */
static int read_kernel(struct nft *n, const struct nft_objects *want, struct nft_batch *b,
		       struct weir_error *err)
{
	struct nft_contents *have = &n->spoof.have;
	int r = nft_read_contents(&n->spoof.socket, have, err);

	if (r == 0 && have->exists && !is_usable(have, want)) {
		nft_delete_table(b);
		nft_contents_free(have);
		n->repairs++;
	}
	return r;
}

static void repair_chain(struct nft *n, const struct nft_contents *have,
			 const struct nft_chain *want, const struct nft_rules *rules,
			 struct nft_batch *b)
{
	const struct nft_chain *c = nft_find_chain(&have->objects, want->name);

	if (c && nft_same_hook(c, want) && nft_same_rules(&have->rules, rules, want->name))
		return;
	n->repairs += have->exists && (c || want->hook < 0);
	if (c && !nft_same_hook(c, want)) {
		nft_flush_chain(b, want->name);
		nft_delete_chain(b, want->name);
		nft_add_chain(b, want);
	}
	nft_refill_chain(b, want->name, rules);
}

static void repair(struct nft *n, const struct nft_contents *have, const struct nft_objects *o,
		   const struct nft_rules *rules, struct nft_batch *b)
{
	if (!have->exists && o->n_chains)
		nft_add_table(b, NFT_SPOOF_COMMENT);
	for (size_t i = 0; i < o->n_sets; i++)
		if (!nft_find_set(&have->objects, o->sets[i].name))
			nft_add_set(b, &o->sets[i]);
	for (size_t i = 0; i < o->n_chains; i++)
		if (!nft_find_chain(&have->objects, o->chains[i].name))
			nft_add_chain(b, &o->chains[i]);
	for (size_t i = 0; i < o->n_chains; i++)
		repair_chain(n, have, &o->chains[i], rules, b);
}

/* All of it, over what the kernel has. */
static int guard_all(struct nft *n, struct nft_batch *b, struct weir_error *err)
{
	WEIR_CLEANUP(nft_objects_free) struct nft_objects o = { 0 };
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };
	int r;

	render(n, &n->spoof.next, &o, &rules);
	if (o.failed || rules.failed)
		return weir_error_errno(err, ENOMEM, "plan");
	r = read_kernel(n, &o, b, err);
	if (r == 0)
		repair(n, &n->spoof.have, &o, &rules, b);
	return r;
}

/* Chains and sets in the kernel that nobody needs. */
static int sweep(struct nft *n, struct nft_batch *b)
{
	WEIR_CLEANUP(nft_objects_free) struct nft_objects o = { 0 }, old = { 0 };
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };

	render(n, &n->spoof.next, &o, &rules);
	nft_objects_sort(&o);
	nft_objects_missing(&n->spoof.have.objects, &o, &old);
	if (o.failed || rules.failed || old.failed)
		return -ENOMEM;
	nft_delete_objects(b, &old);
	return 0;
}

/* --- around a change of the policies -----------------------------------------------------------
 */

static bool same_tunnels(const struct nft_spoof *a, const struct nft_spoof *b)
{
	return a->n_tunnels == b->n_tunnels &&
	       memcmp(a->tunnels, b->tunnels, a->n_tunnels * sizeof(*a->tunnels)) == 0;
}

static void write_tunnels(const struct nft *n, struct nft_batch *b)
{
	WEIR_CLEANUP(nft_objects_free) struct nft_objects o = { 0 };
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };

	nft_spoof_render_shared(&n->spoof.next, n->nflog_group, &o, &rules);
	nft_refill_chain(b, NFT_SPOOF_TUNNELS, &rules);
	b->failed |= o.failed || rules.failed;
}

/* The chains that differ; where there was no table, all of them. */
static int guard_changes(struct nft *n, struct nft_batch *b, struct weir_error *err)
{
	if (!n->spoof.next.n_interfaces)
		return 0;
	if (n->spoof.now.n_interfaces) {
		diff_chains(&n->spoof.now, &n->spoof.next, true, b);
		if (!same_tunnels(&n->spoof.now, &n->spoof.next))
			write_tunnels(n, b);
		return 0;
	}
	n->spoof.unknown = true;
	return guard_all(n, b, err);
}

static int guard(struct nft *n, struct weir_error *err)
{
	WEIR_CLEANUP(nft_batch_free) struct nft_batch b = nft_batch_for(&n->spoof.socket);
	int r;

	nft_contents_free(&n->spoof.have);
	r = n->spoof.unknown ? guard_all(n, &b, err) : guard_changes(n, &b, err);
	if (r == 0 && n->spoof.next.n_interfaces)
		r = write_sets(n, true, &b, err);
	return r < 0 ? r : send_batch(n, &b, err);
}

int nft_spoof_guard(struct nft *n, const struct weir_changes *changes, struct weir_error *err)
{
	int r;

	nft_spoof_free(&n->spoof.next);
	r = nft_spoof_make(changes, &n->spoof.next);
	if (r < 0)
		return weir_error_errno(err, -r, "anti-spoofing");
	n->spoof.unknown |= changes->full;
	r = guard(n, err);
	if (r < 0 && !n->spoof.unknown) { /* somebody may have changed it */
		n->spoof.unknown = true;
		r = guard(n, err);
	}
	n->spoof.unknown |= r < 0;
	if (r == -EAFNOSUPPORT || r == -EOPNOTSUPP)
		return weir_error_prefix(
			err, r,
			"anti-spoofing: this kernel has no ingress hook for nftables "
			"(antiSpoofing: no goes without)");
	return r < 0 ? weir_error_prefix(err, r, "anti-spoofing") : 0;
}

static int release(struct nft *n, struct weir_error *err)
{
	WEIR_CLEANUP(nft_batch_free) struct nft_batch b = nft_batch_for(&n->spoof.socket);
	bool exists = n->spoof.unknown ? n->spoof.have.exists : n->spoof.now.n_interfaces > 0;
	int r = 0;

	if (!n->spoof.next.n_interfaces) {
		if (exists)
			nft_delete_table(&b);
	} else {
		r = write_sets(n, false, &b, err);
		if (r == 0 && n->spoof.unknown)
			r = sweep(n, &b);
		else if (r == 0)
			diff_chains(&n->spoof.now, &n->spoof.next, false, &b);
	}
	return r < 0 ? r : send_batch(n, &b, err);
}

/* Before Linux 6.16 a chain goes with its interface. */
static int release_what_is_there(struct nft *n, struct weir_error *err)
{
	int r;

	n->spoof.unknown = true;
	nft_contents_free(&n->spoof.have);
	r = nft_read_contents(&n->spoof.socket, &n->spoof.have, err);
	return r < 0 ? r : release(n, err);
}

int nft_spoof_release(struct nft *n, struct weir_error *err)
{
	int r = release(n, err);

	if (r < 0 && !n->spoof.unknown)
		r = release_what_is_there(n, err);
	if (r < 0) {
		n->spoof.unknown = true;
		return weir_error_prefix(err, r, "anti-spoofing");
	}
	n->spoof.unknown = false;
	nft_contents_free(&n->spoof.have);
	nft_spoof_free(&n->spoof.now);
	n->spoof.now = n->spoof.next;
	n->spoof.next = (struct nft_spoof){ 0 };
	return 0;
}

int nft_spoof_purge(struct weir_error *err)
{
	WEIR_CLEANUP(nft_batch_free)
	struct nft_batch b = { .table = NFT_TABLE, .family = NFPROTO_NETDEV };
	bool uncertain = false;
	struct nft_socket s;
	int r = nft_socket_open(&s, NFPROTO_NETDEV, err);

	if (r < 0)
		return r;
	nft_add_table(&b, NFT_SPOOF_COMMENT); /* so that deleting finds one */
	nft_delete_table(&b);
	r = nft_batch_send(&s, &b, &uncertain, err);
	nft_socket_close(&s);
	return r == -EAFNOSUPPORT || r == -EOPNOTSUPP ? 0 : r; /* there cannot be one */
}

/* --- counters ------------------------------------------------------------------------------------
 */

static int add_count(struct nftnl_expr *e, void *data)
{
	uint64_t *count = data;

	if (strcmp(nftnl_expr_get_str(e, NFTNL_EXPR_NAME), "counter") == 0)
		*count += nftnl_expr_get_u64(e, NFTNL_EXPR_CTR_PACKETS);
	return 0;
}

static int count_rule(void *data, const struct nftnl_rule *rule)
{
	const char *in = nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN);
	uint64_t *counts = data;
	char chain[NFT_NAME_LEN];

	for (int i = 0; i < WEIR_SPOOF_MAX; i++) {
		nft_spoof_chain(i, chain);
		if (strcmp(chain, in) == 0)
			nftnl_expr_foreach((struct nftnl_rule *)rule, add_count, &counts[i]);
	}
	return 0;
}

static void forget_counts(void *data)
{
	memset(data, 0, WEIR_SPOOF_MAX * sizeof(uint64_t));
}

void nft_spoof_counts(struct nft *n, uint64_t ret[WEIR_SPOOF_MAX])
{
	forget_counts(ret);
	if (n->spoof.now.n_interfaces &&
	    nft_each_rule(&n->spoof.socket, count_rule, forget_counts, ret) < 0)
		forget_counts(ret);
}
