/* SPDX-License-Identifier: Apache-2.0 */
/* Which rule decides for which port: tiers, ranges, what is left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policy/state.h"
#include "tests/unit/policy/build.h"

/* Only the part is painted, and from old is the rest. */
static struct weir_class *repaint(const struct weir_policy *const *policies, size_t n,
				  bool isolated, struct stretch part, const struct weir_class *old)
{
	WEIR_CLEANUP(weir_scratch_free) struct scratch *s = weir_scratch_new();
	struct weir_class *k;
	uint64_t rank = 0;

	weir_scratch_begin(s, part);
	for (size_t i = 0; i < n; i++) {
		for (uint16_t j = 0; j < policies[i]->n_rules[WEIR_INGRESS]; j++)
			weir_scratch_add(s, &policies[i]->rules[WEIR_INGRESS][j], ++rank);
	}
	assert_int_equal(weir_class_build(s, isolated, NULL, old, &k), 0);
	return k;
}

static struct weir_class *build(const struct weir_policy *const *policies, size_t n, bool isolated)
{
	return repaint(policies, n, isolated, WEIR_WHOLE_LINE, NULL);
}

static void expect(const struct weir_class *k, uint32_t i, uint8_t protocol, uint16_t first,
		   uint16_t last, uint8_t verdict)
{
	assert_true(i < k->n_ports);
	assert_int_equal(k->ports[i].protocol, protocol);
	assert_int_equal(k->ports[i].first, first);
	assert_int_equal(k->ports[i].last, last);
	assert_int_equal(k->ports[i].verdict, verdict);
}

static void test_first_policy_is_named(void **state)
{
	struct bag b;
	struct weir_class *k;

	bag_open(&b);
	const struct weir_policy *list[] = {
		make_policy(&b, "n", "a", "", "in accept * 80-90/tcp"),
		make_policy(&b, "n", "b", "", "in accept * 85-100/tcp,53/udp"),
	};
	k = build(list, 2, true);
	assert_int_equal(k->verdict, WEIR_DENIED);
	assert_null(k->rule);
	assert_int_equal(k->n_ports, 3);
	expect(k, 0, WEIR_PROTO_TCP, 80, 90, WEIR_ALLOWED);
	expect(k, 1, WEIR_PROTO_TCP, 91, 100, WEIR_ALLOWED);
	expect(k, 2, WEIR_PROTO_UDP, 53, 53, WEIR_ALLOWED);
	assert_ptr_equal(k->ports[0].rule->policy, list[0]);
	assert_ptr_equal(k->ports[1].rule->policy, list[1]);
	free(k);
	bag_empty(&b);
}

static void test_tiers(void **state)
{
	struct bag b;
	struct weir_class *k;

	bag_open(&b);
	const struct weir_policy *list[] = {
		make_cluster_policy(&b, "a", WEIR_TIER_ADMIN, 1, "", "",
				    "in deny * 22/tcp;in pass * 80/tcp;in accept * 80-81/tcp"),
		make_policy(&b, "n", "np", "", "in accept * 80/tcp,22/tcp"),
		make_cluster_policy(&b, "z", WEIR_TIER_BASELINE, 1, "", "", "in deny *"),
	};
	k = build(list, 3, true);
	assert_int_equal(k->n_ports, 3);
	expect(k, 0, WEIR_PROTO_TCP, 22, 22, WEIR_DENIED);
	expect(k, 1, WEIR_PROTO_TCP, 80, 80, WEIR_ALLOWED); /* passed on, allowed there */
	expect(k, 2, WEIR_PROTO_TCP, 81, 81, WEIR_ALLOWED);
	assert_ptr_equal(k->ports[1].rule->policy, list[1]);
	assert_ptr_equal(k->ports[2].rule->policy, list[0]);
	assert_null(k->rule); /* isolated: Baseline is not asked */
	free(k);
	bag_empty(&b);
}

static void test_baseline_without_isolation(void **state)
{
	struct bag b;
	struct weir_class *k;

	bag_open(&b);
	const struct weir_policy *list[] = {
		make_cluster_policy(&b, "z", WEIR_TIER_BASELINE, 1, "", "",
				    "in accept * 53/udp;in deny *"),
	};
	k = build(list, 1, false);
	assert_int_equal(k->verdict, WEIR_DENIED);
	assert_ptr_equal(k->rule, &list[0]->rules[WEIR_INGRESS][1]);
	assert_int_equal(k->n_ports, 1);
	expect(k, 0, WEIR_PROTO_UDP, 53, 53, WEIR_ALLOWED);
	free(k);
	bag_empty(&b);
}

/* What says the same as the rest is no entry; the ends of the line are no wrap. */
static void test_edges(void **state)
{
	struct bag b;
	struct weir_class *k;

	bag_open(&b);
	const struct weir_policy *list[] = {
		make_policy(&b, "n", "a", "", "in accept * 0-0/tcp,65535/tcp,0-65535/udp"),
		make_policy(&b, "n", "b", "", "in accept *;in accept * 80/tcp"),
	};
	k = build(list, 2, true);
	assert_ptr_equal(k->rule, &list[1]->rules[WEIR_INGRESS][0]);
	assert_int_equal(k->n_ports, 3);
	expect(k, 0, WEIR_PROTO_TCP, 0, 0, WEIR_ALLOWED);
	expect(k, 1, WEIR_PROTO_TCP, 65535, 65535, WEIR_ALLOWED);
	expect(k, 2, WEIR_PROTO_UDP, 0, 65535, WEIR_ALLOWED);
	free(k);
	bag_empty(&b);
}

/* Many ranges take another way through the same result. */
static void test_many(void **state)
{
	const struct weir_policy *list[400];
	struct weir_class *k;
	struct bag b;

	bag_open(&b);
	for (unsigned i = 0; i < 400; i++) {
		char name[16], text[64];

		snprintf(name, sizeof(name), "p%03u", i);
		snprintf(text, sizeof(text), "in accept * %u-%u/tcp", 10 * i, 10 * i + 14);
		list[i] = make_policy(&b, "n", name, "", text);
	}
	k = build(list, 400, true);
	assert_int_equal(k->n_ports, 400);
	expect(k, 0, WEIR_PROTO_TCP, 0, 14, WEIR_ALLOWED);
	for (unsigned i = 1; i < 400; i++) {
		expect(k, i, WEIR_PROTO_TCP, (uint16_t)(10 * i + 5), (uint16_t)(10 * i + 14),
		       WEIR_ALLOWED);
		assert_ptr_equal(k->ports[i].rule->policy, list[i]);
	}
	free(k);
	bag_empty(&b);
}

/* A policy with a few ranges of 0..31, now and then of every port. */
static struct weir_policy *random_policy(struct bag *b, unsigned serial, enum weir_tier tier)
{
	static const char *const protocols[] = { "tcp", "udp", "sctp" };
	static const char *const actions[] = { "accept", "deny", "pass" };
	const char *action = tier == WEIR_TIER_NETWORK_POLICY ? "accept" : actions[rand() % 3];
	unsigned first = (unsigned)rand() % 32, more = (unsigned)rand() % 6;
	char name[16], text[96];

	snprintf(name, sizeof(name), "p%u", serial);
	if (rand() % 12 == 0)
		snprintf(text, sizeof(text), "in %s *", action);
	else
		snprintf(text, sizeof(text), "in %s * %u-%u/%s,%u/tcp", action, first, first + more,
			 protocols[rand() % 3], (unsigned)rand() % 32);
	if (tier == WEIR_TIER_NETWORK_POLICY)
		return make_policy(b, "n", name, "", text);
	return make_cluster_policy(b, name, tier, 0, "", "", text);
}

/* Painted where a policy went, and where it came back, a class is what it is
 * when painted whole. */
static void test_part(void **state)
{
	enum { EACH = 4, ALL = EACH * WEIR_TIER_MAX, ROUNDS = 3000 };

	srand(5);
	for (unsigned round = 0; round < ROUNDS; round++) {
		const struct weir_policy *all[ALL], *without[ALL];
		unsigned gone = (unsigned)rand() % ALL;
		bool isolated = rand() % 2;
		struct weir_class *full, *less, *part;
		struct stretch reach;
		struct bag b;

		bag_open(&b);
		for (unsigned i = 0, n = 0; i < ALL; i++) {
			all[i] = random_policy(&b, i, (enum weir_tier)(i / EACH));
			if (i != gone)
				without[n++] = all[i];
		}
		reach = weir_line_reach(&all[gone]->rules[WEIR_INGRESS][0]);
		full = build(all, ALL, isolated);
		less = build(without, ALL - 1, isolated);
		part = repaint(without, ALL - 1, isolated, reach, full);
		assert_true(weir_class_same(part, less));
		free(part);
		part = repaint(all, ALL, isolated, reach, less);
		assert_true(weir_class_same(part, full));
		free(part);
		free(full);
		free(less);
		bag_empty(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_policy_is_named),
		cmocka_unit_test(test_tiers),
		cmocka_unit_test(test_baseline_without_isolation),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
