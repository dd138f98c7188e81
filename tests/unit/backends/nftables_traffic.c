/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 2,000 updates under traffic: two streams of packets, each judged as a new
 * connection by the egress of its source and the ingress of its destination,
 * one that is allowed before, during and after every update and one that never
 * is. Not one packet of either may meet anything else. Needs root.
 */
#include "weir/backend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "weir/cleanup.h"

enum { UPDATES = 200, RULESETS = 4, ALLOWED_PORT = 1000, DENIED_PORT = 2000 };

static atomic_bool stop;
static atomic_ulong sent, received[2];
static char names[2][64];

static const struct family {
	int af;
	const char *client, *other, *server, *guards[2];
} families[] = {
	{ AF_INET, "10.0.1.2", "10.0.1.9", "10.0.2.2", { "10.0.1.0/24", "10.0.2.0/24" } },
	{ AF_INET6, "fd01::2", "fd01::9", "fd02::2", { "fd01::/64", "fd02::/64" } },
};
static const struct family *family; /* of the running test */

static int enter(const char *name)
{
	char path[128];
	WEIR_AUTO_CLOSE int fd = -1;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -1 : setns(fd, CLONE_NEWNET);
}

static struct sockaddr_in6 server_at(uint16_t port, socklen_t *ret_len)
{
	struct sockaddr_in6 s = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };

	if (family->af == AF_INET) {
		inet_pton(AF_INET, family->server, &four.sin_addr);
		memcpy(&s, &four, sizeof(four));
	} else {
		inet_pton(AF_INET6, family->server, &s.sin6_addr);
	}
	*ret_len = family->af == AF_INET ? sizeof(four) : sizeof(s);
	return s;
}

static void *send_both(void *arg)
{
	socklen_t len;
	struct sockaddr_in6 ok = server_at(ALLOWED_PORT, &len), no = server_at(DENIED_PORT, &len);
	int fd = enter(names[0]) < 0 ? -1 : socket(family->af, SOCK_DGRAM, 0);

	while (fd >= 0 && !stop) {
		if (sendto(fd, "x", 1, 0, (void *)&ok, len) == 1)
			sent++;
		sendto(fd, "x", 1, 0, (void *)&no, len);
		usleep(20);
	}
	close(fd);
	return NULL;
}

static void *receive(void *arg)
{
	bool denied = arg != NULL;
	socklen_t len;
	struct sockaddr_in6 at = server_at(denied ? DENIED_PORT : ALLOWED_PORT, &len);
	struct timeval second = { .tv_usec = 300000 };
	int size = 8 << 20, fd = enter(names[1]) < 0 ? -1 : socket(family->af, SOCK_DGRAM, 0);
	char c;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	if (bind(fd, (void *)&at, len) < 0)
		perror("bind");
	for (;;) {
		if (recv(fd, &c, 1, 0) == 1)
			received[denied]++;
		else if (stop)
			break;
	}
	close(fd);
	return NULL;
}

static struct weir_policy policy = { .namespace_ = "shop", .name = "web" };
static const struct weir_policy *const policies[] = { &policy };
static struct weir_pod pod = { .namespace_ = "shop", .name = "web-0" };
static struct weir_class *some[2]; /* both allow ALLOWED_PORT and deny DENIED_PORT */
static struct weir_class deny = { .verdict = WEIR_DENIED };

static struct weir_class *allow_ports(uint16_t other)
{
	struct weir_class *c = calloc(1, sizeof(*c) + 2 * sizeof(c->ports[0]));

	c->verdict = WEIR_DENIED;
	c->n_ports = 2;
	c->ports[0] = (struct weir_port_verdict){ NULL, ALLOWED_PORT, ALLOWED_PORT, WEIR_PROTO_UDP,
						  WEIR_ALLOWED };
	c->ports[1] =
		(struct weir_port_verdict){ NULL, other, other, WEIR_PROTO_UDP, WEIR_ALLOWED };
	return c;
}

/* The state that update i of a kind leads to. */
enum kind { ENDPOINT, CLASS, PEERS, FALLBACK, FULL, KINDS };

/* Two rulesets for each direction; the endpoints switch between them. */
static struct weir_ruleset ruleset_of(int r, enum kind kind, int i)
{
	uint8_t direction = r < 2 ? WEIR_INGRESS : WEIR_EGRESS;
	bool odd = i % 2 && (kind == FALLBACK || kind == FULL) && r % 2 == 0;

	return (struct weir_ruleset){ (uint32_t)r + 1, direction, 1, policies,
				      odd ? some[1] : &deny };
}

static struct weir_address_change address(const char *text, uint32_t identity)
{
	struct weir_address_change c = { .identity = identity };
	struct weir_addr a;

	assert_int_equal(weir_addr_parse(text, &a), 0);
	c.prefix = weir_prefix_of(&a, weir_addr_bits(&a));
	return c;
}

static void update(struct weir_backend *b, enum kind kind, int i)
{
	struct weir_ruleset rs[RULESETS];
	struct weir_ruleset_change change[RULESETS];
	struct weir_class *class_ = some[(kind == CLASS || kind == FULL) && i % 2];
	struct weir_class_change peers[] = { { 10, class_ }, { 12, class_ } };
	struct weir_address_change a[] = { address(family->client, 10),
					   address(family->other, kind == PEERS && i % 2 ? 0 : 11),
					   address(family->server, 12) };
	struct weir_endpoint_change e[] = { { .addr = a[2].prefix.addr, .pod = &pod },
					    { .addr = a[0].prefix.addr, .pod = &pod } };
	struct weir_prefix guards[2];
	struct weir_changes c = { .full = kind == FULL,
				  .n_addresses = 3,
				  .addresses = a,
				  .n_rulesets = RULESETS,
				  .rulesets = change,
				  .n_endpoints = 2,
				  .endpoints = e,
				  .n_guards = 2,
				  .guards = guards };
	struct weir_error err = { "" };
	int ms = 0;

	for (int g = 0; g < 2; g++)
		assert_int_equal(weir_prefix_parse(family->guards[g], true, &guards[g]), 0);
	for (int r = 0; r < RULESETS; r++) {
		rs[r] = ruleset_of(r, kind, i);
		change[r] =
			(struct weir_ruleset_change){ rs[r].id, &rs[r], kind == FULL, 2, peers };
	}
	e[0].rulesets[WEIR_INGRESS] = kind == ENDPOINT && i % 2 ? 2 : 1;
	e[1].rulesets[WEIR_EGRESS] = kind == ENDPOINT && i % 2 ? 4 : 3;
	if (weir_backend_apply(b, &c, &err) < 0 || weir_backend_settle(b, &ms, &err) < 0)
		fail_msg("%s", err.text);
	if (i == UPDATES - 1 && weir_backend_verify(b, NULL, &err) != 0)
		fail_msg("%s", err.text);
}

static void no_packet_meets_a_state_in_between(void **state)
{
	const struct weir_backend_config config = { .name = "test", .nflog_group = 7 };
	struct weir_backend *b = NULL;
	struct weir_error err = { "" };
	pthread_t threads[3];

	family = *state;
	stop = false;
	sent = received[0] = received[1] = 0;
	assert_int_equal(weir_backend_open(&config, "nftables", &b, NULL, &err), 0);
	update(b, FULL, 0);
	pthread_create(&threads[1], NULL, receive, NULL);
	pthread_create(&threads[2], NULL, receive, threads);
	usleep(50000);
	pthread_create(&threads[0], NULL, send_both, NULL);
	for (int k = 0; k < KINDS; k++)
		for (int i = 0; i < UPDATES; i++) {
			update(b, k, i);
			usleep(1500);
		}
	stop = true;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	print_message("%lu packets of each stream, %lu + %lu received\n", sent, received[0],
		      received[1]);
	assert_true(sent > 1000);
	assert_int_equal(received[0], sent);
	assert_int_equal(received[1], 0);
	weir_backend_close(&b);
	assert_int_equal(weir_backend_purge(&config, "nftables", &err), 0);
}

static int run(const char *command)
{
	char text[1024];

	snprintf(text, sizeof(text), "A=%s B=%s; set -e; %s", names[0], names[1], command);
	return system(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(no_packet_meets_a_state_in_between, (void *)&families[0]),
		cmocka_unit_test_prestate(no_packet_meets_a_state_in_between, (void *)&families[1]),
	};
	int r;

	if (geteuid() != 0) {
		puts("skipped: needs root");
		return 77;
	}
	for (int i = 0; i < 2; i++)
		snprintf(names[i], sizeof(names[i]), "weir-t-nft-%d-%d", getpid(), i);
	if (run("ip netns add $A; ip netns add $B") != 0 || unshare(CLONE_NEWNET) < 0 ||
	    run("ip link add dev wa type veth peer name e netns $A; ip link add dev wb type veth "
		"peer "
		"name e netns $B; ip addr add 10.0.1.1/24 dev wa; ip addr add 10.0.2.1/24 dev wb; "
		"ip link set wa up; ip link set wb up; echo 1 > /proc/sys/net/ipv4/ip_forward; "
		"ip -n $A addr add 10.0.1.2/24 dev e; ip -n $A link set e up; "
		"ip -n $A route add default via 10.0.1.1; ip -n $B addr add 10.0.2.2/24 dev e; "
		"ip -n $B link set e up; ip -n $B route add default via 10.0.2.1; "
		"echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; "
		"ip addr add fd01::1/64 dev wa nodad; ip addr add fd02::1/64 dev wb nodad; "
		"ip -n $A addr add fd01::2/64 dev e nodad; ip -n $A route add default via fd01::1; "
		"ip -n $B addr add fd02::2/64 dev e nodad; ip -n $B route add default via "
		"fd02::1") != 0) {
		run("ip netns del $A; ip netns del $B");
		puts("skipped: no network namespaces");
		return 77;
	}
	some[0] = allow_ports(3000);
	some[1] = allow_ports(4000);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	run("ip netns del $A; ip netns del $B");
	free(some[0]);
	free(some[1]);
	return r;
}
