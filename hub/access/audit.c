/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: a line of JSON for each sign-in, denial and change, with the hash
 * of the line before, so that a line that was changed or taken out shows. It is
 * only ever appended to; a full file becomes FILE.1, which begins where FILE.2 ended.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hub/access/internal.h"
#include "weir/cleanup.h"

#define FILE_BYTES (16 * 1024 * 1024)
#define FILES	   8
#define HASH_TEXT  (2 * SHA256_DIGEST_LENGTH + 1)

struct weir_audit {
	pthread_mutex_t lock;
	char *path;
	int fd;
	off_t size;
	char last[HASH_TEXT]; /* of the last line, without its end */
};

static void hash_line(const char *line, size_t len, char ret[HASH_TEXT])
{
	uint8_t sum[SHA256_DIGEST_LENGTH];

	SHA256((const uint8_t *)line, len, sum);
	for (size_t i = 0; i < sizeof(sum); i++)
		snprintf(ret + 2 * i, 3, "%02x", sum[i]);
}

static size_t without_end(const char *line, ssize_t len)
{
	return (size_t)len - (len && line[len - 1] == '\n');
}

/* A line that a crash cut off was never confirmed to anybody: it goes. */
static int read_last(struct weir_audit *a, struct weir_error *err)
{
	WEIR_AUTO_FREE char *line = NULL;
	FILE *f = fopen(a->path, "re");
	off_t whole = 0;
	size_t size = 0;
	bool failed;
	ssize_t len;

	if (!f)
		return weir_error_errno(err, errno, "%s", a->path);
	while ((len = getline(&line, &size, f)) > 0 && line[len - 1] == '\n') {
		hash_line(line, without_end(line, len), a->last);
		whole += len;
	}
	failed = ferror(f);
	fclose(f);
	if (failed)
		return weir_error_errno(err, EIO, "%s", a->path);
	if (whole < a->size && ftruncate(a->fd, whole) < 0)
		return weir_error_errno(err, errno, "%s", a->path);
	a->size = whole;
	return 0;
}

static int open_file(struct weir_audit *a, struct weir_error *err)
{
	struct stat st;

	a->fd = open(a->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (a->fd < 0 || fstat(a->fd, &st) < 0)
		return weir_error_errno(err, errno, "%s", a->path);
	a->size = st.st_size;
	return 0;
}

int weir_audit_open(const char *path, struct weir_audit **ret, struct weir_error *err)
{
	WEIR_CLEANUP(weir_audit_close) struct weir_audit *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return weir_error_errno(err, ENOMEM, "%s", path);
	a->fd = -1;
	pthread_mutex_init(&a->lock, NULL);
	a->path = strdup(path);
	if (!a->path)
		return weir_error_errno(err, ENOMEM, "%s", path);
	r = open_file(a, err);
	if (r == 0)
		r = read_last(a, err);
	if (r == 0)
		*ret = weir_take(a);
	return r;
}

void weir_audit_close(struct weir_audit **audit)
{
	struct weir_audit *a = weir_take(*audit);

	if (!a)
		return;
	if (a->fd >= 0)
		close(a->fd);
	pthread_mutex_destroy(&a->lock);
	free(a->path);
	free(a);
}

/* FILE -> FILE.1 -> ... ; the last goes. */
static int rotate(struct weir_audit *a, struct weir_error *err)
{
	char from[4096], to[4096];

	for (int i = FILES - 1; i > 0; i--) {
		snprintf(from, sizeof(from), i > 1 ? "%s.%d" : "%s", a->path, i - 1);
		snprintf(to, sizeof(to), "%s.%d", a->path, i);
		if (rename(from, to) < 0 && errno != ENOENT)
			return weir_error_errno(err, errno, "%s", from);
	}
	close(a->fd);
	a->fd = -1;
	return open_file(a, err);
}

static char *format(const struct weir_audit *a, const struct weir_audit_line *l)
{
	cJSON *json = cJSON_CreateObject();
	struct timespec now;
	char time[64], *text;
	struct tm t;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &t);
	snprintf(time, sizeof(time), "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", t.tm_year + 1900,
		 t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, now.tv_nsec / 1000000);
	cJSON_AddStringToObject(json, "time", time);
	cJSON_AddStringToObject(json, "user", l->user ?: "");
	cJSON_AddStringToObject(json, "from", l->from ?: "");
	cJSON_AddStringToObject(json, "action", l->action);
	cJSON_AddStringToObject(json, "object", l->object ?: "");
	cJSON_AddStringToObject(json, "outcome", l->outcome);
	cJSON_AddStringToObject(json, "before", a->last);
	text = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	return text;
}

/* What did not become a whole line is no line: the next begins where it began. */
static int take_back(struct weir_audit *a, struct weir_error *err)
{
	return ftruncate(a->fd, a->size) < 0
		       ? weir_error_prefix(err, -EIO, "and a part of the line remains")
		       : -EIO;
}

static int append(struct weir_audit *a, const char *text, size_t len, struct weir_error *err)
{
	WEIR_AUTO_FREE char *line = malloc(len + 1);

	if (!line)
		return weir_error_errno(err, ENOMEM, "%s", a->path);
	memcpy(line, text, len);
	line[len] = '\n';
	errno = ENOSPC; /* what a write that is only too short means */
	if (write(a->fd, line, len + 1) != (ssize_t)len + 1 || fdatasync(a->fd) < 0) {
		weir_error_errno(err, errno, "%s", a->path);
		return take_back(a, err);
	}
	a->size += (off_t)len + 1;
	hash_line(line, len, a->last);
	return 0;
}

int weir_audit_write(struct weir_audit *a, const struct weir_audit_line *line,
		     struct weir_error *err)
{
	WEIR_AUTO_FREE char *text = NULL;
	int r = 0;

	pthread_mutex_lock(&a->lock);
	if (a->size >= FILE_BYTES)
		r = rotate(a, err);
	else if (a->fd < 0)
		r = open_file(a, err);
	if (r == 0) {
		text = format(a, line);
		r = text ? append(a, text, strlen(text), err)
			 : weir_error_errno(err, ENOMEM, "%s", a->path);
	}
	pthread_mutex_unlock(&a->lock);
	return r < 0 ? weir_error_prefix(err, r, "audit log") : 0;
}

/* Somebody wrote into the file: what is told stays JSON. */
static const char *as_json(const char *line)
{
	cJSON *json = cJSON_ParseWithOpts(line, NULL, true);
	bool is_object = cJSON_IsObject(json);

	cJSON_Delete(json);
	return is_object ? line : "{\"outcome\":\"this line is damaged\"}";
}

/* The file's last lines in a ring, then told. */
int weir_audit_read(struct weir_audit *a, size_t last, int (*fn)(void *data, const char *json),
		    void *data, struct weir_error *err)
{
	WEIR_AUTO_FREE char **ring = calloc(last + 1, sizeof(char *));
	WEIR_AUTO_FREE char *line = NULL;
	size_t size = 0, n = 0;
	ssize_t len;
	FILE *f = fopen(a->path, "re");
	int r = 0;

	if (!f || !ring) {
		if (f)
			fclose(f);
		return weir_error_errno(err, f ? ENOMEM : errno, "%s", a->path);
	}
	while (last && (len = getline(&line, &size, f)) > 0) {
		free(ring[n % last]);
		ring[n++ % last] = strndup(line, without_end(line, len));
	}
	fclose(f);
	for (size_t i = n > last ? n - last : 0; i < n; i++) {
		if (r == 0 && ring[i % last])
			r = fn(data, as_json(ring[i % last]));
		free(ring[i % last]);
	}
	return r;
}

static bool follows(const char *line, size_t len, const char *before)
{
	cJSON *json = cJSON_ParseWithLength(line, len);
	const char *says = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "before"));
	bool same = says && strcmp(says, before) == 0;

	cJSON_Delete(json);
	return same;
}

int weir_audit_verify(const char *path, uint64_t *ret_line, struct weir_error *err)
{
	WEIR_AUTO_FREE char *line = NULL;
	char before[HASH_TEXT] = "";
	FILE *f = fopen(path, "re");
	uint64_t n = 0, bad = 0;
	size_t size = 0;
	ssize_t len;

	if (!f)
		return weir_error_errno(err, errno, "%s", path);
	while (!bad && (len = getline(&line, &size, f)) > 0) {
		/* the first of a file follows one in the file before */
		if (++n > 1 && !follows(line, without_end(line, len), before))
			bad = n;
		hash_line(line, without_end(line, len), before);
	}
	fclose(f);
	*ret_line = bad;
	return 0;
}
