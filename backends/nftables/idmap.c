/* SPDX-License-Identifier: Apache-2.0 */
/* A small hash table of numbers: identity -> class, identity -> address. A
 * forgotten key keeps its slot (value NONE) until the table grows. */
#include "backends/nftables/idmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void nft_idmap_free(struct nft_idmap *m)
{
	free(m->slots);
	*m = (struct nft_idmap){ 0 };
}

int nft_idmap_copy(const struct nft_idmap *m, struct nft_idmap *ret)
{
	struct nft_idmap copy = *m;

	if (m->size) {
		copy.slots = malloc(m->size * sizeof(*m->slots));
		if (!copy.slots)
			return -ENOMEM;
		memcpy(copy.slots, m->slots, m->size * sizeof(*m->slots));
	}
	*ret = copy;
	return 0;
}

static struct nft_idmap_slot *slot_of(const struct nft_idmap *m, uint32_t key)
{
	uint32_t at = (key * 2654435769u) & (m->size - 1);

	while (m->slots[at].key && m->slots[at].key != key)
		at = (at + 1) & (m->size - 1);
	return &m->slots[at];
}

static int grow(struct nft_idmap *m)
{
	struct nft_idmap bigger = { .size = 8 };

	for (uint32_t i = 0; i < m->size; i++)
		bigger.n += m->slots[i].key && m->slots[i].value != NFT_IDMAP_NONE;
	while (bigger.size < (bigger.n + 1) * 2)
		bigger.size *= 2;
	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < m->size; i++)
		if (m->slots[i].key && m->slots[i].value != NFT_IDMAP_NONE)
			*slot_of(&bigger, m->slots[i].key) = m->slots[i];
	nft_idmap_free(m);
	*m = bigger;
	return 0;
}

int nft_idmap_set(struct nft_idmap *m, uint32_t key, uint32_t value)
{
	struct nft_idmap_slot *s = m->size ? slot_of(m, key) : NULL;

	if (s && s->key) {
		s->value = value;
		return 0;
	}
	if (value == NFT_IDMAP_NONE)
		return 0;
	if ((m->n + 1) * 4 > m->size * 3 && grow(m) < 0)
		return -ENOMEM;
	*slot_of(m, key) = (struct nft_idmap_slot){ key, value };
	m->n++;
	return 0;
}

uint32_t nft_idmap_get(const struct nft_idmap *m, uint32_t key)
{
	const struct nft_idmap_slot *s;

	if (!m->size || !key)
		return NFT_IDMAP_NONE;
	s = slot_of(m, key);
	return s->key ? s->value : NFT_IDMAP_NONE;
}
