/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/kube/backoff.h"

#include <sys/random.h>

/* ms * (1 +- 1/part) */
static uint32_t spread(uint32_t ms, unsigned part)
{
	uint16_t noise = UINT16_MAX / 2;
	uint64_t width = 2ull * ms / part;

	if (getrandom(&noise, sizeof(noise), GRND_NONBLOCK) < 0)
		noise = UINT16_MAX / 2;
	return (uint32_t)(ms - ms / part + width * noise / UINT16_MAX);
}

uint32_t weir_backoff_jitter(uint32_t ms)
{
	return spread(ms, 4);
}

uint32_t weir_backoff_next(struct weir_backoff *b, uint32_t least_ms)
{
	unsigned shift = b->failures < 20 ? b->failures : 20;
	uint64_t ms = (uint64_t)b->min_ms << shift;
	uint32_t chosen;

	b->failures++;
	chosen = spread((uint32_t)(ms < b->max_ms ? ms : b->max_ms), 2);
	/* never earlier than asked, and not all at that very moment */
	return chosen > least_ms ? chosen : least_ms + spread(b->min_ms, 2);
}

void weir_backoff_reset(struct weir_backoff *b)
{
	b->failures = 0;
}
