/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a ruleset looks in the kernel. Its chain is entered by goto, so "return"
 * anywhere below means: this side lets it pass.
 *
 *   chain rs_5        peer address -> class, range -> class, fallback
 *   chain rs_5_p...   the ports of one class
 *   chain rs_5_deny   report and drop
 */
#include "backends/nftables/render.h"

#include <netinet/in.h> /* before the kernel's own */

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/flow/prefix.h"

/* More ranges of a protocol than this are a set: about where one look-up in a
 * small interval set costs what so many comparisons do. */
#define COMPARE_MAX 8

static const uint8_t port_protocols[] = { WEIR_PROTO_TCP, WEIR_PROTO_UDP, WEIR_PROTO_SCTP };

void nft_objects_free(struct nft_objects *o)
{
	free(o->sets);
	free(o->chains);
	*o = (struct nft_objects){ 0 };
}

void nft_objects_add_set(struct nft_objects *o, uint8_t kind, uint8_t family, const char *name)
{
	void *sets = reallocarray(o->sets, o->n_sets + 1, sizeof(*o->sets));

	if (!sets) {
		o->failed = true;
		return;
	}
	o->sets = sets;
	o->sets[o->n_sets] = (struct nft_set){ .kind = kind, .family = family };
	snprintf(o->sets[o->n_sets++].name, NFT_NAME_LEN, "%s", name);
}

struct nft_chain *nft_objects_add_chain(struct nft_objects *o, const char *name, int hook,
					const char *comment)
{
	void *chains = reallocarray(o->chains, o->n_chains + 1, sizeof(*o->chains));
	struct nft_chain *c;

	if (!chains) {
		o->failed = true;
		return NULL;
	}
	o->chains = chains;
	c = &o->chains[o->n_chains++];
	*c = (struct nft_chain){ .hook = hook };
	snprintf(c->name, sizeof(c->name), "%s", name);
	snprintf(c->comment, sizeof(c->comment), "%s", comment ? comment : "");
	return c;
}

void nft_ruleset_chain(const struct nft_ruleset *r, char *ret)
{
	snprintf(ret, NFT_NAME_LEN, "rs_%u", r->key);
}

static void deny_chain(const struct nft_ruleset *r, char *ret)
{
	snprintf(ret, NFT_NAME_LEN, "rs_%u_deny", r->key);
}

static void class_chain(const struct nft_ruleset *r, const struct nft_class *c, char *ret)
{
	snprintf(ret, NFT_NAME_LEN, "rs_%u_p%016llx", r->key, (unsigned long long)c->number);
}

static void port_set(const struct nft_ruleset *r, const struct nft_class *c, uint8_t protocol,
		     char *ret)
{
	snprintf(ret, NFT_NAME_LEN, "rs_%u_p%016llx_%u", r->key, (unsigned long long)c->number,
		 protocol);
}

void nft_peer_map(const struct nft_ruleset *r, int f, char *ret)
{
	snprintf(ret, NFT_NAME_LEN, "rs_%u_%c", r->key, f == NFT_V4 ? '4' : '6');
}

void nft_net_map(const struct nft_ruleset *r, int f, char *ret)
{
	snprintf(ret, NFT_NAME_LEN, "rs_%u_net%c", r->key, f == NFT_V4 ? '4' : '6');
}

struct nft_target nft_class_target(const struct nft_ruleset *r, const struct nft_class *c)
{
	struct nft_target t = { .verdict = NFT_GOTO };

	if (c->n)
		class_chain(r, c, t.chain);
	else if (c->verdict == WEIR_ALLOWED)
		t.verdict = NFT_RETURN;
	else
		deny_chain(r, t.chain);
	return t;
}

struct nft_target nft_endpoint_target(const struct nft_ruleset *r)
{
	struct nft_target t = { .verdict = NFT_RETURN };

	if (r) {
		t.verdict = NFT_GOTO;
		nft_ruleset_chain(r, t.chain);
	}
	return t;
}

static void end_with(struct nft_rules *rules, const char *chain, const struct nft_target *t)
{
	nft_rule_begin(rules, chain);
	nft_verdict(rules, t->verdict, t->chain[0] ? t->chain : NULL);
}

/* Where the ports of a class go that its verdict does not cover, and the rest. */
static struct nft_target outcome(const struct nft_ruleset *r, bool allowed)
{
	const struct nft_class simple = { .verdict = allowed ? WEIR_ALLOWED : WEIR_DENIED };

	return nft_class_target(r, &simple);
}

static uint32_t count_ranges(const struct nft_class *c, uint8_t protocol)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->n; i++)
		n += c->ranges[i].protocol == protocol;
	return n;
}

static void render_ports(const struct nft_class *c, uint8_t protocol, struct nft_elems *ret)
{
	for (uint32_t i = 0; i < c->n; i++) {
		uint16_t first = htons(c->ranges[i].first), last = htons(c->ranges[i].last);

		if (c->ranges[i].protocol == protocol)
			nft_elems_add_range(ret, &first, &last, sizeof(first), NULL);
	}
}

static void render_port_set(const struct nft_ruleset *r, const char *set, struct nft_elems *ret)
{
	char name[NFT_NAME_LEN];

	for (uint32_t i = 0; i < r->classes.n; i++) {
		for (size_t p = 0; p < sizeof(port_protocols); p++) {
			port_set(r, r->classes.items[i], port_protocols[p], name);
			if (strcmp(name, set) == 0)
				render_ports(r->classes.items[i], port_protocols[p], ret);
		}
	}
}

/* Every port of a protocol: no need to look at the port. */
static bool whole_protocol(const struct nft_ports *p)
{
	return p->first == 0 && p->last == UINT16_MAX;
}

static void render_protocol(const struct nft_ruleset *r, const struct nft_class *c,
			    uint8_t protocol, const char *chain, struct nft_objects *o,
			    struct nft_rules *rules)
{
	struct nft_target t = outcome(r, c->verdict != WEIR_ALLOWED);
	char set[NFT_NAME_LEN];

	if (count_ranges(c, protocol) > COMPARE_MAX) {
		port_set(r, c, protocol, set);
		nft_objects_add_set(o, NFT_SET_PORTS, 0, set);
		nft_rule_begin(rules, chain);
		nft_match_l4proto(rules, protocol);
		nft_match_dport_set(rules, set);
		nft_verdict(rules, t.verdict, t.chain[0] ? t.chain : NULL);
		return;
	}
	for (uint32_t i = 0; i < c->n; i++) {
		if (c->ranges[i].protocol != protocol)
			continue;
		nft_rule_begin(rules, chain);
		nft_match_l4proto(rules, protocol);
		if (!whole_protocol(&c->ranges[i]))
			nft_match_dports(rules, c->ranges[i].first, c->ranges[i].last);
		nft_verdict(rules, t.verdict, t.chain[0] ? t.chain : NULL);
	}
}

void nft_render_class(const struct nft_ruleset *r, const struct nft_class *c, struct nft_objects *o,
		      struct nft_rules *rules)
{
	struct nft_target rest = outcome(r, c->verdict == WEIR_ALLOWED);
	char chain[NFT_NAME_LEN];

	if (!c->n)
		return;
	class_chain(r, c, chain);
	nft_objects_add_chain(o, chain, -1, NULL);
	for (size_t i = 0; i < sizeof(port_protocols); i++)
		render_protocol(r, c, port_protocols[i], chain, o, rules);
	end_with(rules, chain, &rest);
}

void nft_render_deny(const struct nft_ruleset *r, uint16_t nflog_group, struct nft_rules *rules)
{
	char chain[NFT_NAME_LEN], prefix[WEIR_DENIED_PREFIX_STRLEN];

	deny_chain(r, chain);
	nft_rule_begin(rules, chain);
	nft_count(rules);
	nft_log(rules, weir_denied_prefix_format(r->direction, r->tag, prefix), nflog_group);
	nft_verdict(rules, NF_DROP, NULL);
}

void nft_render_base(const struct nft_ruleset *r, uint16_t nflog_group, struct nft_objects *o,
		     struct nft_rules *rules)
{
	bool peer_is_source = r->direction == WEIR_INGRESS;
	struct nft_target t = nft_class_target(r, r->classes.items[r->fallback]);
	char chain[NFT_NAME_LEN], name[NFT_NAME_LEN];

	nft_ruleset_chain(r, chain);
	nft_objects_add_chain(o, chain, -1, r->comment);
	for (int f = 0; f < NFT_FAMILIES; f++) {
		nft_peer_map(r, f, name);
		nft_objects_add_set(o, NFT_SET_ADDR_VMAP, nft_family(f), name);
		nft_rule_begin(rules, chain);
		nft_addr_vmap(rules, nft_family(f), peer_is_source, name);
	}
	for (int f = 0; f < NFT_FAMILIES; f++) {
		if (!r->nets[f].n)
			continue;
		nft_net_map(r, f, name);
		nft_objects_add_set(o, NFT_SET_PREFIX_VMAP, nft_family(f), name);
		nft_rule_begin(rules, chain);
		nft_addr_vmap(rules, nft_family(f), peer_is_source, name);
	}
	end_with(rules, chain, &t);
	deny_chain(r, name);
	nft_objects_add_chain(o, name, -1, NULL);
	nft_render_deny(r, nflog_group, rules);
}

void nft_render_ruleset(const struct nft_ruleset *r, uint16_t nflog_group, struct nft_objects *o,
			struct nft_rules *rules)
{
	nft_render_base(r, nflog_group, o, rules);
	for (uint32_t i = 0; i < r->classes.n; i++)
		nft_render_class(r, r->classes.items[i], o, rules);
}

static void render_peer(const struct nft_ruleset *r, const struct nft_address *a, int f,
			struct nft_elems *ret)
{
	const struct nft_class *c;
	struct nft_target t;

	if (a->addr.family != nft_family(f))
		return;
	c = nft_ruleset_class_of(r, &a->addr, a->next);
	if (!c)
		return;
	t = nft_class_target(r, c);
	nft_elems_add(ret, a->addr.bytes, weir_addr_size(&a->addr), &t);
}

void nft_render_peers(const struct nft_addresses *t, const struct nft_ruleset *r, int f,
		      struct nft_elems *ret)
{
	uint32_t at;

	if (r->nets[f].n) { /* also who is not named may differ from what the range says */
		for (uint32_t i = 0; i < t->used; i++)
			render_peer(r, &t->items[i], f, ret);
		return;
	}
	for (uint32_t i = 0; i < r->members.size; i++) {
		if (!r->members.slots[i].key)
			continue;
		at = nft_addresses_first(t, r->members.slots[i].key);
		for (; at != NFT_NO_ADDRESS; at = t->items[at].same_next)
			if (!t->items[at].dirty)
				render_peer(r, &t->items[at], f, ret);
	}
	for (uint32_t i = 0; i < t->n_dirty; i++)
		render_peer(r, &t->items[t->dirty[i]], f, ret);
}

static void render_nets(const struct nft_ruleset *r, int f, struct nft_elems *ret)
{
	for (size_t i = 0; i < r->nets[f].n; i++) {
		const struct nft_interval *n = &r->nets[f].items[i];
		struct nft_target t = nft_class_target(r, r->classes.items[n->value]);

		nft_elems_add_range(ret, n->first, n->last, f == NFT_V4 ? 4 : 16, &t);
	}
}

void nft_render_constant_set(const struct nft_ruleset *r, const struct nft_set *set,
			     struct nft_elems *ret)
{
	if (set->kind == NFT_SET_PORTS)
		render_port_set(r, set->name, ret);
	else if (set->kind == NFT_SET_PREFIX_VMAP)
		render_nets(r, set->family == AF_INET ? NFT_V4 : NFT_V6, ret);
}
