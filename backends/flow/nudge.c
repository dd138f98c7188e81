/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An idle connection sends nothing that could be answered with a reset, and only a
 * reset with the right sequence number ends it. So each end gets, in the name of the
 * other, an ACK that is far out of its window: it answers with an ACK of its own
 * (RFC 9293 3.10.7.4), which has the numbers; that one the backend rejects with a reset
 * that fits. An ACK that happens to lie in the window, one of thousands, is
 * ignored, and the next real packet is reset. Called by the facade.
 */
#include "backends/flow/nudge.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "weir/cleanup.h"

#define HOPS 64

static uint32_t add_words(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *at = data;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(at[i] << 8 | at[i + 1]);
	return sum;
}

/* Over the pseudo header of either family: addresses, length, protocol. */
static uint16_t checksum(const struct weir_tuple *t, const struct tcphdr *tcp)
{
	size_t size = weir_addr_size(&t->src);
	uint32_t sum = IPPROTO_TCP + sizeof(*tcp);

	sum = add_words(sum, t->src.bytes, size);
	sum = add_words(sum, t->dst.bytes, size);
	sum = add_words(sum, tcp, sizeof(*tcp));
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* The kernel fills in length, id and checksum. */
static size_t write_ip4(const struct weir_tuple *t, uint8_t *buf)
{
	struct iphdr ip = { .version = 4, .ihl = 5, .ttl = HOPS, .protocol = IPPROTO_TCP };

	memcpy(&ip.saddr, t->src.bytes, 4);
	memcpy(&ip.daddr, t->dst.bytes, 4);
	memcpy(buf, &ip, sizeof(ip));
	return sizeof(ip);
}

static size_t write_ip6(const struct weir_tuple *t, uint8_t *buf)
{
	struct ip6_hdr ip = { .ip6_flow = htonl(6u << 28),
			      .ip6_plen = htons(sizeof(struct tcphdr)),
			      .ip6_nxt = IPPROTO_TCP,
			      .ip6_hlim = HOPS };

	memcpy(&ip.ip6_src, t->src.bytes, 16);
	memcpy(&ip.ip6_dst, t->dst.bytes, 16);
	memcpy(buf, &ip, sizeof(ip));
	return sizeof(ip);
}

size_t weir_tcp_nudge_write(const struct weir_tuple *t, uint32_t seq, uint8_t *buf)
{
	struct tcphdr tcp = { .source = htons(t->sport),
			      .dest = htons(t->dport),
			      .seq = htonl(seq),
			      .doff = sizeof(tcp) / 4,
			      .ack = 1 };
	size_t len = t->src.family == AF_INET ? write_ip4(t, buf) : write_ip6(t, buf);

	tcp.check = checksum(t, &tcp);
	memcpy(buf + len, &tcp, sizeof(tcp));
	return len + sizeof(tcp);
}

/* IPPROTO_RAW: the header is ours, in both families. */
static int open_raw(int family, int *ret)
{
	const uint32_t mark = WEIR_NUDGE_MARK;

	if (*ret >= 0)
		return 0;
	*ret = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	if (*ret < 0 || setsockopt(*ret, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)
		return -errno;
	return 0;
}

/* That an end cannot be reached is no failure: it may have gone. */
static void send_one(int fd, const struct weir_tuple *t, uint32_t seq)
{
	uint8_t buf[WEIR_NUDGE_MAX];
	size_t len = weir_tcp_nudge_write(t, seq, buf);
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	memcpy(&v4.sin_addr, t->dst.bytes, 4);
	memcpy(&v6.sin6_addr, t->dst.bytes, 16);
	if (t->dst.family == AF_INET)
		sendto(fd, buf, len, 0, (const struct sockaddr *)&v4, sizeof(v4));
	else
		sendto(fd, buf, len, 0, (const struct sockaddr *)&v6, sizeof(v6));
}

static struct weir_tuple turned(const struct weir_tuple *t)
{
	return (struct weir_tuple){ .src = t->dst,
				    .dst = t->src,
				    .sport = t->dport,
				    .dport = t->sport,
				    .protocol = t->protocol };
}

/* Each end sees the other as conntrack showed it: behind NAT. */
static void nudge(int fd, const struct weir_ending *e)
{
	struct weir_tuple to_initiator = turned(&e->original), to_responder = turned(&e->reply);
	uint32_t seq = 0;

	if (getrandom(&seq, sizeof(seq), GRND_NONBLOCK) < 0)
		seq = e->id;
	send_one(fd, &to_initiator, seq);
	send_one(fd, &to_responder, seq);
}

int weir_tcp_nudge(const struct weir_ending *endings, size_t n, struct weir_error *err)
{
	WEIR_AUTO_CLOSE int v4 = -1;
	WEIR_AUTO_CLOSE int v6 = -1;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		int family = endings[i].original.src.family;
		int *fd = family == AF_INET ? &v4 : &v6;

		if (endings[i].original.protocol != WEIR_PROTO_TCP)
			continue;
		r = open_raw(family, fd);
		if (r == 0)
			nudge(*fd, &endings[i]);
	}
	return r < 0 ? weir_error_errno(err, -r, "raw socket (needs CAP_NET_RAW)") : 0;
}
