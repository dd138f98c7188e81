/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * From what exists to what is enforced: commit the compiler, apply to the
 * backend, retry what failed, note what is realised. Level-triggered: an event,
 * a restart and a retry run the same code. Main thread.
 */
#include <stdbool.h>
#include <stdint.h>

#include "weir/error.h"

struct weird;
struct weir_link;
struct weir_reconcile;

int weir_reconcile_new(struct weird *d, struct weir_reconcile **ret);
void weir_reconcile_free(struct weir_reconcile **r);

/* Something has changed: run soon (events that come together are one run). */
void weir_reconcile_kick(struct weir_reconcile *r);
/* Run now; 0 when the kernel enforces all of the desired state. On failure a
 * retry with backoff is under way. */
int weir_reconcile_now(struct weir_reconcile *r, struct weir_error *err);
/* The kernel told of a link; NULL: it had more to tell than we could take. */
void weir_reconcile_heard(struct weir_reconcile *r, const struct weir_link *link, bool gone);
/* The next run is a full one: compare with the kernel and repair. */
void weir_reconcile_repair(struct weir_reconcile *r);

struct weir_reconcile_state {
	uint64_t desired, realised; /* generations */
	bool in_sync;
	char error[WEIR_ERROR_MAX]; /* of the last failed run; "" */
	uint64_t runs, failures, last_us, max_us;
};
void weir_reconcile_state(const struct weir_reconcile *r, struct weir_reconcile_state *ret);
