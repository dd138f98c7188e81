/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Whether the clock may be believed before flows are deleted for their age: after a jump not
 * for an hour, so that a wrong clock that is soon set right deletes nothing.
 */
#include <stdbool.h>
#include <stdint.h>

struct weir_clock {
	uint64_t last, held_until; /* ns */
};

/* now, and the newest time known to the store, of which nothing is deleted for keep. Says a jump
 * in the log. */
bool weir_clock_is_steady(struct weir_clock *c, uint64_t now, uint64_t newest, uint64_t keep);
