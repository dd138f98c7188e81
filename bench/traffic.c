/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load between two network namespaces, and what it cost.
 *
 *   traffic connect CLIENT_NETNS SERVER_NETNS SERVER_IP PORT SECONDS
 *   traffic stream  CLIENT_NETNS SERVER_NETNS SERVER_IP PORT SECONDS
 *   traffic packets CLIENT_NETNS SERVER_NETNS SERVER_IP PORT SECONDS
 *
 * connect: opens TCP connections one after the other, 16 at a time, and resets
 * each as soon as it is established. stream: one TCP connection, as many bytes
 * as it takes. packets: one UDP flow of small datagrams, which nobody reads.
 * Prints one line of JSON: count (connections, bytes or packets), seconds,
 * cpu (user + system seconds of this process, which on veth includes the work
 * of both ends and of the path between them).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define IN_FLIGHT 16
#define CHUNK	  (128 * 1024)
#define DATAGRAM  64
#define DATAGRAMS 64 /* sent at once */

struct load {
	const char *client, *server;
	struct sockaddr_storage to;
	socklen_t to_len;
	double seconds;
	int type; /* of the sockets */
	int listener;
	atomic_bool stop;
	_Atomic uint64_t count;
};

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
	exit(2);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* The calling thread moves to that network namespace for good. */
static void enter(const char *netns)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		die(path);
	close(fd);
}

/* Closing with linger 0 sends RST: no TIME_WAIT, no ports used up. */
static void reset_and_close(int fd)
{
	struct linger now_ = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now_, sizeof(now_));
	close(fd);
}

static void *accept_and_close(void *arg)
{
	struct load *l = arg;
	int fd;

	while ((fd = accept4(l->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		reset_and_close(fd);
	return NULL;
}

static void *accept_and_read(void *arg)
{
	struct load *l = arg;
	char *buf = malloc(CHUNK);
	int fd = accept4(l->listener, NULL, NULL, SOCK_CLOEXEC);
	ssize_t n;

	if (!buf || fd < 0)
		die("accept");
	while ((n = recv(fd, buf, CHUNK, 0)) > 0)
		l->count += (uint64_t)n;
	close(fd);
	free(buf);
	return NULL;
}

static int dial(const struct load *l, int flags)
{
	int fd = socket(l->to.ss_family, l->type | SOCK_CLOEXEC | flags, 0);

	if (fd < 0)
		die("socket");
	if (connect(fd, (const struct sockaddr *)&l->to, l->to_len) < 0 && errno != EINPROGRESS)
		die("connect");
	return fd;
}

static void *connect_many(void *arg)
{
	struct load *l = arg;
	struct pollfd p[IN_FLIGHT];

	enter(l->client);
	for (int i = 0; i < IN_FLIGHT; i++)
		p[i] = (struct pollfd){ .fd = dial(l, SOCK_NONBLOCK), .events = POLLOUT };
	while (!l->stop) {
		poll(p, IN_FLIGHT, 100);
		for (int i = 0; i < IN_FLIGHT; i++) {
			if (!p[i].revents)
				continue;
			if (p[i].revents & POLLOUT)
				l->count++;
			reset_and_close(p[i].fd);
			p[i].fd = dial(l, SOCK_NONBLOCK);
		}
	}
	for (int i = 0; i < IN_FLIGHT; i++)
		reset_and_close(p[i].fd);
	return NULL;
}

static void *send_much(void *arg)
{
	struct load *l = arg;
	char *buf = calloc(1, CHUNK);
	int fd;

	enter(l->client);
	fd = dial(l, 0);
	while (buf && !l->stop && send(fd, buf, CHUNK, MSG_NOSIGNAL) > 0)
		;
	close(fd);
	free(buf);
	return NULL;
}

static void *send_packets(void *arg)
{
	static char data[DATAGRAM];
	struct iovec iov = { data, sizeof(data) };
	struct mmsghdr messages[DATAGRAMS];
	struct load *l = arg;
	int fd, n;

	for (int i = 0; i < DATAGRAMS; i++)
		messages[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 } };
	enter(l->client);
	fd = dial(l, 0);
	while (!l->stop) {
		n = sendmmsg(fd, messages, DATAGRAMS, 0);
		if (n < 0)
			die("sendmmsg");
		l->count += (uint64_t)n;
	}
	close(fd);
	return NULL;
}

static void *let_drop(void *arg)
{
	return NULL;
}

static void *listen_in_server(void *arg)
{
	struct load *l = arg;
	int one = 1;

	enter(l->server);
	l->listener = socket(l->to.ss_family, l->type | SOCK_CLOEXEC, 0);
	setsockopt(l->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(l->listener, (struct sockaddr *)&l->to, l->to_len) < 0 ||
	    (l->type == SOCK_STREAM && listen(l->listener, 4096) < 0))
		die("listen");
	return NULL;
}

static void parse_address(struct load *l, const char *ip, const char *port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&l->to;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&l->to;

	if (inet_pton(AF_INET, ip, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)atoi(port));
		l->to_len = sizeof(*in);
	} else if (inet_pton(AF_INET6, ip, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)atoi(port));
		l->to_len = sizeof(*in6);
	} else {
		errno = EINVAL;
		die(ip);
	}
}

static void run(struct load *l, void *(*server)(void *), void *(*client)(void *))
{
	pthread_t t_listen, t_server, t_client;
	double start, cpu;
	uint64_t before;

	if (pthread_create(&t_listen, NULL, listen_in_server, l) || pthread_join(t_listen, NULL) ||
	    pthread_create(&t_server, NULL, server, l) ||
	    pthread_create(&t_client, NULL, client, l))
		die("threads");
	usleep(200000); /* a connection is up, caches are warm */
	start = now();
	cpu = cpu_seconds();
	before = l->count;
	usleep((useconds_t)(l->seconds * 1e6));
	printf("{\"count\":%lu,\"seconds\":%.6f,\"cpu\":%.6f}\n", l->count - before, now() - start,
	       cpu_seconds() - cpu);
	fflush(stdout);
	l->stop = true;
	pthread_join(t_client, NULL);
	shutdown(l->listener, SHUT_RDWR);
	pthread_join(t_server, NULL);
}

int main(int argc, char **argv)
{
	struct load l = { .listener = -1, .type = SOCK_STREAM };

	if (argc != 7) {
		fprintf(stderr, "usage: traffic connect|stream|packets CLIENT_NETNS SERVER_NETNS "
				"SERVER_IP PORT SECONDS\n");
		return 2;
	}
	l.client = argv[2];
	l.server = argv[3];
	parse_address(&l, argv[4], argv[5]);
	l.seconds = atof(argv[6]);
	if (strcmp(argv[1], "packets") == 0)
		l.type = SOCK_DGRAM;
	if (strcmp(argv[1], "connect") == 0)
		run(&l, accept_and_close, connect_many);
	else if (l.type == SOCK_DGRAM)
		run(&l, let_drop, send_packets);
	else
		run(&l, accept_and_read, send_much);
	return 0;
}
