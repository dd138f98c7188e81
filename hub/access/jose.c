/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens and keys as libcjose can bear them: text that is no base64url makes it end the
 * process (an assertion), so only what is well-formed is handed on. Called by oidc.c.
 */
#include "hub/access/jose.h"

#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

#define RSA_TEXT_MIN 342  /* base64url of 256 bytes: RFC 7518, 3.3 wants 2048 bits */
#define PART_MAX     2048 /* of a key */

/* How many bytes of base64url text begins with; 0: none, or no whole number of bytes. */
static size_t base64url(const char *text)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t len = strspn(text, letters);

	return len % 4 == 1 ? 0 : len;
}

bool weir_jose_is_jwt(const char *token)
{
	for (int part = 0; part < 3; part++) {
		size_t len = base64url(token);

		if (!len || token[len] != (part < 2 ? '.' : 0))
			return false;
		token += len + 1;
	}
	return true;
}

bool weir_jose_has_nul(const void *json, size_t len)
{
	static const char escaped[] = "\\u0000";

	return memchr(json, 0, len) || memmem(json, len, escaped, strlen(escaped));
}

/* What is public in a key, by its kind; the first as long as min at least. */
static const struct kind {
	const char *name;
	size_t min;
	const char *parts[2], *curve;
} kinds[] = {
	{ "RSA", RSA_TEXT_MIN, { "n", "e" }, NULL },
	{ "EC", 1, { "x", "y" }, "crv" },
};

static const char *text_of(const cJSON *jwk, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(jwk, name)) ?: "";
}

static bool copy_parts(const struct kind *kind, const cJSON *jwk, cJSON *to)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(kind->parts); i++) {
		const char *part = text_of(jwk, kind->parts[i]);
		size_t len = base64url(part);

		if (!len || part[len] || len > PART_MAX || (i == 0 && len < kind->min))
			return false;
		cJSON_AddStringToObject(to, kind->parts[i], part);
	}
	if (kind->curve)
		cJSON_AddStringToObject(to, kind->curve, text_of(jwk, kind->curve));
	if (*text_of(jwk, "kid"))
		cJSON_AddStringToObject(to, "kid", text_of(jwk, "kid"));
	return cJSON_AddStringToObject(to, "kty", kind->name) != NULL;
}

cjose_jwk_t *weir_jose_key(const cJSON *jwk)
{
	const char *use = text_of(jwk, "use");
	cjose_jwk_t *key = NULL;

	if (*use && strcmp(use, "sig") != 0)
		return NULL;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(kinds); i++) {
		cJSON *public;
		char *text;

		if (strcmp(kinds[i].name, text_of(jwk, "kty")) != 0)
			continue;
		public = cJSON_CreateObject();
		text = copy_parts(&kinds[i], jwk, public) ? cJSON_PrintUnformatted(public) : NULL;
		if (text)
			key = cjose_jwk_import(text, strlen(text), NULL);
		free(text);
		cJSON_Delete(public);
	}
	return key;
}
