/* SPDX-License-Identifier: Apache-2.0 */
/* What time it is, and a moment as a person or a program writes it. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hub/api/ask.h"
#include "hub/api/internal.h"

#define SECOND 1000000000ull

/* So many digits, as a number; -1: they are not there. */
static int digits(const char **at, unsigned n)
{
	int value = 0;

	for (; n; n--, (*at)++) {
		if (!isdigit((unsigned char)**at))
			return -1;
		value = value * 10 + (**at - '0');
	}
	return value;
}

static bool skip(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

/* ".123456789": ns; further digits count for nothing. */
static uint64_t fraction(const char **at)
{
	uint64_t unit = SECOND / 10, ns = 0;

	if (!isdigit((unsigned char)(*at)[0]))
		return 0;
	for (; isdigit((unsigned char)**at); (*at)++, unit /= 10)
		ns += unit * (uint64_t)(**at - '0');
	return ns;
}

/* "Z", "+02:00"; seconds east of Greenwich. */
static int zone(const char **at, long *ret)
{
	int sign = **at == '-' ? -1 : 1, hours, minutes;

	if (skip(at, 'Z') || skip(at, 'z')) {
		*ret = 0;
		return 0;
	}
	/* a "+" that stood unescaped in a URL comes as a space */
	if (!skip(at, '+') && !skip(at, '-') && !skip(at, ' '))
		return -EINVAL;
	hours = digits(at, 2);
	if (hours < 0 || hours > 23 || !skip(at, ':'))
		return -EINVAL;
	minutes = digits(at, 2);
	if (minutes < 0 || minutes > 59)
		return -EINVAL;
	*ret = sign * (hours * 3600L + minutes * 60L);
	return 0;
}

static int date_and_time(const char **at, struct tm *tm)
{
	tm->tm_year = digits(at, 4) - 1900;
	if (!skip(at, '-'))
		return -EINVAL;
	tm->tm_mon = digits(at, 2) - 1;
	if (!skip(at, '-'))
		return -EINVAL;
	tm->tm_mday = digits(at, 2);
	if (!skip(at, 'T') && !skip(at, 't') && !skip(at, ' '))
		return -EINVAL;
	tm->tm_hour = digits(at, 2);
	if (!skip(at, ':'))
		return -EINVAL;
	tm->tm_min = digits(at, 2);
	if (!skip(at, ':'))
		return -EINVAL;
	tm->tm_sec = digits(at, 2);
	return tm->tm_year < 70 || tm->tm_mon < 0 || tm->tm_mon > 11 || tm->tm_mday < 1 ||
			       tm->tm_mday > 31 || tm->tm_hour < 0 || tm->tm_hour > 23 ||
			       tm->tm_min < 0 || tm->tm_min > 59 || tm->tm_sec < 0 ||
			       tm->tm_sec > 60
		       ? -EINVAL
		       : 0;
}

static int rfc3339(const char *text, uint64_t *ret)
{
	struct tm tm = { 0 };
	uint64_t ns = 0, whole;
	time_t seconds;
	long east;

	if (date_and_time(&text, &tm) < 0)
		return -EINVAL;
	if (skip(&text, '.'))
		ns = fraction(&text);
	if (zone(&text, &east) < 0 || *text)
		return -EINVAL;
	seconds = timegm(&tm) - east;
	if (seconds < 0 || __builtin_mul_overflow((uint64_t)seconds, SECOND, &whole))
		return -EINVAL;
	*ret = whole + ns;
	return 0;
}

int weir_time_parse(const char *text, uint64_t *ret)
{
	unsigned long long n;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (*end)
		return rfc3339(text, ret);
	if (errno || n > INT64_MAX)
		return -EINVAL;
	*ret = n;
	return 0;
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t weir_api_clock(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t weir_api_now(void)
{
	return clock_ns(CLOCK_REALTIME);
}
