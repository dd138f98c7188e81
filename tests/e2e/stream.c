/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of UDP datagrams between network namespaces, for tests that count
 * wrong verdicts. Nobody answers, so that conntrack sees every packet as new
 * and policy judges each of them.
 *
 *   stream NAME,SRC_NETNS,DST_NETNS,DST_IP,PORT,RATE ...
 *
 * RATE is in packets per second. SRC_NETNS or DST_NETNS "-" leaves out that
 * end. Each line on stdin is answered on stdout by one line of JSON:
 *   stats   {"NAME":{"sent":n,"errors":n,"received":n,"missing":n,"first_ns":t}, ...}
 *   drain   stop the senders, wait for what is under way, then stats
 * End of file ends the program.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STREAMS_MAX 32
#define TICK_NS	    1000000L
#define BURST_MAX   256

struct stream {
	char name[64], src[64], dst[64];
	struct sockaddr_storage to;
	socklen_t to_len;
	unsigned rate;
	int tx, rx;
	pthread_t sender, receiver;
	_Atomic uint64_t sent, errors, received, first_ns;
};

static struct stream streams[STREAMS_MAX];
static unsigned n_streams;
static atomic_bool stop_sending;

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "stream: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* A UDP socket of that network namespace; it stays there when we leave. */
static int socket_in(const char *netns, int family)
{
	char path[128];
	int home, there, fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (home < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0)
		die(path);
	fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setns(home, CLONE_NEWNET) < 0)
		die("socket");
	close(home);
	close(there);
	return fd;
}

static void parse(struct stream *s, char *spec)
{
	char *field[6], *save = NULL;
	struct sockaddr_in *in = (struct sockaddr_in *)&s->to;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&s->to;

	for (unsigned i = 0; i < 6; i++, spec = NULL) {
		field[i] = strtok_r(spec, ",", &save);
		if (!field[i]) {
			errno = EINVAL;
			die("want NAME,SRC_NETNS,DST_NETNS,DST_IP,PORT,RATE");
		}
	}
	snprintf(s->name, sizeof(s->name), "%s", field[0]);
	snprintf(s->src, sizeof(s->src), "%s", field[1]);
	snprintf(s->dst, sizeof(s->dst), "%s", field[2]);
	s->rate = (unsigned)atoi(field[5]);
	if (inet_pton(AF_INET, field[3], &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)atoi(field[4]));
		s->to_len = sizeof(*in);
	} else if (inet_pton(AF_INET6, field[3], &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)atoi(field[4]));
		s->to_len = sizeof(*in6);
	} else {
		errno = EINVAL;
		die(field[3]);
	}
}

static void *receive(void *arg)
{
	struct stream *s = arg;
	uint64_t seq;

	while (recv(s->rx, &seq, sizeof(seq), 0) == (ssize_t)sizeof(seq)) {
		if (!s->received)
			s->first_ns = now_ns(CLOCK_REALTIME);
		s->received++;
	}
	return NULL;
}

static void send_one(struct stream *s)
{
	uint64_t seq = s->sent + 1;

	if (sendto(s->tx, &seq, sizeof(seq), 0, (struct sockaddr *)&s->to, s->to_len) < 0)
		s->errors++;
	else
		s->sent = seq;
}

/* In step with the clock: what a late wake-up missed is made up in bursts. */
static void *send_paced(void *arg)
{
	struct stream *s = arg;
	uint64_t start = now_ns(CLOCK_MONOTONIC), tried = 0;

	while (!stop_sending) {
		uint64_t due = (now_ns(CLOCK_MONOTONIC) - start) * s->rate / 1000000000u;
		struct timespec tick = { .tv_nsec = TICK_NS };

		if (due - tried > BURST_MAX)
			tried = due - BURST_MAX;
		for (; tried < due; tried++)
			send_one(s);
		nanosleep(&tick, NULL);
	}
	return NULL;
}

static void open_receiver(struct stream *s)
{
	struct sockaddr_storage any = { .ss_family = s->to.ss_family };
	int size = 64 << 20;

	/* sin_port and sin6_port are at the same place */
	((struct sockaddr_in *)&any)->sin_port = ((struct sockaddr_in *)&s->to)->sin_port;
	s->rx = socket_in(s->dst, s->to.ss_family);
	setsockopt(s->rx, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(s->rx, (struct sockaddr *)&any, s->to_len) < 0)
		die("bind");
	if (pthread_create(&s->receiver, NULL, receive, s))
		die("pthread_create");
}

static void print_stats(void)
{
	putchar('{');
	for (unsigned i = 0; i < n_streams; i++) {
		const struct stream *s = &streams[i];

		printf("%s\"%s\":{\"sent\":%lu,\"errors\":%lu,\"received\":%lu,\"missing\":%ld,"
		       "\"first_ns\":%lu}",
		       i ? "," : "", s->name, s->sent, s->errors, s->received,
		       (long)s->sent - (long)s->received, s->first_ns);
	}
	puts("}");
	fflush(stdout);
}

static void drain(void)
{
	stop_sending = true;
	for (unsigned i = 0; i < n_streams; i++)
		if (streams[i].tx >= 0)
			pthread_join(streams[i].sender, NULL);
	usleep(300000);
}

int main(int argc, char **argv)
{
	char line[64];

	if (argc < 2 || argc - 1 > STREAMS_MAX) {
		fprintf(stderr, "usage: stream NAME,SRC_NETNS,DST_NETNS,DST_IP,PORT,RATE ...\n");
		return 2;
	}
	for (; n_streams < (unsigned)argc - 1; n_streams++) {
		struct stream *s = &streams[n_streams];

		s->tx = s->rx = -1;
		parse(s, argv[n_streams + 1]);
		if (strcmp(s->dst, "-") != 0)
			open_receiver(s);
	}
	for (unsigned i = 0; i < n_streams; i++) {
		struct stream *s = &streams[i];

		if (strcmp(s->src, "-") == 0)
			continue;
		s->tx = socket_in(s->src, s->to.ss_family);
		if (pthread_create(&s->sender, NULL, send_paced, s))
			die("pthread_create");
	}
	while (fgets(line, sizeof(line), stdin)) {
		if (strncmp(line, "drain", 5) == 0)
			drain();
		print_stats();
	}
	return 0;
}
