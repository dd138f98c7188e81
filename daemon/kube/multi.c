/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl's multi interface on libuv: its sockets are polled, its one timer is
 * ours. Knows nothing of what is transferred.
 * Source: libcurl's curl_multi_socket_action(3).
 */
#include <errno.h>
#include <stdlib.h>

#include "daemon/kube/internal.h"

struct socket_poll {
	uv_poll_t poll;
	struct weir_kube *kube;
	curl_socket_t fd;
};

static void hand_over(struct weir_kube *kube)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(kube->multi, &left))) {
		if (msg->msg == CURLMSG_DONE)
			weir_transfer_ended(msg->easy_handle, msg->data.result);
	}
	weir_transfer_settle(kube);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct socket_poll *p = poll->data;
	struct weir_kube *kube = p->kube;
	int what = 0, running;

	if (status < 0)
		what = CURL_CSELECT_ERR;
	if (events & UV_READABLE)
		what |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		what |= CURL_CSELECT_OUT;
	curl_multi_socket_action(kube->multi, p->fd, what, &running);
	hand_over(kube);
}

static void on_timer(uv_timer_t *timer)
{
	struct weir_kube *kube = timer->data;
	int running;

	curl_multi_socket_action(kube->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	hand_over(kube);
}

static int want_timer(CURLM *multi, long ms, void *data)
{
	struct weir_kube *kube = data;

	if (ms < 0)
		uv_timer_stop(&kube->timer);
	else /* never from inside of this call */
		uv_timer_start(&kube->timer, on_timer, (uint64_t)ms, 0);
	return 0;
}

static void free_poll(uv_handle_t *handle)
{
	free(handle->data);
}

static struct socket_poll *new_poll(struct weir_kube *kube, curl_socket_t fd)
{
	struct socket_poll *p = calloc(1, sizeof(*p));

	if (!p || uv_poll_init_socket(kube->loop, &p->poll, fd) < 0) {
		free(p);
		return NULL;
	}
	p->kube = kube;
	p->fd = fd;
	p->poll.data = p;
	curl_multi_assign(kube->multi, fd, p);
	return p;
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
	struct socket_poll *p = socket_data;
	int events = 0;

	if (what == CURL_POLL_REMOVE) {
		if (p) {
			uv_poll_stop(&p->poll);
			uv_close((uv_handle_t *)&p->poll, free_poll);
			curl_multi_assign(((struct weir_kube *)data)->multi, fd, NULL);
		}
		return 0;
	}
	if (!p)
		p = new_poll(data, fd);
	if (!p)
		return -1;
	if (what & CURL_POLL_IN)
		events |= UV_READABLE;
	if (what & CURL_POLL_OUT)
		events |= UV_WRITABLE;
	return uv_poll_start(&p->poll, events, on_ready) < 0 ? -1 : 0;
}

int weir_multi_open(struct weir_kube *kube, struct weir_error *err)
{
	uv_timer_init(kube->loop, &kube->timer);
	kube->timer.data = kube;
	kube->multi = curl_multi_init();
	if (!kube->multi)
		return weir_error_errno(err, ENOMEM, "libcurl");
	curl_multi_setopt(kube->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(kube->multi, CURLMOPT_SOCKETDATA, kube);
	curl_multi_setopt(kube->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl_multi_setopt(kube->multi, CURLMOPT_TIMERDATA, kube);
	curl_multi_setopt(kube->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	return 0;
}

void weir_multi_close(struct weir_kube *kube, uv_close_cb closed)
{
	if (kube->multi)
		curl_multi_cleanup(kube->multi);
	kube->multi = NULL;
	uv_close((uv_handle_t *)&kube->timer, closed);
}
