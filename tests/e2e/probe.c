/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who reaches whom: one process with sockets in many network namespaces tries
 * every pair at once, for tests of policy.
 *
 *   probe PORT,PORT... NETNS,IPV4,IPV6 ...      ("-": no address)
 *
 * Each place listens on the ports: TCP, UDP and SCTP, and answers pings. A
 * line on stdin is a round:
 *
 *   SPORT QUIET_MS COLUMN...      COLUMN: tcp:80 udp:53 sctp:80 icmp:0
 *
 * Its answer is a line with a character for each connection: columns
 * outermost, then IPv4 and IPv6, sources, destinations.
 *
 *   1 reached   0 no answer   r refused   - no address of this family
 *
 * SPORT is the source port (and ICMP id) of all of the round: give a new one
 * each time, so that no entry of conntrack is met again. The round ends when
 * nothing has come for QUIET_MS, twice: in between, what has no answer yet is
 * sent once more (not TCP). So a busy machine takes longer, and is not wrong.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/e2e/packets.h"

enum { PLACES_MAX = 64, PORTS_MAX = 16, COLUMNS_MAX = 32, EVENTS = 256, ANSWER_MAX = 512 };
enum what { LISTENER, UDP_SERVER, SCTP_SOCKET, ECHO_SOCKET, UDP_CLIENT, TCP_CLIENT };

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct place {
	int netns;
	union address addr[2]; /* family 0: none */
	int sctp[2], echo[2], udp[2];
};

struct column {
	uint8_t protocol;
	uint16_t port;
};

/* What epoll says when something happens to a socket. */
struct watch {
	enum what what;
	int fd;
	int place, family;
	size_t result; /* TCP_CLIENT */
};

static struct place places[PLACES_MAX];
static struct column columns[COLUMNS_MAX];
static uint16_t ports[PORTS_MAX];
static size_t n_places, n_columns, n_ports, n_open;
static uint16_t sport;
static char *results;
static struct watch *tcp_clients;
static size_t n_tcp_clients;
static struct watch udp_clients[PLACES_MAX][2];
static struct watch servers[PLACES_MAX * 2 * (2 * PORTS_MAX + 2)];
static size_t n_servers;
static int poller;

static void die(const char *what)
{
	fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
	exit(2);
}

static size_t result_at(size_t column, int family, size_t src, size_t dst)
{
	return ((column * 2 + (size_t)family) * n_places + src) * n_places + dst;
}

static void decide(size_t at, char verdict)
{
	if (results[at] != '0')
		return;
	results[at] = verdict;
	n_open--;
}

/* --- sockets ------------------------------------------------------------------ */

static void enter(size_t place)
{
	if (setns(places[place].netns, CLONE_NEWNET) < 0)
		die("setns");
}

static socklen_t length_of(const union address *a)
{
	return a->any.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
}

static union address with_port(const union address *a, uint16_t port)
{
	union address to = *a;

	if (to.any.sa_family == AF_INET)
		to.v4.sin_port = htons(port);
	else
		to.v6.sin6_port = htons(port);
	return to;
}

/* In the namespace that the process is in, bound to the place's address. */
static int open_socket(size_t place, int family, int type, int protocol, uint16_t port)
{
	union address at = with_port(&places[place].addr[family], port);
	int one = 1, big = 1 << 20;
	int fd = socket(at.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (type != SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big));
	if (type == SOCK_RAW)
		at = with_port(&at, 0);
	if (bind(fd, &at.any, length_of(&at)) < 0)
		die("bind");
	return fd;
}

static void watch(struct watch *w)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = w };

	if (epoll_ctl(poller, EPOLL_CTL_ADD, w->fd, &event) < 0)
		die("epoll_ctl");
}

static int serve(enum what what, size_t place, int family, int type, int protocol, uint16_t port)
{
	struct watch *w = &servers[n_servers++];

	*w = (struct watch){ .what = what, .place = (int)place, .family = family };
	w->fd = open_socket(place, family, type, protocol, port);
	if (what == LISTENER && listen(w->fd, SOMAXCONN) < 0)
		die("listen");
	watch(w);
	return w->fd;
}

static void serve_all(size_t place, int family)
{
	struct place *p = &places[place];

	if (!p->addr[family].any.sa_family)
		return;
	enter(place);
	for (size_t i = 0; i < n_ports; i++) {
		serve(LISTENER, place, family, SOCK_STREAM, 0, ports[i]);
		serve(UDP_SERVER, place, family, SOCK_DGRAM, 0, ports[i]);
	}
	p->sctp[family] = serve(SCTP_SOCKET, place, family, SOCK_RAW, IPPROTO_SCTP, 0);
	p->echo[family] = serve(ECHO_SOCKET, place, family, SOCK_RAW,
				family ? IPPROTO_ICMPV6 : IPPROTO_ICMP, 0);
}

/* --- sending -------------------------------------------------------------------- */

/* A send that the kernel refuses is a connection that does not come about. */
static void send_to(int fd, const void *buf, size_t len, const union address *to)
{
	(void)!sendto(fd, buf, len, 0, &to->any, length_of(to));
}

static void connect_tcp(size_t src, int family, const union address *to, size_t at)
{
	struct watch *w = &tcp_clients[n_tcp_clients++];
	struct linger reset = { 1, 0 };

	*w = (struct watch){
		.what = TCP_CLIENT, .place = (int)src, .family = family, .result = at
	};
	w->fd = open_socket(src, family, SOCK_STREAM, 0, sport);
	setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (connect(w->fd, &to->any, length_of(to)) < 0 && errno == ECONNREFUSED)
		decide(at, 'r');
	watch(w);
}

static void send_sctp(size_t src, int family, const union address *to, uint16_t port, size_t at)
{
	struct sctp_packet init = { .sport = sport, .dport = port, .chunk = SCTP_INIT };
	union address there = with_port(to, 0);
	uint8_t buf[SCTP_PACKET_MAX];

	init.init_tag = (uint32_t)at + 1;
	send_to(places[src].sctp[family], buf, sctp_write(&init, buf), &there);
}

static void send_echo(size_t src, int family, size_t dst)
{
	union address there = with_port(&places[dst].addr[family], 0);
	uint8_t buf[ECHO_PACKET];

	echo_write(family == 1, sport, (uint16_t)dst, buf);
	send_to(places[src].echo[family], buf, sizeof(buf), &there);
}

static void send_one(size_t column, int family, size_t src, size_t dst, bool again)
{
	const struct column *c = &columns[column];
	union address to = with_port(&places[dst].addr[family], c->port);
	size_t at = result_at(column, family, src, dst);

	if (results[at] != '0')
		return;
	if (c->protocol == IPPROTO_TCP && !again)
		connect_tcp(src, family, &to, at);
	else if (c->protocol == IPPROTO_UDP)
		send_to(udp_clients[src][family].fd, "?", 1, &to);
	else if (c->protocol == IPPROTO_SCTP)
		send_sctp(src, family, &to, c->port, at);
	else if (c->protocol == IPPROTO_ICMP)
		send_echo(src, family, dst);
}

static void receive(void);

static void send_from(size_t src, bool again)
{
	enter(src);
	for (int family = 0; family < 2; family++) {
		struct watch *w = &udp_clients[src][family];

		if (!places[src].addr[family].any.sa_family)
			continue;
		if (!again) {
			*w = (struct watch){ .what = UDP_CLIENT, .place = (int)src };
			w->family = family;
			w->fd = open_socket(src, family, SOCK_DGRAM, 0, sport);
			watch(w);
		}
		for (size_t column = 0; column < n_columns; column++)
			for (size_t dst = 0; dst < n_places; dst++)
				send_one(column, family, src, dst, again);
		receive();
	}
}

/* --- receiving ------------------------------------------------------------------- */

static bool same_address(const union address *a, const union address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
}

static void reached(const struct watch *w, const union address *from, uint8_t protocol,
		    uint16_t port)
{
	for (size_t dst = 0; dst < n_places; dst++)
		for (size_t i = 0; i < n_columns; i++)
			if (columns[i].protocol == protocol && columns[i].port == port &&
			    same_address(&places[dst].addr[w->family], from))
				decide(result_at(i, w->family, (size_t)w->place, dst), '1');
}

static void on_listener(const struct watch *w)
{
	int fd;

	while ((fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		(void)!send(fd, "!", 1, MSG_NOSIGNAL);
		close(fd);
	}
}

static void on_tcp_client(struct watch *w)
{
	char c;
	ssize_t n = recv(w->fd, &c, 1, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n == 1)
		decide(w->result, '1');
	else if (n == 0 || errno == ECONNREFUSED || errno == ECONNRESET)
		decide(w->result, 'r');
	close(w->fd);
	w->fd = -1;
}

static void on_udp(const struct watch *w, const uint8_t *buf, size_t len, union address *from)
{
	if (w->what == UDP_SERVER)
		send_to(w->fd, buf, len, from);
	else
		reached(w, from, IPPROTO_UDP,
			ntohs(w->family ? from->v6.sin6_port : from->v4.sin_port));
}

static bool is_served(uint16_t port)
{
	for (size_t i = 0; i < n_ports; i++)
		if (ports[i] == port)
			return true;
	return false;
}

static void on_sctp(const struct watch *w, const uint8_t *buf, size_t len, union address *from)
{
	struct sctp_packet p, reply = { .chunk = SCTP_INIT_ACK };
	union address to = with_port(from, 0);
	uint8_t out[SCTP_PACKET_MAX];

	if (!sctp_read(buf, len, &p))
		return;
	if (p.chunk == SCTP_INIT && is_served(p.dport)) {
		reply.sport = p.dport;
		reply.dport = p.sport;
		reply.vtag = reply.init_tag = p.init_tag;
		send_to(w->fd, out, sctp_write(&reply, out), &to);
	} else if (p.chunk == SCTP_INIT_ACK && p.dport == sport) {
		reached(w, from, IPPROTO_SCTP, p.sport);
	}
}

static void on_datagrams(const struct watch *w)
{
	uint8_t buf[ANSWER_MAX], *data;
	union address from;
	ssize_t n;

	for (;;) {
		socklen_t len = sizeof(from);

		n = recvfrom(w->fd, buf, sizeof(buf), 0, &from.any, &len);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			continue; /* an ICMP error of an earlier datagram */
		data = buf;
		if (w->family == 0 && (w->what == SCTP_SOCKET || w->what == ECHO_SOCKET)) {
			data += (buf[0] & 15) * 4; /* raw IPv4 comes with its header */
			n -= data - buf;
		}
		if (w->what == SCTP_SOCKET)
			on_sctp(w, data, (size_t)n, &from);
		else if (w->what != ECHO_SOCKET)
			on_udp(w, data, (size_t)n, &from);
		else if (echo_read(w->family == 1, data, (size_t)n, sport))
			reached(w, &from, IPPROTO_ICMP, 0);
	}
}

/* Handles what has come; returns how many events that were. */
static int handle(int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(poller, events, EVENTS, timeout_ms);

	for (int i = 0; i < n; i++) {
		struct watch *w = events[i].data.ptr;

		if (w->what == LISTENER)
			on_listener(w);
		else if (w->what == TCP_CLIENT)
			on_tcp_client(w);
		else
			on_datagrams(w);
	}
	return n;
}

static void receive(void)
{
	while (handle(0) > 0)
		;
}

/* --- rounds ---------------------------------------------------------------------- */

static void until_quiet(int quiet_ms)
{
	while (n_open && handle(quiet_ms) > 0)
		;
}

static void prepare(void)
{
	size_t n = n_columns * 2 * n_places * n_places;

	results = malloc(n + 1);
	tcp_clients = calloc(n, sizeof(*tcp_clients));
	if (!results || !tcp_clients)
		die("memory");
	n_tcp_clients = n_open = 0;
	results[n] = 0;
	for (size_t i = 0; i < n; i++) {
		int family = (int)(i / (n_places * n_places) % 2);
		bool both = places[i / n_places % n_places].addr[family].any.sa_family &&
			    places[i % n_places].addr[family].any.sa_family;

		results[i] = both ? '0' : '-';
		n_open += both;
	}
}

static void finish(void)
{
	for (size_t i = 0; i < n_tcp_clients; i++)
		if (tcp_clients[i].fd >= 0)
			close(tcp_clients[i].fd);
	for (size_t i = 0; i < n_places; i++)
		for (int family = 0; family < 2; family++)
			if (places[i].addr[family].any.sa_family)
				close(udp_clients[i][family].fd);
	free(results);
	free(tcp_clients);
}

static void play(int quiet_ms)
{
	prepare();
	for (size_t src = 0; src < n_places; src++)
		send_from(src, false);
	until_quiet(quiet_ms);
	for (size_t src = 0; n_open && src < n_places; src++)
		send_from(src, true);
	until_quiet(quiet_ms);
	puts(results);
	fflush(stdout);
	finish();
}

/* --- words ------------------------------------------------------------------------- */

static bool read_column(const char *text, struct column *ret)
{
	static const struct {
		const char *name;
		uint8_t protocol;
	} names[] = { { "tcp:", IPPROTO_TCP },
		      { "udp:", IPPROTO_UDP },
		      { "sctp:", IPPROTO_SCTP },
		      { "icmp:", IPPROTO_ICMP } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i].name);

		if (strncmp(text, names[i].name, len) == 0) {
			*ret = (struct column){ names[i].protocol, (uint16_t)atoi(text + len) };
			return true;
		}
	}
	return false;
}

static bool read_round(char *line, int *ret_quiet_ms)
{
	char *save = NULL, *word = strtok_r(line, " \n", &save);

	sport = (uint16_t)(word ? atoi(word) : 0);
	word = strtok_r(NULL, " \n", &save);
	*ret_quiet_ms = word ? atoi(word) : 0;
	n_columns = 0;
	while ((word = strtok_r(NULL, " \n", &save)))
		if (n_columns == COLUMNS_MAX || !read_column(word, &columns[n_columns++]))
			return false;
	return sport && *ret_quiet_ms > 0 && n_columns;
}

static void read_address(const char *text, int family, union address *ret)
{
	if (strcmp(text, "-") == 0)
		return;
	ret->any.sa_family = family ? AF_INET6 : AF_INET;
	if (inet_pton(ret->any.sa_family, text,
		      family ? (void *)&ret->v6.sin6_addr : &ret->v4.sin_addr) != 1)
		die(text);
}

static void add_place(char *text)
{
	struct place *p = &places[n_places];
	char *v4 = strchr(text, ','), *v6 = v4 ? strchr(v4 + 1, ',') : NULL, path[256];

	if (!v6 || n_places++ == PLACES_MAX)
		die("want NETNS,IPV4,IPV6");
	*v4++ = *v6++ = 0;
	snprintf(path, sizeof(path), "/run/netns/%s", text);
	p->netns = open(path, O_RDONLY | O_CLOEXEC);
	if (p->netns < 0)
		die(path);
	read_address(v4, 0, &p->addr[0]);
	read_address(v6, 1, &p->addr[1]);
}

static void add_ports(char *text)
{
	char *save = NULL;

	for (char *t = strtok_r(text, ",", &save); t && n_ports < PORTS_MAX;
	     t = strtok_r(NULL, ",", &save))
		ports[n_ports++] = (uint16_t)atoi(t);
}

static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	char line[1024];
	int quiet_ms;

	if (argc < 3)
		die("usage: probe PORT,... NETNS,IPV4,IPV6 ...");
	raise_limit();
	poller = epoll_create1(EPOLL_CLOEXEC);
	add_ports(argv[1]);
	for (int i = 2; i < argc; i++)
		add_place(argv[i]);
	for (size_t i = 0; i < n_places; i++)
		for (int family = 0; family < 2; family++)
			serve_all(i, family);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (!read_round(line, &quiet_ms))
			die(line);
		play(quiet_ms);
	}
	return 0;
}
