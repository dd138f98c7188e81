/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A network namespace of the test's own, which dies with the process, and
 * traffic in it. Root only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static inline bool traffic_enter_namespace(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd;
	bool ok;

	if (unshare(CLONE_NEWNET) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ok = ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
	close(fd);
	return ok;
}

static inline bool traffic_nft(const char *rules)
{
	FILE *nft = popen("nft -f -", "w");

	if (!nft)
		return false;
	fputs(rules, nft);
	return pclose(nft) == 0;
}

static inline void traffic_sysctl(const char *name, const char *value)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	f = fopen(path, "w");
	if (!f)
		return;
	fputs(value, f);
	fclose(f);
}

static inline int traffic_udp_socket(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
		abort();
	return fd;
}

/* One datagram from the same port to each of n addresses of 127/8, from
 * number first on: n connections. Returns how many went out; one that a rule
 * drops counts. */
static inline unsigned traffic_udp(int fd, uint16_t port, unsigned first, unsigned n)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	unsigned sent = 0;

	for (unsigned i = first; i < first + n; i++) {
		ssize_t r;

		to.sin_addr.s_addr = htonl(0x7F010000u + i);
		r = sendto(fd, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to));
		sent += r == 1 || errno == EPERM;
	}
	return sent;
}
