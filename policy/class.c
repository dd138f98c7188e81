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

/* The port space in one line: TCP, UDP, SCTP, and everything else as 1 point. */
enum { LINE_OTHER = 3 << 16, LINE_END = LINE_OTHER + 1 };
static const uint8_t line_protocols[] = {WEIR_PROTO_TCP, WEIR_PROTO_UDP, WEIR_PROTO_SCTP};

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
enum { WORDS = LINE_END / 64 + 1 };
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

void weir_scratch_reset(struct scratch *s)
{
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
	s->rules[s->n_rules++] = (struct ranked){rank, rule};
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

static int line_of(uint8_t protocol)
{
	for (unsigned i = 0; i < sizeof(line_protocols); i++) {
		if (line_protocols[i] == protocol)
			return (int)(i << 16);
	}
	return -1;
}

/* Calls fn for each stretch of the line that the rule covers. */
static int for_stretches(struct scratch *s, const struct weir_rule *rule,
			 const struct portset *named,
			 int (*fn)(struct scratch *s, uint32_t from, uint32_t to,
				   const struct weir_rule *rule))
{
	int r = 0;

	if (rule->any_port)
		return fn(s, 0, LINE_END, rule);
	for (uint32_t i = 0; i < rule->n_ports && r == 0; i++) {
		const struct weir_port *p = &rule->ports[i];
		int base = line_of(p->protocol);

		if (base < 0 || (!p->name && p->first > p->last))
			continue;
		if (!p->name) {
			r = fn(s, (uint32_t)base + p->first, (uint32_t)base + p->last + 1, rule);
			continue;
		}
		for (uint32_t j = 0; named && j < named->n && r == 0; j++) {
			const struct weir_named_port *q = &named->ports[j];

			if (q->name == p->name && q->protocol == p->protocol)
				r = fn(s, (uint32_t)base + q->port, (uint32_t)base + q->port + 1,
				       rule);
		}
	}
	return r;
}

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

static int cut(struct scratch *s, uint32_t from, uint32_t to, const struct weir_rule *rule)
{
	return add_cut(s, from) < 0 || add_cut(s, to) < 0 ? -ENOMEM : 0;
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
	int r = 0;

	s->n_cuts = 0;
	for (uint32_t base = 0; base <= LINE_OTHER && r == 0; base += 1 << 16)
		r = add_cut(s, base);
	if (r == 0)
		r = add_cut(s, LINE_END);
	for (uint32_t i = 0; i < s->n_rules && r == 0; i++) {
		if (!s->rules[i].rule->any_port)
			r = for_stretches(s, s->rules[i].rule, named, cut);
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

static int paint(struct scratch *s, uint32_t from, uint32_t to, const struct weir_rule *rule)
{
	uint32_t end = cut_at(s, to);

	for (uint32_t i = next_bare(s, cut_at(s, from)); i < end; i = next_bare(s, i)) {
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
			for_stretches(s, s->rules[i].rule, named, paint);
		if (tier == WEIR_TIER_NETWORK_POLICY && isolated)
			decide_rest(s, WEIR_DENIED);
	}
	decide_rest(s, WEIR_ALLOWED);
	return 0;
}

/* --- the result ----------------------------------------------------------------- */

/* Pieces that say the same as what no entry covers are left out, and neighbours
 * that say the same are one. Counts when out is NULL. */
static uint32_t emit(const struct scratch *s, struct weir_port_verdict *out)
{
	const struct piece *rest = &s->pieces[s->n_cuts - 2];
	struct weir_port_verdict last = {0};
	uint32_t n = 0;

	for (uint32_t i = 0; i + 2 < s->n_cuts; i++) {
		const struct piece *p = &s->pieces[i];
		uint32_t from = s->cuts[i], to = s->cuts[i + 1] - 1;
		struct weir_port_verdict v = {
			.rule = p->rule,
			.first = (uint16_t)from,
			.last = (uint16_t)to,
			.protocol = line_protocols[from >> 16],
			.verdict = p->verdict,
		};

		if (p->rule == rest->rule && p->verdict == rest->verdict)
			continue;
		if (n && last.rule == v.rule && last.verdict == v.verdict &&
		    last.protocol == v.protocol && last.last + 1u == v.first) {
			last.last = v.last;
		} else {
			last = v;
			n++;
		}
		if (out)
			out[n - 1] = last;
	}
	return n;
}

int weir_class_build(struct scratch *s, bool isolated, const struct portset *ports,
		     struct weir_class **ret)
{
	struct weir_class *k;
	uint32_t n;

	sort_rules(s);
	if (make_cuts(s, ports) < 0 || paint_all(s, isolated, ports) < 0)
		return -ENOMEM;
	n = emit(s, NULL);
	k = malloc(sizeof(*k) + n * sizeof(*k->ports));
	if (!k)
		return -ENOMEM;
	k->rule = s->pieces[s->n_cuts - 2].rule;
	k->verdict = s->pieces[s->n_cuts - 2].verdict;
	k->n_ports = n;
	emit(s, k->ports);
	*ret = k;
	return 0;
}
