/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's half of the daemon's socket: connect, one request, one reply,
 * all of it within one deadline. Needs nothing but libc, for the plugin.
 */
#include "weir/rpc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "weir/cleanup.h"

#define FRAME_HEADER 4

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Wait for the socket; deadline < 0: without end. */
static int wait_for(int fd, short events, int64_t deadline)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int64_t left = deadline < 0 ? -1 : deadline - now_ms();
		int n;

		if (deadline >= 0 && left <= 0)
			return -ETIMEDOUT;
		n = poll(&p, 1, (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int open_socket(const char *path, int64_t deadline, struct weir_error *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	WEIR_AUTO_CLOSE int fd = -1;
	int r;

	if (strlen(path) >= sizeof(sun.sun_path))
		return weir_error_set(err, ENAMETOOLONG, "%s: path of a socket is too long", path);
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return weir_error_errno(err, errno, "socket");
	while (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN) /* EAGAIN: the listener's queue is full */
			return weir_error_errno(err, errno, "%s", path);
		r = deadline >= 0 && now_ms() >= deadline ? -ETIMEDOUT : 0;
		if (r < 0)
			return weir_error_errno(err, -r, "%s", path);
		usleep(1000);
	}
	return weir_take_fd(fd);
}

static int send_all(int fd, const void *data, size_t len, int64_t deadline)
{
	const char *p = data;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
		int r;

		if (n >= 0) {
			p += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		r = wait_for(fd, POLLOUT, deadline);
		if (r < 0)
			return r;
	}
	return 0;
}

static int receive_all(int fd, void *data, size_t len, int64_t deadline)
{
	char *p = data;

	while (len) {
		int r = wait_for(fd, POLLIN, deadline);
		ssize_t n;

		if (r < 0)
			return r;
		n = recv(fd, p, len, 0);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int receive_reply(int fd, int64_t deadline, char **ret_reply, size_t *ret_len)
{
	WEIR_AUTO_FREE char *reply = NULL;
	uint32_t length;
	int r = receive_all(fd, &length, sizeof(length), deadline);

	if (r < 0)
		return r;
	length = ntohl(length);
	if (length > WEIR_RPC_REPLY_MAX)
		return -EMSGSIZE;
	reply = malloc((size_t)length + 1);
	if (!reply)
		return -ENOMEM;
	r = receive_all(fd, reply, length, deadline);
	if (r < 0)
		return r;
	reply[length] = 0;
	*ret_reply = weir_take(reply);
	*ret_len = length;
	return 0;
}

int weir_rpc_call(const char *socket_path, const char *request, size_t len, int timeout_ms,
		  char **ret_reply, size_t *ret_len, struct weir_error *err)
{
	int64_t deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
	WEIR_AUTO_CLOSE int fd = -1;
	uint32_t length = htonl((uint32_t)len);
	int r;

	if (len > WEIR_RPC_REQUEST_MAX)
		return weir_error_set(err, EMSGSIZE, "%s: a request of %zu bytes is longer than %d",
				      socket_path, len, WEIR_RPC_REQUEST_MAX);
	fd = open_socket(socket_path, deadline, err);
	if (fd < 0)
		return fd;
	r = send_all(fd, &length, sizeof(length), deadline);
	if (r == 0)
		r = send_all(fd, request, len, deadline);
	if (r == 0)
		r = receive_reply(fd, deadline, ret_reply, ret_len);
	if (r < 0)
		return weir_error_errno(err, -r, "%s", socket_path);
	return 0;
}

long weir_rpc_frame(const uint8_t *buf, size_t len, size_t max)
{
	size_t length;

	if (len < FRAME_HEADER)
		return 0;
	length = (size_t)buf[0] << 24 | (size_t)buf[1] << 16 | (size_t)buf[2] << 8 | buf[3];
	if (length > max)
		return -EMSGSIZE;
	return len < FRAME_HEADER + length ? 0 : (long)(FRAME_HEADER + length);
}
