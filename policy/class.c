/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From rules to ports: which rule decides for which protocol and port. The
 * rules that concern a peer come in order of precedence; the port space is cut
 * at the ends of their ranges, and each rule paints the pieces that are still
 * bare. Tier by tier: what Admin passes on, or leaves bare, goes to the next.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/state.h"

struct ranked {
	uint64_t rank;
	const struct weir_rule *rule;
};

struct piece { /* from cut i to cut i + 1 */
	const struct weir_rule *rule;
	uint32_t bare; /* the first bare piece from here on, as far as known */
	uint8_t verdict;
	bool decided;
};

struct scratch {
	struct stretch part;	      /* of the line: this is painted */
	struct ranked *rules, *spare; /* of the same size */
	uint32_t n_rules, cap_rules;
	uint32_t *cuts;
	uint32_t n_cuts, cap_cuts;
	struct piece *pieces;
	uint32_t cap_pieces;
	struct bits *bits; /* of cuts, when there are many */
	bool by_bits;
};

/* A bit for each point of the line, and how many are set in earlier words. */
enum { WORDS = WEIR_LINE_END / 64 + 1 };
struct bits {
	uint64_t words[WORDS];
	uint32_t before[WORDS];
};

struct scratch *weir_scratch_new(void)
{
	return calloc(1, sizeof(struct scratch));
}

void weir_scratch_free(struct scratch **s)
{
	if (!*s)
		return;
	free((*s)->rules);
	free((*s)->spare);
	free((*s)->cuts);
	free((*s)->pieces);
	free((*s)->bits);
	free(*s);
	*s = NULL;
}

void weir_scratch_begin(struct scratch *s, struct stretch part)
{
	s->part = part;
	s->n_rules = s->n_cuts = 0;
}

static int grow_rules(struct scratch *s)
{
	uint32_t cap = s->cap_rules ? s->cap_rules * 2 : 16;
	struct ranked *p = realloc(s->rules, cap * sizeof(*p));

	if (!p)
		return -ENOMEM;
	s->rules = p;
	p = realloc(s->spare, cap * sizeof(*p));
	if (!p)
		return -ENOMEM;
	s->spare = p;
	s->cap_rules = cap;
	return 0;
}

int weir_scratch_add(struct scratch *s, const struct weir_rule *rule, uint64_t rank)
{
	if (s->n_rules == s->cap_rules && grow_rules(s) < 0)
		return -ENOMEM;
	s->rules[s->n_rules++] = (struct ranked){ rank, rule };
	return 0;
}

/* Where the ascending run that begins at i ends. */
static uint32_t run_end(const struct ranked *r, uint32_t i, uint32_t n)
{
	if (i < n)
		i++;
	while (i < n && r[i - 1].rank <= r[i].rank)
		i++;
	return i;
}

static void merge_runs(const struct ranked *r, uint32_t a, uint32_t b, uint32_t end,
		       struct ranked *out)
{
	uint32_t middle = b;

	while (a < middle || b < end) {
		if (b == end || (a < middle && r[a].rank <= r[b].rank))
			*out++ = r[a++];
		else
			*out++ = r[b++];
	}
}

/* The rules come as a few sorted runs, one for each peer set: merge them, and
 * drop a rule that came twice. */
static void sort_rules(struct scratch *s)
{
	uint32_t n = 0;

	while (run_end(s->rules, 0, s->n_rules) < s->n_rules) {
		struct ranked *sorted = s->spare;

		for (uint32_t a = 0, b, end; a < s->n_rules; a = end) {
			b = run_end(s->rules, a, s->n_rules);
			end = run_end(s->rules, b, s->n_rules);
			merge_runs(s->rules, a, b, end, sorted + a);
		}
		s->spare = s->rules;
		s->rules = sorted;
	}
	for (uint32_t i = 0; i < s->n_rules; i++) {
		if (!n || s->rules[n - 1].rank != s->rules[i].rank)
			s->rules[n++] = s->rules[i];
	}
	s->n_rules = n;
}

/* --- where the ranges of the rules begin and end ---------------------------- */

static int add_cut(struct scratch *s, uint32_t at)
{
	if (s->n_cuts == s->cap_cuts) {
		uint32_t cap = s->cap_cuts ? s->cap_cuts * 2 : 64;
		uint32_t *p = realloc(s->cuts, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		s->cuts = p;
		s->cap_cuts = cap;
	}
	s->cuts[s->n_cuts++] = at;
	return 0;
}

static int cut(void *data, struct stretch at, const struct weir_rule *rule)
{
	struct scratch *s = data;

	(void)rule;
	at = weir_stretch_common(at, s->part);
	if (weir_stretch_empty(at))
		return 0;
	return add_cut(s, at.from) < 0 || add_cut(s, at.to) < 0 ? -ENOMEM : 0;
}

static void insertion_sort(uint32_t *at, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		uint32_t v = at[i], j = i;

		for (; j && at[j - 1] > v; j--)
			at[j] = at[j - 1];
		at[j] = v;
	}
}

/* Many cuts are sorted, and made unique, by a bit each. */
static int sort_by_bits(struct scratch *s)
{
	struct bits *bits = s->bits ? s->bits : malloc(sizeof(*bits));
	uint32_t n = 0;

	s->bits = bits;
	if (!bits)
		return -ENOMEM;
	memset(bits->words, 0, sizeof(bits->words));
	for (uint32_t i = 0; i < s->n_cuts; i++)
		bits->words[s->cuts[i] / 64] |= 1ull << s->cuts[i] % 64;
	for (uint32_t w = 0; w < WORDS; w++) {
		bits->before[w] = n;
		for (uint64_t word = bits->words[w]; word; word &= word - 1)
			s->cuts[n++] = w * 64 + (uint32_t)__builtin_ctzll(word);
	}
	s->n_cuts = n;
	return 0;
}

static int sort_cuts(struct scratch *s)
{
	uint32_t n = 0;

	s->by_bits = s->n_cuts > 96;
	if (s->by_bits)
		return sort_by_bits(s);
	insertion_sort(s->cuts, s->n_cuts);
	for (uint32_t i = 0; i < s->n_cuts; i++) {
		if (!n || s->cuts[n - 1] != s->cuts[i])
			s->cuts[n++] = s->cuts[i];
	}
	s->n_cuts = n;
	return 0;
}

static int make_cuts(struct scratch *s, const struct portset *named)
{
	int r = cut(s, s->part, NULL);

	for (uint32_t base = 1 << 16; base <= WEIR_LINE_OTHER && r == 0; base += 1 << 16) {
		if (s->part.from < base && base < s->part.to)
			r = add_cut(s, base);
	}
	for (uint32_t i = 0; i < s->n_rules && r == 0; i++) {
		if (!s->rules[i].rule->any_port)
			r = weir_line_each(s->rules[i].rule, named, cut, s);
	}
	return r < 0 ? r : sort_cuts(s);
}

/* --- painting ----------------------------------------------------------------- */

static uint32_t cut_at(const struct scratch *s, uint32_t at)
{
	uint32_t lo = 0, hi = s->n_cuts - 1;

	if (s->by_bits) {
		uint64_t lower = (1ull << at % 64) - 1;

		return s->bits->before[at / 64] +
		       (uint32_t)__builtin_popcountll(s->bits->words[at / 64] & lower);
	}
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (s->cuts[mid] < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static uint32_t next_bare(struct scratch *s, uint32_t i)
{
	uint32_t end = i;

	while (s->pieces[end].bare != end)
		end = s->pieces[end].bare;
	while (s->pieces[i].bare != end) {
		uint32_t next = s->pieces[i].bare;

		s->pieces[i].bare = end;
		i = next;
	}
	return end;
}

static int paint(void *data, struct stretch at, const struct weir_rule *rule)
{
	struct scratch *s = data;
	uint32_t end;

	at = weir_stretch_common(at, s->part);
	if (weir_stretch_empty(at))
		return 0;
	end = cut_at(s, at.to);
	for (uint32_t i = next_bare(s, cut_at(s, at.from)); i < end; i = next_bare(s, i)) {
		struct piece *p = &s->pieces[i];

		p->bare = i + 1;
		if (rule->action == WEIR_PASS)
			continue;
		p->decided = true;
		p->rule = rule;
		p->verdict = rule->action == WEIR_ACCEPT ? WEIR_ALLOWED : WEIR_DENIED;
	}
	return 0;
}

/* What is not decided is bare again for the next tier. */
static void strip(struct scratch *s)
{
	uint32_t end = s->n_cuts - 1;

	for (uint32_t i = 0; i < end; i++)
		s->pieces[i].bare = s->pieces[i].decided ? i + 1 : i;
	s->pieces[end].bare = end;
}

static void decide_rest(struct scratch *s, uint8_t verdict)
{
	for (uint32_t i = 0; i + 1 < s->n_cuts; i++) {
		struct piece *p = &s->pieces[i];

		if (p->decided)
			continue;
		p->decided = true;
		p->rule = NULL;
		p->verdict = verdict;
	}
}

static int paint_all(struct scratch *s, bool isolated, const struct portset *named)
{
	uint32_t i = 0;

	if (s->n_cuts > s->cap_pieces) {
		struct piece *p = realloc(s->pieces, s->n_cuts * 2 * sizeof(*p));

		if (!p)
			return -ENOMEM;
		s->pieces = p;
		s->cap_pieces = s->n_cuts * 2;
	}
	memset(s->pieces, 0, s->n_cuts * sizeof(*s->pieces));
	for (unsigned tier = 0; tier < WEIR_TIER_MAX; tier++) {
		strip(s);
		for (; i < s->n_rules && s->rules[i].rule->policy->tier == tier; i++)
			weir_line_each(s->rules[i].rule, named, paint, s);
		if (tier == WEIR_TIER_NETWORK_POLICY && isolated)
			decide_rest(s, WEIR_DENIED);
	}
	decide_rest(s, WEIR_ALLOWED);
	return 0;
}

/* --- the result ----------------------------------------------------------------- */

/* Where one entry more goes: entries come in order, neighbours that say the
 * same become one, and what says the same as the rest is left out. */
static void append(struct weir_class *k, struct weir_port_verdict v)
{
	struct weir_port_verdict *last = k->n_ports ? &k->ports[k->n_ports - 1] : NULL;

	if (v.rule == k->rule && v.verdict == k->verdict)
		return;
	if (last && last->rule == v.rule && last->verdict == v.verdict &&
	    last->protocol == v.protocol && last->last + 1u == v.first)
		last->last = v.last;
	else
		k->ports[k->n_ports++] = v;
}

/* The part of an entry that is on this stretch. */
static void append_common(struct weir_class *k, struct weir_port_verdict v, struct stretch on)
{
	struct stretch at = {
		.from = weir_line_of(v.protocol, v.first),
		.to = weir_line_of(v.protocol, v.last) + 1,
	};

	at = weir_stretch_common(at, on);
	if (weir_stretch_empty(at))
		return;
	v.first = (uint16_t)at.from;
	v.last = (uint16_t)(at.to - 1);
	append(k, v);
}

/* How many entries of a class begin before this point. */
static uint32_t entries_before(const struct weir_class *k, uint32_t at)
{
	uint32_t lo = 0, hi = k->n_ports;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (weir_line_of(k->ports[mid].protocol, k->ports[mid].first) < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void copy_entries(struct weir_class *k, const struct weir_port_verdict *from, uint32_t n)
{
	if (n)
		memcpy(k->ports + k->n_ports, from, n * sizeof(*from));
	k->n_ports += n;
}

static void append_pieces(struct weir_class *k, const struct scratch *s)
{
	for (uint32_t i = 0; i + 1 < s->n_cuts && s->cuts[i] < WEIR_LINE_OTHER; i++) {
		const struct piece *p = &s->pieces[i];

		append(k, (struct weir_port_verdict){
				  .rule = p->rule,
				  .first = (uint16_t)s->cuts[i],
				  .last = (uint16_t)(s->cuts[i + 1] - 1),
				  .protocol = weir_line_protocol(s->cuts[i]),
				  .verdict = p->verdict,
			  });
	}
}

/* The old entries in front of the part, what was painted, the old ones behind. */
static void splice(struct weir_class *k, const struct scratch *s, const struct weir_class *old)
{
	uint32_t a = entries_before(old, s->part.from), b = entries_before(old, s->part.to);
	struct stretch behind = { s->part.to, WEIR_LINE_END };

	if (a) {
		copy_entries(k, old->ports, a - 1);
		append_common(k, old->ports[a - 1], (struct stretch){ 0, s->part.from });
	}
	append_pieces(k, s);
	if (b)
		append_common(k, old->ports[b - 1], behind);
	if (b < old->n_ports) {
		append(k, old->ports[b++]);
		copy_entries(k, old->ports + b, old->n_ports - b);
	}
}

static void fill(struct weir_class *k, const struct scratch *s, const struct weir_class *old)
{
	const struct piece *rest = &s->pieces[s->n_cuts - 2];
	bool whole = s->part.to == WEIR_LINE_END;

	k->rule = whole ? rest->rule : old->rule;
	k->verdict = whole ? rest->verdict : old->verdict;
	k->n_ports = 0;
	if (whole)
		append_pieces(k, s);
	else
		splice(k, s, old);
}

int weir_class_build(struct scratch *s, bool isolated, const struct portset *ports,
		     const struct weir_class *old, struct weir_class **ret)
{
	struct weir_class *k, *exact;
	uint32_t most;

	sort_rules(s);
	if (make_cuts(s, ports) < 0 || paint_all(s, isolated, ports) < 0)
		return -ENOMEM;
	most = s->n_cuts + 1 + (old ? old->n_ports : 0);
	k = malloc(sizeof(*k) + most * sizeof(*k->ports));
	if (!k)
		return -ENOMEM;
	fill(k, s, old);
	exact = realloc(k, sizeof(*k) + k->n_ports * sizeof(*k->ports));
	*ret = exact ? exact : k;
	return 0;
}
