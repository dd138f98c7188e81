/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as YAML or JSON: an error that says where, or trees that mean the
 * same when they are written and read again, each node on a line of the text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "weir/doc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What YAML takes for the end of a line: CR, LF, and three of Unicode. A value
 * that is left out at the end is on the line behind the last. */
static unsigned count_lines(const char *text, size_t len)
{
	unsigned n = 2;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n' || text[i] == '\r' || text[i] == '\x85' || text[i] == '\xa8' ||
		     text[i] == '\xa9';
	return n;
}

static void check_lines(const struct weir_doc *doc, const cJSON *node, unsigned max)
{
	if (weir_doc_line(doc, node) > max)
		abort();
	for (const cJSON *child = node->child; child; child = child->next)
		check_lines(doc, child, max);
}

/* Written as JSON it is read by the other reader. */
static void check_again(const cJSON *root)
{
	char *once = cJSON_PrintUnformatted(root), *twice;
	struct weir_error err = { "" };
	struct weir_doc **docs = NULL;
	size_t n = 0;

	if (!once)
		abort();
	if (weir_docs_parse(once, strlen(once), "again", &docs, &n, &err) < 0 || n != 1)
		abort();
	twice = cJSON_PrintUnformatted(weir_doc_root(docs[0]));
	if (!twice || strcmp(once, twice) != 0)
		abort();
	weir_docs_free(&docs, n);
	free(once);
	free(twice);
}

/* One after another; how many there are, or -1 when one of them is broken. */
static int read_each(const char *text, size_t len)
{
	struct weir_docs_cursor cursor;
	struct weir_doc *doc = NULL;
	struct weir_error err = { "" };
	int r, n = 0;

	weir_docs_begin(&cursor, text, len, "fuzz");
	while ((r = weir_docs_next(&cursor, &doc, &err)) != 0) {
		if (r < 0 && strncmp(err.text, "fuzz", 4) != 0)
			abort();
		if (r < 0) {
			n = -1;
			continue;
		}
		n += n >= 0;
		check_lines(doc, weir_doc_root(doc), count_lines(text, len));
		if (cJSON_IsObject(weir_doc_root(doc)) || cJSON_IsArray(weir_doc_root(doc)))
			check_again(weir_doc_root(doc));
		weir_doc_free(&doc);
	}
	weir_docs_end(&cursor);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_error err = { "" };
	struct weir_doc **docs = NULL;
	char *text = malloc(size ? size : 1); /* one byte too far is seen */
	size_t n = 0;
	int each;

	if (!text)
		return 0;
	memcpy(text, data, size);
	each = read_each(text, size);
	if (weir_docs_parse(text, size, "fuzz", &docs, &n, &err) < 0) {
		if (each >= 0 || !err.text[0])
			abort();
	} else {
		if (each != (int)n)
			abort();
		weir_docs_free(&docs, n);
	}
	free(text);
	return 0;
}
