/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Base64 that fits into a URL or a shell word (RFC 4648, section 5), without padding. */
#include <stddef.h>
#include <stdint.h>

/* Characters for len bytes, without the NUL. */
#define WEIR_BASE64URL_LEN(len) (((len)*4 + 2) / 3)

/* ret has WEIR_BASE64URL_LEN(len) + 1 bytes. */
void weir_base64url_encode(const void *bytes, size_t len, char *ret);
/* ret has size bytes; -EINVAL: not base64url, -ENOSPC: more than fit. One text
 * for the same bytes only: left over bits must be 0. */
int weir_base64url_decode(const char *text, size_t len, void *ret, size_t size, size_t *ret_len);
