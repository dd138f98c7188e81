/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How long to wait before the next try: doubled with each failure, up to a
 * bound, each time by chance within +-50 %, so that a thousand nodes which lose
 * their server in the same moment do not come back in the same moment.
 * Pure but for the random bytes; the caller owns the clock.
 */
#include <stdint.h>

struct weir_backoff {
	uint32_t min_ms, max_ms;
	unsigned failures; /* in a row */
};

/* least_ms: what the server asked for (Retry-After); 0: nothing. */
uint32_t weir_backoff_next(struct weir_backoff *b, uint32_t least_ms);
void weir_backoff_reset(struct weir_backoff *b);
/* ms, by chance up to a quarter more or less. */
uint32_t weir_backoff_jitter(uint32_t ms);
