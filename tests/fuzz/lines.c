/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the stream of a watch: the same lines are found however the network
 * cuts it. The first byte says where. */
#include "daemon/kube/lines.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_line(void *data, char *text, size_t len)
{
	uint64_t *hash = data;

	if (!len || memchr(text, '\n', len) || text[len])
		abort();
	for (size_t i = 0; i <= len; i++)
		*hash = *hash * 31 + (unsigned char)text[i];
	return 0;
}

static int feed(const char *text, size_t size, size_t piece, uint64_t *ret)
{
	struct weir_lines l = { .max = 64 };
	int r = 0;

	*ret = 0;
	for (size_t at = 0; r == 0 && at < size; at += piece)
		r = weir_lines_feed(&l, text + at, piece < size - at ? piece : size - at, on_line,
				    ret);
	weir_lines_clear(&l);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t whole, cut;

	if (!size)
		return 0;
	if (feed((const char *)data + 1, size - 1, size, &whole) !=
		    feed((const char *)data + 1, size - 1, data[0] + 1u, &cut) ||
	    whole != cut)
		abort();
	return 0;
}
