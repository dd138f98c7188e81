/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of pods: whose they are, and which identity they have. */
#include "policy/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t hash_addr(const struct weir_addr *addr)
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
	return weir_table_find(&c->addresses, hash_addr(addr), address_is, addr);
}

int weir_address_touch(struct weir_compiler *c, struct address *a)
{
	return WEIR_QUEUE(&c->q_addresses, a);
}

static void place(struct address *a, struct claim *cl)
{
	struct claim **at = &a->top;

	while (*at && weir_pod_compare_claims((*at)->pod->pod, cl->pod->pod) > 0)
		at = &(*at)->below;
	cl->address = a;
	cl->below = *at;
	*at = cl;
}

static int claim(struct weir_compiler *c, struct claim *cl, const struct weir_addr *addr)
{
	struct address *a = weir_address_find(c, addr);

	if (!a) {
		a = calloc(1, sizeof(*a));
		if (!a)
			return -ENOMEM;
		a->addr = *addr;
		if (weir_table_add(&c->addresses, hash_addr(addr), a) < 0) {
			free(a);
			return -ENOMEM;
		}
	}
	place(a, cl);
	return weir_address_touch(c, a);
}

int weir_address_claim(struct weir_compiler *c, struct pod *pod)
{
	for (uint8_t i = 0; i < pod->n_claims; i++) {
		pod->claims[i].pod = pod;
		if (claim(c, &pod->claims[i], &pod->pod->addrs[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

int weir_address_release(struct weir_compiler *c, struct pod *pod)
{
	for (uint8_t i = 0; i < pod->n_claims; i++) {
		struct claim *cl = &pod->claims[i], **at = &cl->address->top;

		while (*at && *at != cl)
			at = &(*at)->below;
		if (*at)
			*at = cl->below;
		if (weir_address_touch(c, cl->address) < 0)
			return -ENOMEM;
	}
	return 0;
}

static struct named *prefix_around(const struct weir_compiler *c, const struct address *a)
{
	struct weir_prefix key = weir_prefix_of_one(&a->addr);

	return weir_named_of(c, &key);
}

/* Looks at every address. There is no index from prefixes to the addresses in
 * them: it would cost each address more than all else that is known of it. */
int weir_addresses_retrace(struct weir_compiler *c)
{
	struct address *a;

	for (uint32_t i = 0; (a = weir_table_next(&c->addresses, &i));) {
		if (!a->identity || a->queued || a->identity->prefix == prefix_around(c, a))
			continue;
		if (weir_address_touch(c, a) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int identify(struct weir_compiler *c, struct address *a)
{
	const struct pod *pod = a->top ? a->top->pod : NULL;
	struct identity *old = a->identity, *now = NULL;

	if (pod && weir_identity_get(c, pod->space, pod->pod->labels, pod->ports,
				     prefix_around(c, a), &now) < 0)
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
		weir_table_remove(&c->addresses, hash_addr(&a->addr), a);
		free(a);
	}
	c->q_addresses.n = 0;
}
