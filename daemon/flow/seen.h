/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Which attempts were counted already? A bounded set of fingerprints with two
 * generations: one that is not seen again for a generation is forgotten.
 */
#include <stdbool.h>
#include <stdint.h>

struct weir_seen_half {
	uint64_t *slots; /* 0: free */
	uint32_t size, used;
};

struct weir_seen {
	struct weir_seen_half now, before;
	uint32_t max;	  /* fingerprints of a generation */
	uint64_t max_age; /* ns of a generation */
	uint64_t began;
};

void weir_seen_init(struct weir_seen *s, uint32_t max, uint64_t max_age);
void weir_seen_done(struct weir_seen *s);
/* True when the fingerprint is new. now: monotonic ns. */
bool weir_seen_add(struct weir_seen *s, uint64_t fingerprint, uint64_t now);
