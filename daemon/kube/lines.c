/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/kube/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int append(struct weir_lines *l, const char *bytes, size_t len)
{
	size_t need = l->len + len + 1;

	if (l->len + len > l->max)
		return -E2BIG;
	if (need > l->size) {
		size_t size = l->size * 2 > need ? l->size * 2 : need;
		char *buf = realloc(l->buf, size);

		if (!buf)
			return -ENOMEM;
		l->buf = buf;
		l->size = size;
	}
	memcpy(l->buf + l->len, bytes, len);
	l->len += len;
	l->buf[l->len] = 0;
	return 0;
}

int weir_lines_feed(struct weir_lines *l, const char *bytes, size_t len,
		    int (*line)(void *data, char *text, size_t len), void *data)
{
	while (len) {
		const char *end = memchr(bytes, '\n', len);
		size_t part = end ? (size_t)(end - bytes) : len;
		int r = append(l, bytes, part);

		if (r < 0)
			return r;
		if (!end)
			return 0;
		if (l->len)
			r = line(data, l->buf, l->len);
		l->len = 0;
		if (r < 0)
			return r;
		bytes += part + 1;
		len -= part + 1;
	}
	return 0;
}

void weir_lines_clear(struct weir_lines *l)
{
	free(l->buf);
	*l = (struct weir_lines){ .max = l->max };
}
