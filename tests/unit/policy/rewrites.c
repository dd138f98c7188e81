/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a policy is written must not matter when the API says that two ways mean
 * the same: all policies of random clusters are rewritten, every verdict stays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/policy/things.h"
#include "weir/cleanup.h"

static struct weir_policy *copy_policy(struct bag *b, const struct weir_policy *p,
				       size_t more_rules)
{
	struct weir_policy *copy = bag_alloc(b, 1, sizeof(*copy));

	*copy = *p;
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		copy->rules[d] = bag_alloc(b, p->n_rules[d] + more_rules, sizeof(**copy->rules));
		for (uint16_t i = 0; i < p->n_rules[d]; i++)
			copy->rules[d][i] = p->rules[d][i];
	}
	return copy;
}

static struct weir_policy *number_rules(struct weir_policy *p)
{
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		for (uint16_t i = 0; i < p->n_rules[d]; i++) {
			p->rules[d][i].policy = p;
			p->rules[d][i].index = i;
		}
	}
	return p;
}

/* A rule with several peers is as many rules that follow one another. */
static void peers_apart(struct random *r, const struct weir_policy *p, struct things *to)
{
	struct weir_policy *q = copy_policy(r->bag, p, 8);

	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		q->n_rules[d] = 0;
		for (uint16_t i = 0; i < p->n_rules[d]; i++) {
			uint16_t n = 0;

			do {
				struct weir_rule *rule = &q->rules[d][q->n_rules[d]++];

				*rule = p->rules[d][i];
				if (rule->n_peers) {
					rule->peers += n;
					rule->n_peers = 1;
				}
			} while (++n < p->rules[d][i].n_peers);
		}
	}
	put(to, POLICY, number_rules(q));
}

/* A range is its two halves. */
static void ports_apart(struct random *r, const struct weir_policy *p, struct things *to)
{
	struct weir_policy *q = copy_policy(r->bag, p, 0);

	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		for (uint16_t i = 0; i < q->n_rules[d]; i++) {
			struct weir_rule *rule = &q->rules[d][i];
			const struct weir_port *old = rule->ports;
			uint16_t n = rule->n_ports;

			rule->ports = bag_alloc(r->bag, n * 2u, sizeof(*rule->ports));
			rule->n_ports = 0;
			for (uint16_t j = 0; j < n; j++) {
				struct weir_port half = old[j];

				if (!half.name && half.first < half.last) {
					half.last = (uint16_t)((half.first + half.last) / 2);
					rule->ports[rule->n_ports++] = half;
					half.first = (uint16_t)(half.last + 1);
					half.last = old[j].last;
				}
				rule->ports[rule->n_ports++] = half;
			}
		}
	}
	put(to, POLICY, number_rules(q));
}

/* A prefix is its two halves; an exception keeps it whole. */
static uint16_t halve(struct weir_peer *to, const struct weir_peer *from)
{
	uint8_t len = from->prefix.len;

	*to = *from;
	if (from->kind != WEIR_PEER_PREFIX || from->n_except ||
	    len == weir_addr_bits(&from->prefix.addr))
		return 1;
	to[0].prefix.len = len + 1;
	to[1] = to[0];
	to[1].prefix.addr.bytes[len / 8] |= (uint8_t)(0x80 >> len % 8);
	return 2;
}

static void prefixes_apart(struct random *r, const struct weir_policy *p, struct things *to)
{
	struct weir_policy *q = copy_policy(r->bag, p, 0);

	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		for (uint16_t i = 0; i < q->n_rules[d]; i++) {
			struct weir_rule *rule = &q->rules[d][i];
			const struct weir_peer *old = rule->peers;
			uint16_t n = rule->n_peers;

			rule->peers = bag_alloc(r->bag, n * 2u, sizeof(*rule->peers));
			rule->n_peers = 0;
			for (uint16_t j = 0; j < n; j++)
				rule->n_peers += halve(&rule->peers[rule->n_peers], &old[j]);
		}
	}
	put(to, POLICY, number_rules(q));
}

/* What has been said need not be said again: each rule twice in a row. */
static void rules_twice(struct random *r, const struct weir_policy *p, struct things *to)
{
	struct weir_policy *q = copy_policy(r->bag, p, p->n_rules[0] + p->n_rules[1]);

	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		for (uint16_t i = 0; i < p->n_rules[d]; i++)
			q->rules[d][2 * i] = q->rules[d][2 * i + 1] = p->rules[d][i];
		q->n_rules[d] = (uint16_t)(p->n_rules[d] * 2);
	}
	put(to, POLICY, number_rules(q));
}

/* NetworkPolicies only add: the rules in any order. */
static void rules_mixed(struct random *r, const struct weir_policy *p, struct things *to)
{
	struct weir_policy *q = copy_policy(r->bag, p, 0);

	for (int d = 0; d < WEIR_DIRECTION_MAX && p->namespace_; d++) {
		for (uint16_t i = q->n_rules[d]; i > 1; i--) {
			uint16_t j = (uint16_t)roll(r, i);
			struct weir_rule kept = q->rules[d][i - 1];

			q->rules[d][i - 1] = q->rules[d][j];
			q->rules[d][j] = kept;
		}
	}
	put(to, POLICY, number_rules(q));
}

static void put_part(struct random *r, const struct weir_policy *p, int d, int rule,
		     struct things *to)
{
	struct weir_policy *q = copy_policy(r->bag, p, 0);
	char name[32];

	snprintf(name, sizeof(name), "%s-%d-%d", p->name, d, rule + 1);
	q->name = bag_string(r->bag, name);
	q->n_rules[!d] = 0;
	q->isolates[!d] = false;
	q->n_rules[d] = rule >= 0;
	if (rule >= 0)
		q->rules[d][0] = p->rules[d][rule];
	put(to, POLICY, number_rules(q));
}

/* A NetworkPolicy is as many as it has rules, and one that only isolates. */
static void rules_apart(struct random *r, const struct weir_policy *p, struct things *to)
{
	if (!p->namespace_) {
		put(to, POLICY, p);
		return;
	}
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		for (int i = p->isolates[d] ? -1 : 0; i < p->n_rules[d]; i++)
			put_part(r, p, d, i, to);
	}
}

/* "In a, b" for the subject is one policy for a and one for b. */
static void subject_apart(struct random *r, const struct weir_policy *p, struct things *to)
{
	const struct weir_requirement *first = p->pods.requirements;

	if (!p->namespace_ || !p->pods.n || first->op != WEIR_IN || first->n_values < 2) {
		put(to, POLICY, p);
		return;
	}
	for (uint16_t i = 0; i < first->n_values; i++) {
		struct weir_policy *q = copy_policy(r->bag, p, 0);
		struct weir_requirement *list = bag_alloc(r->bag, p->pods.n, sizeof(*list));
		char name[32];

		snprintf(name, sizeof(name), "%s-%u", p->name, i);
		q->name = bag_string(r->bag, name);
		memcpy(list, p->pods.requirements, p->pods.n * sizeof(*list));
		list->values += i;
		list->n_values = 1;
		q->pods.requirements = list;
		put(to, POLICY, number_rules(q));
	}
}

/* NetworkPolicies have no order, and their names say nothing. */
static void other_name(struct random *r, const struct weir_policy *p, struct things *to)
{
	struct weir_policy *q = copy_policy(r->bag, p, 0);
	char name[32];

	snprintf(name, sizeof(name), "%u-%s", roll(r, 100), p->name);
	if (p->namespace_)
		q->name = bag_string(r->bag, name);
	put(to, POLICY, number_rules(q));
}

static const struct {
	const char *name;
	void (*rewrite)(struct random *r, const struct weir_policy *p, struct things *to);
} rewrites[] = {
	{ "peers apart", peers_apart },	      { "ports apart", ports_apart },
	{ "prefixes apart", prefixes_apart }, { "rules twice", rules_twice },
	{ "rules mixed", rules_mixed },	      { "rules apart", rules_apart },
	{ "subject apart", subject_apart },   { "another name", other_name },
};

static void assert_same_verdicts(const struct weir_compiler *a, const struct weir_compiler *b,
				 const char *why)
{
	static const struct {
		uint8_t protocol;
		uint16_t port;
	} tries[] = {
		{ WEIR_PROTO_TCP, 80 },	   { WEIR_PROTO_TCP, 8080 }, { WEIR_PROTO_UDP, 53 },
		{ WEIR_PROTO_TCP, 53 },	   { WEIR_PROTO_SCTP, 512 }, { WEIR_PROTO_ICMP, 0 },
		{ WEIR_PROTO_TCP, 39 },	   { WEIR_PROTO_TCP, 40 },   { WEIR_PROTO_TCP, 85 },
		{ WEIR_PROTO_TCP, 32768 },
	};

	for (unsigned n = 0; n < RANDOM_ADDRESSES * RANDOM_ADDRESSES * WEIR_ARRAY_SIZE(tries);
	     n++) {
		const char *src = random_addresses[n % RANDOM_ADDRESSES];
		const char *dst = random_addresses[n / RANDOM_ADDRESSES % RANDOM_ADDRESSES];
		unsigned t = n / (RANDOM_ADDRESSES * RANDOM_ADDRESSES);
		struct weir_connection conn =
			make_connection(src, dst, tries[t].protocol, tries[t].port);
		struct weir_judgement x, y;

		if (conn.src.family != conn.dst.family)
			continue;
		weir_compiler_judge(a, &conn, &x);
		weir_compiler_judge(b, &conn, &y);
		for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
			if (x.sides[d].verdict != y.sides[d].verdict)
				fail_msg("%s: %s -> %s %u/%u", why, src, dst, conn.dport,
					 conn.protocol);
		}
	}
}

static void check_rewrites(uint64_t seed)
{
	struct weir_compiler *c;
	struct field f;
	struct things t;

	open_field(&f, seed);
	random_things(&f.random, &t);
	c = compile(&t);
	for (size_t n = 0; n < WEIR_ARRAY_SIZE(rewrites); n++) {
		struct things other = { 0 };
		struct weir_compiler *d;

		for (size_t i = 0; i < t.n; i++) {
			if (t.list[i].kind == POLICY)
				rewrites[n].rewrite(&f.random, t.list[i].object, &other);
			else
				put(&other, t.list[i].kind, t.list[i].object);
		}
		d = compile(&other);
		assert_same_verdicts(c, d, rewrites[n].name);
		weir_compiler_free(&d);
	}
	weir_compiler_free(&c);
	close_field(&f);
}

static void test_other_words(void **state)
{
	each_seed(check_rewrites, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
