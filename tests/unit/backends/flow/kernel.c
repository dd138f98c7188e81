/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel flow source with real traffic: what it says is what happened, and
 * what it could not read it counts, to the last one. */
#include "backends/flow/kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/ip_icmp.h>
#include <poll.h>

#include "tests/unit/backends/flow/traffic.h"
#include "weir/cleanup.h"
#include "weir/object.h"
#include "weir/policy.h"

#define GROUP 7

/* 4444: allowed; 9: denied for egress by ruleset 42; 10: pending at ingress;
 * 12: spoofed */
static const char rules[] = "table inet t {\n"
			    " chain nat {\n"
			    "  type nat hook output priority -100\n"
			    "  tcp dport 80 dnat ip to 127.0.0.1:8081\n"
			    " }\n"
			    " chain out {\n"
			    "  type filter hook output priority 0\n"
			    "  ct state established accept\n"
			    "  meta l4proto udp th dport 9 log prefix \"weir:e:42\" group 7 drop\n"
			    "  udp dport 10 log prefix \"weir:i:pending\" group 7 drop\n"
			    "  udp dport 12 log prefix \"weir:e:spoofed\" group 7 drop\n"
			    "  udp dport 11 log prefix \"somebody else\" group 7 drop\n"
			    " }\n"
			    "}\n";

struct seen {
	uint64_t n[WEIR_FLOW_EVENT_MAX];
	uint64_t lost[WEIR_LOSS_MAX], lost_new;
	struct weir_flow last[WEIR_FLOW_EVENT_MAX];
	uint64_t wrong;
};

static struct seen seen;

static void on_flow(void *data, const struct weir_flow *flow)
{
	if (flow->original.protocol == WEIR_PROTO_ICMPV6)
		return; /* the namespace's own neighbour discovery */
	seen.n[flow->event]++;
	seen.last[flow->event] = *flow;
	if (flow->event == WEIR_FLOW_LOST) {
		seen.lost[flow->lost_at] += flow->lost;
		seen.lost_new += flow->lost_event == WEIR_FLOW_NEW ? flow->lost : 0;
	}
	if (flow->event == WEIR_FLOW_END && (!flow->has_counters || flow->packets[0] < 1))
		seen.wrong++;
}

static struct weir_flow_source *open_source(uint32_t buffer)
{
	struct weir_flow_config config = { .sink = { .flow = on_flow },
					   .nflog_group = GROUP,
					   .buffer = buffer };
	struct weir_flow_source *s = NULL;
	struct weir_error err;

	memset(&seen, 0, sizeof(seen));
	if (weir_kernel_flows_open(&config, &s, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

/* Until nothing has come for so long. */
static void read_all(struct weir_flow_source *s, int quiet_ms)
{
	struct pollfd polls[8];
	struct weir_error err;
	int fds[8], n = s->ops->fds(s, fds, 8);

	for (int i = 0; i < n; i++)
		polls[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	while (poll(polls, (nfds_t)n, quiet_ms) > 0) {
		for (int i = n - 1; i >= 0; i--) { /* the worst order: ends before beginnings */
			if (polls[i].revents && s->ops->read(s, fds[i], 100, &err) < 0)
				fail_msg("%s", err.text);
		}
	}
}

static void flush_conntrack(void)
{
	assert_int_equal(system("conntrack -F >/dev/null 2>&1"), 0);
}

static int clean(void **state)
{
	flush_conntrack();
	return 0;
}

static void test_udp_exact(void **state)
{
	struct weir_flow_source *s = open_source(0);
	WEIR_AUTO_CLOSE int fd = traffic_udp_socket();
	const struct weir_flow *f;

	assert_int_equal(traffic_udp(fd, 4444, 1, 5000), 5000);
	read_all(s, 100);
	assert_int_equal(seen.n[WEIR_FLOW_NEW], 5000);
	flush_conntrack();
	read_all(s, 200);
	assert_int_equal(seen.n[WEIR_FLOW_END], 5000);
	assert_int_equal(seen.wrong, 0);
	assert_int_equal(seen.n[WEIR_FLOW_LOST], 0);
	f = &seen.last[WEIR_FLOW_END];
	assert_int_equal(f->original.protocol, WEIR_PROTO_UDP);
	assert_int_equal(f->original.dport, 4444);
	assert_int_equal(f->reply.sport, 4444);
	assert_int_equal(f->packets[WEIR_ORIGINAL], 1);
	assert_int_equal(f->bytes[WEIR_ORIGINAL], 29);
	assert_false(f->expired);
	assert_true(f->start && f->time >= f->start);
	s->ops->close(s);
}

/* Whoever reads so many has all that was there: neither too few, nor forever. */
static void test_queued(void **state)
{
	struct weir_flow_source *s = open_source(0);
	WEIR_AUTO_CLOSE int fd = traffic_udp_socket();
	struct weir_error err;
	uint32_t before;
	int fds[8];

	s->ops->fds(s, fds, 8);
	before = s->ops->queued(s, fds[0]);
	assert_int_equal(traffic_udp(fd, 4444, 1, 1000), 1000);
	assert_in_range(s->ops->queued(s, fds[0]), 1000, 20000);
	assert_in_range(s->ops->read(s, fds[0], s->ops->queued(s, fds[0]), &err), 1000, 20000);
	assert_int_equal(seen.n[WEIR_FLOW_NEW], 1000);
	assert_int_equal(s->ops->queued(s, fds[0]), before);
	s->ops->close(s);
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 100), 0);
	return fd;
}

static void one_tcp(int listener, uint16_t port, bool reset)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct linger at_once = { .l_onoff = 1 };
	int c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;
	char x;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(c, (struct sockaddr *)&a, sizeof(a)), 0);
	peer = accept(listener, NULL, NULL);
	if (reset) {
		setsockopt(c, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(c);
	} else {
		close(peer);
		assert_int_equal(read(c, &x, 1), 0);
		close(c);
		return;
	}
	close(peer);
}

static void test_tcp_ends(void **state)
{
	struct weir_flow_source *s = open_source(0);
	WEIR_AUTO_CLOSE int listener = listen_on(8080);
	const struct weir_flow *f = &seen.last[WEIR_FLOW_CLOSING];

	for (int i = 0; i < 200; i++)
		one_tcp(listener, 8080, false);
	read_all(s, 100);
	assert_int_equal(seen.n[WEIR_FLOW_NEW], 200);
	assert_int_equal(seen.n[WEIR_FLOW_CLOSING], 200); /* the other updates stay in the kernel */
	assert_int_equal(f->tcp_end, WEIR_TCP_FIN);
	one_tcp(listener, 8080, true);
	read_all(s, 100);
	assert_int_equal(seen.n[WEIR_FLOW_CLOSING], 201);
	assert_int_equal(f->tcp_end, WEIR_TCP_RST);
	flush_conntrack();
	read_all(s, 200);
	assert_int_equal(seen.n[WEIR_FLOW_END], 201);
	s->ops->close(s);
}

static void test_nat_has_both_tuples(void **state)
{
	struct weir_flow_source *s = open_source(0);
	/* a port of its own: none of its 4-tuples waits in TIME_WAIT from before */
	WEIR_AUTO_CLOSE int listener = listen_on(8081);
	const struct weir_flow *f = &seen.last[WEIR_FLOW_NEW];

	one_tcp(listener, 80, false);
	read_all(s, 100);
	assert_int_equal(seen.n[WEIR_FLOW_NEW], 1);
	assert_int_equal(f->original.dport, 80);
	assert_int_equal(f->reply.sport, 8081);
	assert_int_equal(f->reply.dport, f->original.sport);
	s->ops->close(s);
}

static void test_ipv6(void **state)
{
	struct weir_flow_source *s = open_source(0);
	struct sockaddr_in6 to = { .sin6_family = AF_INET6,
				   .sin6_port = htons(4444),
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	WEIR_AUTO_CLOSE int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const struct weir_flow *f = &seen.last[WEIR_FLOW_NEW];

	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	to.sin6_port = htons(9);
	sendto(fd, "abc", 3, 0, (struct sockaddr *)&to, sizeof(to));
	read_all(s, 100);
	assert_int_equal(f->original.dst.family, AF_INET6);
	assert_memory_equal(f->original.dst.bytes, &to.sin6_addr, 16);
	f = &seen.last[WEIR_FLOW_DENIED];
	assert_int_equal(seen.n[WEIR_FLOW_DENIED], 1);
	assert_memory_equal(f->original.dst.bytes, &to.sin6_addr, 16);
	assert_int_equal(f->original.dport, 9);
	assert_int_equal(f->length, 40 + 8 + 3);
	s->ops->close(s);
}

static void test_icmp(void **state)
{
	struct weir_flow_source *s = open_source(0);
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct icmphdr echo = { .type = ICMP_ECHO, .un.echo.id = htons(77) };
	WEIR_AUTO_CLOSE int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	const struct weir_flow *f = &seen.last[WEIR_FLOW_NEW];

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	echo.checksum = (uint16_t) ~(ICMP_ECHO + htons(77));
	sendto(fd, &echo, sizeof(echo), 0, (struct sockaddr *)&to, sizeof(to));
	read_all(s, 100);
	assert_int_equal(seen.n[WEIR_FLOW_NEW], 1);
	assert_int_equal(f->original.protocol, WEIR_PROTO_ICMP);
	assert_int_equal(f->original.sport, 77);
	assert_int_equal(f->original.dport, ICMP_ECHO << 8);
	s->ops->close(s);
}

static void test_denied_exact(void **state)
{
	struct weir_flow_source *s = open_source(0);
	WEIR_AUTO_CLOSE int fd = traffic_udp_socket();
	const struct weir_flow *f = &seen.last[WEIR_FLOW_DENIED];
	struct sockaddr_in self;
	socklen_t len = sizeof(self);

	assert_int_equal(traffic_udp(fd, 9, 1, 3001), 3001);
	read_all(s, 100);
	assert_int_equal(seen.n[WEIR_FLOW_DENIED], 3001);
	assert_int_equal(seen.n[WEIR_FLOW_NEW], 0);
	assert_int_equal(f->direction, WEIR_EGRESS);
	assert_int_equal(f->ruleset, 42);
	assert_int_equal(f->length, 29);
	assert_int_equal(f->original.dport, 9);
	getsockname(fd, (struct sockaddr *)&self, &len);
	assert_int_equal(f->original.sport, ntohs(self.sin_port));
	assert_false(f->pending);
	traffic_udp(fd, 11, 1, 5); /* another's log line in our group */
	traffic_udp(fd, 10, 1, 1);
	read_all(s, 100);
	assert_int_equal(seen.n[WEIR_FLOW_DENIED], 3002);
	assert_int_equal(f->direction, WEIR_INGRESS);
	assert_true(f->pending);
	assert_false(f->spoofed);
	traffic_udp(fd, 12, 1, 1);
	read_all(s, 100);
	assert_int_equal(seen.n[WEIR_FLOW_DENIED], 3003);
	assert_int_equal(f->direction, WEIR_EGRESS);
	assert_true(f->spoofed);
	assert_false(f->pending);
	assert_int_equal(f->ruleset, 0);
	assert_int_equal(seen.n[WEIR_FLOW_LOST], 0);
	s->ops->close(s);
}

static void test_group_is_taken(void **state)
{
	struct weir_flow_config config = { .sink = { .flow = on_flow }, .nflog_group = GROUP };
	struct weir_flow_source *s = open_source(0), *second = NULL;
	struct weir_error err;

	assert_int_equal(weir_kernel_flows_open(&config, &second, &err), -EBUSY);
	assert_non_null(strstr(err.text, "NFLOG group 7"));
	assert_null(second);
	s->ops->close(s);
}

/* Far more than fits the buffer while nobody reads, again and again, with
 * reading in between: seen + counted = offered. */
static void test_overrun_is_counted(void **state)
{
	struct weir_flow_source *s = open_source(64 << 10);
	WEIR_AUTO_CLOSE int fd = traffic_udp_socket();
	struct weir_error err;
	unsigned offered = 0;
	int fds[8];

	s->ops->fds(s, fds, 8);
	for (unsigned round = 0; round < 10; round++) {
		offered += traffic_udp(fd, 4444, offered, 1000 + round * 77);
		s->ops->read(s, fds[0], 37, &err);
		offered += traffic_udp(fd, 4444, offered, 333);
		if (round % 2)
			read_all(s, 50);
	}
	read_all(s, 100);
	assert_true(seen.lost_new > 1000);
	assert_true(seen.n[WEIR_FLOW_NEW] > 100);
	assert_int_equal(seen.n[WEIR_FLOW_NEW] + seen.lost_new, offered);
	flush_conntrack();
	read_all(s, 100);
	assert_int_equal(seen.n[WEIR_FLOW_END] + seen.lost[WEIR_LOSS_CONNTRACK] - seen.lost_new,
			 offered);
	s->ops->close(s);
}

static void test_denied_overrun_is_counted(void **state)
{
	struct weir_flow_source *s = open_source(64 << 10);
	WEIR_AUTO_CLOSE int fd = traffic_udp_socket();
	unsigned offered = 0;

	for (unsigned round = 0; round < 10; round++) {
		offered += traffic_udp(fd, 9, offered, 3000 + round * 77);
		if (round % 2)
			read_all(s, 50);
	}
	read_all(s, 100);
	offered += traffic_udp(fd, 9, offered, 1); /* its number tells what was lost before it */
	read_all(s, 100);
	assert_true(seen.lost[WEIR_LOSS_NFLOG] > 1000);
	assert_int_equal(seen.n[WEIR_FLOW_DENIED] + seen.lost[WEIR_LOSS_NFLOG], offered);
	s->ops->close(s);
}

/* More than there is room for, in whole messages. On a busy machine it may take so
 * long that the kernel's timer sends a part of one: then the number of a later packet tells
 * what was lost, and it is no such burst. */
static struct weir_flow_source *lose_a_tail(int fd)
{
	for (int i = 0; i < 20; i++) {
		struct weir_flow_source *s = open_source(64 << 10);

		traffic_udp(fd, 9, 1, 78 * 64);
		read_all(s, 100);
		if (seen.n[WEIR_FLOW_LOST] == 0)
			return s;
		s->ops->close(s);
	}
	fail_msg("no burst lost its tail only");
	return NULL;
}

/* The tail of a burst was lost and nothing follows: said, if not how much. */
static void test_denied_lost_tail(void **state)
{
	WEIR_AUTO_CLOSE int fd = traffic_udp_socket();
	struct weir_flow_source *s = lose_a_tail(fd);
	struct weir_error err;

	assert_int_equal(s->ops->poll_counters(s, &err), 0);
	assert_int_equal(seen.n[WEIR_FLOW_LOST], 1);
	assert_int_equal(seen.last[WEIR_FLOW_LOST].lost, 0);
	s->ops->close(s);
}

static void test_poll_finds_older_connections(void **state)
{
	WEIR_AUTO_CLOSE int fd = traffic_udp_socket();
	struct weir_flow_source *s;
	struct weir_error err;

	assert_int_equal(traffic_udp(fd, 4444, 1, 3000), 3000);
	s = open_source(0);
	assert_int_equal(s->ops->poll_counters(s, &err), 0);
	assert_int_equal(s->ops->poll_counters(s, &err), 0); /* once is enough */
	read_all(s, 100);
	assert_int_equal(seen.n[WEIR_FLOW_COUNTERS], 3000);
	assert_int_equal(seen.n[WEIR_FLOW_POLLED], 1);
	assert_int_equal(seen.last[WEIR_FLOW_COUNTERS].packets[0], 1);
	assert_true(seen.last[WEIR_FLOW_COUNTERS].start);
	assert_int_equal(s->ops->poll_counters(s, &err), 0);
	read_all(s, 100);
	assert_int_equal(seen.n[WEIR_FLOW_POLLED], 2);
	s->ops->close(s);
}

static void test_setup(void **state)
{
	char report[256];
	struct weir_error err;

	traffic_sysctl("netfilter/nf_conntrack_acct", "0");
	assert_int_equal(weir_conntrack_setup("/proc/sys", report, sizeof(report), &err), 0);
	assert_string_equal(report, "nf_conntrack_acct 0 -> 1, nf_conntrack_timestamp 1, "
				    "nf_conntrack_events 1");
}

/* As in a container: what is read and what is written are different places. */
static void test_setup_elsewhere(void **state)
{
	char folder[] = "/tmp/weir-sysctl-XXXXXX", path[128], report[256], value = 0;
	struct weir_error err;
	FILE *f;

	assert_non_null(mkdtemp(folder));
	traffic_sysctl("netfilter/nf_conntrack_acct", "0");
	assert_int_equal(weir_conntrack_setup(folder, report, sizeof(report), &err), -ENOENT);
	assert_non_null(strstr(report, "nf_conntrack_acct 0 (not changed)"));
	snprintf(path, sizeof(path),
		 "mkdir -p %s/net/netfilter && : >%s/net/netfilter/nf_conntrack_acct", folder,
		 folder);
	assert_int_equal(system(path), 0);
	assert_int_equal(weir_conntrack_setup(folder, report, sizeof(report), &err), 0);
	snprintf(path, sizeof(path), "%s/net/netfilter/nf_conntrack_acct", folder);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fread(&value, 1, 1, f), 1);
	assert_int_equal(value, '1');
	fclose(f);
	snprintf(path, sizeof(path), "rm -r %s", folder);
	assert_int_equal(system(path), 0);
	traffic_sysctl("netfilter/nf_conntrack_acct", "1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_udp_exact, clean),
		cmocka_unit_test_setup(test_queued, clean),
		cmocka_unit_test_setup(test_tcp_ends, clean),
		cmocka_unit_test_setup(test_nat_has_both_tuples, clean),
		cmocka_unit_test_setup(test_ipv6, clean),
		cmocka_unit_test_setup(test_icmp, clean),
		cmocka_unit_test_setup(test_denied_exact, clean),
		cmocka_unit_test_setup(test_group_is_taken, clean),
		cmocka_unit_test_setup(test_overrun_is_counted, clean),
		cmocka_unit_test_setup(test_denied_overrun_is_counted, clean),
		cmocka_unit_test_setup(test_denied_lost_tail, clean),
		cmocka_unit_test_setup(test_poll_finds_older_connections, clean),
		cmocka_unit_test_setup(test_setup, clean),
		cmocka_unit_test_setup(test_setup_elsewhere, clean),
	};
	char report[256];

	if (geteuid() != 0 || !traffic_enter_namespace()) {
		puts("needs root for a network namespace of its own");
		return 77;
	}
	if (!traffic_nft(rules) || system("conntrack -F >/dev/null 2>&1") != 0) {
		puts("needs nft, conntrack and a kernel with conntrack and nfnetlink_log");
		return 77;
	}
	weir_conntrack_setup("/proc/sys", report, sizeof(report), NULL);
	return cmocka_run_group_tests_name("kernel flow source", tests, NULL, NULL);
}
