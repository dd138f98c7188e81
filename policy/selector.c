/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a selector match a label set? Words are interned, so this compares
 * pointers. Called for every candidate of every peer: keep it short.
 */
#include "weir/policy.h"

static bool has_value(const struct weir_requirement *q, const char *value)
{
	for (unsigned i = 0; i < q->n_values; i++)
		if (q->values[i] == value)
			return true;
	return false;
}

static bool holds(const struct weir_requirement *q, const char *value)
{
	switch ((enum weir_operator)q->op) {
	case WEIR_IN:
		return value && has_value(q, value);
	case WEIR_NOT_IN:
		return !value || !has_value(q, value);
	case WEIR_EXISTS:
		return value;
	case WEIR_DOES_NOT_EXIST:
		return !value;
	case WEIR_OPERATOR_MAX:
		break;
	}
	return false;
}

bool weir_selector_matches(const struct weir_selector *s, const struct weir_labels *labels)
{
	for (unsigned i = 0; i < s->n; i++)
		if (!holds(&s->requirements[i], weir_labels_get(labels, s->requirements[i].key)))
			return false;
	return true;
}
