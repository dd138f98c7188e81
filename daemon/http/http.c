/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmicrohttpd within the uv loop: its epoll descriptor is polled, its
 * timeouts are a timer. Few connections, few bytes each: this is for a scraper
 * and a probe. The pages are made elsewhere.
 */
#include "daemon/http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/weird.h"
#include "weir/cleanup.h"

#define CONNECTIONS_MAX 16
#define MEMORY_MAX	(16 * 1024) /* of one connection */
#define TIMEOUT_S	10

struct weir_http {
	struct weird *d;
	struct MHD_Daemon *mhd;
	uv_poll_t poll;
	uv_timer_t timer;
	int open; /* handles that are not closed yet */
};

static const struct {
	const char *path, *type;
	char *(*make)(struct weird *d, unsigned *ret_status);
} pages[] = {
	{ "/metrics", "text/plain; version=0.0.4; charset=utf-8", weir_page_metrics },
	{ "/healthz", "text/plain; charset=utf-8", weir_page_healthz },
	{ "/readyz", "text/plain; charset=utf-8", weir_page_readyz },
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
			      char *body)
{
	struct MHD_Response *response;
	enum MHD_Result r;

	if (!body)
		return MHD_NO;
	response = MHD_create_response_from_buffer(strlen(body), body, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(body);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	r = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **state)
{
	struct weir_http *h = data;
	unsigned status = MHD_HTTP_OK;
	char *body;

	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain",
			      strdup("only GET\n"));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(pages); i++) {
		if (strcmp(url, pages[i].path))
			continue;
		body = pages[i].make(h->d, &status);
		return answer(connection, status, pages[i].type, body);
	}
	return answer(connection, MHD_HTTP_NOT_FOUND, "text/plain",
		      strdup("here are /metrics, /healthz, /readyz\n"));
}

/* --- within the loop -------------------------------------------------------------- */

static void turn(struct weir_http *h);

static void on_timer(uv_timer_t *timer)
{
	turn(timer->data);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	turn(poll->data);
}

static unsigned connections(struct weir_http *h)
{
	return MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

/* At its limit libmicrohttpd listens no more, and it begins again not when a
 * connection has gone but at the run after. */
static void turn(struct weir_http *h)
{
	MHD_UNSIGNED_LONG_LONG ms;
	unsigned before;

	do {
		before = connections(h);
		MHD_run(h->mhd);
	} while (connections(h) < before);
	if (MHD_get_timeout(h->mhd, &ms) == MHD_YES)
		uv_timer_start(&h->timer, on_timer, ms, 0);
	else
		uv_timer_stop(&h->timer);
}

/* --- life -------------------------------------------------------------------------- */

static int parse_address(const char *text, struct sockaddr_storage *ret)
{
	char host[WEIR_ADDR_STRLEN + 2];
	const char *colon = strrchr(text, ':'), *start = text;
	struct weir_addr addr;
	size_t len;
	char *end;
	long port;

	if (!colon || colon == text)
		return -EINVAL;
	port = strtol(colon + 1, &end, 10);
	len = (size_t)(colon - text);
	if (*text == '[' && colon[-1] == ']') {
		start++;
		len -= 2;
	}
	if (end == colon + 1 || *end || port < 1 || port > UINT16_MAX || len >= sizeof(host))
		return -EINVAL;
	snprintf(host, sizeof(host), "%.*s", (int)len, start);
	if (weir_addr_parse(host, &addr) < 0 || (addr.family == AF_INET6) != (start != text))
		return -EINVAL;
	memset(ret, 0, sizeof(*ret));
	ret->ss_family = addr.family;
	if (addr.family == AF_INET6) {
		memcpy(&((struct sockaddr_in6 *)ret)->sin6_addr, addr.bytes, 16);
		((struct sockaddr_in6 *)ret)->sin6_port = htons((uint16_t)port);
	} else {
		memcpy(&((struct sockaddr_in *)ret)->sin_addr, addr.bytes, 4);
		((struct sockaddr_in *)ret)->sin_port = htons((uint16_t)port);
	}
	return 0;
}

static struct MHD_Daemon *listen_on(struct weir_http *h, struct sockaddr_storage *addr)
{
	unsigned flags = MHD_USE_EPOLL | (addr->ss_family == AF_INET6 ? MHD_USE_IPv6 : 0u);

	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, h, MHD_OPTION_SOCK_ADDR, addr,
				MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_CONNECTION_LIMIT,
				(unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
				(unsigned)TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				(size_t)MEMORY_MAX, MHD_OPTION_END);
}

int weir_http_start(struct weird *d, const char *address, struct weir_http **ret,
		    struct weir_error *err)
{
	WEIR_AUTO_FREE struct weir_http *h = calloc(1, sizeof(*h));
	const union MHD_DaemonInfo *info;
	struct sockaddr_storage addr;

	if (!h)
		return weir_error_errno(err, ENOMEM, "metrics");
	if (parse_address(address, &addr) < 0)
		return weir_error_set(err, EINVAL,
				      "metrics: \"%s\" is no address (want e.g. 127.0.0.1:9571)",
				      address);
	h->d = d;
	h->mhd = listen_on(h, &addr);
	if (!h->mhd)
		return weir_error_errno(err, errno ? errno : EIO, "metrics: listen on %s", address);
	info = MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info || uv_poll_init(d->loop, &h->poll, info->epoll_fd) < 0) {
		MHD_stop_daemon(h->mhd);
		return weir_error_set(err, EIO, "metrics: cannot be polled");
	}
	uv_timer_init(d->loop, &h->timer);
	h->poll.data = h->timer.data = h;
	h->open = 2;
	uv_poll_start(&h->poll, UV_READABLE, on_readable);
	*ret = weir_take(h);
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct weir_http *h = handle->data;

	if (--h->open == 0)
		free(h);
}

void weir_http_stop(struct weir_http **http)
{
	struct weir_http *h = weir_take(*http);

	if (!h)
		return;
	uv_poll_stop(&h->poll);
	MHD_stop_daemon(h->mhd);
	uv_close((uv_handle_t *)&h->poll, on_closed);
	uv_close((uv_handle_t *)&h->timer, on_closed);
}
