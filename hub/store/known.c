/* SPDX-License-Identifier: Apache-2.0 */
/* Fields whose values are known without a look at what is stored. */
#include <stdlib.h>
#include <string.h>

#include "hub/store/store.h"
#include "weir/cleanup.h"
#include "weir/ruleset.h"

#define NAMES_MAX 16
_Static_assert(WEIR_REASON_MAX <= NAMES_MAX, "room for all reasons");

static size_t list_names(enum weir_field field, const char **names)
{
	static const char *const protocols[] = { "TCP", "UDP", "SCTP", "ICMP", "ICMPv6" };
	static const char *const directions[] = { "egress", "ingress" };
	size_t n = 0;

	switch (field) {
	case WEIR_FILTER_PROTOCOL:
		for (; n < WEIR_ARRAY_SIZE(protocols); n++)
			names[n] = protocols[n];
		break;
	case WEIR_FILTER_VERDICT:
	case WEIR_FILTER_STAGED:
		for (; n < WEIR_VERDICT_MAX; n++)
			names[n] = weir_verdict_name((enum weir_verdict)n);
		break;
	case WEIR_FILTER_REASON:
		for (; n < WEIR_REASON_MAX; n++)
			names[n] = weir_reason_name((enum weir_reason)n);
		break;
	case WEIR_FILTER_TYPE:
		for (; n < WEIR_RECORD_TYPE_MAX; n++)
			names[n] = weir_record_type_name((enum weir_record_type)n);
		break;
	case WEIR_FILTER_DIRECTION:
		for (; n < WEIR_ARRAY_SIZE(directions); n++)
			names[n] = directions[n];
		break;
	case WEIR_FILTER_NAMESPACE ... WEIR_FILTER_PORT:
	case WEIR_FILTER_POLICY:
	case WEIR_FILTER_FIELDS:
		break;
	}
	return n;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool weir_values_are_known(enum weir_field field)
{
	const char *names[NAMES_MAX];

	return list_names(field, names) != 0;
}

int weir_known_values(enum weir_field field, const char *prefix, uint32_t limit, weir_value_fn *fn,
		      void *data)
{
	const char *names[NAMES_MAX];
	size_t n = list_names(field, names);
	int r = 0;

	qsort(names, n, sizeof(*names), by_text);
	for (size_t i = 0; r == 0 && limit && i < n; i++) {
		if (strncmp(names[i], prefix, strlen(prefix)) != 0)
			continue;
		r = fn(data, names[i]);
		limit--;
	}
	return r;
}
