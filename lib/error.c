/* SPDX-License-Identifier: Apache-2.0 */
/* Error texts that grow at the front on their way up. Knows nothing else. */
#include "weir/error.h"

#include <stdio.h>
#include <string.h>

/* Do not leave half of a UTF-8 sequence at the end of a truncated text. */
static void trim_utf8(char *text)
{
	size_t len = strlen(text), i = len;

	if (len < WEIR_ERROR_MAX - 1)
		return;
	while (i > 0 && ((unsigned char)text[i - 1] & 0xC0) == 0x80)
		i--;
	if (i > 0 && ((unsigned char)text[i - 1] & 0xC0) == 0xC0)
		i--;
	text[i] = 0;
}

int weir_error_set(struct weir_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	trim_utf8(err->text);
	return -code;
}

int weir_error_errno(struct weir_error *err, int code, const char *fmt, ...)
{
	char text[WEIR_ERROR_MAX];
	va_list ap;

	if (!err)
		return -code;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return weir_error_set(err, code, "%s: %s", text, strerror(code));
}

int weir_error_prefix(struct weir_error *err, int ret, const char *fmt, ...)
{
	char text[WEIR_ERROR_MAX], rest[WEIR_ERROR_MAX];
	va_list ap;

	if (!err)
		return ret;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(rest, err->text, sizeof(rest));
	weir_error_set(err, 0, "%s: %s", text, rest);
	return ret;
}
