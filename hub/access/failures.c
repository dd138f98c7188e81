/* SPDX-License-Identifier: Apache-2.0 */
/* Who fails to sign in too often waits: a bucket of tries for each client address. */
#include "hub/access/internal.h"

#define TRIES	   20.0 /* at once */
#define PER_SECOND 0.5

static uint64_t hash(const char *address)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (; *address; address++)
		h = (h ^ (uint8_t)*address) * 0x100000001b3ull;
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
