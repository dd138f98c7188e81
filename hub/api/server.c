/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmicrohttpd with one event thread of its own. It reads a request, suspends the
 * connection, and lets a worker make the answer; only what needs neither a
 * person nor the store is answered at once. Knows no route.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/api/internal.h"
#include "hub/api/live.h"
#include "hub/api/work.h"
#include "hub/config/config.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define RETRY_AFTER_S "1"

static char tls_versions[] = "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

/* --- a request comes ------------------------------------------------------------------ */

static void set_from(struct weir_request *r)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *a = info ? info->client_addr : NULL;
	const void *bytes = !a ? NULL
			    : a->sa_family == AF_INET6
				    ? (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr
				    : (const void *)&((const struct sockaddr_in *)a)->sin_addr;

	if (!bytes || !inet_ntop(a->sa_family, bytes, r->from, sizeof(r->from)))
		strcpy(r->from, "unknown");
}

struct reading {
	struct weir_request *r;
	const char *wrong; /* NULL: nothing */
};

static enum MHD_Result on_param(void *data, enum MHD_ValueKind kind, const char *name,
				size_t name_len, const char *value, size_t value_len)
{
	struct reading *in = data;
	struct weir_request *r = in->r;

	if (strlen(name) != name_len || (value && strlen(value) != value_len))
		in->wrong = "a parameter has a byte 0 in it";
	else if (r->n_params == WEIR_PARAMS_MAX)
		in->wrong = "there are too many parameters";
	else
		r->params[r->n_params++] = (struct weir_param){ name, value ?: "" };
	return in->wrong ? MHD_NO : MHD_YES;
}

/* What can be said from the headers alone. */
static void read_head(struct weir_request *r, const char *method, const char *url)
{
	const char *accept = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "Accept");
	struct reading in = { .r = r };
	bool method_fits;

	set_from(r);
	r->authorization =
		MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "Authorization");
	r->ndjson = accept && strstr(accept, "application/x-ndjson");
	r->route = weir_route_find(method, url, r->args, &method_fits);
	MHD_get_connection_values_n(r->connection, MHD_GET_ARGUMENT_KIND, on_param, &in);
	if (!method_fits)
		weir_request_problem_status(r, 405, NULL);
	else if (in.wrong)
		weir_request_problem_status(r, 400, in.wrong);
	else if (r->route)
		return;
	else
		weir_request_problem_status(r, 404, NULL);
	r->done = true;
}

static struct weir_request *begin(struct weir_api *api, struct MHD_Connection *connection,
				  const char *method, const char *url)
{
	struct weir_request *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->api = api;
	r->connection = connection;
	r->started = weir_api_clock();
	read_head(r, method, url);
	return r;
}

static int add_body(struct weir_request *r, const char *data, size_t len)
{
	char *grown;

	if (r->done)
		return 0;
	if (r->body_len + len > r->api->c.hub->limits.body) {
		weir_request_problem_status(r, 413, "the body is longer than limits.body");
		r->done = true;
		return 0;
	}
	grown = realloc(r->body, r->body_len + len + 1);
	if (!grown)
		return -ENOMEM;
	memcpy(grown + r->body_len, data, len);
	r->body = grown;
	r->body_len += len;
	grown[r->body_len] = 0;
	return 0;
}

/* --- it is answered ----------------------------------------------------------------------- */

static const char *const types[] = {
	[WEIR_FORM_JSON] = "application/json",
	[WEIR_FORM_NDJSON] = "application/x-ndjson",
	[WEIR_FORM_EVENTS] = "text/event-stream",
	[WEIR_FORM_TEXT] = "text/plain; charset=utf-8",
};

static void add_headers(const struct weir_request *r, struct MHD_Response *response)
{
	bool problem = r->status >= 400 && r->form == WEIR_FORM_JSON;

	MHD_add_response_header(response, "Content-Type",
				problem ? "application/problem+json" : types[r->form]);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (r->status == 401)
		MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"weir\"");
	if (r->status == 503 || r->status == 429)
		MHD_add_response_header(response, "Retry-After", RETRY_AFTER_S);
	if (!r->has_end)
		return;
	MHD_add_response_header(response, "Weir-Complete", r->end.complete ? "true" : "false");
	if (!r->end.complete && r->end.why_not)
		MHD_add_response_header(response, "Weir-Why", r->end.why_not);
	if (*r->end.cursor)
		MHD_add_response_header(response, "Weir-Cursor", r->end.cursor);
}

static struct MHD_Response *response_of(struct weir_request *r)
{
	struct weir_json_buffer *out = &r->out;
	size_t len = out->len;

	if (r->live)
		return weir_live_response(r->live);
	return MHD_create_response_from_buffer(len, weir_take(out->text) ?: strdup(""),
					       MHD_RESPMEM_MUST_FREE);
}

static void count(const struct weir_request *r)
{
	size_t route = r->route ? (size_t)(r->route - weir_routes) : weir_n_routes;
	unsigned kind = r->status / 100;

	r->api->requests[route * WEIR_STATUS_CLASSES + (kind < WEIR_STATUS_CLASSES ? kind : 0)]++;
}

static enum MHD_Result send_answer(struct weir_request *r)
{
	struct MHD_Response *response;
	enum MHD_Result ok;

	r->counted = r->out.size;
	r->api->answers += r->counted;
	response = response_of(r);
	if (!response)
		return MHD_NO;
	add_headers(r, response);
	ok = MHD_queue_response(r->connection, r->status, response);
	MHD_destroy_response(response);
	count(r);
	return ok;
}

/* Parameters, then what the route says. */
static void make_answer(struct weir_request *r)
{
	struct weir_error err = { "" };
	int code = weir_ask_read(r->route->takes, r->params, r->n_params, weir_api_now(),
				 r->api->c.hub->query.max_limit, &r->ask, &err);

	r->status = 200;
	if (code == 0)
		code = r->route->answer(r, &err);
	if (code == 0)
		return;
	if (weir_request_problem(r, code, err.text) >= 500)
		weir_log(WEIR_LOG_ERROR, "a request has failed", "path", r->route->path, "error",
			 err.text, NULL);
}

static int sign_in(struct weir_request *r)
{
	struct weir_error err = { "" };
	int code =
		weir_access_sign_in(r->api->c.access, r->authorization, r->from, &r->person, &err);

	if (code == 0)
		return 0;
	weir_request_problem_status(r,
				    code == -EACCES  ? 401
				    : code == -EBUSY ? 429
						     : 503,
				    err.text);
	return code;
}

static void hand_back(struct weir_request *r)
{
	r->done = true;
	MHD_resume_connection(r->connection);
}

void weir_server_work(struct weir_request *r)
{
	if (r->person || sign_in(r) == 0)
		make_answer(r);
	hand_back(r);
}

void weir_server_sign_in(struct weir_request *r)
{
	struct weir_work *work = r->api->work;

	if (sign_in(r) < 0) {
		hand_back(r);
	} else if (weir_work_reserve(work) < 0) {
		weir_request_problem_status(r, 503, "too many questions wait for an answer");
		hand_back(r);
	} else {
		weir_work_submit(work, r);
	}
}

/* True: a worker has it now, and it is not to be looked at until the connection is resumed.
 * Suspended before a worker can have it: it might be done at once. */
static bool hand_over(struct weir_request *r)
{
	struct weir_api *api = r->api;
	bool may_wait = weir_access_may_wait(api->c.access, r->authorization);
	struct weir_work *work = may_wait ? api->sign_ins : api->work;

	if (api->answers > api->c.hub->limits.answers) {
		weir_request_problem_status(r, 503, "too many answers wait to be read");
	} else if (weir_work_reserve(work) < 0) {
		weir_request_problem_status(r, 503,
					    may_wait ? "too many sign-ins wait"
						     : "too many questions wait for an answer");
	} else {
		MHD_suspend_connection(r->connection);
		weir_work_submit(work, r);
		return true;
	}
	return false;
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **state)
{
	struct weir_request *r = *state;

	if (!r) {
		*state = r = begin(data, connection, method, url);
		return r ? MHD_YES : MHD_NO;
	}
	if (*upload_size) {
		if (add_body(r, upload, *upload_size) < 0)
			return MHD_NO;
		*upload_size = 0;
		return MHD_YES;
	}
	if (!r->done && r->route->flags & WEIR_ROUTE_OPEN)
		make_answer(r);
	else if (!r->done && hand_over(r))
		return MHD_YES;
	r->done = true;
	return send_answer(r);
}

static void on_completed(void *data, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode code)
{
	struct weir_request *r = *state;

	if (!r)
		return;
	*state = NULL;
	r->api->answers -= r->counted;
	weir_live_leave(&r->live);
	weir_ask_clear(&r->ask);
	weir_person_free(&r->person);
	weir_json_buffer_free(&r->out);
	free(r->body);
	free(r);
}

/* --- life ------------------------------------------------------------------------------- */

static void on_mhd_log(void *data, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));

static void on_mhd_log(void *data, const char *fmt, va_list args)
{
	char text[256];

	vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\n")] = 0;
	weir_log(WEIR_LOG_DEBUG, "http", "text", text, NULL);
}

static struct MHD_Daemon *listen_on(struct weir_api *api, struct sockaddr_storage *addr,
				    struct MHD_OptionItem *tls)
{
	const struct weir_hub_config *c = api->c.hub;
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
			 MHD_USE_ERROR_LOG | (addr->ss_family == AF_INET6 ? MHD_USE_IPv6 : 0u) |
			 (tls->option != MHD_OPTION_END ? MHD_USE_TLS : 0u);

	return MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, api, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL,
		MHD_OPTION_SOCK_ADDR, addr, MHD_OPTION_CONNECTION_LIMIT, c->limits.connections,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, c->limits.per_address,
		MHD_OPTION_CONNECTION_TIMEOUT, c->limits.idle_ms / 1000,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)c->limits.uri,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, api, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

static char *read_pem(const char *key, const char *path, struct weir_error *err)
{
	WEIR_AUTO_FREE char *text = calloc(1, 256 * 1024);
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f || !text) {
		weir_error_errno(err, errno, "%s: %s", key, path);
		if (f)
			fclose(f);
		return NULL;
	}
	n = fread(text, 1, 256 * 1024 - 1, f);
	fclose(f);
	if (!n || !strstr(text, "-----BEGIN")) {
		weir_error_set(err, EINVAL, "%s: %s is no PEM file", key, path);
		return NULL;
	}
	return weir_take(text);
}

int weir_server_start(struct weir_api *api, struct weir_error *err)
{
	const struct weir_hub_config *c = api->c.hub;
	WEIR_AUTO_FREE char *certificate = NULL, *key = NULL;
	struct MHD_OptionItem tls[4] = { { MHD_OPTION_END, 0, NULL } };
	struct sockaddr_storage sa;

	if (*c->http.certificate) {
		certificate = read_pem("http.certificate", c->http.certificate, err);
		key = certificate ? read_pem("http.key", c->http.key, err) : NULL;
		if (!key)
			return -EINVAL;
		tls[0] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0, certificate };
		tls[1] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0, key };
		tls[2] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0, tls_versions };
		tls[3] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
	}
	if (weir_hub_sockaddr(c->http.address, &sa) < 0)
		return weir_error_set(err, EINVAL, "http.address: %s", c->http.address);
	errno = 0;
	api->http = listen_on(api, &sa, tls);
	if (api->http)
		return 0;
	return weir_error_errno(err, errno ?: EINVAL, "http.address: listen on %s%s",
				c->http.address, key ? ", with http.certificate and http.key" : "");
}

void weir_server_stop(struct weir_api *api)
{
	if (api->http)
		MHD_stop_daemon(weir_take(api->http));
}
