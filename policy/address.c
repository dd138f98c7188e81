/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of pods and nodes: whose they are, and which identity they have. */
#include "policy/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint32_t weir_address_hash(const struct weir_addr *addr)
{
	uint64_t halves[2];

	memcpy(halves, addr->bytes, sizeof(halves));
	return weir_hash_add(weir_hash_add(addr->family, halves[0]), halves[1]);
}

static bool address_is(const void *item, const void *addr)
{
	return weir_addr_compare(&((const struct address *)item)->addr, addr) == 0;
}

struct address *weir_address_find(const struct weir_compiler *c, const struct weir_addr *addr)
{
	return weir_table_find(&c->addresses, weir_address_hash(addr), address_is, addr);
}

int weir_address_touch(struct weir_compiler *c, struct address *a)
{
	if (a->queued)
		return 0;
	if (weir_vec_push(&c->q_owners, a->top ? (void *)(uintptr_t)a->top->pod : NULL) < 0)
		return -ENOMEM;
	if (weir_vec_push(&c->q_addresses, a) < 0) {
		c->q_owners.n--;
		return -ENOMEM;
	}
	a->queued = true;
	return 0;
}

static const struct weir_addr *addrs_of(const struct pod *p)
{
	return p->pod ? p->pod->addrs : weir_node_of(p)->addrs;
}

/* The first of its addresses that is this one. */
static unsigned index_of(const struct pod *p, const struct weir_addr *addr)
{
	unsigned i = 0;

	while (weir_addr_compare(&addrs_of(p)[i], addr) != 0)
		i++;
	return i;
}

static struct pod **below(struct pod *p, const struct weir_addr *addr)
{
	return &p->below[index_of(p, addr)];
}

/* > 0 when the address is a's. Pods come before nodes; of nodes, the one whose
 * name comes first. */
static int compare_claims(const struct pod *a, const struct pod *b)
{
	if (a->pod && b->pod)
		return weir_pod_compare_claims(a->pod, b->pod);
	if (a->pod || b->pod)
		return a->pod ? 1 : -1;
	return strcmp(weir_node_of(b)->name, weir_node_of(a)->name);
}

static void place(struct address *a, struct pod *p)
{
	struct pod **at = &a->top;

	while (*at && compare_claims(*at, p) > 0)
		at = below(*at, &a->addr);
	*below(p, &a->addr) = *at;
	*at = p;
}

static int claim(struct weir_compiler *c, struct pod *p, const struct weir_addr *addr)
{
	struct address *a = weir_address_find(c, addr);

	if (!a) {
		a = calloc(1, sizeof(*a));
		if (!a)
			return -ENOMEM;
		a->addr = *addr;
		if (weir_table_add(&c->addresses, weir_address_hash(addr), a) < 0) {
			free(a);
			return -ENOMEM;
		}
	}
	if (weir_address_touch(c, a) < 0)
		return -ENOMEM;
	place(a, p);
	return 0;
}

int weir_address_claim(struct weir_compiler *c, struct pod *p)
{
	for (uint16_t i = 0; i < p->n_claims; i++) {
		const struct weir_addr *addr = &addrs_of(p)[i];

		if (index_of(p, addr) == i && claim(c, p, addr) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* 0 also when it was not claimed: a commit before had no memory for it. */
static int release(struct weir_compiler *c, struct pod *p, const struct weir_addr *addr)
{
	struct address *a = weir_address_find(c, addr);
	struct pod **at = a ? &a->top : NULL;

	while (at && *at && *at != p)
		at = below(*at, addr);
	if (!at || !*at)
		return 0;
	if (weir_address_touch(c, a) < 0)
		return -ENOMEM;
	*at = *below(p, addr);
	return 0;
}

int weir_address_release(struct weir_compiler *c, struct pod *p)
{
	for (uint16_t i = 0; i < p->n_claims; i++) {
		if (release(c, p, &addrs_of(p)[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

static struct named *prefix_around(const struct weir_compiler *c, const struct address *a)
{
	struct weir_prefix key = weir_prefix_of_one(&a->addr);

	return weir_named_of(c, &key);
}

static int retrace(struct weir_compiler *c, struct address *a)
{
	if (!a->identity || a->queued || a->identity->prefix == prefix_around(c, a))
		return 0;
	return weir_address_touch(c, a);
}

int weir_address_retrace(struct weir_compiler *c, const struct weir_addr *addr)
{
	struct address *a = weir_address_find(c, addr);

	return a ? retrace(c, a) : 0;
}

/* Looks at every address. There is no index from prefixes to the addresses in
 * them: it would cost each address more than all else that is known of it. */
int weir_addresses_retrace(struct weir_compiler *c)
{
	struct address *a;

	for (uint32_t i = 0; (a = weir_table_next(&c->addresses, &i));) {
		if (retrace(c, a) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int pod_identity(struct weir_compiler *c, const struct weir_pod *pod, struct named *prefix,
			struct identity **ret)
{
	struct space *space = weir_space_find(c, pod->namespace_);
	struct portset *ports;
	int r = weir_portset_get(c, pod, &ports);

	if (r < 0)
		return r;
	r = weir_identity_get(c, space, pod->labels, ports, prefix, ret);
	weir_portset_put(c, ports); /* the identity has a reference of its own */
	return r;
}

static int identity_for(struct weir_compiler *c, const struct address *a, struct identity **ret)
{
	if (!a->top)
		return 0;
	if (a->top->pod)
		return pod_identity(c, a->top->pod, prefix_around(c, a), ret);
	if (!c->nodes_named)
		return 0;
	return weir_identity_get(c, c->nodes, weir_node_of(a->top)->labels, NULL,
				 prefix_around(c, a), ret);
}

static int identify(struct weir_compiler *c, struct address *a)
{
	struct identity *old = a->identity, *now = NULL;

	if (identity_for(c, a, &now) < 0)
		return -ENOMEM;
	if (now == old)
		return 0;
	a->identity = now;
	if (now)
		now->n_addresses++;
	if (!old || --old->n_addresses)
		return 0;
	return weir_identity_queue(c, old);
}

int weir_addresses_identify(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->q_addresses.n; i++) {
		if (identify(c, c->q_addresses.at[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Once the changes are told. */
void weir_addresses_sweep(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->q_addresses.n; i++) {
		struct address *a = c->q_addresses.at[i];

		a->queued = false;
		if (a->top)
			continue;
		weir_table_remove(&c->addresses, weir_address_hash(&a->addr), a);
		free(a);
	}
	c->q_addresses.n = c->q_owners.n = 0;
}
