/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to a ClickHouse server: what we ask of libcurl, and what an error of the
 * server says. Used by all of this folder; knows nothing of flows.
 */
#include "hub/store/clickhouse/server.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

#define CONNECT_MS    5000l
#define TIMEOUT_S     60u
#define TIMEOUT_MAX_S 3600u
#define SLOW_MS	      (4 * 3600000u)
#define REPLY_MAX     (256u << 20)
#define IDLE_MAX      16

struct weir_server {
	char *name; /* scheme://host:port, for errors */
	char *base; /* without parameters */
	char *user, *password, *database, *settings;
	uint32_t timeout_s;
	pthread_mutex_t lock;
	CURL *idle[IDLE_MAX];
	int n_idle;
	_Atomic bool giving_up;
};

static void free_url(CURLU **u)
{
	curl_url_cleanup(*u);
}

static void free_curl(char **text)
{
	curl_free(*text);
}

/* --- what store.url says ------------------------------------------------------------ */

static char *take_part(CURLU *u, CURLUPart part, unsigned flags)
{
	WEIR_CLEANUP(free_curl) char *text = NULL;

	return curl_url_get(u, part, &text, flags) == CURLUE_OK ? strdup(text) : NULL;
}

static bool is_name(const char *text)
{
	return *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789_") == strlen(text);
}

static int read_timeout(struct weir_server *s, const char *text, struct weir_error *err)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (!*text || *end || !n || n > TIMEOUT_MAX_S)
		return weir_error_set(err, EINVAL,
				      "store.url: timeout=\"%.32s\": want 1..%u seconds", text,
				      TIMEOUT_MAX_S);
	s->timeout_s = (uint32_t)n;
	return 0;
}

static int read_parameter(struct weir_server *s, char *text, FILE *settings, struct weir_error *err)
{
	char *value = strchr(text, '=');

	if (!value)
		return weir_error_set(err, EINVAL, "store.url: \"%.32s\": want NAME=VALUE", text);
	*value++ = 0;
	if (strcmp(text, "timeout") == 0)
		return read_timeout(s, value, err);
	if (strcmp(text, "database") != 0) {
		fprintf(settings, "&%s=%s", text, value);
		return 0;
	}
	if (!is_name(value))
		return weir_error_set(err, EINVAL,
				      "store.url: database=\"%.32s\": want letters, digits and _",
				      value);
	free(s->database);
	s->database = strdup(value);
	return s->database ? 0 : weir_error_errno(err, ENOMEM, "store.url");
}

static int read_parameters(struct weir_server *s, char *query, struct weir_error *err)
{
	size_t len;
	FILE *settings = open_memstream(&s->settings, &len);
	char *save = NULL;
	int r = settings ? 0 : weir_error_errno(err, ENOMEM, "store.url");

	for (char *p = query ? strtok_r(query, "&", &save) : NULL; r == 0 && p;
	     p = strtok_r(NULL, "&", &save))
		r = read_parameter(s, p, settings, err);
	if (settings && fclose(settings) != 0 && r == 0)
		r = weir_error_errno(err, ENOMEM, "store.url");
	return r;
}

static int read_url(struct weir_server *s, const char *text, struct weir_error *err)
{
	static const CURLUPart drop[] = { CURLUPART_QUERY, CURLUPART_FRAGMENT, CURLUPART_USER,
					  CURLUPART_PASSWORD };
	WEIR_CLEANUP(free_url) CURLU *u = curl_url();
	WEIR_AUTO_FREE char *scheme = NULL, *query = NULL;

	if (!u)
		return weir_error_errno(err, ENOMEM, "store.url");
	if (curl_url_set(u, CURLUPART_URL, text, 0) != CURLUE_OK)
		return weir_error_set(err, EINVAL,
				      "store.url: want http://HOST:8123/?database=NAME");
	scheme = take_part(u, CURLUPART_SCHEME, 0);
	if (!scheme || (strcmp(scheme, "http") && strcmp(scheme, "https")))
		return weir_error_set(err, EINVAL, "store.url: want http:// or https://");
	query = take_part(u, CURLUPART_QUERY, 0);
	s->user = take_part(u, CURLUPART_USER, CURLU_URLDECODE);
	s->password = take_part(u, CURLUPART_PASSWORD, CURLU_URLDECODE);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(drop); i++)
		curl_url_set(u, drop[i], NULL, 0);
	s->base = take_part(u, CURLUPART_URL, 0);
	s->name = s->base ? strdup(s->base) : NULL;
	if (!s->name)
		return weir_error_errno(err, ENOMEM, "store.url");
	if (*s->name && s->name[strlen(s->name) - 1] == '/')
		s->name[strlen(s->name) - 1] = 0;
	return read_parameters(s, query, err);
}

int weir_server_new(const char *url, struct weir_server **ret, struct weir_error *err)
{
	WEIR_CLEANUP(weir_server_free) struct weir_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(weir_take(s));
		return weir_error_errno(err, ENOMEM, "store.url");
	}
	pthread_mutex_init(&s->lock, NULL);
	s->timeout_s = TIMEOUT_S;
	s->database = strdup("weir");
	r = s->database ? read_url(s, url ?: "", err) : weir_error_errno(err, ENOMEM, "store.url");
	if (r == 0)
		*ret = weir_take(s);
	return r;
}

void weir_server_free(struct weir_server **server)
{
	struct weir_server *s = weir_take(*server);

	if (!s)
		return;
	while (s->n_idle)
		curl_easy_cleanup(s->idle[--s->n_idle]);
	pthread_mutex_destroy(&s->lock);
	free(s->name);
	free(s->base);
	free(s->user);
	free(s->password);
	free(s->database);
	free(s->settings);
	free(s);
	curl_global_cleanup();
}

const char *weir_server_database(const struct weir_server *s)
{
	return s->database;
}

/* --- connections --------------------------------------------------------------------- */

static CURL *take_handle(struct weir_server *s)
{
	CURL *c = NULL;

	pthread_mutex_lock(&s->lock);
	if (s->n_idle)
		c = s->idle[--s->n_idle];
	pthread_mutex_unlock(&s->lock);
	return c ?: curl_easy_init();
}

static void give_handle(struct weir_server *s, CURL *c)
{
	curl_easy_reset(c); /* its connection stays */
	pthread_mutex_lock(&s->lock);
	if (s->n_idle < IDLE_MAX)
		s->idle[s->n_idle++] = weir_take(c);
	pthread_mutex_unlock(&s->lock);
	if (c)
		curl_easy_cleanup(c);
}

/* --- one request --------------------------------------------------------------------- */

/* What goes on with which error of the server (ErrorCodes.cpp of its sources). */
static const struct {
	unsigned code;
	int error;
	const char *hint;
} codes[] = {
	{ 60, ENOENT, "a table is missing: restart weir-hub to have it made" },
	{ 81, ENOENT, "the database is missing: restart weir-hub to have it made" },
	{ 164, EACCES, "the user may only read: give weir-hub one that may write" },
	{ 192, EACCES, "unknown user: see store.url" },
	{ 193, EACCES, "wrong password: see store.url" },
	{ 194, EACCES, "a password is needed: see store.url" },
	{ 195, EACCES, "this user may not come from this address" },
	{ 241, ENOMEM, "out of memory: see max_memory_usage of the server" },
	{ 243, ENOSPC, "its disk is full: make room, or set store.maxBytes" },
	{ 252, EBUSY, "too many parts: the server cannot merge as fast as it gets rows" },
	{ 291, EACCES, "the user may not use the database" },
	{ 516, EACCES, "wrong user or password: see store.url" },
};

static const struct {
	unsigned code;
	const char *why;
} budgets[] = {
	{ 158, "rows" }, { 159, "time" }, { 160, "time" }, { 241, "memory" }, { 307, "rows" }
};

/* "Code: 60, e.displayText() = DB::Exception: Table ... , e.what() = ..." */
static int server_error(const struct weir_server *s, long status, const char *body,
			struct weir_error *err)
{
	const char *text = strstr(body, "DB::Exception: "), *end;
	unsigned code = 0;

	sscanf(body, "Code: %u", &code);
	text = text ? text + strlen("DB::Exception: ") : body;
	end = strstr(text, ", e.what()");
	if (!end)
		end = text + strcspn(text, "\n");
	if (end - text > 300)
		end = text + 300;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(codes); i++)
		if (codes[i].code == code)
			return weir_error_set(err, codes[i].error, "%s: %s (%.*s)", s->name,
					      codes[i].hint, (int)(end - text), text);
	return weir_error_set(err, EIO, "%s: HTTP %ld: %.*s", s->name, status, (int)(end - text),
			      text);
}

static const char *budget_ended(const char *body)
{
	unsigned code = 0;

	sscanf(body, "Code: %u", &code);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(budgets); i++)
		if (budgets[i].code == code)
			return budgets[i].why;
	return NULL;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *data)
{
	struct weir_reply *reply = data;

	if (reply->len + n > reply->max)
		return 0;
	if (reply->len + n + 1 > reply->size) {
		size_t more = (reply->len + n) * 2 + 1024;
		char *body = realloc(reply->body, more);

		if (!body)
			return 0;
		reply->body = body;
		reply->size = more;
	}
	memcpy(reply->body + reply->len, bytes, n);
	reply->len += n;
	reply->body[reply->len] = 0;
	return n;
}

_Static_assert(WEIR_FEED_ABORT == CURL_READFUNC_ABORT, "handed on");
static size_t on_feed(char *buf, size_t size, size_t n, void *data)
{
	const struct weir_request *request = data;

	return request->feed(request->data, buf, size * n);
}

/* The longest that a question may take by itself; the server keeps its budget. */
static long timeout_ms(const struct weir_server *s, const struct weir_request *request)
{
	uint64_t ms = request->slow ? SLOW_MS : s->timeout_s * 1000u;

	if (request->budget && request->budget->max_ms && request->budget->max_ms + 5000 < ms)
		ms = request->budget->max_ms + 5000;
	return (long)ms;
}

static int on_progress(void *data, curl_off_t to_come, curl_off_t came, curl_off_t to_go,
		       curl_off_t went)
{
	const struct weir_server *s = data;

	return s->giving_up;
}

void weir_server_give_up(struct weir_server *s)
{
	s->giving_up = true;
}

static void write_budget(FILE *f, const struct weir_request *request)
{
	const struct weir_budget *b = request->budget;
	const char *mode = request->partial ? "break" : "throw";

	if (b->max_ms)
		fprintf(f, "&max_execution_time=%" PRIu64 "&timeout_overflow_mode=%s",
			(b->max_ms + 999) / 1000, mode);
	if (b->max_rows)
		fprintf(f, "&max_rows_to_read=%" PRIu64 "&read_overflow_mode=%s", b->max_rows,
			mode);
	if (b->max_bytes)
		fprintf(f, "&max_memory_usage=%" PRIu64, b->max_bytes);
}

/* free() */
static char *write_url(const struct weir_server *s, const struct weir_request *request, CURL *c)
{
	WEIR_CLEANUP(free_curl) char *sql = NULL;
	char *url = NULL;
	size_t len;
	FILE *f = open_memstream(&url, &len);

	if (!f)
		return NULL;
	/* an answer begins when it is complete: an error is never in the middle of one */
	fprintf(f,
		"%s?wait_end_of_query=1&max_query_size=33554432&max_ast_elements=1000000"
		"&max_expanded_ast_elements=5000000&output_format_json_quote_64bit_integers=1%s",
		s->base, s->settings);
	if (!request->no_database)
		fprintf(f, "&database=%s", s->database);
	if (request->wide) /* each of a hundred columns has a buffer in each thread */
		fprintf(f, "&max_threads=1&max_read_buffer_size=65536&max_block_size=1024");
	if (request->slow) /* sums of a day may be larger than memory */
		fprintf(f, "&max_bytes_before_external_group_by=1000000000");
	if (request->budget)
		write_budget(f, request);
	if (request->feed) {
		sql = curl_easy_escape(c, request->sql, 0);
		fprintf(f, "&query=%s", sql ?: "");
	}
	if (fclose(f) != 0 || (request->feed && !sql)) {
		free(url);
		return NULL;
	}
	return url;
}

static void prepare(struct weir_server *s, const struct weir_request *request, CURL *c,
		    struct weir_reply *reply, char *text)
{
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1l);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, timeout_ms(s, request));
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, text);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, reply);
	curl_easy_setopt(c, CURLOPT_POST, 1l);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	if (request->slow) {
		curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0l);
		curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
		curl_easy_setopt(c, CURLOPT_XFERINFODATA, s);
	}
	if (s->user)
		curl_easy_setopt(c, CURLOPT_USERNAME, s->user);
	if (s->password)
		curl_easy_setopt(c, CURLOPT_PASSWORD, s->password);
	if (request->feed) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, -1l);
		curl_easy_setopt(c, CURLOPT_READFUNCTION, on_feed);
		curl_easy_setopt(c, CURLOPT_READDATA, request);
	} else {
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, request->sql);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)strlen(request->sql));
	}
}

static int transfer_error(const struct weir_server *s, CURLcode code, const char *text,
			  struct weir_error *err)
{
	if (code == CURLE_OPERATION_TIMEDOUT)
		return weir_error_set(
			err, ETIMEDOUT,
			"%s: no answer in time (%s): is clickhouse-server overloaded?", s->name,
			text);
	if (code == CURLE_WRITE_ERROR)
		return weir_error_set(err, ENOMEM, "%s: the answer is too large", s->name);
	return weir_error_set(err, EHOSTUNREACH,
			      "%s: %s: is clickhouse-server running there? (store.url)", s->name,
			      *text ? text : curl_easy_strerror(code));
}

static int perform(struct weir_server *s, const struct weir_request *request, CURL *c,
		   struct weir_reply *reply, struct weir_error *err)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
	WEIR_AUTO_FREE char *url = write_url(s, request, c);
	char text[CURL_ERROR_SIZE] = "";
	CURLcode code = CURLE_OUT_OF_MEMORY;
	long status = 0;

	if (url && headers) {
		prepare(s, request, c, reply, text);
		curl_easy_setopt(c, CURLOPT_URL, url);
		curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
		code = curl_easy_perform(c);
		curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	}
	curl_slist_free_all(headers);
	if (request->budget && (code == CURLE_OPERATION_TIMEDOUT || code == CURLE_WRITE_ERROR)) {
		reply->ended = code == CURLE_WRITE_ERROR ? "memory" : "time";
		return 0;
	}
	if (code != CURLE_OK)
		return transfer_error(s, code, text, err);
	if (status == 200)
		return 0;
	reply->ended = request->budget && reply->body ? budget_ended(reply->body) : NULL;
	return reply->ended ? 0 : server_error(s, status, reply->body ?: "", err);
}

void weir_reply_clear(struct weir_reply *reply)
{
	free(reply->body);
	*reply = (struct weir_reply){ 0 };
}

int weir_server_ask(struct weir_server *s, const struct weir_request *request,
		    struct weir_reply *ret, struct weir_error *err)
{
	WEIR_CLEANUP(weir_reply_clear) struct weir_reply reply = { .max = REPLY_MAX };
	CURL *c = take_handle(s);
	int r;

	if (!c)
		return weir_error_errno(err, ENOMEM, "%s", s->name);
	if (request->budget && request->budget->max_bytes && request->budget->max_bytes < REPLY_MAX)
		reply.max = request->budget->max_bytes;
	r = perform(s, request, c, &reply, err);
	give_handle(s, c);
	if (r < 0)
		return r;
	if (reply.ended)
		reply.len = 0;
	if (ret) {
		*ret = reply;
		reply = (struct weir_reply){ 0 };
	}
	return 0;
}

static int do_statement(struct weir_server *s, bool slow, struct weir_error *err,
			const char *format, va_list args) __attribute__((format(printf, 4, 0)));

static int do_statement(struct weir_server *s, bool slow, struct weir_error *err,
			const char *format, va_list args)
{
	WEIR_AUTO_FREE char *sql = NULL;

	if (vasprintf(&sql, format, args) < 0) {
		sql = NULL;
		return weir_error_errno(err, ENOMEM, "%s", s->name);
	}
	return weir_server_ask(s, &(struct weir_request){ .sql = sql, .slow = slow }, NULL, err);
}

int weir_server_do(struct weir_server *s, struct weir_error *err, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = do_statement(s, false, err, format, args);
	va_end(args);
	return r;
}

int weir_server_do_slowly(struct weir_server *s, struct weir_error *err, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = do_statement(s, true, err, format, args);
	va_end(args);
	return r;
}
