/* SPDX-License-Identifier: Apache-2.0 */
/* Six bits a character, most significant first. For tokens. */
#include "weir/base64url.h"

#include <errno.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void weir_base64url_encode(const void *bytes, size_t len, char *ret)
{
	const uint8_t *from = bytes;
	uint32_t word = 0;
	unsigned bits = 0;

	for (size_t i = 0; i < len; i++) {
		word = word << 8 | from[i];
		for (bits += 8; bits >= 6; bits -= 6)
			*ret++ = digits[word >> (bits - 6) & 63];
	}
	if (bits)
		*ret++ = digits[word << (6 - bits) & 63];
	*ret = 0;
}

int weir_base64url_decode(const char *text, size_t len, void *ret, size_t size, size_t *ret_len)
{
	uint8_t *to = ret;
	uint32_t word = 0;
	unsigned bits = 0;
	size_t n = 0;

	if (len % 4 == 1)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (!digit)
			return -EINVAL;
		word = word << 6 | (uint32_t)(digit - digits);
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if (n == size)
			return -ENOSPC;
		to[n++] = (uint8_t)(word >> bits);
	}
	if (word & ((1u << bits) - 1))
		return -EINVAL;
	*ret_len = n;
	return 0;
}
