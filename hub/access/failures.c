/* SPDX-License-Identifier: Apache-2.0 */
/* Who fails to sign in too often waits: a bucket of tries for each client address. */
#include <arpa/inet.h>
#include <string.h>

#include "hub/access/internal.h"

#define TRIES	      20.0 /* at once */
#define PER_SECOND    0.5
#define NETWORK_BYTES 8

/* Who has an IPv6 address has 2^64 of them: what counts is their network. */
static uint64_t hash(const char *address)
{
	uint64_t h = 0xcbf29ce484222325ull;
	const void *bytes = address;
	size_t len = strlen(address);
	struct in6_addr ipv6;

	if (inet_pton(AF_INET6, address, &ipv6) == 1 && !IN6_IS_ADDR_V4MAPPED(&ipv6)) {
		bytes = &ipv6;
		len = NETWORK_BYTES;
	}
	for (size_t i = 0; i < len; i++)
		h = (h ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3ull;
	return h | 1;
}

/* A place holds one address at a time: the one that came last. */
bool weir_failures_may_try(struct weir_failures *f, const char *address, uint64_t now)
{
	uint64_t h = hash(address);
	bool may = true;

	pthread_mutex_lock(&f->lock);
	if (f->places[h % WEIR_FAILURES_PLACES].address == h)
		may = f->places[h % WEIR_FAILURES_PLACES].tokens +
			      (double)(now - f->places[h % WEIR_FAILURES_PLACES].at) * PER_SECOND >=
		      1;
	pthread_mutex_unlock(&f->lock);
	return may;
}

void weir_failures_add(struct weir_failures *f, const char *address, uint64_t now)
{
	uint64_t h = hash(address);
	double tokens = TRIES;

	pthread_mutex_lock(&f->lock);
	if (f->places[h % WEIR_FAILURES_PLACES].address == h)
		tokens = f->places[h % WEIR_FAILURES_PLACES].tokens +
			 (double)(now - f->places[h % WEIR_FAILURES_PLACES].at) * PER_SECOND;
	f->places[h % WEIR_FAILURES_PLACES].address = h;
	f->places[h % WEIR_FAILURES_PLACES].tokens = (tokens > TRIES ? TRIES : tokens) - 1;
	f->places[h % WEIR_FAILURES_PLACES].at = now;
	pthread_mutex_unlock(&f->lock);
}
