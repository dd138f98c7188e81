/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* uthash with a hash function of eight bytes a step, for keys that are made of
 * pointers and addresses. Include this, not uthash.h. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline unsigned weir_hash_bytes(const void *key, size_t len)
{
	uint64_t h = len, word;

	for (const uint8_t *p = key; len; p += sizeof(word)) {
		size_t n = len < sizeof(word) ? len : sizeof(word);

		word = 0;
		memcpy(&word, p, n);
		h = (h ^ word) * 0x9E3779B97F4A7C15u;
		h ^= h >> 32;
		len -= n;
	}
	return (unsigned)h;
}

#define HASH_FUNCTION(key, len, hashv) ((hashv) = weir_hash_bytes(key, len))
#include <uthash.h>
