/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which policies are asked. */
#include <string.h>

#include "weir/policy.h"

static int compare_texts(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

int weir_policy_compare(const struct weir_policy *a, const struct weir_policy *b)
{
	int r = a->tier - b->tier;

	if (r == 0)
		r = (a->priority > b->priority) - (a->priority < b->priority);
	if (r == 0)
		r = compare_texts(a->namespace_, b->namespace_);
	if (r == 0)
		r = strcmp(a->name, b->name);
	return r ? r : strcmp(a->kind, b->kind);
}
