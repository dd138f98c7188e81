/* SPDX-License-Identifier: Apache-2.0 */
/* The promise of exact accounting, kernel to publisher: of so many connections
 * offered, allowed and denied, each is a record or counted as lost; also when
 * the flow thread is held up until the kernel drops events. */
#include "daemon/flow/pipeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#include "backends/flow/kernel.h"
#include "tests/unit/backends/flow/traffic.h"
#include "tests/unit/daemon/flow/fakes.h"

#define ALLOWED_PORT 4444
#define DENIED_PORT  9
#define CHUNK	     5000u

static const char rules[] = "table inet t {\n"
			    " chain out {\n"
			    "  type filter hook output priority 0\n"
			    "  ct state established accept\n"
			    "  udp dport 9 log prefix \"weir:e:42\" group 7 drop\n"
			    " }\n"
			    "}\n";

static atomic_uint_fast64_t opened, denied, lost, gaps;

int weir_publisher_add(struct weir_publisher *p, struct weir_record *record)
{
	opened += record->type == WEIR_RECORD_OPEN;
	denied += record->type == WEIR_RECORD_DENIED ? record->connections : 0;
	lost += record->type == WEIR_RECORD_GAP ? record->lost : 0;
	gaps += record->type == WEIR_RECORD_GAP;
	return 0;
}

int weir_publisher_fds(struct weir_publisher *p, int *fds, int max)
{
	return 0;
}

int weir_publisher_timeout(struct weir_publisher *p)
{
	return 100;
}

int weir_publisher_process(struct weir_publisher *p, struct weir_error *err)
{
	return 0;
}

static struct weir_pipeline *start(uint32_t buffer)
{
	const struct weir_pipeline_config config = { .interval_ms = 1000,
						     .denied_ms = 100,
						     .max_connections = 300000,
						     .max_denied = 200000 };
	struct weir_flow_config flows = { .nflog_group = 7, .buffer = buffer };
	struct weir_pipeline *p = NULL;
	struct weir_flow_source *source = NULL;
	struct weir_error err;

	opened = denied = lost = gaps = 0;
	fake_world_open();
	assert_int_equal(weir_pipeline_new(&config, &fake_world, NULL, &p, &err), 0);
	flows.sink = weir_pipeline_sink(p);
	assert_int_equal(weir_kernel_flows_open(&flows, &source, &err), 0);
	assert_int_equal(weir_pipeline_start(p, source, &err), 0);
	return p;
}

/* From the pod "local" to addresses of 127/8. */
static int pod_socket(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = inet_addr("10.0.0.1");
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static uint64_t counted(void)
{
	return opened + denied + lost;
}

static void settle(uint64_t want)
{
	for (int i = 0; i < 100 && counted() < want; i++)
		usleep(100000);
}

static void offer_and_count(uint32_t buffer, unsigned each, unsigned hold_ms)
{
	struct weir_pipeline *p = start(buffer);
	int fd = pod_socket();
	uint64_t offered = 0;

	for (unsigned i = 0; i < each; i += CHUNK) {
		if (hold_ms)
			pthread_mutex_lock(&fake_world.lock);
		offered += traffic_udp(fd, ALLOWED_PORT, i, CHUNK);
		offered += traffic_udp(fd, DENIED_PORT, i, CHUNK);
		if (hold_ms) {
			usleep(hold_ms * 1000);
			pthread_mutex_unlock(&fake_world.lock);
			usleep(hold_ms * 1000);
		}
	}
	usleep(300000);
	offered += traffic_udp(fd, DENIED_PORT, each, 1); /* tells what NFLOG lost before */
	settle(offered);
	weir_pipeline_stop(&p);
	assert_int_equal(offered, 2 * each + 1);
	print_message("offered %u: opened %u, denied %u, lost %u in %u gaps\n", (unsigned)offered,
		      (unsigned)opened, (unsigned)denied, (unsigned)lost, (unsigned)gaps);
	assert_int_equal(counted(), offered);
	close(fd);
	fake_world_close();
	assert_int_equal(system("conntrack -F >/dev/null 2>&1"), 0);
}

static void two_hundred_thousand(void **state)
{
	offer_and_count(0, 100000, 0);
	assert_true(opened > 50000);
}

static void held_up_until_the_kernel_drops(void **state)
{
	offer_and_count(256 << 10, 50000, 20);
	assert_true(lost > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_hundred_thousand),
		cmocka_unit_test(held_up_until_the_kernel_drops),
	};
	char report[256];

	if (geteuid() != 0 || !traffic_enter_namespace()) {
		puts("needs root for a network namespace of its own");
		return 77;
	}
	if (!traffic_nft(rules) || system("ip address add 10.0.0.1/32 dev lo") != 0 ||
	    system("conntrack -F >/dev/null 2>&1") != 0) {
		puts("needs nft, ip, conntrack and a kernel with conntrack and nfnetlink_log");
		return 77;
	}
	weir_conntrack_setup("/proc/sys", report, sizeof(report), NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
