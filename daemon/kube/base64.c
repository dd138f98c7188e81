/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/kube/base64.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int weir_base64_decode(const char *text, char **ret, size_t *ret_len)
{
	char *out = malloc(strlen(text) / 4 * 3 + 4);
	size_t digits = 0, padding = 0, len = 0;
	uint32_t word = 0;

	if (!out)
		return -ENOMEM;
	for (; *text; text++) {
		int value = value_of(*text);

		if (strchr(" \t\r\n", *text))
			continue;
		if (*text == '=' && padding < 2) {
			padding++;
			continue;
		}
		if (value < 0 || padding) {
			free(out);
			return -EINVAL;
		}
		word = word << 6 | (uint32_t)value;
		if (++digits % 4 == 0) {
			out[len++] = (char)(word >> 16);
			out[len++] = (char)(word >> 8);
			out[len++] = (char)word;
		}
	}
	if ((digits + padding) % 4 || digits % 4 == 1) {
		free(out);
		return -EINVAL;
	}
	if (digits % 4 == 2) {
		out[len++] = (char)(word >> 4);
	} else if (digits % 4 == 3) {
		out[len++] = (char)(word >> 10);
		out[len++] = (char)(word >> 2);
	}
	out[len] = 0;
	*ret = out;
	*ret_len = len;
	return 0;
}
