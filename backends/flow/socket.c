/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink sockets of the flow source. The receive buffer is forced to the
 * size asked for; the socket's drop counter (SO_MEMINFO) says how many
 * messages did not fit. Knows nothing of what the messages mean.
 */
#include "backends/flow/socket.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "weir/cleanup.h"

#define MESSAGE_MIN    256u
#define QUEUED_UNKNOWN 65536u

/* An unprivileged process may not exceed net.core.rmem_max: take what is to
 * be had, losses are counted anyway. */
static void set_buffer(int fd, uint32_t bytes)
{
	int size = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

static int alloc_ring(struct weir_nlsock *s, size_t stride, unsigned batch)
{
	s->stride = stride;
	s->batch = batch;
	s->memory = malloc(stride * batch);
	s->heads = calloc(batch, sizeof(*s->heads));
	s->parts = calloc(batch, sizeof(*s->parts));
	if (!s->memory || !s->heads || !s->parts)
		return -ENOMEM;
	for (unsigned i = 0; i < batch; i++) {
		s->parts[i].iov_base = s->memory + i * stride;
		s->parts[i].iov_len = stride;
		s->heads[i].msg_hdr.msg_iov = &s->parts[i];
		s->heads[i].msg_hdr.msg_iovlen = 1;
	}
	return 0;
}

static int subscribe(int fd, const struct sock_fprog *filter, const int *groups)
{
	struct sockaddr_nl self = { .nl_family = AF_NETLINK };

	if (filter && setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter, sizeof(*filter)) < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0)
		return -errno;
	for (; groups && *groups; groups++) {
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, groups, sizeof(*groups)) <
		    0)
			return -errno;
	}
	return 0;
}

int weir_nlsock_open(struct weir_nlsock *s, uint32_t buffer, size_t stride, unsigned batch,
		     const struct sock_fprog *filter, const int *groups, struct weir_error *err)
{
	int r;

	*s = (struct weir_nlsock){ .fd = -1 };
	if (alloc_ring(s, stride, batch) < 0) {
		weir_nlsock_close(s);
		return weir_error_errno(err, ENOMEM, "netlink buffers");
	}
	s->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (s->fd < 0) {
		r = -errno;
		weir_nlsock_close(s);
		return weir_error_errno(err, -r, "netlink socket");
	}
	set_buffer(s->fd, buffer);
	r = subscribe(s->fd, filter, groups);
	if (r < 0) {
		weir_nlsock_close(s);
		return weir_error_errno(err, -r,
					"subscribe to netfilter events (needs CAP_NET_ADMIN)");
	}
	return 0;
}

void weir_nlsock_close(struct weir_nlsock *s)
{
	weir_cleanup_close(&s->fd);
	free(weir_take(s->memory));
	free(weir_take(s->heads));
	free(weir_take(s->parts));
}

int weir_nlsock_send(struct weir_nlsock *s, const struct nlmsghdr *request)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	if (sendto(s->fd, request, request->nlmsg_len, 0, (struct sockaddr *)&kernel,
		   sizeof(kernel)) < 0)
		return -errno;
	return 0;
}

/* Requests go out before the first event is asked for; whatever else is in
 * the way of the ACK is at most an event of a group just bound. */
int weir_nlsock_request(struct weir_nlsock *s, struct nlmsghdr *request)
{
	static const struct timeval patience = { .tv_sec = 5 };
	struct nlmsghdr *answer = (struct nlmsghdr *)s->memory;
	struct timeval forever = { 0 };
	int r;

	request->nlmsg_flags |= NLM_F_ACK;
	r = weir_nlsock_send(s, request);
	if (r < 0)
		return r;
	setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	for (;;) {
		ssize_t n = recv(s->fd, s->memory, s->stride, 0);

		if (n < 0 && errno == EINTR)
			continue;
		r = n < 0 ? -errno : 0;
		if (r == 0 && ((size_t)n < sizeof(*answer) + sizeof(struct nlmsgerr) ||
			       answer->nlmsg_type != NLMSG_ERROR))
			continue;
		if (r == 0)
			r = ((struct nlmsgerr *)(answer + 1))->error;
		break;
	}
	setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever));
	return r;
}

int weir_nlsock_read(struct weir_nlsock *s, struct weir_nlsock_read *ret)
{
	int n;

	*ret = (struct weir_nlsock_read){ 0 };
	n = recvmmsg(s->fd, s->heads, s->batch, MSG_DONTWAIT, NULL);
	if (n >= 0) {
		ret->n = (unsigned)n;
		ret->more = ret->n == s->batch;
		return 0;
	}
	if (errno == ENOBUFS) {
		ret->overrun = ret->more = true;
		return 0;
	}
	if (errno == EINTR)
		ret->more = true;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

/* The kernel tells how much memory they take, bookkeeping included, and that alone
 * is more than 256 bytes a message. */
uint32_t weir_nlsock_queued(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0)
		return QUEUED_UNKNOWN;
	return info[SK_MEMINFO_RMEM_ALLOC] / MESSAGE_MIN + 1;
}

/*
 * The kernel adds to sk_drops for every message that it could not queue, and
 * says ENOBUFS once for each time that the buffer became full. The counter may
 * have been read before that ENOBUFS is.
 */
uint32_t weir_nlsock_dropped(struct weir_nlsock *s, bool overrun, bool *ret_unknown)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 }, delta;
	socklen_t len = sizeof(info);

	*ret_unknown = false;
	if (getsockopt(s->fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0) {
		*ret_unknown = overrun;
		return 0;
	}
	delta = info[SK_MEMINFO_DROPS] - s->drops;
	s->drops = info[SK_MEMINFO_DROPS];
	if (overrun && !delta && !s->error_expected)
		*ret_unknown = true;
	s->error_expected = delta ? !overrun : s->error_expected && !overrun;
	return delta;
}
