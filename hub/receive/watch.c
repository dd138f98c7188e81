/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TCP connections beneath the sockets, told of by libzmq's monitors. There
 * must not be too many of them, and none may have sent much more than
 * what came out of it as messages: libzmq puts no bound on a message of endless frames.
 */
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <zmq.h>

#include "hub/receive/internal.h"
#include "weir/cleanup.h"

struct connection {
	bool open;
	uint64_t handled; /* bytes of messages that came out of it */
};

struct weir_watch {
	void *context;
	unsigned opened; /* monitors, ever: each needs a name of its own */
	void **monitors;
	size_t n_monitors;
	struct connection *connections; /* by descriptor */
	size_t size, n, max;
	uint64_t unread_max;
};

int weir_watch_new(void *context, size_t max, uint64_t unread_max, struct weir_watch **ret)
{
	struct weir_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->context = context;
	w->max = max;
	w->unread_max = unread_max;
	*ret = w;
	return 0;
}

void weir_watch_free(struct weir_watch **watch)
{
	struct weir_watch *w = weir_take(*watch);

	if (!w)
		return;
	for (size_t i = 0; i < w->n_monitors; i++)
		zmq_close(w->monitors[i]);
	free(w->monitors);
	free(w->connections);
	free(w);
}

/* Without a monitor connections are not bounded, and the rest works. */
void weir_watch_socket(struct weir_watch *w, void *socket)
{
	void **monitors = realloc(w->monitors, (w->n_monitors + 1) * sizeof(void *));
	void *monitor = monitors ? zmq_socket(w->context, ZMQ_PAIR) : NULL;
	char name[64];

	if (monitors)
		w->monitors = monitors;
	snprintf(name, sizeof(name), "inproc://watch-%u", w->opened++);
	if (monitor)
		zmq_setsockopt(monitor, ZMQ_RCVHWM, &(int){ 0 }, sizeof(int));
	if (monitor &&
	    zmq_socket_monitor(socket, name,
			       ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CONNECTED | ZMQ_EVENT_DISCONNECTED |
				       ZMQ_EVENT_CLOSED | ZMQ_EVENT_MONITOR_STOPPED) == 0 &&
	    zmq_connect(monitor, name) == 0)
		w->monitors[w->n_monitors++] = monitor;
	else if (monitor)
		zmq_close(monitor);
}

static void set_open(struct weir_watch *w, uint32_t fd, bool open)
{
	size_t size = fd < w->size ? w->size : fd + 64u;
	struct connection *all;

	if (fd > 1u << 20)
		return;
	if (size != w->size) {
		all = realloc(w->connections, size * sizeof(*all));
		if (!all)
			return;
		memset(all + w->size, 0, (size - w->size) * sizeof(*all));
		w->connections = all;
		w->size = size;
	}
	w->n += open;
	w->n -= w->connections[fd].open;
	w->connections[fd] = (struct connection){ .open = open };
	if (open && w->n > w->max)
		shutdown((int)fd, SHUT_RDWR);
}

/* False: no more events from this one, ever. */
static bool read_events(struct weir_watch *w, void *monitor)
{
	uint8_t event[6];
	uint16_t what;
	uint32_t fd;
	char address[256];

	while (zmq_recv(monitor, event, sizeof(event), ZMQ_DONTWAIT) == sizeof(event)) {
		zmq_recv(monitor, address, sizeof(address), ZMQ_DONTWAIT);
		memcpy(&what, event, sizeof(what));
		memcpy(&fd, event + sizeof(what), sizeof(fd));
		if (what == ZMQ_EVENT_MONITOR_STOPPED)
			return false;
		set_open(w, fd, what == ZMQ_EVENT_ACCEPTED || what == ZMQ_EVENT_CONNECTED);
	}
	return true;
}

void weir_watch_read(struct weir_watch *w)
{
	for (size_t i = 0; i < w->n_monitors; i++) {
		if (read_events(w, w->monitors[i]))
			continue;
		zmq_close(w->monitors[i]);
		w->monitors[i--] = w->monitors[--w->n_monitors];
	}
}

void weir_watch_handled(struct weir_watch *w, int fd, size_t bytes)
{
	if (fd >= 0 && (size_t)fd < w->size)
		w->connections[fd].handled += bytes;
}

size_t weir_watch_count(const struct weir_watch *w)
{
	return w->n;
}

static uint64_t received(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? info.tcpi_bytes_received
								       : 0;
}

void weir_watch_unread(struct weir_watch *w, void (*found)(void *data, int fd), void *data)
{
	for (size_t fd = 0; fd < w->size; fd++) {
		struct connection *c = &w->connections[fd];

		if (!c->open || received((int)fd) <= c->handled + w->unread_max)
			continue;
		found(data, (int)fd);
		shutdown((int)fd, SHUT_RDWR);
	}
}
