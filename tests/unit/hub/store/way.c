/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hub/store/way.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void pass_on(struct test_way *w, int client, int to)
{
	struct pollfd fds[2] = { { client, POLLIN, 0 }, { to, POLLIN, 0 } };
	char buf[65536];

	while (poll(fds, 2, 200) >= 0 && !w->ending) {
		for (int i = 0; i < 2; i++) {
			long left = w->request_bytes;
			ssize_t n;

			if (!fds[i].revents)
				continue;
			n = read(fds[i].fd, buf, sizeof(buf));
			if (n <= 0 || (i == 1 && w->deaf))
				return;
			if (i == 0 && left >= 0) {
				n = n < left ? n : left;
				w->request_bytes = left - n;
			}
			if (n && send(fds[!i].fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
				return;
			if (i == 0 && left >= 0 && !w->request_bytes)
				return;
		}
	}
}

static void *run_way(void *way)
{
	struct test_way *w = way;

	while (!w->ending) {
		struct sockaddr_in a = { .sin_family = AF_INET,
					 .sin_port = htons(w->to),
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		struct pollfd fd = { w->listener, POLLIN, 0 };
		int client, to;

		if (poll(&fd, 1, 100) <= 0)
			continue;
		client = accept(w->listener, NULL, NULL);
		to = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(to, (struct sockaddr *)&a, sizeof(a)) == 0)
			pass_on(w, client, to);
		close(client);
		close(to);
	}
	return NULL;
}

void test_way_open(struct test_way *w, uint16_t to)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	*w = (struct test_way){ .request_bytes = -1, .to = to };
	w->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(w->listener, (struct sockaddr *)&a, len) < 0 || listen(w->listener, 16) < 0 ||
	    getsockname(w->listener, (struct sockaddr *)&a, &len) < 0)
		abort();
	w->port = ntohs(a.sin_port);
	pthread_create(&w->thread, NULL, run_way, w);
}

void test_way_close(struct test_way *w)
{
	w->ending = true;
	pthread_join(w->thread, NULL);
	close(w->listener);
}
