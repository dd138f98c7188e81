/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stranger sends to sign in, and what an issuer or an API server might answer. The first
 * byte says what the rest is. Nobody is let in whom the key, the issuer and the times do not let
 * in.
 */
#include <cjose/cjose.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/access/internal.h"

#define ISSUER "https://issuer.test"
#define NOW    1800000000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *about, *keys, *reviewed; /* what is answered */
static char *own_keys;
static cjose_jwk_t *key;

/* Instead of hub/access/fetch.c: nothing is asked over the network. */
int weir_fetch(const struct weir_fetch *f, char **ret, struct weir_error *err)
{
	const char *text = strstr(f->url, "well-known") ? about : f->body ? reviewed : keys;

	if (!text)
		return weir_error_set(err, EAGAIN, "%s: down", f->url);
	*ret = strdup(text);
	return 0;
}

static void set_up(void)
{
	char *one;

	if (key)
		return;
	key = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, NULL);
	one = cjose_jwk_to_json(key, false, NULL);
	if (asprintf(&own_keys, "{\"keys\":[%s]}", one) < 0)
		abort();
	cjose_get_dealloc()(one);
}

static const char *text_of(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static int sign_in(const char *token, struct weir_error *err)
{
	static const struct weir_access_config config = {
		.oidc = { ISSUER, "weir", "sub", "groups", "" },
	};
	struct weir_oidc *oidc = NULL;
	struct weir_person *p = NULL;
	int r;

	if (weir_oidc_new(&config, &oidc) < 0)
		abort();
	r = weir_oidc_sign_in(oidc, token, NOW, &p, err);
	if ((r == 1) != (p != NULL) || (r < 0) != (err->text[0] != 0))
		abort();
	if (p && (!*p->user || strcmp(p->method, "oidc") != 0))
		abort();
	weir_person_free(&p);
	weir_oidc_free(&oidc);
	return r;
}

/* --- tokens -------------------------------------------------------------------------- */

static void check_unsigned(const char *token)
{
	struct weir_error err = { "" };

	if (sign_in(token, &err) == 1)
		abort();
}

/* "HEADER\nCLAIMS\nSIGNATURE" as a token, whatever the three are. */
static void check_parts(const char *text)
{
	char token[8192] = "";

	for (int i = 0; i < 3; i++) {
		size_t len = strcspn(text, "\n"), encoded;
		char *part;

		if (strlen(token) + 2 * len + 8 > sizeof(token) ||
		    !cjose_base64url_encode((const uint8_t *)text, len, &part, &encoded, NULL))
			return;
		strcat(strcat(token, i ? "." : ""), part);
		cjose_get_dealloc()(part);
		text += len + (text[len] == '\n');
	}
	check_unsigned(token);
}

static char *sign(const char *header_text, size_t header_len, const char *claims)
{
	cJSON *more = cJSON_ParseWithLength(header_text, header_len);
	cjose_header_t *header = cjose_header_new(NULL);
	const char *exported;
	cjose_jws_t *jws;
	cJSON *member;
	char *copy = NULL, *raw;

	cJSON_ArrayForEach (member, more) {
		if (!member->string)
			continue;
		raw = cJSON_PrintUnformatted(member);
		cjose_header_set_raw(header, member->string, raw, NULL);
		free(raw);
	}
	cJSON_Delete(more);
	cjose_header_set(header, CJOSE_HDR_ALG, CJOSE_HDR_ALG_ES256, NULL);
	jws = cjose_jws_sign(key, header, (const uint8_t *)claims, strlen(claims), NULL);
	if (jws && cjose_jws_export(jws, &exported, NULL))
		copy = strdup(exported);
	if (jws)
		cjose_jws_release(jws);
	cjose_header_release(header);
	return copy;
}

static bool is_for_us(const cJSON *aud)
{
	const cJSON *one;

	if (cJSON_IsString(aud))
		return strcmp(aud->valuestring, "weir") == 0;
	cJSON_ArrayForEach (one, aud)
		if (cJSON_IsString(one) && strcmp(one->valuestring, "weir") == 0)
			return true;
	return false;
}

/* "HEADER\nCLAIMS", signed with the issuer's key: only these claims let somebody in. */
static void check_signed(const char *text)
{
	size_t len = strcspn(text, "\n");
	const char *claims = text + len + (text[len] == '\n');
	char *token = sign(text, len, claims);
	struct weir_error err = { "" };

	if (token && sign_in(token, &err) == 1) {
		cJSON *json = cJSON_Parse(claims);
		const cJSON *exp = cJSON_GetObjectItemCaseSensitive(json, "exp");

		if (strcmp(text_of(json, "iss") ?: "", ISSUER) != 0 ||
		    !*(text_of(json, "sub") ?: "") ||
		    !is_for_us(cJSON_GetObjectItemCaseSensitive(json, "aud")) ||
		    !cJSON_IsNumber(exp) || exp->valuedouble < NOW - 300.0)
			abort();
		cJSON_Delete(json);
	}
	free(token);
}

/* Who has no key of ours in what he answers does not make our token good. */
static void check_answers(const char *about_text, const char *keys_text)
{
	static const char header[] = "{}";
	char *token =
		sign(header, strlen(header),
		     "{\"iss\":\"" ISSUER "\",\"aud\":\"weir\",\"sub\":\"a\",\"exp\":1900000000}");
	struct weir_error err = { "" };
	int r;

	about = about_text;
	keys = keys_text;
	r = sign_in(token, &err);
	if (r == 0 || (r == 1 && keys != own_keys))
		abort();
	free(token);
}

/* --- the others ----------------------------------------------------------------------- */

static void check_static(const char *text)
{
	char user[] = "a";
	struct weir_token one = { .user = user };
	struct weir_rules rules = { .tokens = &one, .n_tokens = 1 };
	char token[WEIR_TOKEN_TEXT], hash[WEIR_TOKEN_HASH];
	struct weir_person *p = NULL;

	weir_access_make_token(token, hash);
	for (size_t i = 0; i < sizeof(one.hash); i++) {
		char digits[3] = { hash[7 + 2 * i], hash[8 + 2 * i], 0 };

		one.hash[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	if (weir_token_find(&rules, text, NOW, &p, NULL) != 0 || p)
		abort();
	if (weir_token_find(&rules, token, NOW, &p, NULL) != 1)
		abort();
	weir_person_free(&p);
}

static void check_review(const char *answer)
{
	static const struct weir_access_config config = {
		.kubernetes = { "https://api.test", "", "", "weir" },
	};
	struct weir_review *review = NULL;
	struct weir_person *p = NULL;
	struct weir_error err = { "" };
	int r;

	if (weir_review_new(&config, &review) < 0)
		abort();
	reviewed = answer;
	r = weir_review_sign_in(review, "a", NOW, &p, &err);
	if ((r == 1) != (p != NULL) || (r < 0) != (err.text[0] != 0))
		abort();
	if (p) {
		cJSON *json = cJSON_Parse(answer);
		const cJSON *status = cJSON_GetObjectItemCaseSensitive(json, "status");

		if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(status, "authenticated")) ||
		    !is_for_us(cJSON_GetObjectItemCaseSensitive(status, "audiences")))
			abort();
		cJSON_Delete(json);
	}
	weir_person_free(&p);
	weir_review_free(&review);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char discovery[] =
		"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"" ISSUER "/keys\"}";
	char *text;

	set_up();
	if (!size)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	about = discovery;
	keys = own_keys;
	if (data[0] == 't')
		check_unsigned(text);
	else if (data[0] == 'p')
		check_parts(text);
	else if (data[0] == 'c')
		check_signed(text);
	else if (data[0] == 'd')
		check_answers(text, own_keys);
	else if (data[0] == 'k')
		check_answers(discovery, text);
	else if (data[0] == 'r')
		check_review(text);
	else
		check_static(text);
	free(text);
	return 0;
}
