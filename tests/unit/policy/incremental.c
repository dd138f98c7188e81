/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random events, many commits. After each one: what a consumer has that only
 * applies the changes equals the snapshot; every connection is judged as by
 * brute force over the objects, by the same rule; a fresh compile has the same
 * tables; and what is removed and added again equal is no change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/policy/build.h"
#include "tests/unit/policy/shadow.h"
#include "weir/cleanup.h"

enum {
	NAMESPACES = 4,
	PODS = 14,
	NODES = 4,
	DOMAINS = 5,
	POLICIES = 12,
	CLUSTER_POLICIES = 5,
	ADDRESSES = 18
};

struct world {
	struct bag bag;
	struct weir_compiler *compiler;
	struct shadow shadow;
	uint64_t seed;
	const struct weir_namespace *namespaces[NAMESPACES];
	const struct weir_pod *pods[PODS];
	const struct weir_node *nodes[NODES];
	const struct weir_domain *domains[DOMAINS];
	const struct weir_policy *policies[POLICIES + CLUSTER_POLICIES];
};

static uint32_t roll(struct world *w, uint32_t n)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return (uint32_t)(w->seed >> 33) % n;
}

#define PICK(w, list) (list)[roll(w, WEIR_ARRAY_SIZE(list))]

static const char *const addresses[ADDRESSES] = {
	"10.0.0.1",  "10.0.0.2",  "10.0.0.3",  "10.0.1.1",    "10.0.1.2",    "10.0.1.129",
	"10.0.2.7",  "10.1.0.1",  "10.1.0.2",  "10.1.3.4",    "fd00::1",     "fd00::2",
	"fd00:1::1", "fd00:1::2", "192.0.2.1", "192.0.2.130", "2001:db8::1", "10.0.0.9",
};
static const char *const labels[] = {
	"", "app=web", "app=db", "app=web,tier=1", "app=db,tier=2", "tier=1", "app=dns,tier=2"
};
static const char *const ns_labels[] = { "", "team=a", "team=b", "team=a,env=prod" };
static const char *const named_ports[] = {
	"", "", "http:80/tcp", "http:8080/tcp", "dns:53/udp,http:80/tcp", "dns:53/tcp"
};
static const char *const selectors[] = { "",	"",	 "app=web",    "app=db|web", "app!=web",
					 "app", "!tier", "tier=1,app", "tier=1|2" };
static const char *const ns_selectors[] = { "",
					    "team=a",
					    "team!=a",
					    "team",
					    "!env",
					    "kubernetes.io/metadata.name=n1",
					    "kubernetes.io/metadata.name=n2|n3",
					    "team=a|b,!env" };
static const char *const node_labels[] = { "", "zone=a", "zone=b", "zone=a,app=web,gpu=1" };
static const char *const node_selectors[] = { "", "zone=a", "zone!=a", "gpu", "app=web", "!zone" };
static const char *const domains[DOMAINS] = { "a.test", "b.test", "x.a.test", "y.x.a.test",
					      "a.testing" };
static const char *const patterns[] = { "a.test",   "b.test|a.test",	 "*.test", "*.a.test",
					"x.a.test", "*.x.a.test|b.test", "c.test" };
/* Ascending. Of pods, of nodes, within prefixes and equal to one. */
static const char *const domain_addrs[] = { "192.0.2.1",
					    "10.0.0.1,10.0.0.2,192.0.2.1",
					    "192.0.2.1,192.0.2.130",
					    "10.1.3.4,2001:db8::1",
					    "fd00:1::1",
					    "10.0.0.9" };
static const char *const prefixes[] = {
	"0.0.0.0/0",
	"::/0",
	"10.0.0.0/8",
	"10.0.0.0/16",
	"10.0.1.0/24",
	"10.0.1.128/25",
	"10.0.0.1/32",
	"fd00::/16",
	"fd00:1::/64",
	"192.0.2.0/24",
	"192.0.2.128/25",
	"0.0.0.0/0-10.0.0.0/8",
	"10.0.0.0/8-10.0.1.0/24-10.1.0.0/16",
	"192.0.2.0/24-192.0.2.1/32",
};
static const char *const ports[] = { "",
				     "",
				     "80/tcp",
				     "80-90/tcp",
				     "53/udp,53/tcp",
				     "http/tcp",
				     "dns/udp",
				     "*/tcp",
				     "1-1023/sctp,http/tcp",
				     "0-79/tcp" };

static void random_peer(struct world *w, char *buf, bool cluster)
{
	switch (roll(w, cluster ? 8 : 5)) {
	case 6:
	case 7:
		sprintf(buf, "domains(%s)", PICK(w, patterns));
		break;
	case 5:
		sprintf(buf, "nodes(%s)", PICK(w, node_selectors));
		break;
	case 0:
		sprintf(buf, "%s(%s)", cluster ? "ns()pods" : "pods", PICK(w, selectors));
		break;
	case 1:
		sprintf(buf, "ns(%s)", PICK(w, ns_selectors));
		break;
	case 2:
		sprintf(buf, "ns(%s)pods(%s)", PICK(w, ns_selectors), PICK(w, selectors));
		break;
	case 3:
		strcpy(buf, "*");
		break;
	default:
		strcpy(buf, PICK(w, prefixes));
	}
}

static void random_rules(struct world *w, char *text, bool cluster)
{
	static const char *const actions[] = { "accept", "deny", "pass" };
	uint32_t n = roll(w, 4);

	*text = 0;
	if (!cluster)
		strcpy(text, roll(w, 3) ? "in;" : roll(w, 2) ? "out;" : "in;out;");
	for (uint32_t i = 0; i < n; i++) {
		char peer[128], more[128];

		random_peer(w, peer, cluster);
		random_peer(w, more, cluster);
		if (*peer != '*' && *more != '*' && !roll(w, 3))
			strcat(strcat(peer, "+"), more);
		sprintf(text + strlen(text), "%s %s %s %s;", roll(w, 2) ? "in" : "out",
			cluster ? PICK(w, actions) : "accept", peer, PICK(w, ports));
	}
}

static struct weir_pod *random_pod(struct world *w, unsigned i)
{
	char name[16], ns[16], addrs[64];
	struct weir_pod *p;

	sprintf(name, "p%u", i);
	sprintf(ns, "n%u", i % (NAMESPACES + 1)); /* one namespace never has an object */
	sprintf(addrs, "%s", addresses[roll(w, 14)]);
	if (!roll(w, 3))
		sprintf(addrs + strlen(addrs), ",%s", addresses[10 + roll(w, 4)]);
	p = make_pod(&w->bag, ns, name, PICK(w, labels), addrs, PICK(w, named_ports),
		     roll(w, 3) != 0);
	if (p->n_addrs == 2 && weir_addr_compare(&p->addrs[0], &p->addrs[1]) == 0)
		p->n_addrs = 1;
	p->host_network = !roll(w, 12);
	p->finished = !roll(w, 12);
	p->gone = !roll(w, 12);
	p->endpoint = p->local && roll(w, 2);
	p->since = roll(w, 3);
	p->terminating = roll(w, 2);
	p->created = roll(w, 2);
	return p;
}

static struct weir_policy *random_policy(struct world *w, unsigned i)
{
	char name[16], ns[16], text[2048];
	struct weir_policy *p;

	sprintf(name, "np%u", i);
	sprintf(ns, "n%u", i % (NAMESPACES + 1));
	random_rules(w, text, i >= POLICIES);
	if (i < POLICIES)
		p = make_policy(&w->bag, ns, name, PICK(w, selectors), text);
	else
		p = make_cluster_policy(
			&w->bag, name, roll(w, 2) ? WEIR_TIER_ADMIN : WEIR_TIER_BASELINE,
			(int)roll(w, 3), PICK(w, ns_selectors), PICK(w, selectors), text);
	p->staged = !roll(w, 10);
	return p;
}

static void change_namespace(struct world *w)
{
	unsigned i = roll(w, NAMESPACES);
	char name[16];

	sprintf(name, "n%u", i);
	if (w->namespaces[i])
		assert_int_equal(weir_compiler_remove_namespace(w->compiler, w->namespaces[i]), 0);
	w->namespaces[i] = roll(w, 4) ? make_namespace(&w->bag, name, PICK(w, ns_labels)) : NULL;
	if (w->namespaces[i])
		assert_int_equal(weir_compiler_add_namespace(w->compiler, w->namespaces[i]), 0);
}

static void change_pod(struct world *w)
{
	unsigned i = roll(w, PODS);

	if (w->pods[i])
		assert_int_equal(weir_compiler_remove_pod(w->compiler, w->pods[i]), 0);
	w->pods[i] = roll(w, 4) ? random_pod(w, i) : NULL;
	if (w->pods[i])
		assert_int_equal(weir_compiler_add_pod(w->compiler, w->pods[i]), 0);
}

/* Some share an address with a pod, a prefix or each other. */
static void change_node(struct world *w)
{
	unsigned i = roll(w, NODES);
	char name[16], addrs[128];

	sprintf(name, "node%u", i);
	sprintf(addrs, "%s", addresses[roll(w, 4) ? 7 + roll(w, 11) : roll(w, 18)]);
	if (!roll(w, 3) && strcmp(addrs, "10.0.0.9") != 0)
		strcat(addrs, ",10.0.0.9");
	if (w->nodes[i])
		assert_int_equal(weir_compiler_remove_node(w->compiler, w->nodes[i]), 0);
	w->nodes[i] = roll(w, 4) ? make_node(&w->bag, name, PICK(w, node_labels), addrs) : NULL;
	if (w->nodes[i])
		assert_int_equal(weir_compiler_add_node(w->compiler, w->nodes[i]), 0);
}

static void change_domain(struct world *w)
{
	unsigned i = roll(w, DOMAINS);

	if (w->domains[i])
		assert_int_equal(weir_compiler_remove_domain(w->compiler, w->domains[i]), 0);
	w->domains[i] = roll(w, 4) ? make_domain(&w->bag, domains[i], PICK(w, domain_addrs)) : NULL;
	if (w->domains[i])
		assert_int_equal(weir_compiler_add_domain(w->compiler, w->domains[i]), 0);
}

static void change_policy(struct world *w)
{
	unsigned i = roll(w, POLICIES + CLUSTER_POLICIES);

	if (w->policies[i])
		assert_int_equal(weir_compiler_remove_policy(w->compiler, w->policies[i]), 0);
	w->policies[i] = roll(w, 3) ? random_policy(w, i) : NULL;
	if (w->policies[i])
		assert_int_equal(weir_compiler_add_policy(w->compiler, w->policies[i]), 0);
}

/* Remove and add again: the same namespace, an equal policy and pod. */
static void touch_something(struct world *w)
{
	unsigned i = roll(w, POLICIES + CLUSTER_POLICIES), n = roll(w, NAMESPACES);
	unsigned k = roll(w, PODS), m = roll(w, NODES);

	if (w->domains[m]) {
		weir_compiler_remove_domain(w->compiler, w->domains[m]);
		assert_int_equal(weir_compiler_add_domain(w->compiler, w->domains[m]), 0);
	}
	if (w->nodes[m]) {
		struct weir_node *node = bag_alloc(&w->bag, 1, sizeof(*node));

		*node = *w->nodes[m];
		weir_compiler_remove_node(w->compiler, w->nodes[m]);
		w->nodes[m] = node;
		assert_int_equal(weir_compiler_add_node(w->compiler, node), 0);
	}
	if (w->pods[k]) {
		struct weir_pod *pod = bag_alloc(&w->bag, 1, sizeof(*pod));

		*pod = *w->pods[k];
		weir_compiler_remove_pod(w->compiler, w->pods[k]);
		w->pods[k] = pod;
		assert_int_equal(weir_compiler_add_pod(w->compiler, pod), 0);
	}

	if (w->policies[i]) {
		struct weir_policy *p = bag_alloc(&w->bag, 1, sizeof(*p));

		*p = *w->policies[i];
		for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
			p->rules[d] = bag_alloc(&w->bag, p->n_rules[d], sizeof(*p->rules[d]));
			for (unsigned j = 0; j < p->n_rules[d]; j++) {
				p->rules[d][j] = w->policies[i]->rules[d][j];
				p->rules[d][j].policy = p;
			}
		}
		weir_compiler_remove_policy(w->compiler, w->policies[i]);
		w->policies[i] = p;
		assert_int_equal(weir_compiler_add_policy(w->compiler, p), 0);
	}
	if (w->namespaces[n]) {
		weir_compiler_remove_namespace(w->compiler, w->namespaces[n]);
		assert_int_equal(weir_compiler_add_namespace(w->compiler, w->namespaces[n]), 0);
	}
}

static void gather(const struct world *w, struct objects *o)
{
	const struct weir_pod *const *pods = w->pods;

	*o = (struct objects){
		.namespaces = calloc(NAMESPACES, sizeof(void *)),
		.pods = calloc(PODS, sizeof(void *)),
		.nodes = calloc(NODES, sizeof(void *)),
		.domains = calloc(DOMAINS, sizeof(void *)),
		.policies = calloc(POLICIES + CLUSTER_POLICIES, sizeof(void *)),
	};
	for (unsigned i = 0; i < NODES; i++) {
		if (w->nodes[i])
			o->nodes[o->n_nodes++] = w->nodes[i];
	}
	for (unsigned i = 0; i < DOMAINS; i++) {
		if (w->domains[i])
			o->domains[o->n_domains++] = w->domains[i];
	}
	for (unsigned i = 0; i < NAMESPACES; i++) {
		if (w->namespaces[i])
			o->namespaces[o->n_namespaces++] = w->namespaces[i];
	}
	for (unsigned i = 0; i < PODS; i++) {
		if (pods[i])
			o->pods[o->n_pods++] = pods[i];
	}
	for (unsigned i = 0; i < POLICIES + CLUSTER_POLICIES; i++) {
		if (w->policies[i])
			o->policies[o->n_policies++] = w->policies[i];
	}
}

static void release(struct objects *o)
{
	free(o->namespaces);
	free(o->pods);
	free(o->nodes);
	free(o->domains);
	free(o->policies);
}

static void check_connection(struct world *w, const struct objects *o,
			     const struct weir_connection *conn)
{
	struct weir_judgement got, want, tables;
	struct weir_explanation *e;

	brute_force(&w->bag, o, conn, &want);
	weir_compiler_judge(w->compiler, conn, &got);
	shadow_judge(&w->shadow, conn, &tables);
	assert_int_equal(got.verdict, want.verdict);
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		assert_int_equal(got.sides[d].verdict, want.sides[d].verdict);
		assert_ptr_equal(got.sides[d].rule, want.sides[d].rule);
		assert_int_equal(tables.sides[d].verdict, want.sides[d].verdict);
	}
	assert_int_equal(weir_compiler_explain(w->compiler, conn, &e, NULL), 0);
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		const struct weir_decision *x = &weir_explanation_judgement(e)->sides[d];

		if (got.sides[d].reason != WEIR_REASON_NOT_ENDPOINT)
			assert_ptr_equal(x->rule, want.sides[d].rule);
	}
	weir_explanation_free(&e);
}

static void check_all(struct world *w)
{
	static const struct {
		uint8_t protocol;
		uint16_t port;
	} tries[] = {
		{ WEIR_PROTO_TCP, 80 }, { WEIR_PROTO_TCP, 8080 }, { WEIR_PROTO_UDP, 53 },
		{ WEIR_PROTO_TCP, 53 }, { WEIR_PROTO_SCTP, 80 },  { WEIR_PROTO_ICMP, 0 },
		{ WEIR_PROTO_TCP, 79 }, { WEIR_PROTO_TCP, 91 },
	};
	struct objects o;

	gather(w, &o);
	for (unsigned s = 0; s < ADDRESSES; s++) {
		for (unsigned d = 0; d < ADDRESSES; d++) {
			unsigned t = roll(w, WEIR_ARRAY_SIZE(tries));
			struct weir_connection conn = make_connection(
				addresses[s], addresses[d], tries[t].protocol, tries[t].port);

			if (conn.src.family == conn.dst.family)
				check_connection(w, &o, &conn);
		}
	}
	release(&o);
}

/* The explanation of a pod elsewhere is what a node says that has it. */
static void check_elsewhere(struct world *w)
{
	struct weir_compiler *other;
	struct weir_changes *changes;
	struct objects o;

	gather(w, &o);
	for (size_t i = 0; i < o.n_pods; i++) {
		struct weir_pod *p = bag_alloc(&w->bag, 1, sizeof(*p));

		*p = *o.pods[i];
		p->local = false;
		o.pods[i] = p;
	}
	assert_int_equal(weir_compiler_new(&other), 0);
	for (size_t i = 0; i < o.n_namespaces; i++)
		weir_compiler_add_namespace(other, o.namespaces[i]);
	for (size_t i = 0; i < o.n_policies; i++)
		weir_compiler_add_policy(other, o.policies[i]);
	for (size_t i = 0; i < o.n_pods; i++)
		weir_compiler_add_pod(other, o.pods[i]);
	for (size_t i = 0; i < o.n_nodes; i++)
		weir_compiler_add_node(other, o.nodes[i]);
	for (size_t i = 0; i < o.n_domains; i++)
		weir_compiler_add_domain(other, o.domains[i]);
	assert_int_equal(weir_compiler_commit(other, &changes, NULL), 0);
	weir_changes_free(&changes);
	for (size_t i = 0; i < o.n_pods; i++)
		((struct weir_pod *)o.pods[i])->local = true;
	for (unsigned n = 0; n < 60; n++) {
		struct weir_connection conn =
			make_connection(addresses[roll(w, 10)], addresses[roll(w, 10)],
					WEIR_PROTO_TCP, (uint16_t)(roll(w, 2) ? 80 : 53));
		struct weir_explanation *e;
		struct weir_judgement want;

		brute_force(&w->bag, &o, &conn, &want);
		assert_int_equal(weir_compiler_explain(other, &conn, &e, NULL), 0);
		assert_int_equal(weir_explanation_judgement(e)->verdict, want.verdict);
		for (int d = 0; d < WEIR_DIRECTION_MAX; d++)
			assert_ptr_equal(weir_explanation_judgement(e)->sides[d].rule,
					 want.sides[d].rule);
		weir_explanation_free(&e);
	}
	weir_compiler_free(&other);
	release(&o);
}

/* The same tables as from a compiler that sees the objects for the first time. */
static void check_fresh(struct world *w)
{
	struct weir_compiler *fresh;
	struct weir_compiler_stats a, b;
	struct weir_changes *changes;
	struct objects o;

	gather(w, &o);
	assert_int_equal(weir_compiler_new(&fresh), 0);
	for (size_t i = o.n_policies; i-- > 0;)
		weir_compiler_add_policy(fresh, o.policies[i]);
	for (size_t i = o.n_nodes; i-- > 0;)
		weir_compiler_add_node(fresh, o.nodes[i]);
	for (size_t i = o.n_domains; i-- > 0;)
		weir_compiler_add_domain(fresh, o.domains[i]);
	for (size_t i = 0; i < o.n_pods; i++)
		weir_compiler_add_pod(fresh, o.pods[i]);
	for (size_t i = o.n_namespaces; i-- > 0;)
		weir_compiler_add_namespace(fresh, o.namespaces[i]);
	assert_int_equal(weir_compiler_commit(fresh, &changes, NULL), 0);
	shadow_assert_alike(&w->shadow, changes);
	weir_changes_free(&changes);
	weir_compiler_stats(w->compiler, &a);
	weir_compiler_stats(fresh, &b);
	assert_int_equal(a.identities, b.identities);
	assert_int_equal(a.prefixes, b.prefixes);
	assert_int_equal(a.rulesets, b.rulesets);
	assert_int_equal(a.classes, b.classes);
	assert_int_equal(a.endpoints, b.endpoints);
	weir_compiler_free(&fresh);
	release(&o);
}

static void pretend_staged(const struct objects *o, const bool *staged)
{
	for (size_t i = 0; i < o->n_policies; i++)
		((struct weir_policy *)o->policies[i])->staged = staged && staged[i];
}

/* A compiler for which staged policies are enforced says what would be without
 * the word "staged" in them. */
static void check_staged(struct world *w)
{
	bool staged[POLICIES + CLUSTER_POLICIES];
	struct weir_compiler *c;
	struct weir_changes *changes;
	struct objects o;

	gather(w, &o);
	assert_int_equal(weir_compiler_new(&c), 0);
	weir_compiler_enforce_staged(c);
	for (size_t i = 0; i < o.n_policies; i++) {
		staged[i] = o.policies[i]->staged;
		weir_compiler_add_policy(c, o.policies[i]);
	}
	for (size_t i = 0; i < o.n_nodes; i++)
		weir_compiler_add_node(c, o.nodes[i]);
	for (size_t i = 0; i < o.n_domains; i++)
		weir_compiler_add_domain(c, o.domains[i]);
	for (size_t i = 0; i < o.n_pods; i++)
		weir_compiler_add_pod(c, o.pods[i]);
	for (size_t i = 0; i < o.n_namespaces; i++)
		weir_compiler_add_namespace(c, o.namespaces[i]);
	assert_int_equal(weir_compiler_commit(c, &changes, NULL), 0);
	weir_changes_free(&changes);
	pretend_staged(&o, NULL);
	for (unsigned n = 0; n < 60; n++) {
		struct weir_connection conn =
			make_connection(addresses[roll(w, 10)], addresses[roll(w, 10)],
					WEIR_PROTO_TCP, (uint16_t)(roll(w, 2) ? 80 : 53));
		struct weir_judgement got, want;

		weir_compiler_judge(c, &conn, &got);
		brute_force(&w->bag, &o, &conn, &want);
		for (int d = 0; d < WEIR_DIRECTION_MAX; d++)
			assert_ptr_equal(got.sides[d].rule, want.sides[d].rule);
		assert_int_equal(got.verdict, want.verdict);
	}
	pretend_staged(&o, staged);
	weir_compiler_free(&c);
	release(&o);
}

static void commit(struct world *w, bool expect_nothing)
{
	struct weir_changes *changes;

	assert_int_equal(weir_compiler_commit(w->compiler, &changes, NULL), 0);
	if (expect_nothing)
		assert_true(weir_changes_empty(changes));
	shadow_apply(&w->shadow, changes);
	weir_changes_free(&changes);
	assert_int_equal(weir_compiler_snapshot(w->compiler, &changes, NULL), 0);
	shadow_assert_equal(&w->shadow, changes);
	weir_changes_free(&changes);
}

static void change_something(struct world *w)
{
	unsigned what = roll(w, 11);

	if (what == 0)
		change_namespace(w);
	else if (what == 8)
		change_node(w);
	else if (what > 8)
		change_domain(w);
	else if (what < 4)
		change_pod(w);
	else
		change_policy(w);
}

/* names_only: what is learned of names comes and goes, all else stays. */
static void run(uint64_t seed, unsigned steps, bool names_only)
{
	struct world w = { .seed = seed * 0x9E3779B97F4A7C15ull + 1 };

	bag_open(&w.bag);
	shadow_open(&w.shadow);
	assert_int_equal(weir_compiler_new(&w.compiler), 0);
	for (unsigned step = 0; step < steps; step++) {
		unsigned n = step ? 1 + roll(&w, 4) : 40;

		for (unsigned i = 0; i < n; i++) {
			if (names_only && step)
				change_domain(&w);
			else
				change_something(&w);
		}
		commit(&w, false);
		check_all(&w);
		touch_something(&w);
		commit(&w, true);
		if (step % 4 == 0)
			check_fresh(&w);
		if (step % 8 == 0)
			check_elsewhere(&w);
		if (step % 8 == 4)
			check_staged(&w);
	}
	weir_compiler_free(&w.compiler);
	shadow_close(&w.shadow);
	bag_empty(&w.bag);
}

static void test_random_events(void **state)
{
	const char *seed = getenv("WEIR_TEST_SEED"), *rounds = getenv("WEIR_TEST_ROUNDS");
	uint64_t first = seed ? strtoull(seed, NULL, 0) : 1;
	uint64_t n = rounds ? strtoull(rounds, NULL, 0) : 12;

	for (uint64_t i = first; i < first + n; i++) {
		if (seed)
			print_message("seed %llu\n", (unsigned long long)i);
		run(i, 24, i % 3 == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
