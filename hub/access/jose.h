/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What strangers send, before libcjose sees it; see jose.c. */
#include <cjose/cjose.h>
#include <cjson/cJSON.h>
#include <stdbool.h>

/* Three parts of base64url (RFC 7515, 7.1). */
bool weir_jose_is_jwt(const char *token);
/* JSON with a NUL in a text: a name would end there, and be somebody else's. */
bool weir_jose_has_nul(const void *json, size_t len);
/* A key of a JWKS (RFC 7517) that verifies signatures: RSA from 2048 bits, or EC. NULL: none. */
cjose_jwk_t *weir_jose_key(const cJSON *jwk);
