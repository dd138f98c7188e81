/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Established connections that the tables deny are ended. Level-triggered: after
 * every change that the kernel has taken over all followed connections are judged
 * again, and each that is found alive later is judged when it is found. Main
 * thread, but for weir_rejudge_suspect().
 */
#include <stdbool.h>
#include <stdint.h>

#include "weir/error.h"
#include "weir/flow.h"

struct weird;
struct weir_rejudge;

int weir_rejudge_new(struct weird *d, struct weir_rejudge **ret, struct weir_error *err);
void weir_rejudge_free(struct weir_rejudge **r);

/* The reconciler has run. enforced: the kernel has the tables that the world has; else
 * nothing is ended until it has. NULL: connections are kept. */
void weir_rejudge_applied(struct weir_rejudge *r, bool enforced);
/* From any thread that holds the world's lock: look at this one soon. */
void weir_rejudge_suspect(struct weir_rejudge *r, const struct weir_flow *flow);

struct weir_rejudge_stats {
	uint64_t ended, released; /* connections */
	uint64_t walks;		  /* rounds through all of them */
	uint64_t last_us;	  /* the last round: from the change on */
	uint64_t max_step_us;	  /* main thread busy at once */
};
/* r NULL: all zero */
void weir_rejudge_stats(const struct weir_rejudge *r, struct weir_rejudge_stats *ret);
