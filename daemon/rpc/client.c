/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection: collects the bytes of a request, calls its method, writes
 * the answer, reads on. A connection has one request under way; while it is,
 * nothing more is read from it, so a client cannot pile up work.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "daemon/rpc/internal.h"
#include "daemon/rpc/request.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define FRAME_HEADER 4
#define CHUNK	     4096

struct client {
	uv_pipe_t pipe;
	uv_timer_t timer; /* for the request to arrive, or the reply to leave */
	struct weir_rpc_server *server;
	struct client *prev, *next;
	struct weir_rpc_reply *pending; /* the request that waits for its answer */
	uint8_t *in;
	size_t in_len, in_size;
	unsigned open_handles;
	bool closing;
};

struct weir_rpc_reply {
	struct client *client;		 /* NULL: has gone away */
	bool last;			 /* close the connection behind the answer */
	size_t count;			 /* which of the server's counts */
	struct weir_rpc_request request; /* params are lent to the method until the answer */
	uv_write_t write;
	char *text;
	uint8_t header[FRAME_HEADER];
};

static void read_on(struct client *c);

/* --- the end of a connection --------------------------------------------------- */

static void on_handle_closed(uv_handle_t *handle)
{
	struct client *c = handle->data;

	if (--c->open_handles)
		return;
	free(c->in);
	free(c);
}

static void client_close(struct client *c)
{
	if (c->closing)
		return;
	c->closing = true;
	if (c->pending)
		c->pending->client = NULL;
	DL_DELETE(c->server->clients, c);
	c->server->n_clients--;
	uv_close((uv_handle_t *)&c->pipe, on_handle_closed);
	uv_close((uv_handle_t *)&c->timer, on_handle_closed);
}

static void on_timeout(uv_timer_t *timer)
{
	client_close(timer->data);
}

/* --- answers ---------------------------------------------------------------------- */

static void reply_free(struct weir_rpc_reply *reply)
{
	weir_rpc_request_clear(&reply->request);
	free(reply->text);
	free(reply);
}

static void on_written(uv_write_t *write, int status)
{
	struct weir_rpc_reply *reply = write->data;
	struct client *c = reply->client;

	if (c) {
		c->pending = NULL;
		if (status < 0 || reply->last)
			client_close(c);
		else
			read_on(c);
	}
	reply_free(reply);
}

/* Sends {"version":1, key: value}; takes value. */
static void answer(struct weir_rpc_reply *reply, const char *key, cJSON *value)
{
	cJSON *envelope = cJSON_CreateObject();
	struct client *c = reply->client;
	uv_buf_t bufs[2];
	size_t len;

	cJSON_AddNumberToObject(envelope, "version", WEIR_RPC_VERSION);
	cJSON_AddItemToObject(envelope, key, value);
	reply->text = c ? cJSON_PrintUnformatted(envelope) : NULL;
	cJSON_Delete(envelope);
	if (!reply->text) {
		if (c) {
			c->pending = NULL;
			client_close(c);
		}
		reply_free(reply);
		return;
	}
	len = strlen(reply->text);
	for (unsigned i = 0; i < FRAME_HEADER; i++)
		reply->header[i] = (uint8_t)(len >> (24 - 8 * i));
	bufs[0] = uv_buf_init((char *)reply->header, sizeof(reply->header));
	bufs[1] = uv_buf_init(reply->text, (unsigned)len);
	reply->write.data = reply;
	uv_timer_start(&c->timer, on_timeout, c->server->request_ms, 0);
	if (uv_write(&reply->write, (uv_stream_t *)&c->pipe, bufs, 2, on_written) < 0)
		on_written(&reply->write, -EPIPE);
}

/* An answer to a client that has gone is none. */
static void count(struct weir_rpc_reply *reply, bool ok)
{
	struct weir_rpc_count *c;

	if (!reply->client)
		return;
	c = &reply->client->server->counts[reply->count];
	*(ok ? &c->ok : &c->failed) += 1;
}

void weir_rpc_reply_result(struct weir_rpc_reply *reply, cJSON *result)
{
	count(reply, true);
	answer(reply, "result", result ? result : cJSON_CreateObject());
}

void weir_rpc_reply_error(struct weir_rpc_reply *reply, enum weir_rpc_code code, const char *msg,
			  const char *details)
{
	cJSON *error = cJSON_CreateObject();

	count(reply, false);
	cJSON_AddNumberToObject(error, "code", code);
	cJSON_AddStringToObject(error, "msg", msg);
	if (details)
		cJSON_AddStringToObject(error, "details", details);
	answer(reply, "error", error);
}

/* --- requests ------------------------------------------------------------------------ */

/* NULL: there is none; *ret_count is then behind those of all methods. */
static const struct weir_rpc_method *find_method(const struct weir_rpc_server *s, const char *name,
						 size_t *ret_count)
{
	*ret_count = 0;
	for (unsigned t = 0; s->methods[t]; t++)
		for (const struct weir_rpc_method *m = s->methods[t]; m->name; m++, ++*ret_count)
			if (name && strcmp(m->name, name) == 0)
				return m;
	return NULL;
}

static void dispatch(struct client *c, struct weir_rpc_reply *reply, const char *text, size_t len)
{
	const struct weir_rpc_method *method;
	enum weir_rpc_code code;
	struct weir_error err;

	find_method(c->server, NULL, &reply->count);
	if (weir_rpc_request_parse(text, len, &reply->request, &code, &err) < 0) {
		reply->last = true;
		weir_rpc_reply_error(reply, code, "bad request", err.text);
		return;
	}
	method = find_method(c->server, reply->request.method, &reply->count);
	if (method)
		method->call(c->server->d, reply->request.params, reply);
	else
		weir_rpc_reply_error(reply, WEIR_RPC_BAD_REQUEST, "no such method",
				     reply->request.method);
}

static struct weir_rpc_reply *reply_new(struct client *c)
{
	struct weir_rpc_reply *reply = calloc(1, sizeof(*reply));

	if (reply) {
		reply->client = c;
		c->pending = reply;
		uv_read_stop((uv_stream_t *)&c->pipe);
		uv_timer_stop(&c->timer);
	}
	return reply;
}

/* The first whole request of the buffer as text, taken out of it. */
static char *take_text(struct client *c, size_t size)
{
	size_t len = size - FRAME_HEADER;
	char *text = malloc(len + 1);

	if (!text)
		return NULL;
	memcpy(text, c->in + FRAME_HEADER, len);
	text[len] = 0;
	c->in_len -= size;
	memmove(c->in, c->in + size, c->in_len);
	return text;
}

/* What is in the buffer: a whole request, a part of one, or too much. A
 * connection may rest between requests, but one that has begun must arrive. */
static void take_request(struct client *c)
{
	long size = weir_rpc_frame(c->in, c->in_len, WEIR_RPC_REQUEST_MAX);
	WEIR_AUTO_FREE char *text = NULL;
	struct weir_rpc_reply *reply;

	if (size == 0) {
		if (c->in_len && !uv_is_active((uv_handle_t *)&c->timer))
			uv_timer_start(&c->timer, on_timeout, c->server->request_ms, 0);
		return;
	}
	text = size > 0 ? take_text(c, (size_t)size) : NULL;
	reply = size < 0 || text ? reply_new(c) : NULL;
	if (!reply) {
		client_close(c);
	} else if (size < 0) {
		reply->last = true;
		find_method(c->server, NULL, &reply->count);
		weir_rpc_reply_error(reply, WEIR_RPC_BAD_REQUEST, "the request is too long", NULL);
	} else {
		dispatch(c, reply, text, (size_t)size - FRAME_HEADER);
	}
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct client *c = handle->data;

	if (c->in_size - c->in_len < CHUNK) {
		size_t size = c->in_size ? c->in_size * 2 : CHUNK;
		void *grown = realloc(c->in, size);

		if (!grown) {
			*ret = uv_buf_init(NULL, 0);
			return;
		}
		c->in = grown;
		c->in_size = size;
	}
	*ret = uv_buf_init((char *)c->in + c->in_len, (unsigned)(c->in_size - c->in_len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct client *c = stream->data;

	if (n < 0) {
		client_close(c);
		return;
	}
	c->in_len += (size_t)n;
	if (n > 0)
		take_request(c);
}

static void read_on(struct client *c)
{
	uv_timer_stop(&c->timer);
	if (uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read) < 0)
		client_close(c);
	else
		take_request(c);
}

/* --- who may ask ---------------------------------------------------------------------- */

static bool may_ask(const struct client *c)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd;

	if (uv_fileno((const uv_handle_t *)&c->pipe, &fd) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	return cred.uid == 0 || cred.uid == geteuid();
}

static void refuse_crowd(struct weir_rpc_server *server, struct client *c)
{
	if (!server->crowded)
		weir_log(WEIR_LOG_WARNING, "too many connections on the RPC socket: refused",
			 "socket", server->path, NULL);
	server->crowded = true;
	client_close(c);
}

void weir_rpc_client_accept(struct weir_rpc_server *server)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return;
	c->server = server;
	uv_pipe_init(server->pipe.loop, &c->pipe, 0);
	uv_timer_init(server->pipe.loop, &c->timer);
	c->pipe.data = c->timer.data = c;
	c->open_handles = 2;
	DL_APPEND(server->clients, c);
	server->n_clients++;
	if (uv_accept((uv_stream_t *)&server->pipe, (uv_stream_t *)&c->pipe) < 0) {
		client_close(c);
	} else if (server->n_clients > WEIR_RPC_CLIENTS_MAX) {
		refuse_crowd(server, c);
	} else if (!may_ask(c)) {
		weir_log(WEIR_LOG_WARNING, "refused a connection on the RPC socket: not root",
			 "socket", server->path, NULL);
		client_close(c);
	} else {
		server->crowded = false;
		read_on(c);
	}
}

void weir_rpc_clients_close(struct weir_rpc_server *server)
{
	struct client *c, *next;

	DL_FOREACH_SAFE(server->clients, c, next)
	client_close(c);
}
