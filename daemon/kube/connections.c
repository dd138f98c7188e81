/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets to the API server. libcurl opens and closes them through here, so
 * that one which is dead can be told so: with HTTP/2 all transfers share it,
 * and libcurl would put the next one on it, too.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/kube/internal.h"

enum {
	KEEPALIVE_IDLE_S = 30,
	KEEPALIVE_S = 10,
	/* What was sent and is not acknowledged for so long never arrives; else the
	 * kernel would try for a quarter of an hour. */
	UNACKNOWLEDGED_MS = 30000,
};

struct weir_connection {
	curl_socket_t fd;
	struct weir_connection *next;
};

static curl_socket_t open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *addr)
{
	struct weir_kube *kube = data;
	struct weir_connection *c = malloc(sizeof(*c));
	unsigned timeout = UNACKNOWLEDGED_MS;

	if (!c)
		return CURL_SOCKET_BAD;
	c->fd = socket(addr->family, addr->socktype | SOCK_CLOEXEC, addr->protocol);
	if (c->fd < 0) {
		free(c);
		return CURL_SOCKET_BAD;
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
	c->next = kube->connections;
	kube->connections = c;
	return c->fd;
}

static int close_socket(void *data, curl_socket_t fd)
{
	struct weir_kube *kube = data;

	for (struct weir_connection **at = &kube->connections; *at; at = &(*at)->next) {
		struct weir_connection *c = *at;

		if (c->fd == fd) {
			*at = c->next;
			free(c);
			break;
		}
	}
	return close(fd);
}

void weir_connections_watch(CURL *easy, struct weir_kube *kube)
{
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, kube);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, kube);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1l);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S);
}

void weir_connections_break(struct weir_kube *kube)
{
	for (struct weir_connection *c = kube->connections; c; c = c->next)
		shutdown(c->fd, SHUT_RDWR);
}
