/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches and dumps over NETLINK_NETFILTER. Called by apply, readback and
 * purge; knows messages, not what they mean to weir.
 */
#include "backends/nftables/netlink.h"

#include <netinet/in.h> /* before the kernel's own */

#include <errno.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "backends/nftables/refusal.h"
#include "weir/cleanup.h"

#define DUMP_TRIES 20
#define SEND_TRIES 4
#define ANSWER_MAX 32768 /* one datagram of answers, or of a dump that is thrown away */

int nft_socket_open(struct nft_socket *s, uint8_t family, struct weir_error *err)
{
	int size = NFT_BATCH_HARD + NFT_MESSAGE_MAX, one = 1;

	*s = (struct nft_socket){ .table = NFT_TABLE,
				  .family = family,
				  .nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC) };
	if (!s->nl)
		return weir_error_errno(err, errno, "netlink socket");
	if (mnl_socket_bind(s->nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		int code = errno;

		nft_socket_close(s);
		return weir_error_errno(err, code, "netlink socket: bind");
	}
	/* The kernel doubles what is asked for and may cap it: a batch that is
	 * too long for it is refused as a whole, so no check is needed here. */
	setsockopt(mnl_socket_get_fd(s->nl), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(mnl_socket_get_fd(s->nl), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	mnl_socket_setsockopt(s->nl, NETLINK_EXT_ACK, &one, sizeof(one));
	s->seq = 1;
	return 0;
}

void nft_socket_close(struct nft_socket *s)
{
	if (s->nl)
		mnl_socket_close(s->nl);
	s->nl = NULL;
}

void nft_batch_free(struct nft_batch *b)
{
	free(b->buf);
	*b = (struct nft_batch){ .table = b->table, .family = b->family };
}

static bool reserve(struct nft_batch *b, size_t more)
{
	size_t size = b->size ? b->size : 2 * (size_t)NFT_MESSAGE_MAX;
	char *buf;

	while (size < b->len + more)
		size *= 2;
	if (size == b->size)
		return true;
	buf = realloc(b->buf, size);
	if (!buf) {
		b->failed = true;
		return false;
	}
	b->buf = buf;
	b->size = size;
	return true;
}

struct nlmsghdr *nft_batch_message(struct nft_batch *b, uint16_t type, uint16_t flags)
{
	/* Messages are numbered by their place; the send makes sequence numbers of it. */
	if (!reserve(b, 2 * (size_t)NFT_MESSAGE_MAX))
		return NULL;
	if (b->len == 0)
		b->len = nftnl_batch_begin(b->buf, 0)->nlmsg_len;
	return nftnl_nlmsg_build_hdr(b->buf + b->len, type, b->family, flags, ++b->messages);
}

void nft_batch_put(struct nft_batch *b, const struct nlmsghdr *nlh)
{
	b->len += MNL_ALIGN(nlh->nlmsg_len);
}

/* Sequence numbers, an acknowledgement of the last message, and the end. */
static void finish(struct nft_socket *s, struct nft_batch *b)
{
	size_t at = 0;

	b->first_seq = s->seq;
	while (at < b->len) {
		struct nlmsghdr *nlh = (struct nlmsghdr *)(b->buf + at);

		nlh->nlmsg_seq = s->seq++;
		at += MNL_ALIGN(nlh->nlmsg_len);
		if (at >= b->len)
			nlh->nlmsg_flags |= NLM_F_ACK;
	}
	b->len += nftnl_batch_end(b->buf + b->len, s->seq++)->nlmsg_len;
}

static const struct nlmsghdr *message_of(const struct nft_batch *b, uint32_t seq)
{
	size_t at = 0;

	while (at < b->len) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)(b->buf + at);

		if (nlh->nlmsg_seq == seq)
			return nlh;
		at += MNL_ALIGN(nlh->nlmsg_len);
	}
	return NULL;
}

struct answer {
	const struct nft_batch *batch;
	struct weir_error *err;
	uint32_t last_seq;
	bool acked;
	int error; /* of the first message refused */
};

static void read_answer(struct answer *a, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e;

	if (nlh->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(nlh) < sizeof(*e))
		return;
	e = mnl_nlmsg_get_payload(nlh);
	if (nlh->nlmsg_seq - a->batch->first_seq > a->last_seq - a->batch->first_seq)
		return;
	if (e->error && !a->error) {
		a->error = e->error;
		nft_refusal_describe(message_of(a->batch, nlh->nlmsg_seq), nlh, -e->error, a->err);
	}
	if (nlh->nlmsg_seq == a->last_seq && e->error == 0)
		a->acked = true;
}

/* A batch is judged while it is sent: all answers are there by now. */
static int read_answers(struct nft_socket *s, struct answer *a)
{
	char buf[ANSWER_MAX];
	ssize_t n;

	for (;;) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
		int left;

		n = recv(mnl_socket_get_fd(s->nl), buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		left = (int)n;
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			read_answer(a, nlh);
	}
}

static int send_all(struct nft_socket *s, const struct nft_batch *b)
{
	ssize_t n;

	do
		n = mnl_socket_sendto(s->nl, b->buf, b->len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static int send_once(struct nft_socket *s, struct nft_batch *b, bool *ret_uncertain,
		     struct weir_error *err)
{
	struct answer a = { .batch = b, .err = err };
	int r;

	finish(s, b);
	a.last_seq = s->seq - 2;
	r = send_all(s, b);
	if (r < 0)
		return weir_error_errno(err, -r, "send %u messages, %zu bytes", b->messages,
					b->len);
	r = read_answers(s, &a);
	if (a.error)
		return a.error;
	if (r < 0 || !a.acked) {
		*ret_uncertain = true;
		return weir_error_errno(err, r < 0 ? -r : EIO, "the kernel's answer was lost");
	}
	s->transactions++;
	return 0;
}

/* The kernel asks for another try when it has loaded a module meanwhile, or
 * is still clearing away what a name stood for. */
static bool worth_a_retry(int code)
{
	return code == -EBUSY || code == -EAGAIN || code == -ERESTART;
}

static int send_batch(struct nft_socket *s, struct nft_batch *b, bool *ret_uncertain,
		      struct weir_error *err)
{
	size_t len = b->len;
	int r = -EBUSY;

	if (b->failed)
		return weir_error_errno(err, ENOMEM, "batch of %u messages", b->messages);
	for (int i = 0; i < SEND_TRIES && worth_a_retry(r) && !*ret_uncertain; i++) {
		s->retries += i > 0;
		b->len = len;
		r = send_once(s, b, ret_uncertain, err);
	}
	return r;
}

int nft_batch_send(struct nft_socket *s, struct nft_batch *b, bool *ret_uncertain,
		   struct weir_error *err)
{
	int r = 0;

	if (b->messages || b->failed)
		r = send_batch(s, b, ret_uncertain, err);
	b->len = 0;
	b->messages = 0;
	b->failed = false;
	return r;
}

static int dump_once(struct nft_socket *s, struct nlmsghdr *request, const struct nft_dump *dump)
{
	WEIR_AUTO_FREE char *buf = malloc(NFT_MESSAGE_MAX);
	int r = 1, n;

	if (!buf)
		return -ENOMEM;
	request->nlmsg_seq = s->seq++;
	if (mnl_socket_sendto(s->nl, request, request->nlmsg_len) < 0)
		return -errno;
	while (r > MNL_CB_STOP) {
		n = (int)mnl_socket_recvfrom(s->nl, buf, NFT_MESSAGE_MAX);
		if (n < 0)
			return -errno;
		r = mnl_cb_run(buf, (size_t)n, request->nlmsg_seq, mnl_socket_get_portid(s->nl),
			       dump->message, dump->data);
	}
	return r < 0 ? -errno : 0;
}

/* What is left in the queue of a dump that was given up. */
static void drain(struct nft_socket *s)
{
	char buf[ANSWER_MAX];

	while (recv(mnl_socket_get_fd(s->nl), buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

int nft_dump(struct nft_socket *s, struct nlmsghdr *request, const struct nft_dump *dump)
{
	int r = -EINTR;

	for (int i = 0; i < DUMP_TRIES && r == -EINTR; i++) {
		if (i > 0) {
			drain(s);
			dump->restart(dump->data);
		}
		r = dump_once(s, request, dump);
	}
	if (r < 0)
		drain(s);
	return r;
}
