/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anti-spoofing against the real kernel, in a network namespace of its own:
 * whatever the lists were and whatever somebody did to the table, what was
 * applied last is what the kernel holds. Packets are tests/e2e/spoof.py's
 * business. Needs root, nft and ip.
 */
#include "backends/nftables/spoof.h"

#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "weir/backend.h"
#include "weir/cleanup.h"

enum { INTERFACES = 6, NODE_ADDRS = 4, TUNNELS = 3, STEPS = 150 };

static const struct weir_backend_config config = { .name = "test",
						   .nflog_group = 7,
						   .answer_group = 8 };

/* Lists that changes point into. */
struct lists {
	struct weir_interface interfaces[INTERFACES];
	struct weir_addr node[NODE_ADDRS];
	struct weir_tunnel tunnels[TUNNELS];
	struct weir_changes changes;
};

static const char *const node_addrs[NODE_ADDRS] = { "10.0.0.1", "fd00::1", "fe80::1", "fe80::2" };
static const struct weir_tunnel tunnels[TUNNELS] = { { 4, 0 }, { 17, 4789 }, { 17, 8472 } };

static struct weir_addr parse(const char *text)
{
	struct weir_addr a;

	assert_int_equal(weir_addr_parse(text, &a), 0);
	return a;
}

static void fill_interface(unsigned i, struct weir_interface *ret)
{
	char text[WEIR_ADDR_STRLEN];
	bool v4 = rand() % 4, v6 = rand() % 4;

	memset(ret, 0, sizeof(*ret));
	snprintf(ret->name, sizeof(ret->name), "v%u", i);
	snprintf(ret->owner, sizeof(ret->owner), "shop/pod-%u", i);
	ret->index = if_nametoindex(ret->name);
	assert_true(ret->index > 0);
	ret->has_mac = rand() % 3;
	if (ret->has_mac)
		memcpy(ret->mac, "\2\0\0\0\0\1", sizeof(ret->mac));
	if (ret->has_mac)
		ret->mac[5] = (uint8_t)(rand() % 2);
	snprintf(text, sizeof(text), "10.0.%u.%d", i, rand() % 3);
	if (v4)
		ret->addrs[ret->n_addrs++] = parse(text);
	snprintf(text, sizeof(text), "fd00::%u:%d", i, rand() % 3);
	if (v6)
		ret->addrs[ret->n_addrs++] = parse(text);
}

static void fill(struct lists *l)
{
	struct weir_changes *c = &l->changes;

	*c = (struct weir_changes){ .interfaces = l->interfaces,
				    .node_addrs = l->node,
				    .tunnels = l->tunnels };
	for (unsigned i = 0; i < INTERFACES && rand() % 8; i++)
		if (rand() % 3)
			fill_interface(i, &l->interfaces[c->n_interfaces++]);
	for (size_t i = 0; i < NODE_ADDRS; i++)
		if (rand() % 2)
			l->node[c->n_node_addrs++] = parse(node_addrs[i]);
	for (size_t i = 0; i < TUNNELS; i++)
		if (rand() % 2)
			l->tunnels[c->n_tunnels++] = tunnels[i];
}

static int setup(void **state)
{
	struct weir_backend *b = NULL;
	struct weir_error err = { "" };

	if (weir_backend_open(&config, "nftables", &b, NULL, &err) < 0)
		fail_msg("%s", err.text);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct weir_backend *b = *state;
	struct weir_error err = { "" };

	weir_backend_close(&b);
	if (weir_backend_purge(&config, "nftables", &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(system("test -z \"$(nft list ruleset)\""), 0);
	return 0;
}

static void apply(struct weir_backend *b, struct weir_changes *changes, bool full)
{
	struct weir_error err = { "" };

	changes->full = full || weir_backend_needs_full(b);
	if (weir_backend_apply(b, changes, &err) < 0)
		fail_msg("%s", err.text);
	if (weir_backend_verify(b, NULL, &err) != 0)
		fail_msg("%s", err.text);
}

static void random_changes_leave_what_a_fresh_start_finds(void **state)
{
	struct weir_backend_stats stats;
	static struct lists l;

	srand(7);
	for (int i = 0; i < STEPS || l.changes.n_interfaces < 2; i++) {
		fill(&l);
		apply(*state, &l.changes, rand() % 10 == 0);
		if (i % 10 == 0)
			assert_int_equal(system("nft list ruleset >/dev/null && "
						"nft -j list ruleset >/dev/null"),
					 0);
		assert_int_equal(!system("nft list table netdev weir >/dev/null 2>&1"),
				 l.changes.n_interfaces > 0);
	}
	weir_backend_close((struct weir_backend **)state);
	setup(state);
	apply(*state, &l.changes, true);
	weir_backend_stats(*state, &stats);
	assert_int_equal(stats.transactions, 0);
}

static void start_with_all(struct lists *l)
{
	memset(l, 0, sizeof(*l));
	srand(1);
	for (unsigned i = 0; i < INTERFACES; i++) {
		fill_interface(i, &l->interfaces[i]);
		l->interfaces[i].has_mac = true;
		l->interfaces[i].mac[0] = 2;
	}
	l->node[0] = parse("fe80::1");
	l->tunnels[0] = tunnels[2];
	l->changes = (struct weir_changes){ .interfaces = l->interfaces,
					    .n_interfaces = INTERFACES,
					    .node_addrs = l->node,
					    .n_node_addrs = 1,
					    .tunnels = l->tunnels,
					    .n_tunnels = 1 };
}

/* Each is seen, and made good by a full run. */
static void damage_is_repaired(void **state)
{
	static const char *const damages[] = {
		"nft flush table netdev weir",
		"nft delete table netdev weir",
		"nft flush set netdev weir own4",
		"nft 'add element netdev weir own6 { v0 . 2001:db8::1 }'",
		"nft flush set netdev weir node6",
		"nft flush chain netdev weir tunnels",
		"nft insert rule netdev weir pod accept",
		"nft insert rule netdev weir $IF accept",
		"nft \"flush chain netdev weir $IF; delete chain netdev weir $IF\"",
		"nft 'add chain netdev weir x { type filter hook ingress device v1 priority 0; }'",
		"nft \"flush chain netdev weir $IF; delete chain netdev weir $IF; add chain netdev "
		"weir "
		"$IF { type filter hook ingress device v1 priority -400; }\"",
		"nft 'delete table netdev weir; add table netdev weir; add set netdev weir own4 { "
		"type "
		"ipv4_addr; }'",
	};
	static struct lists l;
	char chain[32];

	start_with_all(&l);
	apply(*state, &l.changes, true);
	snprintf(chain, sizeof(chain), "if_%u", l.interfaces[0].index);
	setenv("IF", chain, 1);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(damages); i++) {
		struct weir_error err = { "" };

		assert_int_equal(system(damages[i]), 0);
		if (weir_backend_verify(*state, NULL, &err) <= 0)
			fail_msg("not seen: %s", damages[i]);
		apply(*state, &l.changes, true);
	}
}

/* The table is gone, and a change that is no full one comes. */
static void a_change_needs_no_table(void **state)
{
	static struct lists l;

	start_with_all(&l);
	apply(*state, &l.changes, true);
	assert_int_equal(system("nft delete table netdev weir"), 0);
	l.interfaces[0].addrs[0] = parse("10.0.9.9");
	l.interfaces[0].n_addrs = 1;
	apply(*state, &l.changes, false);
}

/* What shall go has gone by itself. */
static void a_chain_may_be_gone_already(void **state)
{
	static struct lists l;
	char chain[32];

	start_with_all(&l);
	apply(*state, &l.changes, true);
	snprintf(chain, sizeof(chain), "if_%u", l.interfaces[INTERFACES - 1].index);
	setenv("IF", chain, 1);
	assert_int_equal(
		system("nft \"flush chain netdev weir $IF; delete chain netdev weir $IF\""), 0);
	l.changes.n_interfaces--;
	apply(*state, &l.changes, false);
	assert_int_equal(system("nft delete table netdev weir"), 0);
	l.changes.n_interfaces = 0;
	apply(*state, &l.changes, false);
}

/* One that others have put there stays. */
static void chains_of_others_stay(void **state)
{
	static struct lists l;

	assert_int_equal(system("nft 'add table netdev mine; add chain netdev mine c { type "
				"filter hook ingress device \"v0\" priority 0; }'"),
			 0);
	start_with_all(&l);
	apply(*state, &l.changes, true);
	l.changes.n_interfaces = 0;
	apply(*state, &l.changes, false);
	assert_int_equal(system("nft list ruleset | grep -q 'device \"v0\"'"), 0);
	assert_int_equal(system("nft delete table netdev mine"), 0);
}

static void only_link_local_addresses_of_the_node_count(void **state)
{
	WEIR_CLEANUP(nft_spoof_free) struct nft_spoof s = { 0 };
	WEIR_CLEANUP(nft_elems_free) struct nft_elems elems = { 0 };
	struct weir_addr all[] = { parse("10.0.0.1"), parse("fd00::1"), parse("fe80::1"),
				   parse("fe80::1"), parse("febf::9") };
	const struct weir_changes changes = { .node_addrs = all,
					      .n_node_addrs = WEIR_ARRAY_SIZE(all) };

	assert_int_equal(nft_spoof_make(&changes, &s), 0);
	nft_spoof_render_set(&s, NFT_SPOOF_NODE6, &elems);
	assert_int_equal(elems.n, 2);
	assert_memory_equal(elems.items[0].key, all[2].bytes, 16);
	assert_memory_equal(elems.items[1].key, all[4].bytes, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_link_local_addresses_of_the_node_count),
		cmocka_unit_test_setup_teardown(random_changes_leave_what_a_fresh_start_finds,
						setup, teardown),
		cmocka_unit_test_setup_teardown(damage_is_repaired, setup, teardown),
		cmocka_unit_test_setup_teardown(a_change_needs_no_table, setup, teardown),
		cmocka_unit_test_setup_teardown(a_chain_may_be_gone_already, setup, teardown),
		cmocka_unit_test_setup_teardown(chains_of_others_stay, setup, teardown),
	};

	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
		puts("skipped: needs root and a network namespace");
		return 77;
	}
	for (int i = 0; i < INTERFACES; i++) {
		char command[80];

		snprintf(command, sizeof(command), "ip link add v%d type veth peer name w%d", i, i);
		if (system(command) != 0)
			return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
