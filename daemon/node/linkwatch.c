/* SPDX-License-Identifier: Apache-2.0 */
/* RTNLGRP_LINK. Keeps nothing: who is told decides whether it matters. */
#include "daemon/node/linkwatch.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "weir/cleanup.h"

#define BUFFER (32 * 1024)

struct weir_link_watch {
	struct mnl_socket *nl;
	uv_poll_t poll;
	weir_link_fn fn;
	void *data;
};

static int on_message(const struct nlmsghdr *nlh, void *data)
{
	const struct weir_link_watch *w = data;
	struct weir_link link;

	if (nlh->nlmsg_type != RTM_NEWLINK && nlh->nlmsg_type != RTM_DELLINK)
		return MNL_CB_OK;
	weir_link_decode(nlh, &link);
	w->fn(w->data, &link, nlh->nlmsg_type == RTM_DELLINK);
	return MNL_CB_OK;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct weir_link_watch *w = poll->data;
	WEIR_AUTO_FREE char *buf = malloc(BUFFER);
	ssize_t n;

	if (!buf)
		return; /* it stays readable */
	while ((n = recv(mnl_socket_get_fd(w->nl), buf, BUFFER, MSG_DONTWAIT)) > 0 ||
	       (n < 0 && (errno == ENOBUFS || errno == EINTR))) {
		if (n > 0)
			mnl_cb_run(buf, (size_t)n, 0, 0, on_message, w);
		else if (errno == ENOBUFS)
			w->fn(w->data, NULL, false);
	}
}

static void free_watch(struct weir_link_watch *w)
{
	if (w->nl)
		mnl_socket_close(w->nl);
	free(w);
}

int weir_link_watch_start(uv_loop_t *loop, weir_link_fn fn, void *data,
			  struct weir_link_watch **ret, struct weir_error *err)
{
	struct weir_link_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return weir_error_errno(err, ENOMEM, "links");
	w->fn = fn;
	w->data = data;
	w->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!w->nl || mnl_socket_bind(w->nl, RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0 ||
	    uv_poll_init(loop, &w->poll, mnl_socket_get_fd(w->nl)) < 0) {
		int code = errno;

		free_watch(w);
		return weir_error_errno(err, code, "links: netlink socket");
	}
	w->poll.data = w;
	uv_poll_start(&w->poll, UV_READABLE, on_readable);
	*ret = w;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free_watch(handle->data);
}

void weir_link_watch_stop(struct weir_link_watch **watch)
{
	struct weir_link_watch *w = weir_take(*watch);

	if (!w)
		return;
	uv_poll_stop(&w->poll);
	uv_close((uv_handle_t *)&w->poll, on_closed);
}
