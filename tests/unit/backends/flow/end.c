/* SPDX-License-Identifier: Apache-2.0 */
/* conntrack forgets what it is told to, and only that; nudges are packets that the
 * other end takes. */
#include "backends/flow/end.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "backends/flow/kernel.h"
#include "backends/flow/nudge.h"
#include "tests/unit/backends/flow/traffic.h"

static const char rules[] = "table inet t { chain out { type filter hook output priority 0;\n"
			    " ct state established accept; }; }\n";

static struct weir_addr addr(const char *text)
{
	struct weir_addr a;

	assert_int_equal(weir_addr_parse(text, &a), 0);
	return a;
}

static struct weir_ending endings[128];
static size_t n_endings;

static void keep(void *data, const struct weir_flow *flow)
{
	if (flow->event == WEIR_FLOW_COUNTERS && flow->original.protocol == WEIR_PROTO_UDP &&
	    flow->original.dport == 4444 && n_endings < 128)
		endings[n_endings++] =
			(struct weir_ending){ flow->original, flow->reply, flow->id };
}

/* What conntrack knows of the test's datagrams, into endings. */
static size_t known(void)
{
	const struct weir_flow_config config = { .sink = { keep, NULL }, .nflog_group = 7 };
	struct weir_flow_source *source = NULL;
	struct weir_error err = { "" };
	int fds[8], n;

	n_endings = 0;
	if (weir_kernel_flows_open(&config, &source, &err) < 0 ||
	    source->ops->poll_counters(source, &err) < 0)
		fail_msg("%s", err.text);
	n = source->ops->fds(source, fds, 8);
	for (int turn = 0; turn < 20; turn++) {
		for (int i = 0; i < n; i++)
			source->ops->read(source, fds[i], 1000, &err);
		usleep(5000);
	}
	source->ops->close(source);
	return n_endings;
}

static void forgets_what_it_is_told(void **state)
{
	struct weir_error err = { "" };
	struct weir_ending one;
	int fd = traffic_udp_socket();

	assert_int_equal(traffic_udp(fd, 4444, 1, 100), 100);
	assert_int_equal(known(), 100);
	one = endings[0];
	one.id++; /* another connection of the same tuple */
	assert_int_equal(weir_conntrack_end(&one, 1, &err), 0);
	assert_int_equal(known(), 100);
	assert_int_equal(weir_conntrack_end(endings, 90, &err), 0);
	assert_int_equal(known(), 10);
	endings[1].id = 0; /* any */
	assert_int_equal(weir_conntrack_end(endings, 10, &err), 0);
	assert_int_equal(weir_conntrack_end(endings, 10, &err), 0); /* none of them is there */
	assert_int_equal(known(), 0);
	close(fd);
}

static uint16_t sum_of(const uint8_t *at, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(at[i] << 8 | at[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Addresses and the TCP header sum up to all ones, with protocol and length. */
static void checksums_are_right(void **state)
{
	const struct weir_tuple v4 = { addr("10.0.0.1"), addr("10.0.0.2"), 80, 1000, 6 };
	const struct weir_tuple v6 = { addr("fd00::1"), addr("fd00::2"), 80, 1000, 6 };
	uint8_t buf[WEIR_NUDGE_MAX];

	assert_int_equal(weir_tcp_nudge_write(&v4, 0x12345678, buf), 40);
	assert_int_equal(sum_of(buf + 12, 28, 6 + 20), 0xffff);
	assert_int_equal(weir_tcp_nudge_write(&v6, 0x12345678, buf), 60);
	assert_int_equal(sum_of(buf + 8, 52, 6 + 20), 0xffff);
}

int main(void)
{
	const struct CMUnitTest pure[] = { cmocka_unit_test(checksums_are_right) };
	const struct CMUnitTest kernel[] = { cmocka_unit_test(forgets_what_it_is_told) };
	int failed = cmocka_run_group_tests(pure, NULL, NULL);

	if (failed)
		return failed;
	if (!traffic_enter_namespace() || !traffic_nft(rules)) {
		fputs("needs root and nft: a network namespace of its own\n", stderr);
		return 77;
	}
	return cmocka_run_group_tests(kernel, NULL, NULL);
}
