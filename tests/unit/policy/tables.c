/* SPDX-License-Identifier: Apache-2.0 */
/* The compiled tables as text. An identity is named by the first of its
 * prefixes, a ruleset by all that it says. */
#include "tests/unit/policy/tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "weir/cleanup.h"

static const struct weir_prefix *first_prefix(const struct weir_changes *all, uint32_t identity)
{
	for (size_t i = 0; i < all->n_addresses; i++) {
		if (all->addresses[i].identity == identity)
			return &all->addresses[i].prefix;
	}
	fail_msg("identity %u has no address and no prefix", identity);
	return NULL;
}

static void write_prefix(FILE *out, const struct weir_prefix *p)
{
	char buf[WEIR_PREFIX_STRLEN];

	fputs(weir_prefix_format(p, buf), out);
}

static void write_addresses(FILE *out, const struct weir_changes *all)
{
	for (size_t i = 0; i < all->n_addresses; i++) {
		const struct weir_address_change *a = &all->addresses[i];

		fputs("address ", out);
		write_prefix(out, &a->prefix);
		fputs(" is like ", out);
		write_prefix(out, first_prefix(all, a->identity));
		if (a->pod)
			fprintf(out, " of %s/%s", a->pod->namespace_, a->pod->name);
		fputc('\n', out);
	}
}

/* --- rulesets -------------------------------------------------------------------- */

static void write_policy(FILE *out, const struct weir_policy *p)
{
	fprintf(out, "%s %s/%s", p->kind, p->namespace_ ? p->namespace_ : "", p->name);
}

static void write_verdict(FILE *out, uint8_t verdict, const struct weir_rule *rule)
{
	fprintf(out, " %s", weir_verdict_name(verdict));
	if (!rule)
		return;
	fputs(" by ", out);
	write_policy(out, rule->policy);
	fprintf(out, " %s[%u]", weir_direction_name(rule->direction), rule->index);
}

static void write_class(FILE *out, const struct weir_class *k)
{
	write_verdict(out, k->verdict, k->rule);
	for (uint32_t i = 0; i < k->n_ports; i++) {
		const struct weir_port_verdict *v = &k->ports[i];

		fprintf(out, "; %u-%u/%u", v->first, v->last, v->protocol);
		write_verdict(out, v->verdict, v->rule);
	}
	fputc('\n', out);
}

static const struct weir_class *named(const struct weir_ruleset_change *r, uint32_t identity)
{
	for (size_t i = 0; i < r->n_peers; i++) {
		if (r->peers[i].identity == identity)
			return r->peers[i].class_;
	}
	return NULL;
}

/* In the order of their names. A pod whose addresses are all claimed by others has
 * an identity that no packet can have: it has no name, and nothing is written. */
static void write_peers(FILE *out, const struct weir_changes *all,
			const struct weir_ruleset_change *r)
{
	for (size_t i = 0; i < all->n_addresses; i++) {
		const struct weir_address_change *a = &all->addresses[i];
		const struct weir_class *k = named(r, a->identity);

		if (!k || first_prefix(all, a->identity) != &a->prefix)
			continue;
		fputs("  peer ", out);
		write_prefix(out, &a->prefix);
		write_class(out, k);
	}
}

static char *ruleset_text(const struct weir_changes *all, const struct weir_ruleset_change *r)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	fprintf(out, "%s of", weir_direction_name(r->ruleset->direction));
	for (uint32_t i = 0; i < r->ruleset->n_policies; i++) {
		fputs(i ? ", " : " ", out);
		write_policy(out, r->ruleset->policies[i]);
	}
	fprintf(out, ", tag %u\n  other", weir_ruleset_tag(r->ruleset));
	write_class(out, r->ruleset->fallback);
	write_peers(out, all, r);
	fclose(out);
	return text;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void write_rulesets(FILE *out, const struct weir_changes *all)
{
	WEIR_AUTO_FREE char **texts = calloc(all->n_rulesets + 1, sizeof(*texts));

	assert_non_null(texts);
	for (size_t i = 0; i < all->n_rulesets; i++)
		texts[i] = ruleset_text(all, &all->rulesets[i]);
	qsort(texts, all->n_rulesets, sizeof(*texts), by_text);
	for (size_t i = 0; i < all->n_rulesets; i++) {
		fprintf(out, "ruleset %s", texts[i]);
		free(texts[i]);
	}
}

/* --- endpoints --------------------------------------------------------------------- */

static int by_address(const void *a, const void *b)
{
	const struct weir_endpoint_change *x = a, *y = b;

	return weir_addr_compare(&x->addr, &y->addr);
}

static void write_ruleset_of(FILE *out, const struct weir_changes *all, uint32_t id)
{
	WEIR_AUTO_FREE char *text = NULL;

	for (size_t i = 0; i < all->n_rulesets; i++) {
		if (all->rulesets[i].id == id)
			text = ruleset_text(all, &all->rulesets[i]);
	}
	assert_int_equal(!text, !id);
	fprintf(out, " %s", text ? text : "not isolated\n");
}

static void write_endpoints(FILE *out, const struct weir_changes *all)
{
	qsort(all->endpoints, all->n_endpoints, sizeof(*all->endpoints), by_address);
	for (size_t i = 0; i < all->n_endpoints; i++) {
		const struct weir_endpoint_change *e = &all->endpoints[i];
		char buf[WEIR_ADDR_STRLEN];

		fprintf(out, "endpoint %s of %s/%s\n", weir_addr_format(&e->addr, buf),
			e->pod->namespace_, e->pod->name);
		for (int d = 0; d < WEIR_DIRECTION_MAX; d++)
			write_ruleset_of(out, all, e->rulesets[d]);
	}
}

char *tables_text(struct weir_compiler *c)
{
	struct weir_changes *all;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(weir_compiler_snapshot(c, &all, NULL), 0);
	write_addresses(out, all);
	write_rulesets(out, all);
	write_endpoints(out, all);
	weir_changes_free(&all);
	fclose(out);
	return text;
}
