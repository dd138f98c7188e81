/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each request brings its token; for the audit log the requests of a token from an
 * address are one sign-in an hour. Two that fall into one place are written down more often.
 */
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "hub/access/internal.h"

#define SESSION_S 3600

static size_t key_of(const char *token, const char *from, uint8_t key[SHA256_DIGEST_LENGTH])
{
	uint8_t both[2 * SHA256_DIGEST_LENGTH];

	SHA256((const uint8_t *)token, strlen(token), both);
	SHA256((const uint8_t *)from, strlen(from), both + SHA256_DIGEST_LENGTH);
	SHA256(both, sizeof(both), key);
	return (size_t)(key[0] | key[1] << 8) % WEIR_SESSIONS_PLACES;
}

bool weir_sessions_begin(struct weir_sessions *s, const char *token, const char *from, uint64_t now)
{
	uint8_t key[SHA256_DIGEST_LENGTH];
	size_t at = key_of(token, from, key);
	bool fresh;

	pthread_mutex_lock(&s->lock);
	fresh = s->places[at].until <= now ||
		memcmp(s->places[at].key, key, sizeof(s->places[at].key)) != 0;
	if (fresh) {
		memcpy(s->places[at].key, key, sizeof(s->places[at].key));
		s->places[at].until = now + SESSION_S;
	}
	pthread_mutex_unlock(&s->lock);
	return fresh;
}

void weir_sessions_end(struct weir_sessions *s, const char *token, const char *from)
{
	uint8_t key[SHA256_DIGEST_LENGTH];
	size_t at = key_of(token, from, key);

	pthread_mutex_lock(&s->lock);
	s->places[at].until = 0;
	pthread_mutex_unlock(&s->lock);
}
