/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recorded flows, cut down to what a verdict depends on; those that are alike
 * then are one line with a count.
 */
#include "cli/simulate/simulate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "cli/records.h"
#include "weir/cleanup.h"

struct line {
	UT_hash_handle hh;
	double connections;
	char *text; /* without the closing brace */
};

struct lines {
	struct line *lines;
};

static void copy(cJSON *to, const cJSON *from, const char *const *keys)
{
	for (; *keys; keys++) {
		const cJSON *item = weirctl_member(from, *keys);

		if (item)
			cJSON_AddItemToObject(to, *keys, cJSON_Duplicate(item, true));
	}
}

static void copy_end(cJSON *to, const cJSON *record, const char *key, const char *const *keys)
{
	copy(cJSON_AddObjectToObject(to, key), weirctl_member(record, key), keys);
}

/* What the verdict depends on. A source's port is not among that. */
static char *essence(const cJSON *record)
{
	static const char *const common[] = { "protocol", "verdict", NULL };
	static const char *const src[] = { "addr",	   "namespace", "pod",
					   "workloadKind", "workload",	NULL };
	static const char *const dst[] = { "addr",	   "port",     "namespace", "pod",
					   "workloadKind", "workload", NULL };
	static const char *const side[] = { "verdict", "reason", NULL };
	cJSON *json = cJSON_CreateObject();
	char *text;

	copy(json, record, common);
	copy_end(json, record, "src", src);
	copy_end(json, record, "dst", dst);
	if (weirctl_denied(record)) {
		copy_end(json, record, "egress", side);
		copy_end(json, record, "ingress", side);
	}
	text = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	if (text)
		text[strlen(text) - 1] = 0;
	return text;
}

static int take(void *data, const cJSON *record, double connections)
{
	struct lines *l = data;
	struct line *line;
	char *text;

	text = essence(record);
	if (!text)
		return -ENOMEM;
	HASH_FIND_STR(l->lines, text, line);
	if (line) {
		free(text);
	} else {
		line = calloc(1, sizeof(*line));
		if (!line) {
			free(text);
			return -ENOMEM;
		}
		line->text = text;
		HASH_ADD_KEYPTR(hh, l->lines, line->text, strlen(line->text), line);
	}
	line->connections += connections;
	return 0;
}

static int write_lines(const struct lines *l, char **ret)
{
	size_t size;
	FILE *out = open_memstream(ret, &size);

	if (!out)
		return -errno;
	for (const struct line *line = l->lines; line; line = line->hh.next)
		fprintf(out, "%s,\"connections\":%.0f}\n", line->text, line->connections);
	return fclose(out) == 0 ? 0 : -ENOMEM;
}

static void clear(struct lines *l)
{
	struct line *line, *next;

	HASH_ITER (hh, l->lines, line, next) {
		HASH_DEL(l->lines, line);
		free(line->text);
		free(line);
	}
}

int simulate_read_flows(struct weirctl *ctl, char **ret, struct weir_error *err)
{
	struct lines lines = { 0 };
	struct weirctl_records seen;
	int r = weirctl_records_each(ctl, NULL, take, &lines, &seen, err);

	if (r == 0)
		r = write_lines(&lines, ret);
	if (r == -ENOMEM)
		weir_error_set(err, ENOMEM, "out of memory");
	if (r == 0 && seen.lost > 0)
		fprintf(stderr, "weirctl: %.0f records were lost and cannot be judged\n",
			seen.lost);
	clear(&lines);
	return r;
}
