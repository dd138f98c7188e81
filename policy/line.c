/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of the line of ports a rule covers. Knows nothing of precedence. */
#include "policy/line.h"

#include "policy/state.h"

static const uint8_t protocols[] = { WEIR_PROTO_TCP, WEIR_PROTO_UDP, WEIR_PROTO_SCTP };

uint8_t weir_line_protocol(uint32_t at)
{
	return protocols[at >> 16];
}

uint32_t weir_line_of(uint8_t protocol, uint16_t port)
{
	for (uint32_t i = 0; i < WEIR_ARRAY_SIZE(protocols); i++) {
		if (protocols[i] == protocol)
			return i << 16 | port;
	}
	return WEIR_LINE_END;
}

static struct stretch stretch_of(uint8_t protocol, uint16_t first, uint16_t last)
{
	uint32_t from = weir_line_of(protocol, first);

	if (from == WEIR_LINE_END || first > last)
		return (struct stretch){ 0 };
	return (struct stretch){ from, from + (last - first) + 1u };
}

int weir_line_each(const struct weir_rule *rule, const struct portset *named,
		   int (*fn)(void *data, struct stretch s, const struct weir_rule *rule),
		   void *data)
{
	int r = 0;

	if (rule->any_port)
		return fn(data, WEIR_WHOLE_LINE, rule);
	for (uint32_t i = 0; i < rule->n_ports && r == 0; i++) {
		const struct weir_port *p = &rule->ports[i];

		if (!p->name)
			r = fn(data, stretch_of(p->protocol, p->first, p->last), rule);
		for (uint32_t j = 0; p->name && named && j < named->n && r == 0; j++) {
			const struct weir_named_port *q = &named->ports[j];

			if (q->name == p->name && q->protocol == p->protocol)
				r = fn(data, stretch_of(q->protocol, q->port, q->port), rule);
		}
	}
	return r;
}

struct stretch weir_line_reach(const struct weir_rule *rule)
{
	struct stretch all = { 0 };

	if (rule->any_port)
		return WEIR_WHOLE_LINE;
	for (uint32_t i = 0; i < rule->n_ports; i++) {
		const struct weir_port *p = &rule->ports[i];
		struct stretch s = p->name ? stretch_of(p->protocol, 0, UINT16_MAX)
					   : stretch_of(p->protocol, p->first, p->last);

		all = weir_stretch_hull(all, s);
	}
	return all;
}
