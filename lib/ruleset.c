/* SPDX-License-Identifier: Apache-2.0 */
/* The tag of a ruleset: which policies it is made of, as one number. Called by
 * backends, which show it to the kernel, and by the flow records. */
#include "weir/ruleset.h"

static uint32_t mix(uint32_t h, const char *text)
{
	for (; text && *text; text++)
		h = (h ^ (uint8_t)*text) * 16777619u;
	return (h ^ '/') * 16777619u;
}

uint32_t weir_ruleset_tag(const struct weir_ruleset *ruleset)
{
	uint32_t h = 2166136261u ^ ruleset->direction;

	for (uint32_t i = 0; i < ruleset->n_policies; i++) {
		const struct weir_policy *p = ruleset->policies[i];

		h = mix(mix(mix(h, p->kind), p->namespace_), p->name);
	}
	return h ? h : 1;
}
