/* SPDX-License-Identifier: Apache-2.0 */
/* The listening half of the daemon's unix socket; connections are in client.c. */
#include "daemon/rpc/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/rpc/internal.h"
#include "weir/cleanup.h"

#define BACKLOG 256

/* Is there somebody behind the socket file? */
static bool is_in_use(const char *path)
{
	WEIR_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (fd < 0)
		return false;
	strcpy(sun.sun_path, path);
	return connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0;
}

static int make_way(const char *path, struct weir_error *err)
{
	struct stat st;

	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return weir_error_set(err, ENAMETOOLONG, "%s: path of a socket is too long", path);
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : weir_error_errno(err, errno, "%s", path);
	if (!S_ISSOCK(st.st_mode))
		return weir_error_set(err, EEXIST, "%s: is there and is not a socket: remove it",
				      path);
	if (is_in_use(path))
		return weir_error_set(err, EADDRINUSE, "%s: another weird listens there", path);
	return unlink(path) < 0 ? weir_error_errno(err, errno, "%s", path) : 0;
}

static void on_connection(uv_stream_t *stream, int status)
{
	if (status == 0)
		weir_rpc_client_accept(stream->data);
}

/* The mode is set before listen: until then nobody can connect. */
static int open_pipe(struct weir_rpc_server *s, struct weir_error *err)
{
	int r = uv_pipe_bind(&s->pipe, s->path);

	if (r == 0 && chmod(s->path, 0600) < 0)
		r = -errno;
	if (r == 0)
		r = uv_listen((uv_stream_t *)&s->pipe, BACKLOG, on_connection);
	return r < 0 ? weir_error_errno(err, -r, "%s", s->path) : 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct weir_rpc_server *s = handle->data;

	s->closed = true;
}

static size_t count_methods(const struct weir_rpc_method *const *tables)
{
	size_t n = 0;

	for (; *tables; tables++)
		for (const struct weir_rpc_method *m = *tables; m->name; m++)
			n++;
	return n;
}

void weir_rpc_server_counts(const struct weir_rpc_server *server,
			    void (*fn)(void *data, const char *method, uint64_t ok,
				       uint64_t failed),
			    void *data)
{
	const struct weir_rpc_count *count = server->counts;

	for (const struct weir_rpc_method *const *t = server->methods; *t; t++)
		for (const struct weir_rpc_method *m = *t; m->name; m++, count++)
			fn(data, m->name, count->ok, count->failed);
	fn(data, "", count->ok, count->failed);
}

int weir_rpc_server_start(uv_loop_t *loop, const char *path,
			  const struct weir_rpc_method *const *methods, struct weird *d,
			  struct weir_rpc_server **ret, struct weir_error *err)
{
	struct weir_rpc_server *s;
	int r = make_way(path, err);

	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s || !(s->path = strdup(path)) ||
	    !(s->counts = calloc(count_methods(methods) + 1, sizeof(*s->counts)))) {
		if (s)
			free(s->path);
		free(s);
		return weir_error_errno(err, ENOMEM, "%s", path);
	}
	s->d = d;
	s->methods = methods;
	s->request_ms = WEIR_RPC_REQUEST_MS;
	uv_pipe_init(loop, &s->pipe, 0);
	s->pipe.data = s;
	r = open_pipe(s, err);
	if (r < 0) {
		weir_rpc_server_stop(&s);
		return r;
	}
	*ret = s;
	return 0;
}

/* Closing is asynchronous in libuv: turn the loop until all handles are gone. */
void weir_rpc_server_stop(struct weir_rpc_server **server)
{
	struct weir_rpc_server *s = *server;
	uv_loop_t *loop;

	if (!s)
		return;
	loop = s->pipe.loop;
	weir_rpc_clients_close(s);
	uv_close((uv_handle_t *)&s->pipe, on_closed);
	while (!s->closed)
		uv_run(loop, UV_RUN_NOWAIT);
	uv_run(loop, UV_RUN_NOWAIT);
	unlink(s->path);
	free(s->path);
	free(s->counts);
	free(s);
	*server = NULL;
}
