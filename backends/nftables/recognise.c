/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the kernel's rulesets is which of the model's? The tag in the log
 * prefix tells who it may be; its rules, ranges and ports must be the same, its
 * peers and the number of its classes may differ. What is recognised takes over
 * the key that it has in the kernel, the others get new ones. Called by full.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/nftables/nft.h"
#include "weir/cleanup.h"

/* A ruleset in the kernel. */
struct candidate {
	const char *deny; /* text of its report-and-drop rules: holds the tag */
	uint32_t key;
	bool taken;
};

struct search {
	struct nft *n;
	const struct nft_contents *have;
	struct weir_error *err;
	struct candidate *list; /* sorted */
	size_t n_list;
};

static int by_deny_and_key(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int r = strcmp(x->deny, y->deny);

	return r ? r : x->key < y->key ? -1 : x->key > y->key;
}

static int list_candidates(struct search *s)
{
	const struct nft_rule_texts *rules = &s->have->rules;

	s->list = calloc(rules->n + 1, sizeof(*s->list));
	if (!s->list)
		return -ENOMEM;
	for (uint32_t i = 0; i < rules->n; i++) {
		const char *chain = rules->items[i].chain;
		struct candidate c = { .deny = rules->items[i].text };
		int end = 0;

		if (sscanf(chain, "rs_%u_deny%n", &c.key, &end) == 1 && end && !chain[end])
			s->list[s->n_list++] = c;
	}
	qsort(s->list, s->n_list, sizeof(*s->list), by_deny_and_key);
	return 0;
}

/* 1: these elements and no others; 0: not so; or -errno */
static int same_elements(struct search *s, const char *set, struct nft_elems *want)
{
	WEIR_CLEANUP(nft_elems_free) struct nft_elems found = { 0 }, gone = { 0 }, come = { 0 };
	int r = nft_read_elements(&s->n->socket, set, &found, s->err);

	if (r < 0)
		return r;
	nft_elems_sort(want);
	r = nft_elems_diff(&found, want, &gone, &come) == 0;
	return want->failed || gone.failed || come.failed ? -ENOMEM : r;
}

static int same_sets(struct search *s, const struct nft_ruleset *r, const struct nft_objects *o)
{
	int same = 1;

	for (size_t i = 0; i < o->n_sets && same > 0; i++) {
		WEIR_CLEANUP(nft_elems_free) struct nft_elems want = { 0 };

		if (!nft_has_set(&s->have->objects, &o->sets[i]))
			return 0;
		if (o->sets[i].kind == NFT_SET_ADDR_VMAP)
			continue; /* peers may differ */
		nft_render_constant_set(r, &o->sets[i], &want);
		same = same_elements(s, o->sets[i].name, &want);
	}
	return same;
}

static int same_objects(struct search *s, const struct nft_ruleset *r, const struct nft_objects *o,
			const struct nft_rules *rules)
{
	if (o->failed || rules->failed)
		return -ENOMEM;
	for (size_t i = 0; i < o->n_chains; i++)
		if (!nft_find_chain(&s->have->objects, o->chains[i].name) ||
		    !nft_same_rules(&s->have->rules, rules, o->chains[i].name))
			return 0;
	return same_sets(s, r, o);
}

static bool has_any(const struct nft_contents *have, const struct nft_objects *o)
{
	for (size_t i = 0; i < o->n_chains; i++)
		if (nft_find_chain(&have->objects, o->chains[i].name))
			return true;
	for (size_t i = 0; i < o->n_sets; i++)
		if (nft_find_set(&have->objects, o->sets[i].name))
			return true;
	return false;
}

/* Is it the one in the kernel whose key it has been given? A class may be
 * missing as a whole: it can be added. */
static int is_that(struct search *s, const struct nft_ruleset *r)
{
	WEIR_CLEANUP(nft_objects_free) struct nft_objects base = { 0 };
	WEIR_CLEANUP(nft_rules_free) struct nft_rules base_rules = { 0 };
	int same;

	nft_render_base(r, s->n->nflog_group, &base, &base_rules);
	same = same_objects(s, r, &base, &base_rules);
	for (uint32_t i = 0; i < r->classes.n && same > 0; i++) {
		WEIR_CLEANUP(nft_objects_free) struct nft_objects o = { 0 };
		WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };

		nft_render_class(r, r->classes.items[i], &o, &rules);
		if (has_any(s->have, &o))
			same = same_objects(s, r, &o, &rules);
	}
	return same;
}

static int find(struct search *s, struct nft_ruleset *r)
{
	WEIR_CLEANUP(nft_rules_free) struct nft_rules deny = { 0 };
	WEIR_AUTO_FREE char *text = NULL;
	size_t low = 0, high = s->n_list;

	nft_render_deny(r, s->n->nflog_group, &deny);
	text = deny.n ? nft_rule_text(deny.items[0].rule) : NULL;
	if (!text)
		return -ENOMEM;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(s->list[mid].deny, text) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < s->n_list && strcmp(s->list[low].deny, text) == 0; low++) {
		int same = 0;

		r->key = s->list[low].key;
		if (!s->list[low].taken)
			same = is_that(s, r);
		s->list[low].taken |= same > 0;
		if (same != 0)
			return same;
	}
	return 0;
}

/* Behind every key that the kernel has. */
static uint32_t free_key(const struct nft_contents *have, uint32_t key)
{
	for (size_t i = 0; i < have->objects.n_chains + have->objects.n_sets; i++) {
		const char *name = i < have->objects.n_chains
					   ? have->objects.chains[i].name
					   : have->objects.sets[i - have->objects.n_chains].name;
		unsigned used;

		if (sscanf(name, "rs_%u", &used) == 1 && used >= key)
			key = used + 1;
	}
	return key;
}

int nft_recognise(struct nft *n, const struct nft_contents *have, bool *known,
		  struct weir_error *err)
{
	struct search s = { .n = n, .have = have, .err = err };
	int r = list_candidates(&s);

	n->next_key = free_key(have, n->next_key);
	for (size_t i = 0; i < n->model.n_rulesets && r >= 0; i++) {
		r = find(&s, n->model.rulesets[i]);
		known[i] = r > 0;
		if (!known[i])
			n->model.rulesets[i]->key = n->next_key++;
	}
	free(s.list);
	return r < 0 ? weir_error_errno(err, -r, "read back") : 0;
}
