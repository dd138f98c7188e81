/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets to the API server. libcurl has them opened here, so that one
 * which is dead can be told so: with HTTP/2 all transfers share it, and libcurl
 * would put the next one on it, too. It does not always tell when it closes
 * one: whether a number still means the same socket, the kernel says.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/kube/internal.h"
#include "weir/cleanup.h"

enum {
	KEEPALIVE_IDLE_S = 30,
	KEEPALIVE_S = 10,
	/* What was sent and is not acknowledged for so long never arrives; else the
	 * kernel would try for a quarter of an hour. */
	UNACKNOWLEDGED_MS = 30000,
};

struct weir_connection {
	int fd;
	uint64_t cookie; /* of the socket: unique since the machine was started */
	struct weir_connection *next;
};

/* 0: there is no socket of this number. */
static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

static void forget_closed(struct weir_kube *kube)
{
	struct weir_connection **at = &kube->connections;

	while (*at) {
		struct weir_connection *c = *at;

		if (cookie_of(c->fd) == c->cookie) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		free(c);
	}
}

static curl_socket_t open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *addr)
{
	struct weir_kube *kube = data;
	struct weir_connection *c = malloc(sizeof(*c));
	WEIR_AUTO_CLOSE int fd =
		socket(addr->family, addr->socktype | SOCK_CLOEXEC, addr->protocol);
	unsigned timeout = UNACKNOWLEDGED_MS;

	if (!c || fd < 0) {
		free(c);
		return CURL_SOCKET_BAD;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
	forget_closed(kube);
	*c = (struct weir_connection){ fd, cookie_of(fd), kube->connections };
	kube->connections = c;
	return weir_take_fd(fd);
}

void weir_connections_watch(CURL *easy, struct weir_kube *kube)
{
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, kube);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1l);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S);
}

void weir_connections_break(struct weir_kube *kube)
{
	forget_closed(kube);
	for (struct weir_connection *c = kube->connections; c; c = c->next)
		shutdown(c->fd, SHUT_RDWR);
}

void weir_connections_free(struct weir_kube *kube)
{
	while (kube->connections) {
		struct weir_connection *c = kube->connections;

		kube->connections = c->next;
		free(c);
	}
}
