/* SPDX-License-Identifier: Apache-2.0 */
/* Durations as people write and read them. */
#include "cli/weirctl.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

static const struct {
	const char *name;
	double ms;
} units[] = {
	{ "ms", 1 }, { "s", 1000 }, { "m", 60e3 }, { "h", 3600e3 }, { "d", 86400e3 },
};

#define DURATION_MAX (3650 * 86400e3)

static double unit(const char *text, size_t len)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(units); i++)
		if (strlen(units[i].name) == len && strncmp(units[i].name, text, len) == 0)
			return units[i].ms;
	return 0;
}

int weirctl_duration(const char *text, double *ret)
{
	double sum = 0, factor;
	unsigned long n;
	size_t len;
	char *end;

	if (!*text)
		return -EINVAL;
	while (*text) {
		if (!isdigit((unsigned char)*text))
			return -EINVAL;
		n = strtoul(text, &end, 10);
		for (len = 0; isalpha((unsigned char)end[len]);)
			len++;
		factor = unit(end, len);
		if (factor == 0)
			return -EINVAL;
		sum += (double)n * factor;
		text = end + len;
	}
	if (sum > DURATION_MAX)
		return -EINVAL;
	*ret = sum;
	return 0;
}

const char *weirctl_ago(double seconds, char *buf, size_t size)
{
	unsigned long s = (unsigned long)seconds;

	if (s < 60)
		snprintf(buf, size, "%lus", s);
	else if (s < 3600)
		snprintf(buf, size, "%lum %lus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, size, "%luh %lum", s / 3600, s / 60 % 60);
	else
		snprintf(buf, size, "%lud %luh", s / 86400, s / 3600 % 24);
	return buf;
}
