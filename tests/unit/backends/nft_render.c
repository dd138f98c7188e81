/* SPDX-License-Identifier: Apache-2.0 */
/* How rulesets are rendered and what peer maps say, without a kernel. */
#include "backends/nftables/render.h"

#include <linux/netfilter/nf_tables.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "weir/cleanup.h"

static struct weir_policy policy = { .kind = "NetworkPolicy", .namespace_ = "shop", .name = "web" };
static const struct weir_policy *const policies[] = { &policy };
static const struct weir_class allow = { .verdict = WEIR_ALLOWED };
static const struct weir_class deny = { .verdict = WEIR_DENIED };

static struct weir_class *ports(uint32_t n)
{
	struct weir_class *c = calloc(1, sizeof(*c) + n * sizeof(c->ports[0]));

	assert_non_null(c);
	c->verdict = WEIR_DENIED;
	c->n_ports = n;
	for (uint32_t i = 0; i < n; i++)
		c->ports[i] = (struct weir_port_verdict){ .first = (uint16_t)(80 + 2 * i),
							  .last = (uint16_t)(80 + 2 * i),
							  .protocol = WEIR_PROTO_TCP,
							  .verdict = WEIR_ALLOWED };
	return c;
}

static struct nft_ruleset *make(const struct nft_ruleset *from, struct weir_class_change *peers,
				size_t n_peers, const struct nft_prefix_value *prefixes, size_t n)
{
	const struct weir_ruleset rs = { .id = 1,
					 .direction = WEIR_INGRESS,
					 .n_policies = 1,
					 .policies = policies,
					 .fallback = &deny };
	const struct weir_ruleset_change change = { 1, &rs, !from, n_peers, peers };
	struct nft_ruleset *r = NULL;

	assert_int_equal(nft_ruleset_make(from, &change, prefixes, n, &r), 0);
	r->key = 5;
	return r;
}

static struct weir_addr addr(const char *text)
{
	struct weir_addr a;

	assert_int_equal(weir_addr_parse(text, &a), 0);
	return a;
}

static void what_the_fallback_says_is_no_element(void **state)
{
	struct weir_class_change peers[] = { { 10, &allow }, { 11, &deny } };
	WEIR_CLEANUP(nft_ruleset_free) struct nft_ruleset *r = make(NULL, peers, 2, NULL, 0);
	struct weir_addr a = addr("10.0.0.1");
	const struct nft_class *c = nft_ruleset_class_of(r, &a, 10);

	assert_non_null(c);
	assert_int_equal(nft_class_target(r, c).verdict, NFT_RETURN);
	assert_null(nft_ruleset_class_of(r, &a, 11));
	assert_null(nft_ruleset_class_of(r, &a, 12));
	assert_null(nft_ruleset_class_of(r, &a, WEIR_IDENTITY_NONE));
}

/* A pod whose address lies in a range that is let in, but is not itself named. */
static void a_pod_in_a_range_is_an_element_of_its_own(void **state)
{
	struct nft_prefix_value range = { .value = 30 };
	struct weir_class_change peers[] = { { 30, &allow } };
	WEIR_CLEANUP(nft_ruleset_free) struct nft_ruleset *r = NULL;
	struct weir_addr in = addr("10.0.0.1"), out = addr("192.0.2.1");
	const struct nft_class *c;

	assert_int_equal(weir_prefix_parse("10.0.0.0/8", true, &range.prefix), 0);
	r = make(NULL, peers, 1, &range, 1);
	c = nft_ruleset_class_of(r, &in, 12);
	assert_non_null(c);
	assert_string_equal(nft_class_target(r, c).chain, "rs_5_deny");
	assert_null(nft_ruleset_class_of(r, &out, 12));
	assert_null(nft_ruleset_class_of(r, &in, 30));
}

static size_t count_sets(const struct nft_ruleset *r, uint8_t kind, size_t *ret_rules)
{
	WEIR_CLEANUP(nft_objects_free) struct nft_objects o = { 0 };
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };
	size_t n = 0;

	nft_render_ruleset(r, 1, &o, &rules);
	assert_false(o.failed || rules.failed);
	for (size_t i = 0; i < o.n_sets; i++)
		n += o.sets[i].kind == kind;
	*ret_rules = rules.n;
	return n;
}

static void few_ports_are_compared_many_are_a_set(void **state)
{
	WEIR_AUTO_FREE struct weir_class *few = ports(8), *many = ports(9);
	struct weir_class_change a = { 10, few }, b = { 10, many };
	WEIR_CLEANUP(nft_ruleset_free) struct nft_ruleset *x = make(NULL, &a, 1, NULL, 0);
	WEIR_CLEANUP(nft_ruleset_free) struct nft_ruleset *y = make(NULL, &b, 1, NULL, 0);
	size_t rules_few, rules_many;

	assert_int_equal(count_sets(x, NFT_SET_PORTS, &rules_few), 0);
	assert_int_equal(count_sets(y, NFT_SET_PORTS, &rules_many), 1);
	assert_int_equal(rules_few - rules_many, 7); /* eight comparisons, one look-up */
}

static void a_class_that_nobody_is_in_goes(void **state)
{
	WEIR_AUTO_FREE struct weir_class *one = ports(1), *two = ports(2);
	struct weir_class_change first[] = { { 10, one }, { 11, two } };
	struct weir_class_change then[] = { { 10, two } };
	WEIR_CLEANUP(nft_ruleset_free) struct nft_ruleset *x = make(NULL, first, 2, NULL, 0);
	WEIR_CLEANUP(nft_ruleset_free) struct nft_ruleset *y = make(x, then, 1, NULL, 0);
	struct weir_addr a = addr("10.0.0.1");

	assert_int_equal(x->classes.n, 3); /* with the fallback */
	assert_int_equal(y->classes.n, 2);
	assert_true(nft_ruleset_same_structure(x, y));
	assert_int_equal(nft_ruleset_class_of(y, &a, 10)->number,
			 nft_ruleset_class_of(x, &a, 11)->number);
	assert_ptr_equal(nft_ruleset_class_of(y, &a, 10), nft_ruleset_class_of(y, &a, 11));
}

static void the_tag_is_that_of_the_policies(void **state)
{
	WEIR_CLEANUP(nft_ruleset_free) struct nft_ruleset *x = make(NULL, NULL, 0, NULL, 0);
	uint32_t before = x->tag;
	WEIR_CLEANUP(nft_ruleset_free) struct nft_ruleset *y = NULL;

	policy.name = "other";
	y = make(NULL, NULL, 0, NULL, 0);
	policy.name = "web";
	assert_int_not_equal(before, 0);
	assert_int_not_equal(y->tag, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_fallback_says_is_no_element),
		cmocka_unit_test(a_pod_in_a_range_is_an_element_of_its_own),
		cmocka_unit_test(few_ports_are_compared_many_are_a_set),
		cmocka_unit_test(a_class_that_nobody_is_in_goes),
		cmocka_unit_test(the_tag_is_that_of_the_policies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
