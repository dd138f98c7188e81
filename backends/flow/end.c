/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deletes conntrack entries by their tuple and id: a connection that took the tuple
 * meanwhile stays. Many requests go out in one datagram; the kernel answers only
 * those that it refuses. Called by the facade, for every backend.
 */
#include "backends/flow/end.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <sys/socket.h>

#define BATCH	    64u	  /* requests in a datagram */
#define REQUEST_MAX 256u  /* bytes of one: 140 for IPv6 */
#define ANSWER_MAX  8192u /* bytes of one datagram of answers */

static void put_addresses(struct nlmsghdr *nlh, const struct weir_tuple *t)
{
	bool v4 = t->src.family == AF_INET;
	struct nlattr *ip = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);

	mnl_attr_put(nlh, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, v4 ? 4 : 16, t->src.bytes);
	mnl_attr_put(nlh, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, v4 ? 4 : 16, t->dst.bytes);
	mnl_attr_nest_end(nlh, ip);
}

static void put_icmp(struct nlmsghdr *nlh, const struct weir_tuple *t)
{
	bool v4 = t->protocol == WEIR_PROTO_ICMP;

	mnl_attr_put_u16(nlh, v4 ? CTA_PROTO_ICMP_ID : CTA_PROTO_ICMPV6_ID, htons(t->sport));
	mnl_attr_put_u8(nlh, v4 ? CTA_PROTO_ICMP_TYPE : CTA_PROTO_ICMPV6_TYPE,
			(uint8_t)(t->dport >> 8));
	mnl_attr_put_u8(nlh, v4 ? CTA_PROTO_ICMP_CODE : CTA_PROTO_ICMPV6_CODE, (uint8_t)t->dport);
}

static void put_tuple(struct nlmsghdr *nlh, const struct weir_tuple *t)
{
	struct nlattr *tuple = mnl_attr_nest_start(nlh, CTA_TUPLE_ORIG), *proto;

	put_addresses(nlh, t);
	proto = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(nlh, CTA_PROTO_NUM, t->protocol);
	if (t->protocol == WEIR_PROTO_ICMP || t->protocol == WEIR_PROTO_ICMPV6) {
		put_icmp(nlh, t);
	} else {
		mnl_attr_put_u16(nlh, CTA_PROTO_SRC_PORT, htons(t->sport));
		mnl_attr_put_u16(nlh, CTA_PROTO_DST_PORT, htons(t->dport));
	}
	mnl_attr_nest_end(nlh, proto);
	mnl_attr_nest_end(nlh, tuple);
}

/* Returns its length. */
static size_t put_request(char *at, uint32_t seq, const struct weir_ending *e, bool last)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(at);
	struct nfgenmsg *head;

	nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | (last ? NLM_F_ACK : 0));
	nlh->nlmsg_seq = seq;
	head = mnl_nlmsg_put_extra_header(nlh, sizeof(*head));
	head->nfgen_family = e->original.src.family;
	head->version = NFNETLINK_V0;
	put_tuple(nlh, &e->original);
	if (e->id)
		mnl_attr_put_u32(nlh, CTA_ID, htonl(e->id));
	return MNL_ALIGN(nlh->nlmsg_len);
}

static int error_of(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(nlh) < sizeof(*e))
		return 0;
	return e->error == -ENOENT ? 0 : e->error;
}

/* The kernel works while it takes the datagram: all answers are there by now. */
static int read_answers(struct mnl_socket *nl)
{
	char buf[ANSWER_MAX];
	ssize_t n;
	int r = 0;

	while ((n = recv(mnl_socket_get_fd(nl), buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
		int left = (int)n;

		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			r = r ? r : error_of(nlh);
	}
	return r;
}

static int end_batch(struct mnl_socket *nl, const struct weir_ending *endings, size_t n)
{
	char buf[BATCH * REQUEST_MAX];
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += put_request(buf + len, (uint32_t)i + 1, &endings[i], i == n - 1);
	if (mnl_socket_sendto(nl, buf, len) < 0)
		return -errno;
	return read_answers(nl);
}

int weir_conntrack_end(const struct weir_ending *endings, size_t n, struct weir_error *err)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	int r = 0;

	if (!nl)
		return weir_error_errno(err, errno, "conntrack: netlink socket");
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		r = -errno;
	for (size_t i = 0; i < n && r == 0; i += BATCH)
		r = end_batch(nl, endings + i, n - i < BATCH ? n - i : BATCH);
	mnl_socket_close(nl);
	return r < 0 ? weir_error_errno(err, -r, "conntrack: delete entries") : 0;
}
