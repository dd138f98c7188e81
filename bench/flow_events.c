/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ends of the flow event benchmark (flow_events.py runs it in a network
 * namespace): "offer" makes connections, "read" takes the kernel's events with
 * the flow source that weird uses, until SIGTERM, and says what came.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "backends/flow/kernel.h"

#define PORT  4444
#define BURST 64u

static volatile sig_atomic_t done;
static uint64_t n[WEIR_FLOW_EVENT_MAX], lost[WEIR_FLOW_EVENT_MAX];

static void on_term(int sig)
{
	done = 1;
}

static void on_flow(void *data, const struct weir_flow *flow)
{
	n[flow->event]++;
	if (flow->event == WEIR_FLOW_LOST)
		lost[flow->lost_event] += flow->lost;
}

/* Like the flow thread: let a few events gather before reading them. */
static void gather(void)
{
	const struct timespec pause = { .tv_nsec = 2000000 };

	nanosleep(&pause, NULL);
}

static void read_until_term(struct weir_flow_source *s)
{
	struct pollfd polls[8];
	struct weir_error err;
	int fds[8], n_fds = s->ops->fds(s, fds, 8);
	bool backlog = false;

	for (int i = 0; i < n_fds; i++)
		polls[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	while (!done) {
		if (poll(polls, (nfds_t)n_fds, -1) < 0)
			continue;
		if (!backlog)
			gather();
		backlog = false;
		for (int i = 0; i < n_fds; i++) {
			int r = polls[i].revents ? s->ops->read(s, fds[i], 256, &err) : 0;

			backlog |= r >= 256;
			if (r < 0)
				fprintf(stderr, "%s\n", err.text);
		}
	}
}

static int read_events(uint32_t buffer)
{
	struct weir_flow_config config = { .sink = { .flow = on_flow },
					   .nflog_group = 7,
					   .buffer = buffer };
	struct sigaction term = { .sa_handler = on_term };
	struct weir_flow_source *s;
	struct weir_error err;

	sigaction(SIGTERM, &term, NULL);
	if (weir_kernel_flows_open(&config, &s, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	read_until_term(s);
	s->ops->close(s);
	printf("%llu %llu %llu %llu\n", (unsigned long long)n[WEIR_FLOW_NEW],
	       (unsigned long long)n[WEIR_FLOW_END], (unsigned long long)lost[WEIR_FLOW_NEW],
	       (unsigned long long)lost[WEIR_FLOW_END]);
	return 0;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* One datagram from one socket to each of count addresses of 127/8; the
 * receiver's buffer is small and nobody reads it. rate 0: as fast as it goes. */
static int offer(uint32_t count, uint32_t rate)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int to = socket(AF_INET, SOCK_DGRAM, 0), from = socket(AF_INET, SOCK_DGRAM, 0);
	uint64_t began = now_ns();
	uint32_t sent = 0;

	a.sin_addr.s_addr = htonl(INADDR_ANY);
	if (bind(to, (struct sockaddr *)&a, sizeof(a)) < 0) {
		perror("bind");
		return 1;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (rate && i % BURST == 0) {
			uint64_t due = began + i * 1000000000ull / rate, now = now_ns();

			if (due > now)
				usleep((useconds_t)((due - now) / 1000));
		}
		a.sin_addr.s_addr = htonl(0x7F010000u + i);
		sent += sendto(from, "x", 1, 0, (struct sockaddr *)&a, sizeof(a)) == 1;
	}
	printf("%u %.6f\n", sent, (double)(now_ns() - began) / 1e9);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "read") == 0)
		return read_events((uint32_t)atoi(argv[2]));
	if (argc == 4 && strcmp(argv[1], "offer") == 0)
		return offer((uint32_t)atoi(argv[2]), (uint32_t)atoi(argv[3]));
	fprintf(stderr, "usage: flow_events read BUFFER | offer CONNECTIONS RATE\n");
	return 2;
}
