/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte is the kind (or: a token), the rest what a stranger sent: an
 * error in words, or a message that is the same when written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "weir/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_token(const uint8_t *data, size_t size)
{
	struct weir_link_token token, again;
	struct weir_error err = { "" };
	char *text = strndup((const char *)data, size), *written;

	if (weir_link_token_read(text, &token, &err) == 0) {
		written = weir_link_token_write(&token);
		if (!written || weir_link_token_read(written, &again, NULL) < 0 ||
		    strncmp(written, text, strlen(written)) != 0)
			abort();
		free(written);
	} else if (!err.text[0]) {
		abort();
	}
	free(text);
}

static void check_message(enum weir_link_kind kind, const uint8_t *data, size_t size)
{
	struct weir_link_message m, again;
	struct weir_error err = { "" };
	char *once, *twice;

	if (weir_link_read(kind, data, size, &m, &err) < 0) {
		if (!err.text[0])
			abort();
		return;
	}
	once = weir_link_write(kind, &m);
	if (!once || weir_link_read(kind, once, strlen(once), &again, NULL) < 0)
		abort();
	twice = weir_link_write(kind, &again);
	if (!twice || strcmp(once, twice) != 0)
		abort();
	free(once);
	free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned kind = size ? data[0] - '0' : WEIR_LINK_KIND_MAX;

	weir_link_kind_of(data, size);
	if (!size)
		return 0;
	if (kind < WEIR_LINK_KIND_MAX)
		check_message(kind, data + 1, size - 1);
	else
		check_token(data + 1, size - 1);
	return 0;
}
