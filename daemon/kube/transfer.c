/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP exchange with the API server. Here is all that we ask of libcurl:
 * TLS, credentials, time limits. Credentials that are files are looked at anew
 * for each exchange, so that a token that was rotated is never used again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "daemon/kube/internal.h"
#include "weir/cleanup.h"

/* Of the body of an error: a Status object fits. */
#define ERROR_BODY_MAX	 8192
#define CONNECT_MS	 5000l
#define KEEPALIVE_IDLE_S 30l
#define KEEPALIVE_S	 10l

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
	struct weir_transfer *next, **at;
};

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

static size_t on_header(char *bytes, size_t size, size_t n, void *data)
{
	struct weir_transfer *t = data;

	/* the empty line; 1xx answers have one, too */
	if (n <= 2 && *bytes == '\r' && t->ops->opened && is_success(status_of(t)))
		t->ops->opened(t->data);
	return n;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *data)
{
	struct weir_transfer *t = data;
	size_t room = ERROR_BODY_MAX - t->error_len;

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

static int set_token(struct weir_transfer *t, struct weir_error *err)
{
	const struct weir_kube_config *config = &t->kube->config;
	WEIR_AUTO_FREE char *token = NULL;
	int r = 0;

	if (config->token_file)
		r = weir_kube_read_token(config->token_file, &token, err);
	else if (config->token && !(token = strdup(config->token)))
		r = weir_error_errno(err, ENOMEM, "token");
	if (r < 0 || !token)
		return r;
	curl_easy_setopt(t->easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
	curl_easy_setopt(t->easy, CURLOPT_XOAUTH2_BEARER, token);
	return 0;
}

static void set_secret(CURL *easy, const struct weir_kube_secret *secret, CURLoption file,
		       CURLoption blob)
{
	struct curl_blob bytes = { .flags = CURL_BLOB_COPY };

	if (secret->data) {
		bytes.data = secret->data;
		bytes.len = strlen(secret->data);
		curl_easy_setopt(easy, blob, &bytes);
	} else if (secret->file) {
		curl_easy_setopt(easy, file, secret->file);
	}
}

static void set_tls(const struct weir_transfer *t)
{
	const struct weir_kube_config *config = &t->kube->config;

	curl_easy_setopt(t->easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	set_secret(t->easy, &config->ca, CURLOPT_CAINFO, CURLOPT_CAINFO_BLOB);
	set_secret(t->easy, &config->cert, CURLOPT_SSLCERT, CURLOPT_SSLCERT_BLOB);
	set_secret(t->easy, &config->key, CURLOPT_SSLKEY, CURLOPT_SSLKEY_BLOB);
	if (config->insecure) {
		curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYPEER, 0l);
		curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYHOST, 0l);
	}
	if (t->kube->connect_to)
		curl_easy_setopt(t->easy, CURLOPT_CONNECT_TO, t->kube->connect_to);
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
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1l);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_S);
	if (config->silence_s) {
		curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1l);
		curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)config->silence_s);
	}
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
	set_tls(t);
	r = set_body(t, config, err);
	if (r == 0)
		r = add_header(t, "Accept", "application/json", err);
	if (r == 0)
		r = set_token(t, err);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers);
	return r;
}

/* --- life ----------------------------------------------------------------------------- */

int weir_transfer_start(struct weir_kube *kube, const struct weir_transfer_config *config,
			const struct weir_transfer_ops *ops, void *data, struct weir_transfer **ret,
			struct weir_error *err)
{
	struct weir_transfer *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return weir_error_errno(err, ENOMEM, "%s", config->path);
	t->kube = kube;
	t->ops = ops;
	t->data = data;
	r = set_up(t, config, err);
	if (r == 0 && curl_multi_add_handle(kube->multi, t->easy) != CURLM_OK)
		r = weir_error_set(err, EIO, "%s: libcurl does not take it", config->path);
	if (r < 0) {
		free_transfer(t);
		return r;
	}
	t->next = kube->transfers;
	t->at = &kube->transfers;
	if (t->next)
		t->next->at = &t->next;
	kube->transfers = t;
	*ret = t;
	return 0;
}

void weir_transfer_stop(struct weir_transfer **transfer)
{
	struct weir_transfer *t = weir_take(*transfer);

	if (!t)
		return;
	curl_multi_remove_handle(t->kube->multi, t->easy);
	free_transfer(t);
}

void weir_transfer_ended(CURL *easy, CURLcode code)
{
	struct weir_transfer *t = NULL;
	struct weir_transfer_end end = { 0 };
	curl_off_t retry_after = 0;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t);
	curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after);
	curl_multi_remove_handle(t->kube->multi, easy);
	end.status = (int)status_of(t);
	/* a server that says "in a year" is not taken at its word */
	end.retry_after_ms = (uint32_t)(retry_after > 3600 ? 3600 : retry_after) * 1000;
	end.body = t->error_body;
	if (code != CURLE_OK)
		end.error = t->text[0] ? t->text : curl_easy_strerror(code);
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
