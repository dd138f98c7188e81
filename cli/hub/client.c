/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the hub, by libcurl. Used by the commands that ask it; prints nothing. */
#include "cli/hub/hub.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

#define ANSWER_MAX (256u * 1024 * 1024)
#define TIMEOUT_S  60L

struct weirctl_hub {
	CURL *curl;
	char *url, *ca;
	struct curl_slist *headers;
	char cut[32]; /* why the last stream was not complete; "": it was */
};

static const char *address_of(const struct weirctl *ctl)
{
	const char *url = ctl->values[WEIRCTL_HUB] ?: getenv("WEIR_HUB");

	return url && *url ? url : NULL;
}

bool weirctl_hub_is_meant(const struct weirctl *ctl)
{
	return ctl->values[WEIRCTL_HUB] && *ctl->values[WEIRCTL_HUB];
}

static int read_token(const struct weirctl *ctl, char *ret, size_t size, struct weir_error *err)
{
	const char *path = ctl->values[WEIRCTL_TOKEN] ?: getenv("WEIR_HUB_TOKEN_FILE");
	FILE *f = path && *path ? fopen(path, "re") : NULL;
	size_t len;

	*ret = 0;
	if (!path || !*path)
		return weir_error_set(err, EACCES,
				      "the hub wants to know who asks: give a file with your token "
				      "(--token FILE, or WEIR_HUB_TOKEN_FILE)");
	if (!f)
		return weir_error_errno(err, errno, "%s", path);
	len = fread(ret, 1, size - 1, f);
	fclose(f);
	ret[len] = 0;
	ret[strcspn(ret, "\r\n")] = 0;
	return *ret ? 0 : weir_error_set(err, EACCES, "%s: holds no token", path);
}

static int add_header(struct weirctl_hub *hub, const char *text)
{
	struct curl_slist *longer = curl_slist_append(hub->headers, text);

	if (longer)
		hub->headers = longer;
	return longer ? 0 : -ENOMEM;
}

int weirctl_hub_open(const struct weirctl *ctl, struct weirctl_hub **ret, struct weir_error *err)
{
	WEIR_CLEANUP(weirctl_hub_close) struct weirctl_hub *hub = calloc(1, sizeof(*hub));
	const char *url = address_of(ctl);
	char token[20000], header[20100];
	int r;

	if (!url)
		return weir_error_set(
			err, EINVAL,
			"which hub? give its address (--hub https://..., or WEIR_HUB)");
	if (strncmp(url, "https://", 8) && strncmp(url, "http://127.", 11) &&
	    strncmp(url, "http://[::1]", 12))
		return weir_error_set(
			err, EINVAL,
			"--hub %s: want https://HOST[:PORT] (http:// to loopback only)", url);
	r = read_token(ctl, token, sizeof(token), err);
	if (r < 0)
		return r;
	if (!hub)
		return weir_error_errno(err, ENOMEM, "%s", url);
	hub->url = strndup(url, strlen(url) - (url[strlen(url) - 1] == '/'));
	hub->ca = ctl->values[WEIRCTL_CA] ? strdup(ctl->values[WEIRCTL_CA]) : NULL;
	hub->curl = curl_easy_init();
	snprintf(header, sizeof(header), "Authorization: Bearer %s", token);
	if (!hub->url || !hub->curl || add_header(hub, header) < 0)
		return weir_error_errno(err, ENOMEM, "%s", url);
	*ret = weir_take(hub);
	return 0;
}

void weirctl_hub_close(struct weirctl_hub **hub)
{
	struct weirctl_hub *h = weir_take(*hub);

	if (!h)
		return;
	curl_easy_cleanup(h->curl);
	curl_slist_free_all(h->headers);
	free(h->url);
	free(h->ca);
	free(h);
}

/* --- parameters ----------------------------------------------------------------------- */

static char *escape(const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, 0), *copy = escaped ? strdup(escaped) : NULL;

	curl_free(escaped);
	return copy;
}

int weirctl_query_add(struct weirctl_query *q, const char *name, const char *value)
{
	WEIR_AUTO_FREE char *v = value ? escape(value) : NULL, *n = escape(name);
	char *longer;

	if (!value)
		return 0;
	if (!n || !v || asprintf(&longer, "%s%s%s=%s", q->text ?: "", q->text ? "&" : "", n, v) < 0)
		return -ENOMEM;
	free(q->text);
	q->text = longer;
	return 0;
}

void weirctl_query_clear(struct weirctl_query *q)
{
	free(weir_take(q->text));
}

int weirctl_query_since(struct weirctl_query *q, const struct weirctl *ctl, const char *otherwise,
			struct weir_error *err)
{
	const char *since = ctl->values[WEIRCTL_SINCE] ?: otherwise;
	char text[32];
	double ms;

	if (weirctl_duration(since, &ms) < 0 || ms <= 0)
		return weir_error_set(err, EINVAL,
				      "--since \"%s\": want a duration like 30s, 5m, 2h", since);
	snprintf(text, sizeof(text), "%.0fms", ms);
	return weirctl_query_add(q, "since", text) < 0 ? weir_error_errno(err, ENOMEM, "question")
						       : 0;
}

int weirctl_query_filters(struct weirctl_query *q, const struct weirctl *ctl,
			  struct weir_error *err)
{
	WEIR_AUTO_FREE char *where = strdup(ctl->values[WEIRCTL_WHERE] ?: "");
	char *save = NULL, *equals;
	int r = where ? 0 : -ENOMEM;

	if (r == 0)
		r = weirctl_query_add(q, "namespace", ctl->values[WEIRCTL_NAMESPACE]);
	if (r == 0)
		r = weirctl_query_add(q, "pod", ctl->values[WEIRCTL_POD]);
	if (r == 0)
		r = weirctl_query_add(q, "verdict", ctl->values[WEIRCTL_VERDICT]);
	if (r == 0)
		r = weirctl_query_add(q, "cluster", ctl->values[WEIRCTL_CLUSTER]);
	for (char *term = where ? strtok_r(where, ",", &save) : NULL; r == 0 && term;
	     term = strtok_r(NULL, ",", &save)) {
		equals = strchr(term, '=');
		if (!equals || equals == term)
			return weir_error_set(err, EINVAL,
					      "--where \"%s\": want FIELD=VALUE,... like "
					      "from.namespace=shop,port=80",
					      term);
		*equals = 0;
		r = weirctl_query_add(q, term, equals + 1);
	}
	return r < 0 ? weir_error_errno(err, ENOMEM, "question") : 0;
}

/* --- requests ------------------------------------------------------------------------- */

struct reading {
	const struct weirctl_hub_lines *lines; /* NULL: all of it is wanted */
	char *text;
	size_t len;
	CURL *curl;
	bool stopped;
};

static bool is_good(CURL *curl)
{
	long status = 0;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	return status >= 200 && status < 300;
}

/* What is left is the beginning of a line. */
static int hand_out(struct reading *r)
{
	char *end, *at = r->text;
	int stop = 0;

	while (!stop && (end = memchr(at, '\n', r->len - (size_t)(at - r->text)))) {
		*end = 0;
		if (end != at)
			stop = r->lines->line(r->lines->data, at, (size_t)(end - at));
		at = end + 1;
	}
	r->len -= (size_t)(at - r->text);
	memmove(r->text, at, r->len);
	r->stopped = stop;
	return stop;
}

static size_t take(char *data, size_t size, size_t n, void *to)
{
	struct reading *r = to;
	char *text;

	n *= size;
	if (r->len + n > ANSWER_MAX)
		return 0;
	text = realloc(r->text, r->len + n + 1);
	if (!text)
		return 0;
	r->text = text;
	memcpy(text + r->len, data, n);
	r->len += n;
	text[r->len] = 0;
	return r->lines && is_good(r->curl) && hand_out(r) ? 0 : n;
}

static int on_progress(void *data, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct reading *r = data;

	r->stopped |= r->lines->idle && r->lines->idle(r->lines->data);
	return r->stopped;
}

static int tell_problem(struct weirctl_hub *hub, const struct reading *r, struct weir_error *err)
{
	long status = 0;
	cJSON *json = r->text ? cJSON_ParseWithLength(r->text, r->len) : NULL;
	const char *detail = weirctl_text(json, "detail");

	curl_easy_getinfo(hub->curl, CURLINFO_RESPONSE_CODE, &status);
	weir_error_set(err, EIO, "the hub says: %s (%ld)",
		       *detail			      ? detail
		       : *weirctl_text(json, "title") ? weirctl_text(json, "title")
						      : "no",
		       status);
	cJSON_Delete(json);
	return status == 401 || status == 403 ? -EACCES : -EIO;
}

static int perform(struct weirctl_hub *hub, const char *method, const char *url, const char *body,
		   struct reading *r, struct weir_error *err)
{
	char why[CURL_ERROR_SIZE] = "";
	CURL *c = hub->curl;
	CURLcode code;

	r->curl = c;
	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https,http");
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, hub->headers);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 10L);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
	if (hub->ca)
		curl_easy_setopt(c, CURLOPT_CAINFO, hub->ca);
	if (method)
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
	if (body)
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
	if (r->lines) {
		curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
		curl_easy_setopt(c, CURLOPT_XFERINFODATA, r);
	} else {
		curl_easy_setopt(c, CURLOPT_TIMEOUT, TIMEOUT_S);
	}
	code = curl_easy_perform(c);
	if (r->stopped)
		return 0;
	if (code != CURLE_OK)
		return weir_error_set(err, ECONNREFUSED, "%s: %s", hub->url,
				      *why ? why : curl_easy_strerror(code));
	return is_good(c) ? 0 : tell_problem(hub, r, err);
}

static int request(struct weirctl_hub *hub, const char *method, const char *path,
		   const struct weirctl_query *q, const char *body, struct reading *r,
		   struct weir_error *err)
{
	struct curl_slist *plain = hub->headers, *with = NULL;
	WEIR_AUTO_FREE char *url = NULL;
	int e;

	if (asprintf(&url, "%s%s%s%s", hub->url, path, q && q->text ? "?" : "",
		     q && q->text ? q->text : "") < 0) {
		url = NULL;
		return weir_error_errno(err, ENOMEM, "%s", path);
	}
	with = curl_slist_append(NULL, plain->data);
	hub->headers = with;
	e = !with ? -ENOMEM
		  : add_header(hub, r->lines ? "Accept: application/x-ndjson"
					     : "Accept: application/json");
	if (e == 0 && body)
		e = add_header(hub, "Content-Type: application/json");
	e = e < 0 ? weir_error_errno(err, ENOMEM, "%s", path)
		  : perform(hub, method, url, body, r, err);
	curl_slist_free_all(hub->headers);
	hub->headers = plain;
	return e;
}

int weirctl_hub_call(struct weirctl_hub *hub, const char *method, const char *path,
		     const struct weirctl_query *q, const cJSON *body, cJSON **ret,
		     struct weir_error *err)
{
	WEIR_AUTO_FREE char *text = body ? cJSON_PrintUnformatted(body) : NULL;
	struct reading r = { 0 };
	int e = request(hub, method, path, q, text, &r, err);

	if (e == 0) {
		*ret = r.text ? cJSON_ParseWithLength(r.text, r.len) : cJSON_CreateObject();
		if (!*ret)
			e = weir_error_set(err, EBADMSG, "%s: answers with no JSON", hub->url);
	}
	free(r.text);
	return e;
}

int weirctl_hub_stream(struct weirctl_hub *hub, const char *path, const struct weirctl_query *q,
		       const struct weirctl_hub_lines *lines, struct weir_error *err)
{
	struct reading r = { .lines = lines };
	int e = request(hub, NULL, path, q, NULL, &r, err);
	struct curl_header *complete, *why;

	*hub->cut = 0;
	if (e == 0 &&
	    curl_easy_header(hub->curl, "Weir-Complete", 0, CURLH_HEADER, -1, &complete) ==
		    CURLHE_OK &&
	    strcmp(complete->value, "true") != 0)
		snprintf(hub->cut, sizeof(hub->cut), "%s",
			 curl_easy_header(hub->curl, "Weir-Why", 0, CURLH_HEADER, -1, &why) ==
					 CURLHE_OK
				 ? why->value
				 : "budget");
	free(r.text);
	return e;
}

static void note_cut(const char *why)
{
	fprintf(stderr,
		"weirctl: not all of it: the hub ended the question (%s); ask for less time "
		"or with more filters\n",
		why);
}

void weirctl_hub_note_stream(const struct weirctl_hub *hub)
{
	if (*hub->cut)
		note_cut(hub->cut);
}

void weirctl_hub_note_end(const cJSON *answer)
{
	const char *why = weirctl_text(answer, "why");

	if (weirctl_member(answer, "complete") && !weirctl_true(answer, "complete"))
		note_cut(*why ? why : "budget");
}
