/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP exchange with the API server. Here is what we ask of libcurl, time
 * limits above all. A transfer may be started and stopped from anywhere, also
 * while libcurl hands over bytes: then it is libcurl that hears of it later.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "daemon/kube/internal.h"
#include "weir/cleanup.h"

/* Of the body of an error: a Status object fits. */
#define ERROR_BODY_MAX 8192
#define CONNECT_MS     10000l
/* A server that says "in a year" is not taken at its word. */
#define RETRY_AFTER_MAX_S 300
/* An exchange that ran out of time on a connection on which nothing came for so
 * long: it is not the request that is slow, the connection is dead. */
#define DEAD_MS 5000

struct weir_transfer {
	struct weir_kube *kube;
	CURL *easy;
	struct curl_slist *headers;
	const struct weir_transfer_ops *ops;
	void *data;
	char *url, *body;
	char text[CURL_ERROR_SIZE];
	char error_body[ERROR_BODY_MAX + 1];
	size_t error_len;
	uint32_t quiet_s;
	bool waits;   /* libcurl does not know it yet */
	bool stopped; /* its owner does not know it any more */
	struct weir_transfer *next, **at;
};

uint64_t weir_kube_now_ms(void)
{
	return uv_hrtime() / 1000000;
}

/* --- what libcurl calls ------------------------------------------------------------- */

static long status_of(const struct weir_transfer *t)
{
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static bool is_success(long status)
{
	return status >= 200 && status < 300;
}

static void set_silence(const struct weir_transfer *t, uint32_t seconds)
{
	curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_LIMIT, 1l);
	curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_TIME, (long)seconds);
}

static size_t on_header(char *bytes, size_t size, size_t n, void *data)
{
	struct weir_transfer *t = data;

	t->kube->heard_ms = weir_kube_now_ms();
	/* the empty line; 1xx answers have one, too */
	if (n > 2 || *bytes != '\r' || !is_success(status_of(t)))
		return n;
	if (t->quiet_s)
		set_silence(t, t->quiet_s);
	if (t->ops->opened && !t->stopped)
		t->ops->opened(t->data);
	return n;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *data)
{
	struct weir_transfer *t = data;
	size_t room = ERROR_BODY_MAX - t->error_len;

	t->kube->heard_ms = weir_kube_now_ms();
	if (t->stopped)
		return 0;
	if (is_success(status_of(t)))
		return t->ops->bytes(t->data, bytes, n) < 0 ? 0 : n;
	room = n < room ? n : room;
	memcpy(t->error_body + t->error_len, bytes, room);
	t->error_len += room;
	return n;
}

/* --- set-up -------------------------------------------------------------------------- */

static void free_transfer(struct weir_transfer *t)
{
	if (t->at) {
		*t->at = t->next;
		if (t->next)
			t->next->at = t->at;
	}
	if (t->easy)
		curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	free(t->url);
	if (t->body)
		explicit_bzero(t->body, strlen(t->body));
	free(t->body);
	free(t);
}

static int add_header(struct weir_transfer *t, const char *name, const char *value,
		      struct weir_error *err)
{
	WEIR_AUTO_FREE char *line = NULL;
	struct curl_slist *longer;

	if (asprintf(&line, "%s: %s", name, value) < 0)
		return weir_error_errno(err, ENOMEM, "%s", name);
	longer = curl_slist_append(t->headers, line);
	if (!longer)
		return weir_error_errno(err, ENOMEM, "%s", name);
	t->headers = longer;
	return 0;
}

static void set_limits(const struct weir_transfer *t, const struct weir_transfer_config *config)
{
	CURL *easy = t->easy;

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1l);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0l);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)config->timeout_ms);
	if (config->silence_s)
		set_silence(t, config->silence_s);
	if (t->kube->connect_to)
		curl_easy_setopt(easy, CURLOPT_CONNECT_TO, t->kube->connect_to);
	/* share a connection where HTTP/2 allows it, also one that is being made */
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1l);
}

static int set_body(struct weir_transfer *t, const struct weir_transfer_config *config,
		    struct weir_error *err)
{
	int r;

	if (!config->body)
		return 0;
	t->body = strdup(config->body);
	if (!t->body)
		return weir_error_errno(err, ENOMEM, "%s", config->path);
	r = add_header(t, "Content-Type",
		       config->content_type ? config->content_type : "application/json", err);
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(t->body));
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->body);
	return r;
}

static int set_up(struct weir_transfer *t, const struct weir_transfer_config *config,
		  struct weir_error *err)
{
	CURL *easy = t->easy = curl_easy_init();
	int r;

	if (asprintf(&t->url, "%s%s", t->kube->url, config->path) < 0)
		t->url = NULL;
	if (!easy || !t->url)
		return weir_error_errno(err, ENOMEM, "%s", config->path);
	curl_easy_setopt(easy, CURLOPT_URL, t->url);
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, config->method);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "weird/" PACKAGE_VERSION);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->text);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	set_limits(t, config);
	weir_connections_watch(easy, t->kube);
	r = set_body(t, config, err);
	if (r == 0)
		r = add_header(t, "Accept", "application/json", err);
	if (r == 0)
		r = weir_credentials_set(easy, &t->kube->config, err);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers);
	return r;
}

/* --- life ----------------------------------------------------------------------------- */

static void link_transfer(struct weir_transfer *t)
{
	struct weir_kube *kube = t->kube;

	t->next = kube->transfers;
	t->at = &kube->transfers;
	if (t->next)
		t->next->at = &t->next;
	kube->transfers = t;
}

int weir_transfer_start(struct weir_kube *kube, const struct weir_transfer_config *config,
			const struct weir_transfer_ops *ops, void *data, struct weir_transfer **ret,
			struct weir_error *err)
{
	struct weir_transfer *t = calloc(1, sizeof(*t));
	CURLMcode code;
	int r;

	if (!t)
		return weir_error_errno(err, ENOMEM, "%s", config->path);
	t->kube = kube;
	t->ops = ops;
	t->data = data;
	t->quiet_s = config->quiet_s;
	r = set_up(t, config, err);
	if (r == 0) {
		code = curl_multi_add_handle(kube->multi, t->easy);
		t->waits = code == CURLM_RECURSIVE_API_CALL;
		kube->unsettled |= t->waits;
		if (code != CURLM_OK && !t->waits)
			r = weir_error_set(err, EIO, "%s: %s", config->path,
					   curl_multi_strerror(code));
	}
	if (r < 0) {
		free_transfer(t);
		return r;
	}
	link_transfer(t);
	*ret = t;
	return 0;
}

void weir_transfer_stop(struct weir_transfer **transfer)
{
	struct weir_transfer *t = weir_take(*transfer);

	if (!t)
		return;
	if (curl_multi_remove_handle(t->kube->multi, t->easy) != CURLM_RECURSIVE_API_CALL) {
		free_transfer(t);
		return;
	}
	t->stopped = t->kube->unsettled = true;
}

void weir_transfer_drop_all(struct weir_kube *kube)
{
	while (kube->transfers) {
		struct weir_transfer *t = kube->transfers;

		if (t->ops->dropped && !t->stopped)
			t->ops->dropped(t->data);
		t->stopped = true;
		weir_transfer_stop(&t);
	}
}

/* The first in the list that is not settled, which may change with each that is. */
static struct weir_transfer *find_unsettled(const struct weir_kube *kube)
{
	struct weir_transfer *t = kube->transfers;

	while (t && !t->stopped && !t->waits)
		t = t->next;
	return t;
}

void weir_transfer_settle(struct weir_kube *kube)
{
	struct weir_transfer *t;

	if (!kube->unsettled)
		return;
	kube->unsettled = false;
	while ((t = find_unsettled(kube))) {
		if (t->stopped) {
			weir_transfer_stop(&t);
			continue;
		}
		t->waits = false;
		if (curl_multi_add_handle(kube->multi, t->easy) != CURLM_OK)
			weir_transfer_ended(t->easy, CURLE_FAILED_INIT);
	}
}

/* --- the end --------------------------------------------------------------------------- */

static const char *header(const struct weir_transfer *t, const char *name)
{
	struct curl_header *h;

	return curl_easy_header(t->easy, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK ? h->value
										     : NULL;
}

/* Seconds, or a date: that one by the clock of who wrote it, since ours may be
 * an hour off, and jumps. */
static uint32_t retry_after_ms(const struct weir_transfer *t)
{
	const char *text = header(t, "Retry-After"), *date = header(t, "Date");
	time_t now = date ? curl_getdate(date, NULL) : -1;
	long long seconds;
	char *end;

	if (!text)
		return 0;
	seconds = strtoll(text, &end, 10);
	if (end == text || *end) {
		time_t then = curl_getdate(text, NULL);

		seconds = then < 0 ? 0 : then - (now < 0 ? time(NULL) : now);
	}
	if (seconds < 0)
		return 0;
	return (uint32_t)(seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * 1000;
}

/* Whether the request went out, and then nothing came from anywhere. */
static bool is_dead(const struct weir_transfer *t, CURLcode code)
{
	curl_off_t sent_us = 0;

	curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &sent_us);
	return code == CURLE_OPERATION_TIMEDOUT && sent_us > 0 &&
	       weir_kube_now_ms() - t->kube->heard_ms >= DEAD_MS;
}

void weir_transfer_ended(CURL *easy, CURLcode code)
{
	struct weir_transfer *t = NULL;
	struct weir_transfer_end end = { 0 };

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t);
	if (is_dead(t, code))
		weir_connections_break(t->kube);
	end.status = (int)status_of(t);
	end.retry_after_ms = is_success(end.status) ? 0 : retry_after_ms(t);
	curl_multi_remove_handle(t->kube->multi, easy);
	end.body = t->error_body;
	if (code != CURLE_OK)
		end.error = t->text[0] ? t->text : curl_easy_strerror(code);
	if (!t->stopped)
		t->ops->done(t->data, &end);
	free_transfer(t);
}

void weir_transfer_explain(const struct weir_transfer_end *end, struct weir_error *ret)
{
	cJSON *json;
	const char *message;

	if (end->error) {
		weir_error_set(ret, EIO, "%s", end->error);
		return;
	}
	json = cJSON_Parse(end->body);
	message = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "message"));
	weir_error_set(ret, EIO, "HTTP %d%s%s", end->status, message ? ": " : "",
		       message ? message : "");
	cJSON_Delete(json);
}
