/* SPDX-License-Identifier: Apache-2.0 */
/* Which keys and tokens libcjose gets to see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <string.h>

#include "hub/access/jose.h"

#include <cmocka.h>

static bool taken(const char *text)
{
	cJSON *json = cJSON_Parse(text);
	cjose_jwk_t *key;

	assert_non_null(json);
	key = weir_jose_key(json);
	cJSON_Delete(json);
	if (!key)
		return false;
	cjose_jwk_release(key);
	return true;
}

/* A key of the library as its JSON; with name's value another one. */
static bool taken_with(cjose_jwk_t *key, const char *name, const char *value)
{
	char *text = cjose_jwk_to_json(key, true, NULL), *changed;
	cJSON *json = cJSON_Parse(text);
	bool yes;

	if (name) {
		cJSON_DeleteItemFromObject(json, name);
		cJSON_AddStringToObject(json, name, value);
	}
	changed = cJSON_PrintUnformatted(json);
	yes = taken(changed);
	cJSON_Delete(json);
	cJSON_free(changed);
	cjose_get_dealloc()(text);
	return yes;
}

static void test_keys(void **state)
{
	cjose_jwk_t *rsa = cjose_jwk_create_RSA_random(2048, NULL, 0, NULL);
	cjose_jwk_t *small = cjose_jwk_create_RSA_random(1024, NULL, 0, NULL);
	cjose_jwk_t *ec = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_521, NULL);

	assert_true(taken_with(rsa, NULL, NULL));
	assert_true(taken_with(rsa, "use", "sig"));
	assert_true(taken_with(ec, NULL, NULL));
	assert_false(taken_with(small, NULL, NULL));
	assert_false(taken_with(rsa, "use", "enc"));
	assert_false(taken_with(rsa, "e", "-know="));
	assert_false(taken_with(rsa, "e", "A"));
	assert_false(taken_with(ec, "x", "-know="));
	assert_false(taken_with(ec, "crv", "P-1"));
	assert_false(taken_with(ec, "kty", "RSA"));
	cjose_jwk_release(rsa);
	cjose_jwk_release(small);
	cjose_jwk_release(ec);
	assert_false(taken("{\"kty\":\"oct\",\"k\":\"AAAA\"}"));
	assert_false(taken("{\"kty\":\"RSA\"}"));
	assert_false(taken("[]"));
}

/* Only what is public goes on: a private part that is broken does no harm. */
static void test_private_part(void **state)
{
	cjose_jwk_t *rsa = cjose_jwk_create_RSA_random(2048, NULL, 0, NULL);

	assert_true(taken_with(rsa, "d", "-know="));
	cjose_jwk_release(rsa);
}

static void test_tokens(void **state)
{
	assert_true(weir_jose_is_jwt("abcd.ef.-_0"));
	assert_false(weir_jose_is_jwt(""));
	assert_false(weir_jose_is_jwt("abcd.ef"));
	assert_false(weir_jose_is_jwt("abcd.ef."));
	assert_false(weir_jose_is_jwt("abcd..ef"));
	assert_false(weir_jose_is_jwt("abcd.ef.gh.ij"));
	assert_false(weir_jose_is_jwt("abcde.ef.gh")); /* no whole number of bytes */
	assert_false(weir_jose_is_jwt("abc=.ef.gh"));
	assert_false(weir_jose_is_jwt("ab+d.ef.gh"));
	assert_true(weir_jose_has_nul("\"a\\u0000\"", 9));
	assert_true(weir_jose_has_nul("a\0b", 3));
	assert_false(weir_jose_has_nul("\"a\\u0001\"", 9));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_private_part),
		cmocka_unit_test(test_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
