/* SPDX-License-Identifier: Apache-2.0 */
/* Jumps of the clock, for the retention of every store; see clock.h. */
#include "hub/store/clock.h"

#include <stddef.h>

#include "weir/log.h"

#define S_NS	1000000000ull
#define JUMP_NS (600 * S_NS)
#define HOLD_NS (3600 * S_NS)

bool weir_clock_is_steady(struct weir_clock *c, uint64_t now, uint64_t newest, uint64_t keep)
{
	uint64_t last = c->last ?: newest;
	uint64_t step = c->last ? JUMP_NS : keep;

	if (last && (now > last + step || now + JUMP_NS < last)) {
		c->held_until = now + HOLD_NS;
		weir_log(WEIR_LOG_WARNING,
			 "the clock has jumped, or the hub was away for long: no flows are deleted "
			 "for their age within the next hour",
			 NULL);
	} else if (c->held_until > now + HOLD_NS) {
		c->held_until = now + HOLD_NS;
	}
	c->last = now;
	return now >= c->held_until;
}
