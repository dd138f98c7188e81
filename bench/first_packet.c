/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When is a change of policy in force? Sends datagrams to a port that is denied
 * until one arrives, and tells when that one was sent: the first packet that
 * the new policy judged. Used by bench/change.py.
 *
 *   first_packet SRC_NETNS DST_NETNS DST_IPV4 RATE PORT ...
 *
 * A line "N" on stdin starts a stream to the Nth port; answered by "started",
 * then by the time in ns (CLOCK_MONOTONIC), 0 when nothing came within 10 s.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORTS_MAX  8
#define TIMEOUT_NS 10000000000ull
#define LEAD	   100 /* packets that are sent before "started" */

static int tx, rx[PORTS_MAX];

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "first_packet: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* A socket of that network namespace, bound when port is not 0. */
static int socket_in(const char *netns, uint16_t port)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	char path[128];
	int there, fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (there < 0 || setns(there, CLONE_NEWNET) < 0)
		die(path);
	close(there);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || (port && bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0))
		die("socket");
	return fd;
}

static uint64_t received(int fd)
{
	uint64_t sent;

	return recv(fd, &sent, sizeof(sent), 0) == (ssize_t)sizeof(sent) ? sent : 0;
}

/* In step with the clock; looks for an arrival after each packet. */
static uint64_t stream(int fd, const struct sockaddr_in *to, uint64_t gap)
{
	uint64_t start = now(), at = start, first;

	while (received(fd)) /* of an earlier stream */
		;
	for (uint64_t n = 1; at - start < TIMEOUT_NS; n++) {
		struct timespec due = { .tv_sec = (time_t)((start + n * gap) / 1000000000u),
					.tv_nsec = (long)((start + n * gap) % 1000000000u) };

		sendto(tx, &at, sizeof(at), 0, (const struct sockaddr *)to, sizeof(*to));
		if (n == LEAD) {
			puts("started");
			fflush(stdout);
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
		first = received(fd);
		if (first)
			return first;
		at = now();
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	char line[16];
	int rate;

	if (argc < 6 || argc - 5 > PORTS_MAX || inet_pton(AF_INET, argv[3], &to.sin_addr) != 1 ||
	    (rate = atoi(argv[4])) <= 0) {
		fprintf(stderr, "usage: first_packet SRC_NETNS DST_NETNS DST_IPV4 RATE PORT ...\n");
		return 2;
	}
	for (int i = 0; i < argc - 5; i++)
		rx[i] = socket_in(argv[2], (uint16_t)atoi(argv[5 + i]));
	tx = socket_in(argv[1], 0);
	prctl(PR_SET_TIMERSLACK, 1);
	while (fgets(line, sizeof(line), stdin)) {
		int i = atoi(line);

		if (i < 0 || i >= argc - 5)
			return 2;
		to.sin_port = htons((uint16_t)atoi(argv[5 + i]));
		printf("%lu\n", stream(rx[i], &to, 1000000000u / (unsigned)rate));
		fflush(stdout);
	}
	return 0;
}
