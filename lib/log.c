/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines on stderr, key=value (logfmt) or JSON. Only programs call this.
 * A line is built in one buffer and written with one write(2), so that lines
 * of two threads do not mix.
 */
#include "weir/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "weir/cleanup.h"

#define LINE_MAX_ 4096

struct line {
	char text[LINE_MAX_];
	size_t len;
};

static enum weir_log_level max_level = WEIR_LOG_INFO;
static enum weir_log_format format = WEIR_LOG_KV;

static const char *const level_names[] = {
	[WEIR_LOG_ERROR] = "error",
	[WEIR_LOG_WARNING] = "warning",
	[WEIR_LOG_INFO] = "info",
	[WEIR_LOG_DEBUG] = "debug",
};
_Static_assert(WEIR_ARRAY_SIZE(level_names) == WEIR_LOG_MAX_, "a name for each level");

void weir_log_setup(enum weir_log_level max, enum weir_log_format fmt)
{
	max_level = max;
	format = fmt;
}

int weir_log_level_parse(const char *name, enum weir_log_level *ret)
{
	for (unsigned i = 0; i < WEIR_LOG_MAX_; i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*ret = (enum weir_log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* Room for the closing quote, brace and newline is always kept. */
static void put(struct line *l, char c)
{
	if (l->len < LINE_MAX_ - 4)
		l->text[l->len++] = c;
}

static void put_raw(struct line *l, const char *s)
{
	while (*s)
		put(l, *s++);
}

/* In quotes, escaped so that both JSON and logfmt readers get it back. */
static void put_quoted(struct line *l, const char *s)
{
	char hex[8];

	l->text[l->len++] = '"';
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\') {
			put(l, '\\');
			put(l, *s);
		} else if (c < 0x20 || c == 0x7F) {
			snprintf(hex, sizeof(hex), "\\u%04x", c);
			put_raw(l, hex);
		} else {
			put(l, *s);
		}
	}
	if (l->len < LINE_MAX_ - 3)
		l->text[l->len++] = '"';
}

static bool needs_quotes(const char *s)
{
	if (!*s)
		return true;
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == '"' || *s == '=' || *s == '\\' || *s == 0x7F)
			return true;
	return false;
}

static void put_pair(struct line *l, const char *key, const char *value)
{
	if (l->len >= LINE_MAX_ - 8 - strlen(key))
		return;
	if (format == WEIR_LOG_JSON) {
		if (l->len > 1)
			put(l, ',');
		put_quoted(l, key);
		put(l, ':');
		put_quoted(l, value);
		return;
	}
	if (l->len)
		put(l, ' ');
	put_raw(l, key);
	put(l, '=');
	if (needs_quotes(value))
		put_quoted(l, value);
	else
		put_raw(l, value);
}

static void put_time(struct line *l)
{
	char day[32], text[64];
	struct timespec ts;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%03ldZ", day, ts.tv_nsec / 1000000);
	put_pair(l, "time", text);
}

void weir_log(enum weir_log_level level, const char *msg, ...)
{
	struct line l = { .len = 0 };
	const char *key, *value;
	va_list ap;

	if (level > max_level)
		return;
	if (format == WEIR_LOG_JSON)
		put(&l, '{');
	put_time(&l);
	put_pair(&l, "level", level_names[level]);
	put_pair(&l, "msg", msg);
	va_start(ap, msg);
	while ((key = va_arg(ap, const char *))) {
		value = va_arg(ap, const char *);
		if (value)
			put_pair(&l, key, value);
	}
	va_end(ap);
	if (format == WEIR_LOG_JSON)
		l.text[l.len++] = '}';
	l.text[l.len++] = '\n';
	if (write(STDERR_FILENO, l.text, l.len) < 0)
		return; /* nowhere left to say it */
}
