/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes with each exchange: the token, the client certificate, the CA.
 * Files are read for each one, so that what was rotated is never used again.
 * libcurl gets the contents, not the names: it takes a connection, or a CA that
 * it has read, for the same when the name is the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/kube/internal.h"
#include "weir/cleanup.h"

static int set_token(CURL *easy, const struct weir_kube_config *config, struct weir_error *err)
{
	WEIR_AUTO_FREE char *token = NULL;
	int r = 0;

	if (config->token_file)
		r = weir_kube_read_token(config->token_file, &token, err);
	else if (config->token && !(token = strdup(config->token)))
		r = weir_error_errno(err, ENOMEM, "token");
	if (r < 0 || !token)
		return r;
	curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
	curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, token);
	explicit_bzero(token, strlen(token));
	return 0;
}

static int set_secret(CURL *easy, CURLoption option, const struct weir_kube_secret *secret,
		      struct weir_error *err)
{
	WEIR_AUTO_FREE char *text = NULL;
	struct curl_blob blob = { .flags = CURL_BLOB_COPY };
	CURLcode code;
	int r;

	if (!secret->file && !secret->data)
		return 0;
	if (secret->file) {
		r = weir_kube_read_pem(secret->file, &text, err);
		if (r < 0)
			return r;
	}
	blob.data = text ? text : secret->data;
	blob.len = strlen(blob.data);
	code = curl_easy_setopt(easy, option, &blob);
	if (text)
		explicit_bzero(text, strlen(text));
	return code == CURLE_OK ? 0 : weir_error_errno(err, ENOMEM, "credentials");
}

int weir_credentials_set(CURL *easy, const struct weir_kube_config *config, struct weir_error *err)
{
	int r = set_token(easy, config, err);

	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (config->insecure) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0l);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0l);
	}
	if (r == 0)
		r = set_secret(easy, CURLOPT_CAINFO_BLOB, &config->ca, err);
	if (r == 0)
		r = set_secret(easy, CURLOPT_SSLCERT_BLOB, &config->cert, err);
	return r < 0 ? r : set_secret(easy, CURLOPT_SSLKEY_BLOB, &config->key, err);
}
