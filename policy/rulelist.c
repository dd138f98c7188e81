/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of a ruleset in order of precedence, with their reach beside them: who
 * looks for the rules of a stretch reads this array and hardly any rule. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/state.h"

static uint32_t place_of(const struct rule_list *l, const struct rule *rule)
{
	uint64_t rank = weir_rule_rank(rule);
	uint32_t lo = 0, hi = l->n;

	if (hi && weir_rule_rank(l->at[hi - 1].rule) < rank)
		return hi;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (weir_rule_rank(l->at[mid].rule) < rank)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int grow(struct rule_list *l)
{
	uint32_t cap = l->cap ? l->cap + l->cap / 2 + 1 : 1;
	struct rule_place *p = realloc(l->at, cap * sizeof(*p));

	if (!p)
		return -ENOMEM;
	l->at = p;
	l->cap = cap;
	return 0;
}

int weir_rules_add(struct rule_list *l, struct rule *rule)
{
	uint32_t pos;

	if (l->n == l->cap && grow(l) < 0)
		return -ENOMEM;
	pos = place_of(l, rule);
	memmove(l->at + pos + 1, l->at + pos, (l->n - pos) * sizeof(*l->at));
	l->at[pos] = (struct rule_place){ rule, weir_line_reach(rule->rule) };
	l->n++;
	return 0;
}

void weir_rules_remove(struct rule_list *l, const struct rule *rule)
{
	uint32_t pos = place_of(l, rule);

	l->n--;
	memmove(l->at + pos, l->at + pos + 1, (l->n - pos) * sizeof(*l->at));
}

void weir_rules_free(struct rule_list *l)
{
	free(l->at);
	*l = (struct rule_list){ 0 };
}
