/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses are one identity, and which prefixes are in force. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy/build.h"
#include "weir/cleanup.h"

static struct bag bag;
static struct weir_compiler *compiler;

static void commit(void)
{
	struct weir_changes *changes;

	assert_int_equal(weir_compiler_commit(compiler, &changes, NULL), 0);
	weir_changes_free(&changes);
}

static int set_up(void **state)
{
	bag_open(&bag);
	return weir_compiler_new(&compiler);
}

static int tear_down(void **state)
{
	weir_compiler_free(&compiler);
	bag_empty(&bag);
	return 0;
}

static const struct weir_pod *add_pod(const char *name, const char *labels, const char *addr,
				      const char *ports)
{
	const struct weir_pod *p = make_pod(&bag, "n", name, labels, addr, ports, true);

	assert_int_equal(weir_compiler_add_pod(compiler, p), 0);
	return p;
}

static uint32_t identity(const char *addr)
{
	struct weir_addr a;

	weir_addr_parse(addr, &a);
	return weir_compiler_identity_of(compiler, &a);
}

/* Same namespace, labels and named ports: one identity, both families too. */
static void test_alike(void **state)
{
	add_pod("a", "app=web", "10.0.0.1,10.0.0.9", "http:80/tcp");
	add_pod("b", "app=web", "10.0.0.2", "http:80/tcp");
	add_pod("c", "app=web", "10.0.0.3", "http:81/tcp");
	add_pod("d", "app=db", "10.0.0.4", "http:80/tcp");
	commit();
	assert_int_equal(identity("10.0.0.1"), identity("10.0.0.2"));
	assert_int_equal(identity("10.0.0.1"), identity("10.0.0.9"));
	assert_int_not_equal(identity("10.0.0.1"), identity("10.0.0.3"));
	assert_int_not_equal(identity("10.0.0.1"), identity("10.0.0.4"));
	assert_int_equal(identity("192.0.2.1"), WEIR_IDENTITY_WORLD_4);
	assert_int_equal(identity("2001:db8::1"), WEIR_IDENTITY_WORLD_6);
}

/* A prefix splits identities while a rule in force names it, and no longer. */
static void test_prefix_in_force(void **state)
{
	const struct weir_policy *p =
		make_policy(&bag, "n", "p", "", "in accept 10.0.0.0/24-10.0.0.128/25");

	/* Only the subject is a pod of this node. */
	add_pod("subject", "app=db", "192.0.2.1", NULL);
	weir_compiler_add_pod(compiler,
			      make_pod(&bag, "n", "a", "app=web", "10.0.0.1", NULL, false));
	weir_compiler_add_pod(compiler,
			      make_pod(&bag, "n", "b", "app=web", "10.0.0.200", NULL, false));
	commit();
	assert_int_equal(identity("10.0.0.1"), identity("10.0.0.200"));
	weir_compiler_add_policy(compiler, p);
	commit();
	assert_int_not_equal(identity("10.0.0.1"), identity("10.0.0.200"));
	assert_int_not_equal(identity("10.0.0.7"), WEIR_IDENTITY_WORLD_4);
	assert_int_not_equal(identity("10.0.0.7"), identity("10.0.0.207"));
	assert_int_not_equal(identity("10.0.0.7"), identity("10.0.0.1"));
	weir_compiler_remove_policy(compiler, p);
	commit();
	assert_int_equal(identity("10.0.0.1"), identity("10.0.0.200"));
	assert_int_equal(identity("10.0.0.7"), WEIR_IDENTITY_WORLD_4);
}

static struct weir_pod *claimant(const char *name, const char *labels)
{
	return make_pod(&bag, "n", name, labels, "10.0.0.1", NULL, true);
}

/* Both orders of addition; then the loser alone. */
static void expect_claim(struct weir_pod *winner, struct weir_pod *loser)
{
	for (int turn = 0; turn < 2; turn++) {
		weir_compiler_add_pod(compiler, turn ? winner : loser);
		weir_compiler_add_pod(compiler, turn ? loser : winner);
		commit();
		assert_int_equal(identity("10.0.0.1"), identity("10.0.0.2"));
		weir_compiler_remove_pod(compiler, winner);
		commit();
		assert_int_equal(identity("10.0.0.1"), identity("10.0.0.3"));
		weir_compiler_remove_pod(compiler, loser);
		commit();
	}
}

/* Each is the winner by one thing only, and loses by all that count less. */
static void test_claimed_twice(void **state)
{
	struct weir_pod *a = claimant("b", "app=web"), *b = claimant("a", "app=db");

	add_pod("like-a", "app=web", "10.0.0.2", NULL);
	add_pod("like-b", "app=db", "10.0.0.3", NULL);
	expect_claim(a, b); /* by name: any order will do, as long as there is one */
	a->name = b->name;
	a->uid.bytes[0] = 1;
	expect_claim(a, b);
	b->uid.bytes[0] = 2;
	a->created = 1;
	expect_claim(a, b);
	b->created = 2;
	b->terminating = true;
	expect_claim(a, b);
	a->terminating = true;
	b->terminating = false;
	a->since = 1;
	expect_claim(a, b);
	b->since = 2;
	a->endpoint = true;
	expect_claim(a, b);
}

/* Host network and finished pods have no address of their own. */
static void test_no_identity(void **state)
{
	struct weir_pod *p = make_pod(&bag, "n", "h", "app=web", "10.0.0.1", NULL, false);

	p->host_network = true;
	weir_compiler_add_pod(compiler, p);
	p = make_pod(&bag, "n", "f", "app=web", "10.0.0.2", NULL, false);
	p->finished = true;
	weir_compiler_add_pod(compiler, p);
	commit();
	assert_int_equal(identity("10.0.0.1"), WEIR_IDENTITY_WORLD_4);
	assert_int_equal(identity("10.0.0.2"), WEIR_IDENTITY_WORLD_4);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

static const struct weir_node *add_node(const char *name, const char *labels, const char *addrs)
{
	const struct weir_node *n = make_node(&bag, name, labels, addrs);

	assert_int_equal(weir_compiler_add_node(compiler, n), 0);
	return n;
}

/* Only while a rule in force names nodes. */
static void test_nodes(void **state)
{
	const struct weir_policy *p = make_cluster_policy(&bag, "p", WEIR_TIER_ADMIN, 1, "", "",
							  "out deny nodes(zone=a)");
	const struct weir_node *n = add_node("n1", "zone=a", "192.0.2.1,2001:db8::1");
	uint32_t before;

	add_node("n2", "zone=a", "192.0.2.2");
	add_node("n3", "zone=b", "192.0.2.3");
	assert_int_equal(weir_compiler_add_node(compiler, n), -EEXIST);
	add_pod("a", "", "10.0.0.1", NULL);
	commit();
	assert_int_equal(identity("192.0.2.1"), WEIR_IDENTITY_WORLD_4);

	weir_compiler_add_policy(compiler, p);
	commit();
	assert_int_equal(identity("192.0.2.1"), identity("192.0.2.2"));
	assert_int_not_equal(identity("192.0.2.1"), identity("2001:db8::1"));
	assert_int_not_equal(identity("192.0.2.1"), identity("192.0.2.3"));
	assert_int_equal(identity("192.0.2.4"), WEIR_IDENTITY_WORLD_4);

	before = identity("192.0.2.1");
	assert_int_equal(weir_compiler_remove_node(compiler, n), 0);
	assert_int_equal(weir_compiler_remove_node(compiler, n), -ENOENT);
	add_node("n1", "zone=b", "192.0.2.1");
	commit();
	assert_int_not_equal(identity("192.0.2.1"), before);
	assert_int_equal(identity("192.0.2.1"), identity("192.0.2.3"));
	assert_int_equal(identity("2001:db8::1"), WEIR_IDENTITY_WORLD_6);

	weir_compiler_remove_policy(compiler, p);
	commit();
	assert_int_equal(identity("192.0.2.1"), WEIR_IDENTITY_WORLD_4);
}

/* An address is a pod's before it is a node's, and of nodes the first's by name,
 * in whatever order they came. */
static void test_shared_with_node(void **state)
{
	const struct weir_pod *pod;
	const struct weir_node *first;

	weir_compiler_add_policy(compiler, make_cluster_policy(&bag, "p", WEIR_TIER_ADMIN, 1, "",
							       "", "out deny nodes(zone=a)"));
	add_pod("other", "", "10.0.0.1", NULL);
	add_node("n2", "zone=b", "192.0.2.1,192.0.2.2");
	commit();
	first = add_node("n1", "zone=a", "192.0.2.1,192.0.2.3");
	add_node("n3", "zone=c", "192.0.2.1");
	commit();
	assert_int_equal(identity("192.0.2.1"), identity("192.0.2.3"));
	assert_int_not_equal(identity("192.0.2.1"), identity("192.0.2.2"));

	pod = add_pod("late", "app=x", "192.0.2.1", NULL);
	commit();
	assert_int_not_equal(identity("192.0.2.1"), identity("192.0.2.3"));
	weir_compiler_remove_node(compiler, first);
	weir_compiler_remove_pod(compiler, pod);
	commit();
	assert_int_equal(identity("192.0.2.1"), identity("192.0.2.2"));
	assert_null(weir_compiler_pod_at(compiler, &first->addrs[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_alike),	CASE(test_prefix_in_force), CASE(test_claimed_twice),
		CASE(test_no_identity), CASE(test_nodes),	    CASE(test_shared_with_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
