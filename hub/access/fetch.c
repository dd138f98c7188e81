/* SPDX-License-Identifier: Apache-2.0 */
/* One request to an issuer or an API server, by libcurl; https only, but to loopback. */
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/access/internal.h"
#include "weir/cleanup.h"

#define ANSWER_MAX (1024 * 1024)
#define TIMEOUT_S  5

struct answer {
	char *text;
	size_t len;
};

static size_t take(char *data, size_t size, size_t n, void *to)
{
	struct answer *a = to;
	char *text;

	n *= size;
	if (a->len + n > ANSWER_MAX)
		return 0;
	text = realloc(a->text, a->len + n + 1);
	if (!text)
		return 0;
	memcpy(text + a->len, data, n);
	a->text = text;
	a->len += n;
	text[a->len] = 0;
	return n;
}

static bool is_safe(const char *url)
{
	static const char *const prefixes[] = { "https://", "http://127.0.0.1:", "http://[::1]:" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(prefixes); i++)
		if (strncmp(url, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static struct curl_slist *headers_of(const struct weir_fetch *f)
{
	struct curl_slist *list = curl_slist_append(NULL, "Accept: application/json"), *longer;
	char *bearer = NULL;

	longer = list ? curl_slist_append(list, "Content-Type: application/json") : NULL;
	if (longer && f->bearer && asprintf(&bearer, "Authorization: Bearer %s", f->bearer) >= 0)
		longer = curl_slist_append(longer, bearer);
	free(bearer);
	if (!longer)
		curl_slist_free_all(list);
	return longer;
}

static void set_up(CURL *c, const struct weir_fetch *f, struct curl_slist *headers,
		   struct answer *a, char *why)
{
	curl_easy_setopt(c, CURLOPT_URL, f->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https,http");
	curl_easy_setopt(c, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L); /* http://127.0.0.1:1@other */
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, a);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
	if (f->ca_file && *f->ca_file)
		curl_easy_setopt(c, CURLOPT_CAINFO, f->ca_file);
	if (f->body)
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, f->body);
}

static int ask(CURL *c, const struct weir_fetch *f, struct answer *a, struct weir_error *err)
{
	struct curl_slist *headers = headers_of(f);
	char why[CURL_ERROR_SIZE] = "";
	long status = 0;
	CURLcode code;

	if (!headers)
		return weir_error_errno(err, ENOMEM, "%s", f->url);
	set_up(c, f, headers, a, why);
	code = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(headers);
	if (code != CURLE_OK)
		return weir_error_set(err, EAGAIN, "%s: %s", f->url,
				      *why ? why : curl_easy_strerror(code));
	if (status != 200 && status != 201)
		return weir_error_set(err, EAGAIN, "%s: answers with status %ld", f->url, status);
	return a->text ? 0 : weir_error_set(err, EAGAIN, "%s: answers with nothing", f->url);
}

int weir_fetch(const struct weir_fetch *f, char **ret, struct weir_error *err)
{
	struct answer a = { NULL, 0 };
	CURL *c;
	int r;

	if (!is_safe(f->url))
		return weir_error_set(err, EAGAIN, "%s: want https://", f->url);
	c = curl_easy_init();
	r = c ? ask(c, f, &a, err) : weir_error_errno(err, ENOMEM, "%s", f->url);
	curl_easy_cleanup(c);
	if (r == 0)
		*ret = weir_take(a.text);
	free(a.text);
	return r;
}
