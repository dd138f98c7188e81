/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of an enrolment token: "weirhub1.", the hub's public key and address
 * in base64url, a dot, the secret. A single word for a shell, a file, a Secret.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/base64url.h"
#include "weir/cleanup.h"
#include "weir/link.h"

#define PREFIX	   "weirhub1."
#define KEY_LEN	   40 /* Z85 */
#define SECRET_LEN 43 /* base64url of 32 bytes */
#define WHERE_MAX  (KEY_LEN + sizeof(((struct weir_link_token *)0)->address) - 1)

char *weir_link_token_write(const struct weir_link_token *token)
{
	char where[WHERE_MAX + 1], text[WEIR_BASE64URL_LEN(WHERE_MAX) + 1], *ret = NULL;
	int len = snprintf(where, sizeof(where), "%s%s", token->server_key, token->address);

	weir_base64url_encode(where, (size_t)len, text);
	return asprintf(&ret, PREFIX "%s.%s", text, token->secret) < 0 ? NULL : ret;
}

static bool is_z85(const char *text, size_t len)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

	return strspn(text, digits) >= len;
}

static int read_where(const char *text, size_t len, struct weir_link_token *ret)
{
	char where[WHERE_MAX + 1];
	size_t n = 0;

	if (weir_base64url_decode(text, len, where, WHERE_MAX, &n) < 0 || n < KEY_LEN)
		return -EINVAL;
	where[n] = 0;
	if (strlen(where) != n || !is_z85(where, KEY_LEN))
		return -EINVAL;
	for (size_t i = KEY_LEN; i < n; i++)
		if (where[i] <= ' ' || where[i] > '~')
			return -EINVAL;
	if (n > KEY_LEN && strncmp(where + KEY_LEN, "tcp://", 6) != 0)
		return -EINVAL;
	memcpy(ret->server_key, where, KEY_LEN);
	memcpy(ret->address, where + KEY_LEN, n - KEY_LEN);
	return 0;
}

static int read_secret(const char *text, size_t len, struct weir_link_token *ret)
{
	uint8_t bytes[32];
	size_t n = 0;
	int r = weir_base64url_decode(text, len, bytes, sizeof(bytes), &n);

	explicit_bzero(bytes, sizeof(bytes));
	if (r < 0 || n != sizeof(bytes))
		return -EINVAL;
	memcpy(ret->secret, text, SECRET_LEN);
	return 0;
}

int weir_link_token_read(const char *text, struct weir_link_token *ret, struct weir_error *err)
{
	struct weir_link_token token = { .address = "" };
	size_t len = strcspn(text, " \t\r\n"), prefix = strlen(PREFIX);
	const char *dot =
		memchr(text + (len < prefix ? len : prefix), '.', len < prefix ? 0 : len - prefix);

	if (text[len + strspn(text + len, " \t\r\n")] || strncmp(text, PREFIX, prefix) != 0 ||
	    !dot || read_where(text + prefix, (size_t)(dot - text) - prefix, &token) < 0 ||
	    read_secret(dot + 1, len - (size_t)(dot + 1 - text), &token) < 0)
		return weir_error_set(
			err, EINVAL,
			"not an enrolment token: it is one word that begins with " PREFIX
			", as weirctl hub enrol prints it");
	*ret = token;
	return 0;
}
