/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenID Connect: bearer tokens that are JWTs of one issuer (RFC 7519), signed with
 * one of its keys (RFC 7517), which are fetched when they are needed and kept. The
 * algorithms are those with a public key: no token chooses to be unsigned, or to be signed
 * with what everybody knows.
 */
#include <cjose/cjose.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "hub/access/internal.h"
#include "hub/access/jose.h"
#include "weir/cleanup.h"

#define LEEWAY_S   60
#define KEYS_MAX   64
#define KEEP_S	   3600
#define REFETCH_S  30 /* an unknown key has the keys fetched again, not more often */
#define RETRY_S	   5  /* the same while there are none */
#define TOKEN_MAX  16384
#define GROUPS_MAX 256

struct weir_oidc {
	char *issuer, *audience, *user_claim, *groups_claim, *ca_file;
	pthread_mutex_t lock; /* of all below */
	cjose_jwk_t *keys[KEYS_MAX];
	size_t n_keys;
	uint64_t fetched, tried; /* seconds */
	struct weir_error why;	 /* of the last try, empty: it went well */
};

/* Each with its kind of key, and curve: another one would confuse the library. */
static const struct algorithm {
	const char *name;
	cjose_jwk_kty_t kind;
	cjose_jwk_ec_curve curve;
} algorithms[] = {
	{ "RS256", CJOSE_JWK_KTY_RSA, CJOSE_JWK_EC_INVALID },
	{ "RS384", CJOSE_JWK_KTY_RSA, CJOSE_JWK_EC_INVALID },
	{ "RS512", CJOSE_JWK_KTY_RSA, CJOSE_JWK_EC_INVALID },
	{ "PS256", CJOSE_JWK_KTY_RSA, CJOSE_JWK_EC_INVALID },
	{ "PS384", CJOSE_JWK_KTY_RSA, CJOSE_JWK_EC_INVALID },
	{ "PS512", CJOSE_JWK_KTY_RSA, CJOSE_JWK_EC_INVALID },
	{ "ES256", CJOSE_JWK_KTY_EC, CJOSE_JWK_EC_P_256 },
	{ "ES384", CJOSE_JWK_KTY_EC, CJOSE_JWK_EC_P_384 },
	{ "ES512", CJOSE_JWK_KTY_EC, CJOSE_JWK_EC_P_521 },
};

int weir_oidc_new(const struct weir_access_config *config, struct weir_oidc **ret)
{
	WEIR_CLEANUP(weir_oidc_free) struct weir_oidc *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	pthread_mutex_init(&o->lock, NULL);
	o->issuer = strdup(config->oidc.issuer);
	o->audience = strdup(config->oidc.audience);
	o->user_claim = strdup(config->oidc.user_claim);
	o->groups_claim = strdup(config->oidc.groups_claim);
	o->ca_file = strdup(config->oidc.ca_file);
	if (!o->issuer || !o->audience || !o->user_claim || !o->groups_claim || !o->ca_file)
		return -ENOMEM;
	*ret = weir_take(o);
	return 0;
}

static void forget_keys(struct weir_oidc *o)
{
	while (o->n_keys)
		cjose_jwk_release(o->keys[--o->n_keys]);
}

void weir_oidc_free(struct weir_oidc **oidc)
{
	struct weir_oidc *o = weir_take(*oidc);

	if (!o)
		return;
	forget_keys(o);
	pthread_mutex_destroy(&o->lock);
	free(o->issuer);
	free(o->audience);
	free(o->user_claim);
	free(o->groups_claim);
	free(o->ca_file);
	free(o);
}

/* --- keys ---------------------------------------------------------------------------------- */

static int fetch_json(const struct weir_oidc *o, const char *url, cJSON **ret,
		      struct weir_error *err)
{
	struct weir_fetch f = { .url = url, .ca_file = o->ca_file };
	WEIR_AUTO_FREE char *text = NULL;
	int r = weir_fetch(&f, &text, err);

	if (r < 0)
		return r;
	*ret = cJSON_Parse(text);
	return *ret ? 0 : weir_error_set(err, EAGAIN, "%s: answers with no JSON", url);
}

static const char *member(const cJSON *json, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
}

static void keep_key(struct weir_oidc *o, const cJSON *json)
{
	cjose_jwk_t *key = o->n_keys < KEYS_MAX ? weir_jose_key(json) : NULL;

	if (key)
		o->keys[o->n_keys++] = key;
}

static int ask_for_keys(struct weir_oidc *o, uint64_t now, struct weir_error *err)
{
	cJSON *about = NULL, *keys = NULL;
	const cJSON *key;
	char url[1024];
	size_t len = strlen(o->issuer);
	int r;

	snprintf(url, sizeof(url), "%.*s/.well-known/openid-configuration",
		 (int)(len && o->issuer[len - 1] == '/' ? len - 1 : len), o->issuer);
	r = fetch_json(o, url, &about, err);
	if (r == 0 && strcmp(member(about, "issuer") ?: "", o->issuer) != 0)
		r = weir_error_set(err, EAGAIN, "%s: names another issuer", url);
	if (r == 0)
		r = fetch_json(o, member(about, "jwks_uri") ?: "", &keys, err);
	if (r == 0) {
		forget_keys(o);
		cJSON_ArrayForEach (key, cJSON_GetObjectItemCaseSensitive(keys, "keys"))
			keep_key(o, key);
		o->fetched = now;
	}
	cJSON_Delete(about);
	cJSON_Delete(keys);
	return r;
}

/* Not at once again: who sends tokens does not decide how often the issuer is asked. Keys stay
 * while it does not answer. */
static void fetch_keys(struct weir_oidc *o, uint64_t now)
{
	struct weir_error why = { "" };

	if (o->tried && now < o->tried + (o->fetched ? REFETCH_S : RETRY_S))
		return;
	o->tried = now;
	ask_for_keys(o, now, &why);
	o->why = why;
}

/* --- one token ------------------------------------------------------------------------------ */

static const struct algorithm *algorithm_of(cjose_header_t *header)
{
	const char *name = cjose_header_get(header, CJOSE_HDR_ALG, NULL);

	for (size_t i = 0; name && i < WEIR_ARRAY_SIZE(algorithms); i++)
		if (strcmp(algorithms[i].name, name) == 0)
			return &algorithms[i];
	return NULL;
}

/* What must be understood (RFC 7515, 4.1.11) and is not. */
static bool has_extensions(cjose_header_t *header)
{
	char *critical = cjose_header_get_raw(header, "crit", NULL);

	if (critical)
		cjose_get_dealloc()(critical);
	return critical != NULL;
}

static bool fits(const cjose_jwk_t *key, const struct algorithm *a)
{
	return cjose_jwk_get_kty(key, NULL) == a->kind &&
	       (a->kind != CJOSE_JWK_KTY_EC || cjose_jwk_EC_get_curve(key, NULL) == a->curve);
}

static bool verifies(struct weir_oidc *o, cjose_jws_t *jws, const struct algorithm *a)
{
	const char *kid = cjose_header_get(cjose_jws_get_protected(jws), CJOSE_HDR_KID, NULL);

	for (size_t i = 0; i < o->n_keys; i++) {
		const char *name = cjose_jwk_get_kid(o->keys[i], NULL);

		if (fits(o->keys[i], a) && (!kid || !name || strcmp(kid, name) == 0) &&
		    cjose_jws_verify(jws, o->keys[i], NULL))
			return true;
	}
	return false;
}

static int check_signature(struct weir_oidc *o, cjose_jws_t *jws, uint64_t now,
			   struct weir_error *err)
{
	cjose_header_t *header = cjose_jws_get_protected(jws);
	const struct algorithm *a = algorithm_of(header);

	if (!a || has_extensions(header))
		return weir_error_set(err, EACCES,
				      "the token's signature is of a kind that is not accepted");
	if (now > o->fetched + KEEP_S)
		fetch_keys(o, now);
	if (verifies(o, jws, a))
		return 0;
	fetch_keys(o, now);
	if (verifies(o, jws, a))
		return 0;
	if (o->why.text[0])
		return weir_error_set(err, EAGAIN, "%s", o->why.text);
	return weir_error_set(err, EACCES, "the token's signature is not of its issuer");
}

static bool has_audience(const cJSON *claims, const char *audience)
{
	const cJSON *aud = cJSON_GetObjectItemCaseSensitive(claims, "aud"), *one;

	if (cJSON_IsString(aud))
		return strcmp(aud->valuestring, audience) == 0;
	cJSON_ArrayForEach (one, aud)
		if (cJSON_IsString(one) && strcmp(one->valuestring, audience) == 0)
			return true;
	return false;
}

static int check_claims(const struct weir_oidc *o, const cJSON *claims, uint64_t now,
			struct weir_error *err)
{
	const cJSON *exp = cJSON_GetObjectItemCaseSensitive(claims, "exp");
	const cJSON *nbf = cJSON_GetObjectItemCaseSensitive(claims, "nbf");
	const cJSON *iat = cJSON_GetObjectItemCaseSensitive(claims, "iat");
	double time = (double)now;

	if (!has_audience(claims, o->audience))
		return weir_error_set(err, EACCES, "the token is for somebody else (aud)");
	if (!cJSON_IsNumber(exp) || exp->valuedouble + LEEWAY_S < time)
		return weir_error_set(err, EACCES, "the token has expired");
	if ((nbf && (!cJSON_IsNumber(nbf) || nbf->valuedouble > time + LEEWAY_S)) ||
	    (iat && (!cJSON_IsNumber(iat) || iat->valuedouble > time + LEEWAY_S)))
		return weir_error_set(err, EACCES, "the token is not valid yet");
	return 0;
}

/* Names that only Kubernetes gives: no claim makes somebody a service account. */
static const char reserved[] = "system:";

static bool is_reserved(const char *name)
{
	return strncmp(name, reserved, strlen(reserved)) == 0;
}

static int make_person(const struct weir_oidc *o, const cJSON *claims, struct weir_person **ret,
		       struct weir_error *err)
{
	WEIR_CLEANUP(weir_person_free) struct weir_person *p = NULL;
	const cJSON *groups = cJSON_GetObjectItemCaseSensitive(claims, o->groups_claim), *one;
	const char *user = member(claims, o->user_claim);
	int r;

	if (!user || !*user)
		return weir_error_set(err, EACCES, "the token has no claim %s", o->user_claim);
	if (is_reserved(user))
		return weir_error_set(err, EACCES, "users \"%s...\" are of Kubernetes", reserved);
	r = weir_person_new(user, "oidc", &p);
	cJSON_ArrayForEach (one, groups)
		if (r == 0 && cJSON_IsString(one) && p->n_groups < GROUPS_MAX &&
		    !is_reserved(one->valuestring))
			r = weir_person_add_group(p, one->valuestring);
	if (r < 0)
		return weir_error_errno(err, -r, "sign-in");
	*ret = weir_take(p);
	return 1;
}

static cJSON *claims_of(cjose_jws_t *jws)
{
	uint8_t *text;
	size_t len;

	if (!cjose_jws_get_plaintext(jws, &text, &len, NULL) || weir_jose_has_nul(text, len))
		return NULL;
	return cJSON_ParseWithLength((const char *)text, len);
}

int weir_oidc_sign_in(struct weir_oidc *o, const char *token, uint64_t now,
		      struct weir_person **ret, struct weir_error *err)
{
	size_t len = strlen(token);
	cjose_jws_t *jws;
	cJSON *claims;
	int r = 0;

	if (len > TOKEN_MAX || !weir_jose_is_jwt(token))
		return 0;
	jws = cjose_jws_import(token, len, NULL);
	claims = jws ? claims_of(jws) : NULL;
	if (claims && strcmp(member(claims, "iss") ?: "", o->issuer) == 0) {
		pthread_mutex_lock(&o->lock);
		r = check_signature(o, jws, now, err);
		pthread_mutex_unlock(&o->lock);
		if (r == 0)
			r = check_claims(o, claims, now, err);
		if (r == 0)
			r = make_person(o, claims, ret, err);
	}
	cJSON_Delete(claims);
	if (jws)
		cjose_jws_release(jws);
	return r;
}
