/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Updates under traffic: two streams of packets, each judged as a new
 * connection, one that is allowed before, during and after every update and one
 * that never is. Not one packet of either may meet anything else. Needs root.
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

enum { UPDATES = 300, ALLOWED_PORT = 1000, DENIED_PORT = 2000 };

static atomic_bool stop;
static atomic_ulong sent, received[2];
static char names[2][64];

static int enter(const char *name)
{
	char path[128];
	WEIR_AUTO_CLOSE int fd = -1;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -1 : setns(fd, CLONE_NEWNET);
}

static struct sockaddr_in to(const char *ip, uint16_t port)
{
	struct sockaddr_in s = { .sin_family = AF_INET, .sin_port = htons(port) };

	inet_pton(AF_INET, ip, &s.sin_addr);
	return s;
}

static void *send_both(void *arg)
{
	struct sockaddr_in ok = to("10.0.2.2", ALLOWED_PORT), no = to("10.0.2.2", DENIED_PORT);
	int fd = enter(names[0]) < 0 ? -1 : socket(AF_INET, SOCK_DGRAM, 0);

	while (fd >= 0 && !stop) {
		if (sendto(fd, "x", 1, 0, (void *)&ok, sizeof(ok)) == 1)
			sent++;
		sendto(fd, "x", 1, 0, (void *)&no, sizeof(no));
		usleep(20);
	}
	close(fd);
	return NULL;
}

static void *receive(void *arg)
{
	bool denied = arg != NULL;
	struct sockaddr_in at = to("10.0.2.2", denied ? DENIED_PORT : ALLOWED_PORT);
	struct timeval second = { .tv_usec = 300000 };
	int size = 8 << 20, fd = enter(names[1]) < 0 ? -1 : socket(AF_INET, SOCK_DGRAM, 0);
	char c;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	if (bind(fd, (void *)&at, sizeof(at)) < 0)
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

static void update(struct weir_backend *b, enum kind kind, int i)
{
	struct weir_ruleset rs[2];
	struct weir_class_change peer = { 10, some[kind == CLASS && i % 2] };
	struct weir_ruleset_change change[2];
	struct weir_endpoint_change e = { .pod = &pod };
	struct weir_address_change a[2] = { { .identity = 10 }, { .identity = 11 } };
	struct weir_prefix guard;
	struct weir_changes c = { .full = kind == FULL, .n_guards = 1, .guards = &guard };
	struct weir_error err = { "" };
	int ms = 0;

	assert_int_equal(weir_prefix_parse("10.0.2.0/24", true, &guard), 0);
	assert_int_equal(weir_prefix_parse("10.0.1.2/32", true, &a[0].prefix), 0);
	assert_int_equal(weir_prefix_parse("10.0.1.9/32", true, &a[1].prefix), 0);
	assert_int_equal(weir_addr_parse("10.0.2.2", &e.addr), 0);
	for (int r = 0; r < 2; r++) {
		rs[r] = (struct weir_ruleset){ (uint32_t)r + 1, WEIR_INGRESS, 1, policies, &deny };
		change[r] =
			(struct weir_ruleset_change){ rs[r].id, &rs[r], kind == FULL, 1, &peer };
	}
	e.rulesets[WEIR_INGRESS] = kind == ENDPOINT ? 1 + (uint32_t)(i % 2) : 1;
	if (kind == FALLBACK)
		rs[0].fallback = i % 2 ? some[1] : &deny;
	if (kind == PEERS && i % 2)
		a[1].identity = 0;
	c.addresses = a;
	c.rulesets = change;
	c.endpoints = &e;
	c.n_addresses = 2;
	c.n_rulesets = 2;
	c.n_endpoints = 1;
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
		cmocka_unit_test(no_packet_meets_a_state_in_between),
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
		"ip -n $B link set e up; ip -n $B route add default via 10.0.2.1") != 0) {
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
