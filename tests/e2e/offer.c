/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offers connections: one UDP datagram from each of many source ports to each
 * of many destination ports, at a rate. Says how many were sent, which is how
 * many connections the kernel had to judge. Started by accounting.py.
 *
 *	offer ADDRESS FIRST_PORT PORTS SOURCES RATE FIRST_SOURCE
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PACE 64 /* datagrams between two looks at the clock */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int open_source(uint16_t port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	perror("offer: source port");
	exit(1);
}

/* What is behind comes as an error of the next call on the socket (port
 * unreachable): that datagram was not sent, so it is tried again. */
static void send_one(int fd, const struct sockaddr_in *to)
{
	for (int tries = 0; tries < 3; tries++) {
		if (sendto(fd, "x", 1, 0, (const struct sockaddr *)to, sizeof(*to)) == 1)
			return;
	}
	perror("offer: send");
	exit(1);
}

static void keep_pace(uint64_t start, uint64_t sent, uint64_t rate)
{
	uint64_t due = start + sent * 1000000000u / rate, now = now_ns();

	if (now < due)
		usleep((useconds_t)((due - now) / 1000));
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	unsigned first, ports, sources, first_source;
	uint64_t rate, sent = 0, start = now_ns();

	if (argc != 7 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
		fprintf(stderr,
			"usage: offer ADDRESS FIRST_PORT PORTS SOURCES RATE FIRST_SOURCE\n");
		return 2;
	}
	first = (unsigned)atoi(argv[2]);
	ports = (unsigned)atoi(argv[3]);
	sources = (unsigned)atoi(argv[4]);
	rate = (uint64_t)atoll(argv[5]);
	first_source = (unsigned)atoi(argv[6]);
	for (unsigned s = 0; s < sources; s++) {
		int fd = open_source((uint16_t)(first_source + s));

		for (unsigned p = 0; p < ports; p++) {
			to.sin_port = htons((uint16_t)(first + p));
			send_one(fd, &to);
			if (++sent % PACE == 0)
				keep_pace(start, sent, rate);
		}
		close(fd);
	}
	printf("%lu\n", (unsigned long)sent);
	return 0;
}
