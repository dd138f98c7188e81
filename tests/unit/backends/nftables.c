/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nftables backend against the real kernel, in a network namespace of its
 * own: hand-built and random changes, after each of which the kernel must hold
 * what was applied and nft must be able to list it. Needs root and nft.
 */
#include "weir/backend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "weir/cleanup.h"

#define LIST_MUST_WORK "nft list ruleset >/dev/null && nft -j list ruleset >/dev/null"

static const struct weir_backend_config config = { .name = "test",
						   .nflog_group = 7,
						   .answer_group = 8 };

static struct weir_policy policy = { .namespace_ = "shop", .name = "web" };
static const struct weir_policy *const policies[] = { &policy };
static struct weir_pod pod = { .namespace_ = "shop", .name = "web-0" };

static struct weir_class allow = { .verdict = WEIR_ALLOWED };
static struct weir_class deny = { .verdict = WEIR_DENIED };
static struct weir_class *few, *many, *but;

/* n single ports from first on, every second one, that get the other verdict. */
static struct weir_class *ports(uint8_t verdict, uint16_t first, uint32_t n)
{
	struct weir_class *c = calloc(1, sizeof(*c) + n * sizeof(c->ports[0]));

	assert_non_null(c);
	c->verdict = verdict;
	c->n_ports = n;
	for (uint32_t i = 0; i < n; i++)
		c->ports[i] = (struct weir_port_verdict){ .first = (uint16_t)(first + 2 * i),
							  .last = (uint16_t)(first + 2 * i),
							  .protocol = WEIR_PROTO_TCP,
							  .verdict = !verdict };
	return c;
}

static struct weir_prefix prefix(const char *text)
{
	struct weir_prefix p;

	assert_int_equal(weir_prefix_parse(text, true, &p), 0);
	return p;
}

static struct weir_addr addr(unsigned i, bool v6)
{
	struct weir_addr a = { .family = v6 ? AF_INET6 : AF_INET };

	a.bytes[0] = v6 ? 0xfd : 10;
	a.bytes[v6 ? 14 : 2] = (uint8_t)(i >> 8);
	a.bytes[v6 ? 15 : 3] = (uint8_t)i;
	return a;
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

static void apply(struct weir_backend *b, const struct weir_changes *c)
{
	struct weir_error err = { "" };
	int ms = 0;

	if (weir_backend_apply(b, c, &err) < 0)
		fail_msg("%s", err.text);
	if (weir_backend_verify(b, NULL, &err) != 0)
		fail_msg("before settling: %s", err.text);
	do {
		usleep(1000);
		if (weir_backend_settle(b, &ms, &err) < 0)
			fail_msg("%s", err.text);
	} while (ms >= 0);
	if (weir_backend_verify(b, NULL, &err) != 0)
		fail_msg("%s", err.text);
}

/* --- a small world that changes at random -------------------------------------- */

enum { ADDRESSES = 40, IDENTITIES = 8, RULESETS = 5, PREFIXES = 3 };

struct world {
	uint32_t identity[2 * ADDRESSES];    /* 10 + 0..; 0: gone */
	uint32_t prefix_identity[PREFIXES];  /* 30 + i; 0: gone */
	uint32_t rulesets[2 * ADDRESSES][2]; /* endpoints are the first 10 */
	bool endpoint[2 * ADDRESSES];
	bool exists[RULESETS];
	size_t resolvers; /* how many of them; 0: nobody listens */
	int fallback[RULESETS], peers[RULESETS][IDENTITIES + PREFIXES]; /* -1: not named */
};

static const char *const prefixes[PREFIXES] = { "10.0.0.0/8", "10.0.0.16/28", "fd00::/64" };

static const char *const resolvers[] = { "10.96.0.10/32", "192.0.2.0/24", "fd96::10/128" };

static const struct weir_class *class_of(int i)
{
	const struct weir_class *list[] = { &allow, &deny, few, many, but };

	return i < 0 ? NULL : list[i];
}

static uint32_t peer_identity(int i)
{
	return i < IDENTITIES ? 10u + (uint32_t)i : 30u + (uint32_t)(i - IDENTITIES);
}

static uint8_t direction_of(int i)
{
	return i % 2 ? WEIR_EGRESS : WEIR_INGRESS;
}

static void shuffle(struct world *w)
{
	int r = rand() % RULESETS;

	for (int i = rand() % 4; i >= 0; i--)
		w->identity[rand() % (2 * ADDRESSES)] =
			rand() % 4 ? 10u + (uint32_t)(rand() % IDENTITIES) : 0;
	for (int i = rand() % 3; i > 0; i--)
		w->peers[r][rand() % (IDENTITIES + PREFIXES)] = rand() % 6 - 1;
	if (rand() % 8 == 0)
		w->fallback[r] = rand() % 5;
	if (rand() % 8 == 0) {
		int p = rand() % PREFIXES;

		w->prefix_identity[p] = w->prefix_identity[p] ? 0 : 30u + (uint32_t)p;
	}
	if (rand() % 8 == 0)
		w->exists[r] = !w->exists[r];
	if (rand() % 4 == 0)
		w->resolvers = (size_t)(rand() % 4);
	for (int i = 0; i < 10; i++) {
		int at = i % 2 ? i : ADDRESSES + i;

		if (rand() % 5 == 0)
			w->endpoint[at] = !w->endpoint[at];
		for (int d = 0; d < 2; d++) {
			int rs = rand() % RULESETS;

			if (rand() % 4 == 0)
				w->rulesets[at][d] = direction_of(rs) == d ? (uint32_t)rs + 1 : 0;
			if (w->rulesets[at][d] && !w->exists[w->rulesets[at][d] - 1])
				w->rulesets[at][d] = 0;
		}
	}
}

struct change_space {
	struct weir_changes changes;
	struct weir_address_change addresses[2 * ADDRESSES + PREFIXES];
	struct weir_ruleset rulesets[RULESETS];
	struct weir_ruleset_change ruleset_changes[RULESETS];
	struct weir_class_change peers[RULESETS][IDENTITIES + PREFIXES];
	struct weir_endpoint_change endpoints[2 * ADDRESSES];
	struct weir_prefix guard[2], resolvers[3];
};

static int by_prefix(const void *a, const void *b)
{
	return weir_prefix_compare(&((const struct weir_address_change *)a)->prefix,
				   &((const struct weir_address_change *)b)->prefix);
}

static void address_changes(struct change_space *s, const struct world *was, const struct world *is)
{
	struct weir_changes *c = &s->changes;

	for (unsigned i = 0; i < 2 * ADDRESSES + PREFIXES; i++) {
		bool one = i < 2 * ADDRESSES;
		uint32_t old = one ? was->identity[i] : was->prefix_identity[i - 2 * ADDRESSES];
		uint32_t new = one ? is->identity[i] : is->prefix_identity[i - 2 * ADDRESSES];
		struct weir_addr a = addr(i % ADDRESSES, i >= ADDRESSES);
		struct weir_prefix p = one ? weir_prefix_of(&a, weir_addr_bits(&a))
					   : prefix(prefixes[i - 2 * ADDRESSES]);

		if (old != new)
			s->addresses[c->n_addresses++] =
				(struct weir_address_change){ .prefix = p, .identity = new };
	}
	qsort(s->addresses, c->n_addresses, sizeof(s->addresses[0]), by_prefix);
	c->addresses = s->addresses;
}

static void ruleset_changes(struct change_space *s, const struct world *was, const struct world *is)
{
	for (int r = 0; r < RULESETS; r++) {
		struct weir_ruleset_change c = { .id = (uint32_t)r + 1, .peers = s->peers[r] };
		bool changed = was->exists[r] != is->exists[r];

		c.is_new = is->exists[r] && !was->exists[r];
		for (int p = 0; is->exists[r] && p < IDENTITIES + PREFIXES; p++) {
			int old = c.is_new ? -1 : was->peers[r][p];

			if (old != is->peers[r][p])
				s->peers[r][c.n_peers++] =
					(struct weir_class_change){ peer_identity(p),
								    class_of(is->peers[r][p]) };
		}
		changed |= c.n_peers || (is->exists[r] && was->fallback[r] != is->fallback[r]);
		if (!changed)
			continue;
		s->rulesets[r] = (struct weir_ruleset){ .id = c.id,
							.direction = direction_of(r),
							.n_policies = 1,
							.policies = policies,
							.fallback = class_of(is->fallback[r]) };
		c.ruleset = is->exists[r] ? &s->rulesets[r] : NULL;
		s->ruleset_changes[s->changes.n_rulesets++] = c;
	}
	s->changes.rulesets = s->ruleset_changes;
}

static void make_changes(struct change_space *s, const struct world *was, const struct world *is)
{
	*s = (struct change_space){ .guard = { prefix("10.0.0.0/24"), prefix("fd00::/120") } };
	s->changes.guards = s->guard;
	s->changes.n_guards = 2;
	for (size_t i = 0; i < is->resolvers; i++)
		s->resolvers[i] = prefix(resolvers[i]);
	s->changes.resolvers = s->resolvers;
	s->changes.n_resolvers = is->resolvers;
	address_changes(s, was, is);
	ruleset_changes(s, was, is);
	for (unsigned i = 0; i < 2 * ADDRESSES; i++) {
		if (was->endpoint[i] == is->endpoint[i] &&
		    memcmp(was->rulesets[i], is->rulesets[i], sizeof(is->rulesets[i])) == 0)
			continue;
		s->endpoints[s->changes.n_endpoints] = (struct weir_endpoint_change){
			.addr = addr(i % ADDRESSES, i >= ADDRESSES),
			.pod = is->endpoint[i] ? &pod : NULL,
		};
		memcpy(s->endpoints[s->changes.n_endpoints++].rulesets, is->rulesets[i],
		       sizeof(is->rulesets[i]));
	}
	s->changes.endpoints = s->endpoints;
}

/* Normalised: the same state built element by element and all at once lists the
 * same but for the numbers of rulesets, which follow from history. */
#define NORMALISED                                                                                 \
	"nft list table inet weir | sed -E 's/rs_[0-9]+/rs/g; s/packets [0-9]+ bytes "             \
	"[0-9]+//' | tr -d '\\n\\t' | sed -E 's/(chain|set|map) /\\n&/g' | "                       \
	"python3 -c 'import sys,re; print(\"\\n\".join(sorted(\"\".join(sorted(re.split("          \
	"\"[, ]+\", l))) for l in sys.stdin)))'"

static void random_changes_leave_what_a_fresh_start_builds(void **state)
{
	WEIR_AUTO_FREE struct change_space *s = calloc(1, sizeof(*s));
	static const struct world nothing;
	struct world was = nothing, is = nothing;
	struct weir_backend *b = *state, *other = NULL;
	struct weir_error err = { "" };
	char before[] = "/tmp/weir-t-nft-XXXXXX", command[1024];
	int fd;

	srand(1);
	memset(is.peers, 0xFF, sizeof(is.peers));
	memset(was.peers, 0xFF, sizeof(was.peers));
	make_changes(s, &was, &is);
	s->changes.full = true;
	apply(b, &s->changes);
	for (int i = 0; i < 200; i++) {
		shuffle(&is);
		make_changes(s, &was, &is);
		apply(b, &s->changes);
		if (i % 10 == 0)
			assert_int_equal(system(LIST_MUST_WORK), 0);
		was = is;
	}
	fd = mkstemp(before);
	assert_true(fd >= 0);
	close(fd);
	snprintf(command, sizeof(command), "%s > %s", NORMALISED, before);
	assert_int_equal(system(command), 0);
	was = nothing;
	memset(was.peers, 0xFF, sizeof(was.peers));
	make_changes(s, &was, &is);
	s->changes.full = true;
	assert_int_equal(weir_backend_open(&config, "nftables", &other, NULL, &err), 0);
	apply(other, &s->changes);
	weir_backend_close(&other);
	snprintf(command, sizeof(command), "%s > %s.2; diff %s %s.2; r=$?; rm -f %s %s.2; exit $r",
		 NORMALISED, before, before, before, before, before);
	assert_int_equal(system(command), 0);
}

/* How many transactions nf_tables has committed here. */
static uint32_t kernel_generation(void)
{
	struct {
		struct nlmsghdr nlh;
		struct nfgenmsg nfg;
	} ask = { .nlh = { .nlmsg_len = sizeof(ask),
			   .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN,
			   .nlmsg_flags = NLM_F_REQUEST } };
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
	struct {
		struct nlmsghdr nlh;
		struct nfgenmsg nfg;
		struct nlattr attr; /* NFTA_GEN_ID comes first */
		uint32_t id;
		char rest[256];
	} answer;

	assert_int_equal(send(fd, &ask, sizeof(ask), 0), sizeof(ask));
	assert_true(recv(fd, &answer, sizeof(answer), 0) > 0);
	close(fd);
	assert_int_equal(answer.attr.nla_type, NFTA_GEN_ID);
	return ntohl(answer.id);
}

/* The whole world again, told to b: nothing is sent that changes anything. */
static void nothing_changes(struct weir_backend *b, struct change_space *s, const struct world *is)
{
	struct world nothing = { 0 };
	struct weir_error err = { "" };
	uint32_t before = kernel_generation();
	int ms = 0;

	memset(nothing.peers, 0xFF, sizeof(nothing.peers));
	make_changes(s, &nothing, is);
	s->changes.full = true;
	if (weir_backend_apply(b, &s->changes, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(weir_backend_settle(b, &ms, &err), 0);
	assert_int_equal(ms, -1);
	assert_int_equal(kernel_generation(), before);
}

static void a_restart_changes_nothing(void **state)
{
	WEIR_AUTO_FREE struct change_space *s = calloc(1, sizeof(*s));
	struct weir_backend *b = *state, *other = NULL;
	struct weir_error err = { "" };
	struct world was = { 0 }, is;

	srand(2);
	memset(was.peers, 0xFF, sizeof(was.peers));
	is = was;
	make_changes(s, &was, &is);
	s->changes.full = true;
	apply(b, &s->changes);
	for (int i = 0; i < 100; i++) {
		shuffle(&is);
		make_changes(s, &was, &is);
		apply(b, &s->changes);
		was = is;
		nothing_changes(b, s, &is); /* a repair */
		assert_int_equal(weir_backend_open(&config, "nftables", &other, NULL, &err), 0);
		nothing_changes(other, s, &is); /* another process */
		weir_backend_close(&b);
		b = weir_take(other);
		*state = b;
	}
}

enum { CROWD = 30000, CROWD_RULESETS = 4 };

static bool repointed(void)
{
	return system("nft list map inet weir ingress4 | grep -q 'goto rs_[1-4]$\\|goto rs_[1-4] "
		      "'") != 0;
}

/* Every address of a crowd gets another class in every ruleset: more than one
 * transaction carries. First told as a change, then to a process that starts. */
static void a_change_that_is_too_long_is_built_beside(void **state)
{
	WEIR_AUTO_FREE struct weir_address_change *crowd = calloc(CROWD, sizeof(*crowd));
	const struct weir_class *classes[] = { few, but, many };
	struct weir_ruleset rulesets[CROWD_RULESETS];
	struct weir_ruleset_change changes[CROWD_RULESETS];
	struct weir_endpoint_change endpoints[CROWD_RULESETS] = { 0 };
	struct weir_class_change peer = { .identity = 10 };
	struct weir_changes all = { .full = true,
				    .n_addresses = CROWD,
				    .addresses = crowd,
				    .n_rulesets = CROWD_RULESETS,
				    .rulesets = changes,
				    .n_endpoints = CROWD_RULESETS,
				    .endpoints = endpoints };
	struct weir_changes change = { .n_rulesets = CROWD_RULESETS, .rulesets = changes };
	struct weir_backend *b = *state;
	struct weir_error err = { "" };

	for (uint32_t i = 0; i < CROWD; i++) {
		struct weir_addr a = addr(i, false);

		crowd[i].prefix = weir_prefix_of(&a, 32);
		crowd[i].identity = 10;
	}
	for (uint32_t i = 0; i < CROWD_RULESETS; i++) {
		rulesets[i] = (struct weir_ruleset){ i + 1, WEIR_INGRESS, 1, policies, &deny };
		changes[i] = (struct weir_ruleset_change){ i + 1, &rulesets[i], true, 1, &peer };
		endpoints[i] = (struct weir_endpoint_change){ addr(i, false), &pod, { i + 1 } };
	}
	peer.class_ = classes[0];
	apply(b, &all);
	assert_false(repointed());
	for (uint32_t i = 0; i < CROWD_RULESETS; i++)
		changes[i].is_new = false;
	peer.class_ = classes[1];
	apply(b, &change);
	assert_true(repointed());
	weir_backend_close(&b);
	assert_int_equal(weir_backend_open(&config, "nftables", &b, NULL, &err), 0);
	*state = b;
	for (uint32_t i = 0; i < CROWD_RULESETS; i++)
		changes[i].is_new = true;
	peer.class_ = classes[2];
	apply(b, &all);
}

static void meddling_is_found_and_repaired(void **state)
{
	WEIR_AUTO_FREE struct change_space *s = calloc(1, sizeof(*s));
	static const char *const meddling[] = {
		"nft delete element inet weir egress4 '{ 10.0.0.1 }'",
		"nft flush chain inet weir forward",
		"nft flush chain inet weir rs_1_deny",
		"nft add element inet weir rs_2_4 '{ 10.9.9.9 : return }'",
		"nft delete table inet weir",
	};
	struct world was = { 0 }, is = { 0 };
	struct weir_backend *b = *state;
	struct weir_error err = { "" };

	memset(is.peers, 0xFF, sizeof(is.peers));
	memset(was.peers, 0xFF, sizeof(was.peers));
	is.exists[0] = is.exists[1] = is.endpoint[1] = true;
	is.fallback[0] = is.fallback[1] = 1;
	is.peers[1][0] = 2;
	is.identity[2] = 10;
	is.rulesets[1][WEIR_INGRESS] = 1;
	is.rulesets[1][WEIR_EGRESS] = 2;
	make_changes(s, &was, &is);
	s->changes.full = true;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(meddling); i++) {
		/* the names of rulesets count on: start from an empty kernel */
		assert_int_equal(weir_backend_purge(&config, "nftables", &err), 0);
		weir_backend_close(&b);
		assert_int_equal(weir_backend_open(&config, "nftables", &b, NULL, &err), 0);
		*state = b;
		apply(b, &s->changes);
		if (system(meddling[i]) != 0)
			fail_msg("%s", meddling[i]);
		if (weir_backend_verify(b, NULL, &err) <= 0)
			fail_msg("not found: %s", meddling[i]);
		apply(b, &s->changes);
	}
}

/* What can be no table of ours is replaced; all of what it denies stays denied. */
static void another_layout_is_replaced(void **state)
{
	WEIR_AUTO_FREE struct change_space *s = calloc(1, sizeof(*s));
	static const char *const layouts[] = {
		"add table inet weir { comment \"weir: layout 0\"; }",
		"add table inet weir; add set inet weir egress4 { type inet_service; }",
		"add table inet weir; add chain inet weir forward { type filter hook forward "
		"priority 5; policy drop; }",
		"add table inet weir; add chain inet weir egress { type filter hook input "
		"priority 0; }; add table inet weir_next; add set inet weir_next self4 "
		"{ type inet_service; }",
		"add table inet weir_next; add chain inet weir_next forward", /* was killed */
	};
	struct world was = { 0 }, is = { 0 };
	char command[512];

	memset(is.peers, 0xFF, sizeof(is.peers));
	memset(was.peers, 0xFF, sizeof(was.peers));
	is.exists[0] = is.endpoint[1] = true;
	is.fallback[0] = 1;
	is.identity[2] = 10;
	is.rulesets[1][WEIR_INGRESS] = 1;
	make_changes(s, &was, &is);
	s->changes.full = true;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(layouts); i++) {
		snprintf(command, sizeof(command), "nft flush ruleset && echo '%s' | nft -f -",
			 layouts[i]);
		assert_int_equal(system(command), 0);
		apply(*state, &s->changes);
		assert_int_equal(system("test \"$(nft list tables)\" = 'table inet weir'"), 0);
	}
}

static void other_tables_are_not_touched(void **state)
{
	WEIR_AUTO_FREE struct change_space *s = calloc(1, sizeof(*s));
	struct world was = { 0 }, is = { 0 };
	struct weir_backend *b = *state;
	struct weir_error err = { "" };

	assert_int_equal(system("nft add table ip weir && nft add chain ip weir rs_1 && "
				"nft add table inet other && nft add chain inet other forward"),
			 0);
	make_changes(s, &was, &is);
	s->changes.full = true;
	apply(b, &s->changes);
	assert_int_equal(weir_backend_purge(&config, "nftables", &err), 0);
	assert_int_equal(system("nft list chain ip weir rs_1 >/dev/null && "
				"nft list chain inet other forward >/dev/null && "
				"nft delete table ip weir && nft delete table inet other"),
			 0);
}

static void an_endpoint_without_its_ruleset_is_refused(void **state)
{
	WEIR_AUTO_FREE struct change_space *s = calloc(1, sizeof(*s));
	struct world was = { 0 }, is = { 0 };
	struct weir_error err = { "" };

	is.endpoint[1] = true;
	is.rulesets[1][0] = 4;
	make_changes(s, &was, &is);
	s->changes.full = true;
	assert_int_equal(weir_backend_apply(*state, &s->changes, &err), -EINVAL);
	assert_non_null(strstr(err.text, "endpoint 10.0.0.1: there is no ruleset 4"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(meddling_is_found_and_repaired, setup, teardown),
		cmocka_unit_test_setup_teardown(a_restart_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(another_layout_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(a_change_that_is_too_long_is_built_beside, setup,
						teardown),
		cmocka_unit_test_setup_teardown(other_tables_are_not_touched, setup, teardown),
		cmocka_unit_test_setup_teardown(an_endpoint_without_its_ruleset_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(random_changes_leave_what_a_fresh_start_builds,
						setup, teardown),
	};
	int r;

	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
		puts("skipped: needs root and a network namespace");
		return 77;
	}
	few = ports(WEIR_DENIED, 80, 3);
	many = ports(WEIR_DENIED, 1000, 20);
	but = ports(WEIR_ALLOWED, 22, 1);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	free(few);
	free(many);
	free(but);
	return r;
}
