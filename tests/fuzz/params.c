/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as the parameters of a URL: a question or an error that says what is wrong. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/api/ask.h"

#define PARAMS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lines of "name=value"; the first byte says which are taken. */
static size_t split(char *text, struct weir_param *params)
{
	size_t n = 0;

	for (char *save = NULL, *p = strtok_r(text, "\n", &save); p && n < PARAMS_MAX;
	     p = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(p, '=');

		params[n].value = value ? value + 1 : "";
		params[n++].name = p;
		if (value)
			*value = 0;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_param params[PARAMS_MAX];
	struct weir_error err = { "" };
	struct weir_ask ask;
	char *text;
	int r;

	if (!size)
		return 0;
	text = calloc(1, size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	r = weir_ask_read(data[0] | (unsigned)(data[0] & 7) << 8, params, split(text, params),
			  1700000000000000000u, 1000, &ask, &err);
	if ((r < 0) != (err.text[0] != 0) || (r == 0 && ask.limit > 1000))
		abort();
	weir_ask_clear(&ask);
	free(text);
	return 0;
}
