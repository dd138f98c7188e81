/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts the records out of an answer without decoding them, so that what goes
 * out with -o json is what came: no number passes through a double.
 */
#include "cli/flow.h"

#include <string.h>

/* at: behind the opening quote; returns behind the closing one. */
static const char *skip_string(const char *at)
{
	for (; *at && *at != '"'; at++)
		if (*at == '\\' && at[1])
			at++;
	return *at ? at + 1 : at;
}

static const char *end_of_object(const char *at)
{
	unsigned depth = 0;

	while (*at) {
		char c = *at++;

		if (c == '"')
			at = skip_string(at);
		else if (c == '{')
			depth++;
		else if (c == '}' && --depth == 0)
			break;
	}
	return at;
}

size_t flow_next_object(const char **at, const char **ret)
{
	const char *from = *at;

	/* the first call: the text begins with the reply's own brace */
	if (*from == '{')
		from = strchr(from, '[') ?: "";
	from += strcspn(from, "{]");
	*ret = from;
	if (*from != '{') {
		*at = from;
		return 0;
	}
	*at = end_of_object(from);
	return (size_t)(*at - from);
}
